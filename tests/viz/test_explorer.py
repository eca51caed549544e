import base64
import json

import numpy as np
import pytest
from test_map_scene import cube_of, embeddings

anywidget = pytest.importorskip("anywidget")
import traitlets  # noqa: E402

from seco_lab.viz.explorer import EmbeddingExplorer  # noqa: E402
from seco_lab.viz.scene import SIMILARITY  # noqa: E402


@pytest.fixture
def explorer():
    data = embeddings()
    return EmbeddingExplorer(data, cube_of(data))


def test_a_click_is_answered_with_pictures_and_neighbours(explorer):
    explorer.selected = 7
    assert explorer.detail["name"] == "p7"
    assert len(explorer.detail["neighbours"]) == 6
    assert explorer.detail["strip"].startswith("data:image/jpeg")
    explorer.selected = -1
    assert explorer.detail == {}


def test_the_slider_moves_the_plane_and_the_neighbours(explorer):
    explorer.selected = 7
    plane, near = explorer.plane, explorer.detail["neighbours"]
    explorer.season = 2
    assert explorer.plane != plane
    assert explorer.detail["neighbours"] != near


def test_similarity_colours_follow_the_selection(explorer):
    explorer.colour_by = SIMILARITY
    assert explorer.legend["kind"] == "none"
    explorer.selected = 3
    assert explorer.legend["kind"] == "scale"


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("season", 3, "between 0 and 2"),
        ("selected", 30, "between -1 and 29"),
        ("colour_by", "x", "one of PCA"),
        ("space", "z", "one of"),
    ],
)
def test_impossible_states_are_refused_in_words(explorer, trait, value, words):
    with pytest.raises(traitlets.TraitError, match=words):
        setattr(explorer, trait, value)


def test_an_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match="neighbors"):
        EmbeddingExplorer(embeddings(), neighbors=3)


def test_a_failing_answer_is_shown_under_the_widget(explorer, monkeypatch):
    def broken(*_):
        raise OSError("the cube's disk is gone")

    monkeypatch.setattr(explorer.scene, "strip", broken)
    explorer.selected = 2
    assert explorer.problems[-1] == "OSError: the cube's disk is gone"


def test_bytes_sent_per_place():
    count = 50_000
    explorer = EmbeddingExplorer(embeddings(places=count, seasons=1))
    sent = len(explorer.mercator) + len(explorer.plane) + len(explorer.colours)
    assert sent == 15 * count
    assert explorer.names == []


def test_the_picture_for_readers_without_a_kernel(explorer):
    data, _ = explorer._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in data


def test_to_html_is_one_file(explorer, tmp_path):
    page = explorer.to_html(tmp_path / "city.html", title="<A city>").read_text()
    assert "&lt;A city&gt;" in page
    assert "{{" not in page.split("<script")[0]
    assert list(tmp_path.iterdir()) == [tmp_path / "city.html"]


def test_the_module_is_self_contained():
    code = EmbeddingExplorer._esm
    assert "https://" not in code
    assert "import " not in "\n".join(line for line in code.splitlines() if not line.strip().startswith("//"))


def test_broken_data_are_shown_as_far_as_possible():
    data = embeddings(places=2)
    data["embedding"][0] = np.nan
    explorer = EmbeddingExplorer(data.drop_vars(["lon", "lat"]))
    explorer.selected = 0
    assert explorer.detail["neighbours"] == []
    assert len(explorer.problems) == 3


def two_spaces(places=30):
    data = embeddings(places=places)
    return data.assign(
        seasonal=data["embedding"] + np.arange(3)[None, :, None] * 9, kind=("patch", ["a", "b"] * 15)
    )


def ask(explorer, **question):
    """What the browser would hear as answer to a message."""
    heard = []
    explorer.send = lambda content, buffers=None: heard.append((content, buffers))
    explorer._handle_custom_msg({"asker": "page", "number": 7, **question}, [])
    explorer.set_state({"asked": {"page": 7}})
    (content, buffers), *more = heard
    assert (content["asker"], content["answers"]) == ("page", 7)
    assert not more
    explorer._requests._come.clear()
    return content, buffers


def test_a_question_waits_for_what_was_done_before_it(explorer):
    heard = []
    explorer.send = lambda content, buffers=None: heard.append((content, buffers))
    explorer.set_state({"classes": [{"name": "wet", "colour": "#0072B2"}], "marks": [[3, 0]]})
    explorer._handle_custom_msg({"ask": "save_labels", "asker": "page", "number": 2}, [])
    explorer._handle_custom_msg({"ask": "find", "text": "Berlin", "asker": "page", "number": 3}, [])
    explorer.set_state({"melt": 0.5, "asked": {"another": 3}})
    assert not heard
    explorer.set_state({"asked": {"page": 2}, "marks": [[3, 0], [5, 0]]})
    ((content, buffers),) = heard
    assert (content["asker"], content["answers"]) == ("page", 2)
    assert set(json.loads(buffers[0])["labels"]) == {"p3", "p5"}
    # A change that is refused leaves no question behind.
    with pytest.raises(traitlets.TraitError):
        explorer.set_state({"season": 99, "asked": {"page": 3}})
    assert [content["answers"] for content, _ in heard] == [2, 3]


def test_the_selection_is_a_table_and_a_file(explorer, tmp_path):
    explorer.choose([4, 2])
    assert explorer.selection["patch"].tolist() == ["p2", "p4"]
    path = explorer.save_selection(tmp_path / "few.geojson")
    assert '"p4"' in path.read_text()
    content, buffers = ask(explorer, ask="export", format="csv")
    assert content["name"] == "selection.csv"
    assert buffers[0].decode().splitlines()[1].startswith("p2,")
    explorer.choose(np.zeros(30, bool))
    with pytest.raises(ValueError, match="nothing is selected"):
        explorer.save_selection(tmp_path / "none.csv")


def test_filters_hide_and_an_empty_result_is_not_all():
    explorer = EmbeddingExplorer(two_spaces())
    explorer.filters = {"kind": {"names": ["b"]}}
    assert explorer.shown == np.packbits(np.arange(30) % 2 == 1, bitorder="little").tobytes()
    explorer.filters = {"kind": {"names": []}}
    assert explorer.shown == bytes(4)
    explorer.filters = {}
    assert explorer.shown == b""
    explorer.filters = {"depth": {"range": [0, 1]}}
    assert "cannot filter by 'depth'" in explorer.problems[-1]


def test_switching_the_space_moves_the_plane_and_says_how_seasons_differ():
    explorer = EmbeddingExplorer(two_spaces())
    explorer.pins = [3]
    plane, note, trail = explorer.plane, explorer.space_note, explorer.trails
    explorer.space = "seasonal"
    assert explorer.plane != plane
    assert explorer.trails != trail
    assert "of it" in note
    assert "times as much" in explorer.space_note


def test_every_season_can_be_fetched_for_the_melt():
    explorer = EmbeddingExplorer(two_spaces())
    _, (first,) = ask(explorer, ask="frame", season=0, space="embedding")
    _, (last,) = ask(explorer, ask="frame", season=2, space="embedding")
    assert first == explorer.plane
    explorer.season = 2
    assert last == explorer.plane


def test_two_spaces_answer_a_click_side_by_side():
    explorer = EmbeddingExplorer(two_spaces())
    explorer.selected = 5
    assert "rivals" not in explorer.detail
    explorer.compare = "seasonal"
    assert len(explorer.rival_plane) == len(explorer.plane)
    assert len(explorer.detail["rivals"]) == 6
    explorer.colour_by = "disagreement with the other space"
    assert "share" in explorer.legend["note"]
    explorer.compare = ""
    assert "Compare with" in explorer.legend["text"]
    assert "disagreement with the other space" not in EmbeddingExplorer(embeddings()).colour_options


def test_a_label_recolours_the_map_and_proposes_the_next(explorer, tmp_path):
    explorer.label([3], "lake")
    explorer.label([4, 5], "field")
    assert explorer.colour_by == "labels, learned"
    assert explorer.learned["next"] not in (-1, 3, 4, 5)
    before = explorer.colours
    explorer.label([6], "lake")
    assert explorer.colours != before
    path = explorer.save_labels(tmp_path / "labels.json")
    again = EmbeddingExplorer(embeddings())
    assert "4 labels of 2 classes loaded" in again.load_labels(path)
    assert again.book.labels == {3: "lake", 4: "field", 5: "field", 6: "lake"}
    assert again.classes == explorer.classes
    assert again.selection.empty
    content, buffers = ask(again, ask="save_labels")
    assert buffers[0] == path.read_bytes()
    content, buffers = ask(again, ask="load_labels", name="x.json", text="{}")
    assert "is not a file of labels" in content["text"]
    assert "is not a file of labels" in again.problems[-1]


def test_one_example_shows_what_is_like_it(explorer):
    explorer.liked = [4]
    assert explorer.colour_by == "like the examples"
    before = explorer.colours
    explorer.disliked = [9]
    assert explorer.colours != before


def test_cities_and_coordinates_are_found(explorer):
    content, _ = ask(explorer, ask="find", text="Berlin")
    assert content["found"][0]["note"].startswith("Germany")
    content, _ = ask(explorer, ask="find", text="Berlln")
    assert content["found"] == []
    assert "nearest names: Berlin" in content["text"]


def test_a_failing_question_is_answered_too(explorer):
    content, buffers = ask(explorer, ask="export", format="shp")
    assert buffers == []
    assert "csv, geojson, parquet" in content["text"]
    assert "csv, geojson, parquet" in explorer.problems[-1]


def test_work_survives_a_restart(tmp_path):
    path = tmp_path / "work.json"
    first = EmbeddingExplorer(embeddings(), state_file=path)
    first.choose([1, 2])
    first.label([3], "lake")
    first.bookmarks = [{"name": "here"}]
    first.colour_by = "clusters"
    second = EmbeddingExplorer(embeddings(), state_file=path)
    assert second.selection["patch"].tolist() == ["p1", "p2"]
    assert second.book.labels == {3: "lake"}
    assert second.bookmarks == [{"name": "here"}]
    assert second.colour_by == "clusters"
    other = EmbeddingExplorer(embeddings(places=12), state_file=path)
    assert "made with other places" in other.problems[-1]
    other.choose([0])
    assert EmbeddingExplorer(embeddings(), state_file=path).bookmarks, (
        "a state that does not fit is left alone"
    )


def test_the_picture_follows_colour_filter_and_selection():
    explorer = EmbeddingExplorer(two_spaces())
    pictures = [explorer.png()]
    explorer.colour_by = "kind"
    pictures.append(explorer.png())
    explorer.filters = {"kind": {"names": ["b"]}}
    pictures.append(explorer.png())
    explorer.choose([1, 3])
    pictures.append(explorer.png())
    assert len(set(pictures)) == 4


def test_what_the_browser_sends_is_checked(explorer):
    with pytest.raises(traitlets.TraitError, match="4 bytes, one bit a place"):
        explorer.chosen = b"\x00"
    with pytest.raises(traitlets.TraitError, match="pins must lie between 0 and 29, got 30"):
        explorer.pins = [30]
    explorer.set_state({"chosen": memoryview(b"\x05\x00\x00\x00")})
    assert explorer.selection["patch"].tolist() == ["p0", "p2"]


def test_pictures_of_plants_where_the_cube_has_the_band():
    data = embeddings()
    explorer = EmbeddingExplorer(data, cube_of(data, bands=("B02", "B03", "B04", "B08")))
    explorer.selected = 3
    assert explorer.detail["false_strip"] != explorer.detail["strip"]
    assert len(explorer.detail["ndvi"]) == 3
    assert all(-1 <= value <= 1 for value in explorer.detail["ndvi"])
