"""Whole NAIP scenes beside a raster of classes on another grid: which tiles come out, and what is refused."""

import numpy as np
import pytest
import rasterio
from class_pictures import naip_pixels
from rasterio.transform import from_origin
from rasterio.warp import reproject, transform_bounds

from seco_lab.cube import check_cube
from seco_lab.downstream.naip import load_naip, naip_task
from seco_lab.sources import layout_of, read_cube

LEFT, TOP = 400_000.0, 5_000_000.0


def write(path, pixels, *, pixel_m=1.0, crs="EPSG:26914", left=LEFT, nodata=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    where = {"crs": crs, "transform": from_origin(left, TOP, pixel_m, pixel_m), "nodata": nodata}
    shape = dict(zip(("count", "height", "width"), pixels.shape, strict=True))
    with rasterio.open(path, "w", driver="GTiff", dtype=pixels.dtype, **shape, **where) as target:
        target.write(pixels)


@pytest.fixture
def folder(tmp_path):
    """Two scenes of 40 x 60 px; classes on a grid of 10 m: corn (1) left, water (111) right, then none."""
    for number in range(2):
        parts = [naip_pixels(kind, size_px=40, seed=number) for kind in ("corn", "water")]
        pixels = np.concatenate([parts[0][..., :20], parts[1][..., :40]], axis=2)
        write(tmp_path / "scenes" / f"m_{number}_20180716.tif", pixels, left=LEFT + 60 * number)
    classes = np.zeros((1, 4, 12), np.uint8)
    for start in (0, 6):
        classes[0, :, start : start + 2], classes[0, :, start + 2 : start + 4] = 1, 111
    write(tmp_path / "CDL_2018_38.tif", classes, pixel_m=10.0, nodata=255)
    return tmp_path


def test_tiles_take_the_class_that_covers_half(folder):
    assert layout_of(folder) == "naip-scenes"
    cube = read_cube(folder, size_px=20, progress=False)
    check_cube(cube)
    assert cube.attrs["class_names"] == ["1", "111"]
    assert cube["label"].values.tolist() == [0, 1, 0, 1] * 2, "the third column has no class"
    assert cube["patch"].values[1] == "scenes/m_0_20180716-00000-00020"
    assert cube.attrs["pixel_size_m"] == pytest.approx(1)
    assert str(cube["time"].values[0, 0])[:10] == "2018-07-16"
    with rasterio.open(folder / "scenes" / "m_1_20180716.tif") as scene:
        np.testing.assert_array_equal(cube["reflectance"].values[7, 0], scene.read()[:, 20:40, 20:40])
    east = np.diff(cube["lon"].values[:2]) * 111_320 * np.cos(np.radians(cube["lat"].values[0]))
    assert east == pytest.approx(20, rel=0.01)


def test_classes_in_another_projection_fall_on_the_same_tiles(folder):
    pixels = np.zeros((80, 140), np.uint8)
    west, south, east, north = transform_bounds("EPSG:26914", "EPSG:4326", LEFT, TOP - 40, LEFT + 120, TOP)
    grid = {
        "crs": "EPSG:4326",
        "transform": from_origin(west, north, (east - west) / 140, (north - south) / 80),
    }
    with rasterio.open(folder / "CDL_2018_38.tif") as given:
        reproject(rasterio.band(given, 1), pixels, dst_transform=grid["transform"], dst_crs=grid["crs"])
    (folder / "CDL_2018_38.tif").unlink()
    shape = {"count": 1, "height": 80, "width": 140, "dtype": "uint8"}
    with rasterio.open(folder / "labels.tif", "w", driver="GTiff", **shape, **grid) as target:
        target.write(pixels[None])
    assert read_cube(folder, size_px=20, progress=False)["label"].values.tolist() == [0, 1, 0, 1] * 2


def test_folders_of_scenes_are_lists_and_classes_of_the_test_alone_are_left_out(folder):
    """One scene trains, the other is tested; water is nowhere but in the second."""
    for number, split in enumerate(("train", "test")):
        (folder / "scenes" / split).mkdir()
        (folder / "scenes" / f"m_{number}_20180716.tif").rename(folder / "scenes" / split / "m.tif")
    with rasterio.open(folder / "CDL_2018_38.tif", "r+") as classes:
        pixels = classes.read()
        pixels[0, :, 2:4], pixels[0, :2, :2] = 2, 3
        classes.write(pixels)
    cube = load_naip(folder, size_px=20, progress=False)
    assert cube["split"].values.tolist() == ["test"] * 4 + ["train"] * 4
    assert cube["label"].values.tolist() == [0, 3, 0, 3, 2, 1, 0, 1]
    assert load_naip(folder, split="train", size_px=20, progress=False).sizes["patch"] == 4
    with pytest.raises(ValueError, match=r"no split 'val' in .*: there are test, train"):
        load_naip(folder, split="val", size_px=20, progress=False)
    task = naip_task(cube)
    assert [task.classes[number] for number in task.truth] == ["1", "1"]
    assert task.cubes.how.endswith("; 2 test images left out, of classes that no training image shows: 111")


def test_what_cannot_be_used_is_named(folder):
    write(folder / "scenes" / "rgb.tif", np.ones((3, 40, 60), np.uint8))
    told = read_cube(folder, size_px=20, progress=False).attrs["refused"]
    assert "has 3 bands, NAIP has 4" in str(told)
    with pytest.raises(
        ValueError, match=r"no tile of 64 x 64 px .* is 60 x 40 px, smaller than a tile of 64"
    ):
        read_cube(folder, progress=False)
    small = folder / "scenes" / "m_0_20180716.tif"
    small.write_bytes(small.read_bytes()[:3000])
    assert "m_0_20180716.tif cannot be read" in str(
        read_cube(folder, size_px=20, progress=False).attrs["refused"]
    )
    write(folder / "labels.tif", np.ones((1, 4, 12), np.float32))
    with pytest.raises(FileNotFoundError, match=r"needs one raster of classes, .* it has 2"):
        read_cube(folder, size_px=20, progress=False)
    (folder / "CDL_2018_38.tif").unlink()
    with pytest.raises(ValueError, match="must have one band of whole numbers and a CRS"):
        read_cube(folder, size_px=20, progress=False)
    (folder / "labels.tif").write_bytes(b"II*\0 cut off")
    with pytest.raises(ValueError, match=r"labels\.tif cannot be read, it may be truncated"):
        read_cube(folder, size_px=20, progress=False)
