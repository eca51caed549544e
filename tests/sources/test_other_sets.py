"""SSL4EO-S12 v1 and v1.1 and Major TOM Core, as their publishers lay them out."""

import numpy as np
import pytest
from official import SECO_BANDS, write_major_tom, write_seco, write_ssl4eo, write_ssl4eo_zarr

from seco_lab.sources import import_cube, layout_of, read_cube
from seco_lab.store import open_cube

NAMES = tuple(f"B{b[1:]:0>2}" for b in SECO_BANDS)
SECOND = np.timedelta64(1, "s")


def read(path, **options):
    return read_cube(path, progress=False, **options)


def test_ssl4eo_counts_by_name_in_order_of_time(tmp_path):
    truth = write_ssl4eo(tmp_path)
    for path in (tmp_path, tmp_path / "s2a"):
        assert layout_of(path) == "ssl4eo"
        cube = read(path, size_px=48)
        assert tuple(cube["band"].values) == NAMES
        assert cube.attrs["unit"] == "dn"
        assert cube["patch"].values.tolist() == ["0000000", "0000007", "0000014"]
        np.testing.assert_array_equal(cube["reflectance"].values[..., 3, 5], truth)
        assert (np.diff(cube["time"].values, axis=1) > 0 * SECOND).all()
    np.testing.assert_allclose(cube["lon"].values, [3.024, 4.024, 5.024], atol=1e-6)


def test_ssl4eo_is_not_seco(tmp_path):
    write_seco(tmp_path / "a")
    assert layout_of(tmp_path / "a") == "seco"
    write_ssl4eo(tmp_path / "b")
    (tmp_path / "b" / "s2a").rename(tmp_path / "renamed")
    assert layout_of(tmp_path / "renamed") == "ssl4eo"


def test_ssl4eo_levels(tmp_path):
    write_ssl4eo(tmp_path)
    write_ssl4eo(tmp_path, "s2c")
    with pytest.raises(ValueError, match="holds sentinel2-l2a and sentinel2-l1c; say which with sensor="):
        read(tmp_path, size_px=48)
    cube = read(tmp_path, size_px=48, sensor="sentinel2-l1c")
    assert cube.attrs["sensor"] == "sentinel2-l1c"
    assert "B10" in cube["band"].values
    with pytest.raises(LookupError, match="not naip"):
        read(tmp_path, size_px=48, sensor="naip")


def test_ssl4eo_offset_is_found_image_by_image(tmp_path):
    truth = write_ssl4eo(tmp_path, add=(1, 2))
    cube = read(tmp_path, size_px=48)
    np.testing.assert_array_equal(cube["reflectance"].values[..., 0, 0], truth)
    done = [[name.split(", ")[1] for name in row] for row in cube["item_id"].values]
    assert done[1] == ["offset kept", "offset kept", "offset removed", "offset kept"]
    kept = read(tmp_path, size_px=48, offset="keep")["reflectance"].values[..., 0, 0]
    np.testing.assert_array_equal(kept[1, 2], truth[1, 2] + 1000)
    with pytest.raises(ValueError, match="offset must be 'auto', 'remove' or 'keep', got 'x'"):
        read(tmp_path, size_px=48, offset="x")


def test_ssl4eo_in_8_bit_says_what_was_lost(tmp_path):
    truth = write_ssl4eo(tmp_path, dtype=np.uint8)
    cube = read(tmp_path, size_px=48)
    assert cube.attrs["unit"] == "uint8"
    assert "not reflectance" in cube.attrs["loss"]
    np.testing.assert_array_equal(cube["reflectance"].values[..., 0, 0], truth)


def test_ssl4eo_gaps_and_odd_files_are_listed(tmp_path):
    write_ssl4eo(tmp_path)
    (first, *_) = sorted((tmp_path / "s2a" / "0000007").iterdir())
    (first / "B4.tif").write_bytes(b"II*\x00broken")
    cube = read(tmp_path, size_px=48)
    assert cube.sizes["patch"] == 2
    (refused,) = cube.attrs["refused"]
    assert "0000007" in refused
    assert "B4.tif cannot be read" in refused


@pytest.mark.parametrize("chunk", [None, 1])
def test_ssl4eo_zarr_zips(tmp_path, chunk):
    folder = tmp_path / "val" / "S2L2A"
    truth = [write_ssl4eo_zarr(folder, chunk=chunk, number=n) for n in (1, 2)]
    assert layout_of(tmp_path) == "ssl4eo-zarr"
    cube = read(tmp_path)
    assert tuple(cube["band"].values) == NAMES
    pixels = cube["reflectance"].values
    assert pixels.shape == (6, 4, 12, 32, 32)
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels[2], truth[0][2])
    np.testing.assert_array_equal(pixels[1], truth[0][1][::-1])  # its dates came unsorted
    assert (pixels[0, 0, :, :4, :4] == 0).all()
    assert pixels[0, 1, 0, 0, 0] == 1  # below zero, so no data it is not
    np.testing.assert_array_equal(pixels[5], truth[1][2])
    assert all("removed" in name for name in cube["item_id"].values[2])
    np.testing.assert_array_equal(cube["cloud_cover"].values[2], [0, 50, 50, 0])


def test_ssl4eo_zarr_lies_where_its_pixels_lie(tmp_path):
    write_ssl4eo_zarr(tmp_path / "S2L2A")
    cube = read(tmp_path)
    assert cube["epsg"].values.tolist() == [32651] * 3
    assert cube["x0"].values.tolist() == [700_000, 730_000, 760_000]
    assert set(cube["y0"].values) == {4_700_000}
    assert cube["time"].values[1].astype("datetime64[D]").astype(str).tolist()[0] == "2020-02-01"


def test_ssl4eo_zarr_older_counts_and_pictures(tmp_path):
    truth = write_ssl4eo_zarr(tmp_path / "a" / "S2L2A", shift=0)
    cube = read(tmp_path / "a", seasons=2)
    np.testing.assert_array_equal(cube["reflectance"].values[2], truth[2, 2:])
    write_ssl4eo_zarr(tmp_path / "b" / "S2RGB", picture=True)
    cube = read(tmp_path / "b")
    assert (cube.attrs["unit"], cube["band"].values.tolist()) == ("uint8", ["B04", "B03", "B02"])
    assert "8 bit, stretched" in cube.attrs["loss"]


def test_ssl4eo_zarr_of_another_modality_or_torn(tmp_path):
    write_ssl4eo_zarr(tmp_path / "S2L2A")
    write_ssl4eo_zarr(tmp_path / "S2L2A", number=2)
    torn = tmp_path / "S2L2A" / "ssl4eos12_val_seasonal_data_000002.zarr.zip"
    torn.write_bytes(torn.read_bytes()[:5000])
    cube = read(tmp_path)
    assert cube.sizes["patch"] == 3
    assert "is no readable Zarr zip" in cube.attrs["refused"][0]
    write_ssl4eo_zarr(tmp_path / "S2L2A", number=2, without=["time_", "file_id"])
    said = read(tmp_path).attrs["refused"][0]
    assert "(lacks time_, file_id; read are zips laid out as in 2025)" in said
    with pytest.raises(LookupError, match="holds S2L2A, no modality of sentinel2-l1c"):
        read(tmp_path, sensor="sentinel2-l1c")
    with pytest.raises(ValueError, match="the files hold 4 dates, asked for 5"):
        read(tmp_path, seasons=5)


def test_major_tom_cells_are_cut_into_patches(tmp_path):
    write_major_tom(tmp_path)
    assert layout_of(tmp_path) == "major-tom"
    cube = read(tmp_path, bands="B02,B8A,B01", size_px=264)
    assert cube["reflectance"].shape == (2 * 16, 1, 3, 264, 264)
    assert cube["patch"].values[[0, 1, 4, 16]].tolist() == [
        "451U_946L_0_0", "451U_946L_0_1", "451U_946L_1_0", "452U_946L_0_0",
    ]  # fmt: skip
    pixels = cube["reflectance"].values[:, 0]
    # Band 2 of 12, both cells without the offset that only one had; columns tell where the patch lay.
    assert pixels[0, 0, 0, 0] == 2001
    assert pixels[16, 0, 0, 0] == 2101
    assert pixels[1, 0, 0, 0] == 2001 + 264 // 100
    assert pixels[1, 1, 0, -1] == 2008 + 526 // 100
    assert pixels[1, 2, 0, 0] == 2000 + 264 // 100
    assert cube["x0"].values[[0, 1, 4]].tolist() == [400_000, 402_640, 400_000]
    assert cube["y0"].values[[0, 1, 4]].tolist() == [4_500_000, 4_500_000, 4_497_360]
    assert cube["time"].values[0, 0] == np.datetime64("2023-04-15T18:19:10")


def test_major_tom_whole_cells_and_level_1c(tmp_path):
    write_major_tom(tmp_path, 1, level="S2L1C")
    cube = read(tmp_path, size_px=1068, bands="rgb")
    assert cube.attrs["sensor"] == "sentinel2-l1c"
    assert cube["patch"].values.tolist() == ["451U_946L"]
    with pytest.raises(ValueError, match="a cell of Major TOM has 1068 px"):
        read(tmp_path, size_px=1069)
    write_major_tom(tmp_path / "l2a", 1)
    with pytest.raises(LookupError, match="B10"):
        read(tmp_path / "l2a", bands="B10")


def test_sets_larger_than_memory_go_to_disk(tmp_path):
    write_ssl4eo_zarr(tmp_path / "S2L2A")
    import_cube(tmp_path / "S2L2A", tmp_path / "cube.zarr", progress=False)
    with open_cube(tmp_path / "cube.zarr") as cube:
        assert cube.sizes["patch"] == 3
        assert cube.attrs["source"] == "SSL4EO-S12 v1.1, S2L2A (arXiv:2503.00168)"
