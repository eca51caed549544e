import base64

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
