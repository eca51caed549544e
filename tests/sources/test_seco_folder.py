"""The official SeCo layout, as the 100k and 1m sets have it."""

import numpy as np
import pytest
from official import DAYS, SECO_BANDS, acquisition_name, write_seco, write_tif

from seco_lab.sources import layout_of, read_cube

NAMES = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")


def read(root, **options):
    return read_cube(root, size_px=48, progress=False, **options)


def test_all_bands_by_name_on_the_10_m_grid_in_order_of_time(tmp_path):
    truth = write_seco(tmp_path)
    assert layout_of(tmp_path) == "seco"
    cube = read(tmp_path)
    assert tuple(cube["band"].values) == NAMES
    assert cube["reflectance"].shape == (3, 5, 12, 48, 48)
    # Flat images survive JPEG but for a count.
    means = cube["reflectance"].values.astype(float).mean(axis=(3, 4))
    assert np.abs(means - truth[:, :, [SECO_BANDS.index("B" + n[1:].lstrip("0")) for n in NAMES]]).max() <= 1
    days = [f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in sorted(DAYS)]
    assert cube["time"].values[1].astype("datetime64[D]").astype(str).tolist() == days
    assert cube["time"].values[0, 0] == np.datetime64("2019-08-03T15:45:59")
    assert cube["item_id"].values[2, 4] == acquisition_name("20200704")
    previews = list(tmp_path.glob("*/*.tif"))
    assert len(previews) == 15
    for preview in previews:
        preview.unlink()
    assert layout_of(tmp_path) == "seco"
    assert read(tmp_path).identical(cube)


def test_unit_and_place(tmp_path):
    write_seco(tmp_path, 2, bands=("B2", "B11"))
    cube = read(tmp_path)
    assert cube.attrs["unit"] == "seco_8bit"
    assert cube["reflectance"].dtype == np.uint8
    np.testing.assert_allclose(cube["lon"].values, [3.024, 4.024], atol=1e-6)
    np.testing.assert_allclose(cube["lat"].values, 44.976, atol=1e-6)
    assert "approximate" in cube.attrs["grid"]


def test_rgb_reads_red_green_blue(tmp_path):
    truth = write_seco(tmp_path, 2, bands=("B1", "B2", "B3", "B4", "B8"))
    cube = read(tmp_path, bands="rgb")
    assert cube["band"].values.tolist() == ["B04", "B03", "B02"]
    means = cube["reflectance"].values.astype(float).mean(axis=(3, 4))
    assert np.abs(means - truth[:, :, [3, 2, 1]]).max() <= 1


def test_a_set_of_rgb_bands_only(tmp_path):
    write_seco(tmp_path, 2, bands=("B2", "B3", "B4"))
    assert read(tmp_path)["band"].values.tolist() == ["B02", "B03", "B04"]
    with pytest.raises(ValueError, match="lacks band B11"):
        read(tmp_path, bands=["B11"])


def test_locations_with_missing_seasons_are_listed(tmp_path):
    write_seco(tmp_path, 3, bands=("B2",))
    for file in (tmp_path / "000001" / acquisition_name(DAYS[0])).iterdir():
        file.unlink()
    (tmp_path / "000001" / acquisition_name(DAYS[0])).rmdir()
    cube = read(tmp_path)
    assert cube["patch"].values.tolist() == ["000000", "000002"]
    assert cube.attrs["refused"] == [f"{tmp_path}/000001 has 4 seasons, wanted 5"]
    assert read(tmp_path, seasons=4).sizes["patch"] == 3


def break_truncate(file):
    file.write_bytes(file.read_bytes()[:-40])


def break_bands(file):
    write_tif(file, np.ones((2, 48, 48), np.uint8))


def break_crs(file):
    write_tif(file, np.ones((1, 48, 48), np.uint8), crs=None)


def break_type(file):
    write_tif(file, np.ones((1, 48, 48), np.uint16))


def break_size(file):
    write_tif(file, np.ones((1, 47, 47), np.uint8))


def break_missing(file):
    file.unlink()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (break_truncate, "it may be truncated"),
        (break_bands, "has 2 bands, wanted 1"),
        (break_crs, "has no CRS"),
        (break_type, "has uint16 in"),
        (break_size, "is 47 x 47 px, no whole part of 48 x 48 px"),
        (break_missing, "lacks band B03"),
    ],
)
def test_bad_files_are_listed_or_refused(tmp_path, damage, reason):
    write_seco(tmp_path, 2, bands=("B2", "B3", "B4"))
    damage(tmp_path / "000001" / acquisition_name(DAYS[2]) / "B3.tif")
    cube = read(tmp_path)
    assert cube["patch"].values.tolist() == ["000000"]
    (refused,) = cube.attrs["refused"]
    assert refused.startswith(f"{tmp_path}/000001 ")
    assert reason in refused
    with pytest.raises(ValueError, match=r"on_bad='skip'") as caught:
        read(tmp_path, on_bad="raise")
    assert reason in str(caught.value)


def test_a_season_without_data_is_refused(tmp_path):
    write_seco(tmp_path, 2, bands=("B2",))
    write_tif(tmp_path / "000000" / acquisition_name(DAYS[1]) / "B2.tif", np.zeros((1, 48, 48), np.uint8))
    assert read(tmp_path).attrs["refused"] == [f"{tmp_path}/000000 holds no data in 1 of 5 seasons"]
