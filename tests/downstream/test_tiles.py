"""Tiles: every pixel covered and answered for once, boxes cut by hand, turns that images and boxes share."""

import numpy as np
import pytest
import torch
import xarray as xr
from labelled import RGB, SPEC
from small_scenes import box_scenes, mask_scenes, spec_of

from seco_lab.batch import generator_for
from seco_lab.cube import make_cube
from seco_lab.downstream.finetune import draw_turns, turned, turned_boxes
from seco_lab.downstream.tiles import (
    boxes_in_tile,
    boxes_of,
    check_scenes,
    cores_of,
    random_crops,
    random_tile,
    read_tile,
    scenes_of,
    starts_along,
    tiles_over,
    without_class_if_small,
)
from seco_lab.sensors import SENTINEL2_L2A


def test_starts_by_hand():
    assert starts_along(100, 40, 10) == [0, 30, 60]
    assert starts_along(101, 40, 10) == [0, 30, 60, 61]
    assert starts_along(40, 40, 10) == starts_along(7, 40, 10) == [0]
    with pytest.raises(ValueError, match="overlap"):
        starts_along(100, 40, 40)


@pytest.mark.parametrize(
    ("shape", "size", "overlap"), [((50, 73), 20, 6), ((20, 20), 20, 0), ((9, 200), 32, 31)]
)
def test_every_pixel_has_one_tile_that_sees_it(shape, size, overlap):
    answered = np.zeros(shape, int)
    for (row, column), (top, left, bottom, right) in cores_of(shape, size, overlap).items():
        answered[top:bottom, left:right] += 1
        assert row <= top < bottom <= row + size
        assert column <= left < right <= column + size
    assert (answered == 1).all()
    assert list(cores_of(shape, size, overlap)) == tiles_over(shape, size, overlap)


def test_random_tiles_stay_inside_and_small_scenes_have_one():
    chance = generator_for(0, 0)
    corners = [random_tile((30, 50), 20, chance) for _ in range(200)]
    rows, columns = zip(*corners, strict=True)
    assert (min(rows), max(rows), min(columns), max(columns)) == (0, 10, 0, 30)
    assert random_tile((5, 6), 20, chance) == (0, 0)


def test_official_crops_share_less_than_a_quarter():
    crops = random_crops((200, 260), 64, count=100, most_overlap=0.25, generator=generator_for(0, 0))
    assert 8 < len(crops) < 100
    for n, (row, column) in enumerate(crops):
        for other in crops[:n]:
            shared = max(0, 64 - abs(row - other[0])) * max(0, 64 - abs(column - other[1]))
            assert shared <= 0.25 * 64 * 64


def test_boxes_in_a_tile_by_hand():
    boxes = torch.tensor([[2.0, 10, 20, 30, 40], [1, 0, 0, 9, 9], [0, 35, 45, 55, 65], [3, 45, 20, 60, 30]])
    found = boxes_in_tile(boxes, (15, 8), 40)  # rows 15 to 55, columns 8 to 48
    # The second lies outside; of the third 13 x 10 of 20 x 20 pixels are inside, 32 %; of the fourth 20 %.
    assert found.tolist() == [[2, 2, 5, 22, 25], [0, 27, 30, 40, 40]]


def test_what_lies_beyond_the_scene_is_zero():
    scenes = box_scenes(1, side_px=40)
    scene = next(iter(scenes.values()))
    tile = read_tile(scene, (20, 30), 32, spec_of(scenes))
    whole = scene["reflectance"].values[0, 0].astype(np.float32)
    np.testing.assert_array_equal(tile[:, :20, :10], whole[:, 20:, 30:])
    assert not tile[:, 20:].any()
    assert not tile[:, :, 10:].any()


def test_boxes_of_a_scene_without_filling_and_small_ones():
    scene = next(iter(box_scenes(1).values()))
    boxes = np.array([[[0, 1, 1, 9, 9], [0, 3, 3, 5, 9], [-1, -1, -1, -1, -1]]], np.float32)
    scene = scene.drop_vars("boxes").assign(boxes=(("patch", "box", "field"), boxes))
    assert boxes_of(scene).tolist() == boxes[0, :2].tolist()
    assert without_class_if_small(boxes_of(scene), 3)[:, 0].tolist() == [0, -1]


def test_images_and_boxes_turn_alike():
    """A bright rectangle is found where its turned box says, in all eight positions."""
    image, box = torch.zeros(1, 1, 12, 12), torch.tensor([[2.0, 3, 7, 5]])
    image[0, 0, 3:5, 2:7] = 1
    seen = set()
    for step in range(40):
        turns = draw_turns(1, generator_for(0, step))
        found = turned(image, turns)[0, 0].nonzero()
        top, left = found.min(0).values.tolist()
        bottom, right = (found.max(0).values + 1).tolist()
        assert turned_boxes(box, turns[:, 0], 12).tolist() == [[left, top, right, bottom]]
        seen.add(tuple(turns[:, 0].tolist()))
    assert len(seen) == 8


def test_what_is_no_scene_is_named():
    scenes = box_scenes(3)
    spec = spec_of(scenes)
    check_scenes(scenes, "boxes", spec)
    with pytest.raises(ValueError, match="no scene"):
        check_scenes({}, "boxes", spec)
    with pytest.raises(ValueError, match=r"'mask', s0 .*scenes_of"):
        check_scenes(scenes, "mask", spec)
    assert list(scenes_of(next(iter(scenes.values())))) == list(scenes)[:1]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda scene: scene.drop_vars("mask"), ValueError, "with 'mask', s2 has 1 patches"),
        (lambda scene: xr.concat([scene, scene], "patch"), ValueError, "with 'mask', s2 has 2 patches"),
        (lambda scene: scene.isel(band=[0, 2]), LookupError, "scene s2: the encoder expects bands .* lack"),
        (lambda scene: scene.astype(np.int64), ValueError, "scene s2: reflectance must be uint8, .*int64"),
        (lambda scene: scene.assign_attrs(unit="dn"), ValueError, "scene s2: .*dn"),
        (lambda scene: scene.assign(mask=scene["mask"] * 0.5), ValueError, "that of scene s2 holds float"),
    ],
)
def test_a_later_scene_that_does_not_fit_is_named(change, error, words):
    scenes = mask_scenes(3, side_px=40, objects=1)
    with pytest.raises(error, match=words):
        check_scenes({**scenes, "s2": change(scenes["s2"])}, "mask", spec_of(scenes))


def test_scenes_of_two_units_are_not_mixed():
    """Each can be converted for the encoder, but a batch of tiles is converted as one."""
    scenes = {
        name: make_cube(
            np.full((1, 1, 3, 8, 8), 1, dtype), patch=[name], time=np.array([["NaT"]], "datetime64[ns]"),
            lon=[2.0], lat=[48.0], sensor=SENTINEL2_L2A, bands=RGB, unit=unit,
            mask=np.ones((1, 8, 8), np.uint8),
        )
        for name, dtype, unit in [("a", np.uint16, "dn"), ("b", np.float32, "reflectance")]
    }  # fmt: skip
    with pytest.raises(ValueError, match="scene b is in reflectance, a in dn"):
        check_scenes(scenes, "mask", SPEC)
