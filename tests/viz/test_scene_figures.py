"""Figures and the map of what was found in scenes."""

import io

import numpy as np
import pytest
from change_pairs import city_cube, scenes
from PIL import Image
from small_scenes import box_scenes, mask_scenes

from seco_lab.viz.change_map import change_map
from seco_lab.viz.figure import figure_png
from seco_lab.viz.scene_figures import (
    BOTH_RGB,
    MISSED_RGB,
    WRONG_RGB,
    agreement,
    change_figure,
    masks_figure,
    objects_figure,
    scene_picture,
)


def pixels_of(figure):
    return np.asarray(Image.open(io.BytesIO(figure_png(figure))).convert("RGB"))


def share_of(picture, rgb):
    return (np.abs(picture.astype(int) - rgb).max(-1) <= 8).mean()


def test_agreement_by_hand():
    rgb, shown = agreement([[1, 1, 0, 0]], [[1, 0, 1, 0]])
    assert shown.tolist() == [[True, True, True, False]]
    assert [tuple(pixel) for pixel in rgb[0, :3].tolist()] == [BOTH_RGB, WRONG_RGB, MISSED_RGB]


def test_boxes_are_drawn_where_they_are_asked_for():
    given = box_scenes(2)
    found = {name: scene["boxes"].values[0, :, 1:] + 3 for name, scene in given.items()}
    truth_alone, both = pixels_of(objects_figure(given)), pixels_of(objects_figure(given, found))
    assert share_of(truth_alone, MISSED_RGB) > 0.001
    assert share_of(truth_alone, BOTH_RGB) < share_of(both, BOTH_RGB)
    none_large = pixels_of(objects_figure(given, least_side_px=60))
    assert share_of(none_large, MISSED_RGB) < share_of(truth_alone, MISSED_RGB) / 4


def test_a_scene_without_objects_is_drawn():
    assert len(objects_figure(box_scenes(1, empty=(0,))).axes) == 1
    with pytest.raises(ValueError, match="no scene"):
        objects_figure({})


def test_masks_show_what_was_missed_and_what_is_wrong():
    given = mask_scenes(2)
    right = {name: scene["mask"].values[0] for name, scene in given.items()}
    wrong = {name: 1 - mask for name, mask in right.items()}
    assert share_of(pixels_of(masks_figure(given, right)), BOTH_RGB) > 0.02
    assert share_of(pixels_of(masks_figure(given, right)), MISSED_RGB) < 0.001
    assert share_of(pixels_of(masks_figure(given, wrong)), MISSED_RGB) > 0.02


def test_a_scene_of_one_band_is_grey():
    scene = next(iter(box_scenes(1).values())).isel(band=[1])
    picture = scene_picture(scene)
    assert picture.shape == (64, 64, 3)
    assert (picture[..., 0] == picture[..., 2]).all()


class Recorder:
    """A map that notes what it is given."""

    def __init__(self):
        import ipywidgets

        self.widget, self.rasters = ipywidgets.HTML(), {}

    def add_raster(self, picture, bounds, *, name, opacity=1.0):
        self.rasters[name] = (picture, bounds, opacity)


@pytest.fixture
def shown():
    pixels, change = scenes(seed=1)
    pair = city_cube(pixels=pixels, change=change, bands=("B04", "B03", "B02", "B08"))
    scores = change + 0.1 * np.random.default_rng(0).random(change.shape)
    return change_map(pair, scores, threshold=0.5, backend=Recorder())


def shares(view, rgb):
    picture = view.backend.rasters["change"][0]
    seen = picture[..., 3] > 0
    return (seen & (np.abs(picture[..., :3].astype(int) - rgb).max(-1) == 0)).mean()


def test_the_map_lies_at_the_place_and_shows_agreement(shown):
    west, south, east, north = shown.backend.rasters["picture"][1]
    assert west < 2.0 < east
    assert south < 48.0 < north
    assert shares(shown, BOTH_RGB) > 0.03
    assert "F1 100%" in shown.legend.value


def test_threshold_layer_and_date_change_what_is_drawn(shown):
    after = shown.backend.rasters["picture"][0].copy()
    shown.date.value = "before"
    assert not np.array_equal(shown.backend.rasters["picture"][0], after)
    shown.threshold.value = shown.threshold.min
    assert shares(shown, WRONG_RGB) > 0.3
    assert "F1 100%" not in shown.legend.value
    shown.layer.value = "none"
    assert not shown.backend.rasters["change"][0][..., 3].any()
    shown.layer.value = "prediction"
    assert shown.backend.rasters["change"][0][..., 3].any()


def test_seen_without_a_kernel(shown):
    data, _ = shown._repr_mimebundle_()
    assert "image/png" in data


def test_a_failure_is_shown_beside_the_change(shown, monkeypatch):
    monkeypatch.setattr(shown.backend, "add_raster", lambda *a, **k: 1 / 0)
    shown.opacity.value = 0.5
    assert "ZeroDivisionError" in shown.problems.value


def test_what_is_no_pair_or_has_no_place_is_named():
    pair = city_cube()
    with pytest.raises(ValueError, match="a score for each of its 70 x 90 px"):
        change_map(pair, np.zeros((3, 3)), threshold=0.5, backend=Recorder())
    nowhere = pair.assign_coords(lon=("patch", [np.nan]))
    with pytest.raises(ValueError, match="nothing says where"):
        change_map(nowhere, np.zeros((70, 90)), threshold=0.5, backend=Recorder())


def test_change_without_truth_is_a_figure_too():
    pair = city_cube(bands=("B04", "B03", "B02", "B08")).drop_vars("mask", errors="ignore")
    figure = change_figure(pair, np.random.default_rng(0).random((70, 90)), threshold=0.9)
    assert len(figure.axes) == 4
