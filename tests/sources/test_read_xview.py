"""The reader of xView: boxes by hand, and each trap of the real list told in one sentence."""

import json

import numpy as np
import pytest
from scene_files import picture, write_scene, write_xview, xview_entry

from seco_lab.sources.xview import boxes_within, find_xview
from seco_lab.sources.xview_classes import XVIEW_CLASSES

CAR, BUILDING = 18, 73


def numbers(*type_ids):
    return [list(XVIEW_CLASSES).index(i) for i in type_ids]


def test_sixty_classes_and_none_of_the_two_that_nobody_names():
    assert len(XVIEW_CLASSES) == len(set(XVIEW_CLASSES.values())) == 60
    assert not {75, 82} & set(XVIEW_CLASSES)


def test_boxes_and_pixels_of_a_scene(tmp_path):
    boxes = [(CAR, (10, 20, 30, 40)), (BUILDING, (50, 60, 90, 110))]
    scenes = find_xview(
        write_xview(tmp_path, {"5.tif": boxes, "40.tif": []}, more=[xview_entry("40.tif", 75, (1, 1, 9, 9))])
    )
    assert list(scenes) == ["5", "40"]
    scene = scenes["5"]
    assert scene["boxes"].values[0].tolist() == [
        [*numbers(CAR), 10, 20, 30, 40],
        [*numbers(BUILDING), 50, 60, 90, 110],
    ]
    assert scene["reflectance"].shape == (1, 1, 3, 120, 150)
    assert scene["reflectance"].values[0, 0, :, 25, 15].tolist() == [220, 220, 220]
    assert scene.attrs["class_names"] == list(XVIEW_CLASSES.values())
    assert scene.attrs["pixel_size_m"] == pytest.approx(0.3)
    assert scenes["40"]["boxes"].shape == (1, 0, 5)  # an empty scene is one


def test_pixels_stay_on_disk_until_they_are_wanted(tmp_path):
    scene = find_xview(write_xview(tmp_path, {"5.tif": [(CAR, (1, 1, 9, 9))]}))["5"]
    pixels = picture(120, 150, seed=9)
    write_scene(tmp_path / "train_images" / "5.tif", pixels)  # only what is read from now on can know it
    lazy = scene["reflectance"]
    np.testing.assert_array_equal(lazy[0, 0, 0, 10:12, 20:25].values, pixels[0, 10:12, 20:25])
    np.testing.assert_array_equal(lazy[0, 0, [2, 0], 5, 100:40:-7].values, pixels[[2, 0], 5, 100:40:-7])
    np.testing.assert_array_equal(
        lazy.isel(y=slice(3, 50, 4), x=[7, 3, 3]).values[0, 0], pixels[:, 3:50:4, [7, 3, 3]]
    )
    assert lazy[0, 0, :, 5:5].shape == lazy[0, 0, :, 5:5].values.shape == (3, 0, 150)
    np.testing.assert_array_equal(lazy.values[0, 0], pixels)


def test_boxes_at_and_beyond_the_edge(tmp_path):
    boxes = [
        (CAR, (-5, -8, 12, 9)),
        (CAR, (140, 100, 170, 130)),
        (CAR, (150, 10, 160, 20)),
        (CAR, (0, 130, 9, 140)),
    ]
    scenes = find_xview(write_xview(tmp_path, {"5.tif": boxes}))
    assert scenes["5"]["boxes"].values[0][:, 1:].tolist() == [[0, 0, 12, 9], [140, 100, 150, 120]]
    assert "2 boxes lie outside their picture" in " ".join(scenes.notes)


def test_a_sliver_of_less_than_a_pixel_is_no_box():
    assert len(boxes_within(np.array([[0, -9.5, 3, 0.5, 8]], np.float32), (20, 20))) == 0


@pytest.mark.parametrize(
    "bad", ["1,2,3", "a,b,c,d", "", None, "9,9,3,3", "1,2,3,4,5", "nan,1,2,3", "5,5,5,9"]
)
def test_coordinates_that_cannot_be_read(tmp_path, bad):
    more = [xview_entry("5.tif", CAR, bad)]
    scenes = find_xview(write_xview(tmp_path, {"5.tif": [(CAR, (1, 1, 9, 9))]}, more=more))
    assert len(scenes["5"]["boxes"].values[0]) == 1
    assert scenes.notes == ("1 boxes have coordinates that cannot be read and were left out",)


def test_unknown_classes_are_counted_and_named(tmp_path):
    more = [xview_entry("5.tif", i, (1, 1, 9, 9)) for i in (75, 82, 82)]
    scenes = find_xview(write_xview(tmp_path, {"5.tif": [(CAR, (1, 1, 9, 9))]}, more=more))
    assert len(scenes["5"]["boxes"].values[0]) == 1
    assert scenes.notes == ("3 boxes of classes that xView does not name (75, 82) were left out",)


def test_pictures_that_are_missing_broken_or_not_listed(tmp_path):
    scenes = {f"{n}.tif": [(CAR, (1, 1, 9, 9))] for n in (5, 6, 7)}
    root = write_xview(tmp_path, scenes, more=[xview_entry("1395.tif", CAR, (1, 1, 9, 9))])
    whole = (root / "train_images" / "6.tif").read_bytes()
    (root / "train_images" / "6.tif").write_bytes(whole[: len(whole) // 2])
    write_scene(root / "train_images" / "7.tif", picture(50, 50).astype(np.uint16))
    write_scene(root / "val_images" / "9.tif", picture(50, 50))
    (root / "train_images" / "._5.tif").write_bytes(b"left by a Mac")
    found = find_xview(root)
    notes = " | ".join(found.notes)
    assert list(found) == ["5"]
    assert "1 pictures have boxes and are not there (1395.tif)" in notes
    assert "1 pictures are in no list of boxes and were left out (9.tif)" in notes
    assert "6.tif cannot be read, it may be truncated" in notes
    assert "7.tif has 3 bands of uint16, wanted 3 of uint8" in notes


def test_lists_of_scenes_and_a_limit(tmp_path):
    root = write_xview(tmp_path, {f"{n}.tif": [(CAR, (1, 1, 9, 9))] for n in (5, 60, 7)})
    (root / "train.txt").write_text("5.tif\n7\n")
    (root / "test.txt").write_text("60")
    scenes = find_xview(root, limit=2)
    assert list(scenes) == ["5", "7"]
    assert scenes["5"]["split"].values.tolist() == ["train"]


def test_a_picture_without_a_place(tmp_path):
    root = write_xview(tmp_path, {"5.tif": [(CAR, (1, 1, 9, 9))]})
    write_scene(root / "train_images" / "5.tif", picture(50, 50), crs=None)
    assert np.isnan(find_xview(root)["5"]["lon"].values[0])


def test_what_is_wrong_is_said_in_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        find_xview(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"xView_train\.geojson"):
        find_xview(tmp_path)
    root = write_xview(tmp_path, {"5.tif": [(CAR, (1, 1, 9, 9))]})
    table = json.loads((root / "xView_train.geojson").read_text())
    (root / "xView_train.geojson").write_text(json.dumps(table)[:200])
    with pytest.raises(ValueError, match="truncated"):
        find_xview(root)
    for entry in table["features"]:
        del entry["properties"]["type_id"]
    (root / "xView_train.geojson").write_text(json.dumps(table))
    with pytest.raises(ValueError, match="lacks the field 'type_id'"):
        find_xview(root)
    other = write_xview(tmp_path / "other", {}, more=[xview_entry("8.tif", CAR, (1, 1, 9, 9))])
    with pytest.raises(LookupError, match="none of the 1 pictures of the list"):
        find_xview(other)
