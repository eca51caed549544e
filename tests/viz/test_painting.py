from dataclasses import replace

import numpy as np
import pytest
from test_map_scene import embeddings

from seco_lab.viz.learning import LabelBook
from seco_lab.viz.painting import (
    CHANGE,
    CLUSTERS,
    DISAGREEMENT,
    FIRST,
    LEARNED,
    LIKE,
    PCA,
    UNCERTAINTY,
    Look,
    Painter,
)
from seco_lab.viz.scene import scene_of


@pytest.fixture
def two_kinds():
    """Forty places of two kinds; in 'other' they are mixed."""
    data = embeddings(places=40)
    kind = np.arange(40) % 2
    data["embedding"] += 6 * (kind * 2 - 1)[:, None, None] * np.eye(8)[0]
    data["other"] = (("patch", "season", "dim"), np.roll(data["embedding"].values, 1, axis=2))
    data["other"] = data["other"] * np.random.default_rng(0).normal(size=(40, 1, 8))
    return scene_of(data), kind


@pytest.fixture
def painted(two_kinds):
    scene, kind = two_kinds
    book = LabelBook(scene)
    painter = Painter(scene, book)

    def paint(by, **more):
        return painter.paint(replace(Look(by, "embedding", 0), **more))

    return paint, book, painter, kind


def groups(rgb):
    """Number of the colour of each place."""
    return np.unique(rgb, axis=0, return_inverse=True)[1].reshape(-1)


def test_clusters_find_the_two_kinds(painted):
    paint, _, _, kind = painted
    rgb, legend = paint(CLUSTERS, clusters=2)
    found = groups(rgb)
    assert (found == kind).all() or (found == 1 - kind).all()
    assert legend["names"] == ["1: 20", "2: 20"]


def test_more_clusters_than_places_are_fewer(painted):
    paint, *_ = painted
    assert len(paint(CLUSTERS, clusters=40)[1]["names"]) == 20


def test_examples_colour_their_own_kind_brighter(painted):
    paint, _, _, kind = painted
    rgb, legend = paint(LIKE, liked=(1, 3), disliked=(0,))
    brightness = rgb.astype(int).sum(1)
    assert brightness[kind == 1].min() > brightness[kind == 0].max()
    assert "2 examples, away from 1" in legend["note"]


@pytest.mark.parametrize(
    ("by", "words"),
    [(LIKE, "More like this"), (LEARNED, "Label and learn"), (UNCERTAINTY, "Label"), (DISAGREEMENT, "Comp")],
)
def test_what_lacks_its_question_is_grey_and_says_what_to_do(painted, by, words):
    rgb, legend = painted[0](by)
    assert len(np.unique(rgb, axis=0)) == 1
    assert words in legend["text"]


def test_labels_are_learned_and_the_next_place_is_a_new_one(painted):
    paint, book, _, kind = painted
    classes = [{"name": "field", "colour": "#0072b2"}, {"name": "lake", "colour": "#e69f00"}]
    book.take(classes, [[row, row % 2] for row in range(10)])
    book.learn("embedding", 0)
    assert (book.learned.best() == kind).mean() > 0.9
    assert book.next >= 10
    rgb, legend = paint(LEARNED)
    assert [name.split(":")[0] for name in legend["names"]] == ["field", "lake"]
    blue = rgb[:, 2].astype(int) > rgb[:, 0]
    assert (blue == (book.learned.best() == 0)).all()
    assert paint(UNCERTAINTY)[1]["low_text"] == "certain"


def test_one_component_tells_the_two_kinds_apart_on_one_scale_for_all_seasons(painted):
    paint, _, _, kind = painted
    (rgb, legend), (_, later) = paint(FIRST), paint(FIRST, season=2)
    brightness = rgb.astype(int).sum(1)
    ends = sorted([brightness[kind == 0], brightness[kind == 1]], key=np.mean)
    assert ends[0].max() < ends[1].min()
    assert legend == later


def test_change_is_symmetric_about_the_middle(painted):
    _, legend = painted[0](CHANGE)
    assert legend["low"] == -legend["high"]


def test_disagreement_says_how_many_neighbours_are_shared(painted):
    paint, _, painter, _ = painted
    assert DISAGREEMENT in painter.options
    assert "share 100%" in paint(DISAGREEMENT, compare="embedding")[1]["note"]
    assert "share 100%" not in paint(DISAGREEMENT, compare="other")[1]["note"]


def test_known_and_unknown_names_pass_through(painted):
    paint, *_ = painted
    assert paint(PCA)[1] == {"kind": "pca"}
    with pytest.raises(LookupError, match="cannot colour by"):
        paint("height")


def test_places_without_vector_stay_grey():
    data = embeddings(places=12)
    data["embedding"][4] = np.nan
    scene = scene_of(data)
    book = LabelBook(scene)
    book.take([{"name": "a", "colour": "#0072b2"}], [[0, 0]])
    book.learn("embedding", 0)
    for by in (CLUSTERS, CHANGE, LEARNED, UNCERTAINTY):
        rgb, _ = Painter(scene, book).paint(Look(by, "embedding", 0, clusters=2))
        assert rgb[4].tolist() == [170, 170, 170], by


def test_labels_of_absent_patches_are_reported_and_kept(two_kinds, tmp_path):
    scene, _ = two_kinds
    book = LabelBook(scene)
    path = tmp_path / "labels.json"
    path.write_text('{"format": "seco_lab labels", "labels": {"p3": "lake", "gone": "field"}}')
    classes, marks, said = book.load(path)
    assert [one["name"] for one in classes] == ["lake"]
    assert marks == [[3, 0]]
    assert "1 of 2 labels are of patches that these embeddings lack (gone)" in said
    book.take(classes, marks)
    assert book.by_patch() == {"gone": "field", "p3": "lake"}
