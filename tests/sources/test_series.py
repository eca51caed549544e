"""Series of GeoTIFFs and NetCDFs cut into patches with clear dates."""

import numpy as np
import pytest
import rasterio
import xarray as xr
from official import write_series, write_tif
from rasterio.crs import CRS
from rasterio.transform import Affine

from seco_lab.cube import join_cubes
from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.sources import layout_of, read_cube
from seco_lab.sources.rasters import date_in
from seco_lab.sources.series import clear_pixels, pick_seasons

DAYS = ("2020-01-10", "2020-02-10", "2020-05-10", "2020-07-10", "2020-10-10")


def read(path, **options):
    return read_cube(path, progress=False, **options)


# ---- picking dates


def test_picked_dates_are_clear_and_far_apart_in_the_year():
    time = np.array(["2020-01-01", "2020-01-05", "2020-04-01", "2020-07-01", "2021-12-30"], "datetime64[D]")
    assert pick_seasons(time, [1.0, 0.99, 1, 1, 1], seasons=2).tolist() == [0, 3]
    # 30 December is next to 1 January, so April comes before it.
    assert pick_seasons(time, [1.0, 0.99, 1, 1, 1], seasons=3).tolist() == [0, 2, 3]
    assert pick_seasons(time, [1.0, 0.99, 1, 0.5, 1], seasons=2).tolist() == [0, 2]
    assert pick_seasons(time, [1.0, 0.2, 0.2, 0.5, 1], seasons=3) is None


def test_cloud_test_by_hand():
    bands = ("B01", "B02", "B04")
    pixels = np.array([[500, 400, 900], [1500, 1600, 1700], [900, 1600, 1700], [0, 400, 900]], np.uint16)
    clear = clear_pixels(pixels[:, :, None, None], bands, "dn")[:, 0, 0]
    assert clear.tolist() == [True, False, True, False]  # ground, cloud, bright soil, no data
    assert clear_pixels(pixels[:, 1:, None, None], ("B02", "B04"), "dn")[:, 0, 0].tolist() == [
        True, False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("Boadella_2020-01-28.tif", "2020-01-28"),
        ("20190803T154559_20190803T154611_T18QVG", "2019-08-03T15:45:59"),
        ("naip_20090818.tif", "2009-08-18"),
        ("patch_252161.tif", None),
        ("x_20201340.tif", None),
        ("x_20200231.tif", None),
    ],
)
def test_dates_in_names(name, date):
    assert date_in(name) == (np.datetime64(date, "ns") if date else None)


# ---- GeoTIFFs


def test_tiles_of_a_series(tmp_path):
    write_series(tmp_path, DAYS)
    assert layout_of(tmp_path) == "geotiffs"
    cube = read(tmp_path, size_px=16)
    assert cube["reflectance"].shape == (2, 5, 12, 16, 16)
    assert tuple(cube["band"].values) == SENTINEL2_L2A.band_names
    wanted = 100 + 10 * np.arange(12)[None] + np.arange(5)[:, None]
    np.testing.assert_array_equal(cube["reflectance"].values[1, :, :, 3, 3], wanted)
    assert cube["x0"].values.tolist() == [500_000, 500_160]
    assert cube["y0"].values.tolist() == [4_700_000, 4_700_000]
    assert cube["time"].values[0].astype("datetime64[D]").astype(str).tolist() == list(DAYS)
    assert "not named by the files" in cube.attrs["band_order"]


def test_clouds_are_avoided_patch_by_patch(tmp_path):
    write_series(tmp_path, DAYS, cloudy=("2020-05-10",))
    cube = read(tmp_path, size_px=16, seasons=4)
    days = cube["time"].values.astype("datetime64[D]").astype(str)
    assert "2020-05-10" not in days[0]
    assert "2020-05-10" in days[1]
    assert (cube["cloud_cover"].values == 0).all()
    cube = read(tmp_path, size_px=16, seasons=5)
    assert cube.sizes["patch"] == 1
    assert "has 4 of 5 dates that are at least 95% clear, wanted 5" in cube.attrs["refused"][0]


def test_dates_by_hand(tmp_path):
    write_series(tmp_path, DAYS, cloudy=("2020-05-10",))
    cube = read(tmp_path, size_px=16, dates=["2020-05-10", "2020-01-10"])
    days = cube["time"].values.astype("datetime64[D]").astype(str)
    assert days.tolist() == [["2020-01-10", "2020-05-10"]] * 2
    assert cube["cloud_cover"].values[0].tolist() == [0, 100]
    with pytest.raises(ValueError, match="no image of 2020-06-01; it has 2020-01-10, 2020-02-10"):
        read(tmp_path, size_px=16, dates=["2020-06-01"])


def test_names_in_the_files_rule_over_their_order(tmp_path):
    write_series(tmp_path, DAYS, bands=3, descriptions=("B8A", "band B2", "B04"))
    cube = read(tmp_path, size_px=16)
    assert cube["band"].values.tolist() == ["B02", "B04", "B8A"]
    assert cube["reflectance"].values[0, 0, :, 0, 0].tolist() == [110, 120, 100]
    assert cube.attrs["band_order"] == "by name"


def test_bands_that_nothing_names_are_asked_for(tmp_path):
    write_series(tmp_path, DAYS, bands=3)
    with pytest.raises(ValueError, match=r"3 bands without names; .*file_bands"):
        read(tmp_path, size_px=16)
    with pytest.raises(ValueError, match="file_bands names 2 bands, the files have 3"):
        read(tmp_path, size_px=16, file_bands=["B02", "B03"])
    cube = read(tmp_path, size_px=16, file_bands=["B04", "B03", "B02"], bands="rgb")
    assert cube["reflectance"].values[0, 0, :, 0, 0].tolist() == [100, 110, 120]


def test_bad_dates_are_listed(tmp_path):
    write_series(tmp_path, DAYS)
    good = (tmp_path / "place_2020-01-10.tif").read_bytes()
    (tmp_path / "place_2020-03-01.tif").write_bytes(good[: len(good) // 2])
    write_tif(tmp_path / "place_2020-03-02.tif", np.ones((11, 20, 33), np.int16))
    write_tif(tmp_path / "place_2020-03-03.tif", np.zeros((12, 20, 33), np.int16))
    write_tif(tmp_path / "place_2020-03-04.tif", np.ones((12, 20, 33), np.int16), crs="EPSG:32632")
    write_tif(tmp_path / "place_2020-03-05.tif", np.ones((12, 20, 33), np.float64))
    (tmp_path / "extra.tif").write_bytes(good)
    cube = read(tmp_path, size_px=16)
    reasons = {text.split(" ", 1)[0][-14:-4]: text.split(" ", 1)[1] for text in cube.attrs["refused"]}
    assert "may be truncated" in reasons.pop("2020-03-01")
    assert reasons.pop("2020-03-02") == "has shape (11, 20, 33), most files have (12, 20, 33)"
    assert reasons.pop("2020-03-03") == "holds no data: all pixels are 0"
    assert reasons.pop("2020-03-04") == "lies on another grid than the first file"
    assert reasons.pop("2020-03-05") == "holds float64, wanted 8- or 16-bit integers"
    assert list(reasons.values()) == ["has no date in its name"]
    with pytest.raises(ValueError, match="on_bad='skip'"):
        read(tmp_path, size_px=16, on_bad="raise")


def test_negative_counts_and_fill_values_become_no_data(tmp_path):
    for day in DAYS:
        pixels = np.full((12, 16, 16), 500, np.int16)
        pixels[:, 0, 0], pixels[:, 0, 1] = -5, -9999
        write_tif(tmp_path / f"p_{day}.tif", pixels, nodata=-9999)
    cube = read(tmp_path, size_px=16)
    assert (cube["reflectance"].values[..., 0, :2] == 0).all()
    assert (cube["reflectance"].values[..., 1:, :] == 500).all()


def test_patches_larger_than_the_area_are_refused(tmp_path):
    write_series(tmp_path, DAYS)
    with pytest.raises(ValueError, match=r"patches of 64 px do not fit into .* 20 x 33 px"):
        read(tmp_path)


def test_degrees_keep_pixels_and_get_a_square_around_the_centre(tmp_path):
    for day in DAYS:
        write_tif(
            tmp_path / f"p_{day}.tif", np.full((12, 16, 16), 5, np.uint16), crs="EPSG:4326",
            transform=Affine(1.21e-4, 0, 2.79, 0, -9.0e-5, 42.36),
        )  # fmt: skip
    cube = read(tmp_path, size_px=16)
    assert cube.attrs["pixel_size_m"] == 10.0
    assert cube["epsg"].item() == 32631
    assert "approximate" in cube.attrs["grid"]


# ---- NetCDF


def netcdf_series(path, bands, *, size=20, step=10.0, dim="timestamp", days=DAYS, unsigned=False, **extra):
    """Band variables along dates; the value is 1000 x number of the band + number of the date."""
    time = np.array(days, "datetime64[ns]")
    x, y = 500_000 + step * (np.arange(size) + 0.5), 5_600_000 - step * (np.arange(size) + 0.5)
    data = {}
    for b, name in enumerate(bands, 1):
        values = (1000 * b + np.arange(len(days)))[:, None, None] + np.zeros((1, size, size), int)
        data[name] = (
            (dim, "y", "x"),
            values.astype(np.int16 if unsigned else np.uint16),
            {"_Unsigned": "true"} if unsigned else {},
        )
    data |= extra
    data["spatial_ref"] = ((), 0, {"crs_wkt": CRS.from_epsg(32631).to_wkt()})
    xr.Dataset(data, {dim: time, "x": x, "y": y}).to_netcdf(path, engine="h5netcdf")


def test_two_resolutions_and_scene_classes(tmp_path):
    scl = np.full((5, 10, 10), 4, np.uint8)
    scl[1] = 9  # cloud
    netcdf_series(tmp_path / "a_10m.nc", ["B02", "B04"])
    netcdf_series(
        tmp_path / "b_20m.nc", ["B11", "B8A"], size=10, step=20.0, SCL=(("timestamp", "y", "x"), scl)
    )
    assert layout_of(tmp_path) == "netcdf"
    cube = read(tmp_path, size_px=16, seasons=4)
    assert cube["band"].values.tolist() == ["B02", "B04", "B8A", "B11"]
    assert cube["reflectance"].values[0, 0, :, 9, 9].tolist() == [1000, 2000, 2000, 1000]
    assert "2020-02-10" not in cube["time"].values.astype("datetime64[D]").astype(str)
    assert (cube["x0"].item(), cube["y0"].item()) == (500_000, 5_600_000)
    assert cube["epsg"].item() == 32631


def test_monthly_names_unsigned_counts_and_missing_values(tmp_path):
    netcdf_series(tmp_path / "m.nc", ["S2-L2A-B02", "S2-L2A-B03", "S2-L2A-B04"], dim="t", unsigned=True)
    with xr.open_dataset(tmp_path / "m.nc", engine="h5netcdf", mask_and_scale=False) as opened:
        data = opened.load()
    data["S2-L2A-B03"].values[1] = -1  # 65535 in a file without unsigned types
    data["S2-L2A-B02"].values[:, 3, 3] = -16384  # 49152
    data.to_netcdf(tmp_path / "n.nc", engine="h5netcdf")
    (tmp_path / "m.nc").unlink()
    cube = read(tmp_path / "n.nc", size_px=16, dates=DAYS)
    assert (cube["reflectance"].values[0, :, 0, 3, 3] == 49152).all()
    assert (cube["reflectance"].values[0, 1, 1] == 0).all()
    cube = read(tmp_path / "n.nc", size_px=16, seasons=4, min_clear=0.9)
    assert "2020-02-10" not in cube["time"].values.astype("datetime64[D]").astype(str)


def test_scale_fill_and_reflectance_become_counts(tmp_path):
    values = np.full((5, 16, 16), 0.25, np.float32)
    values[:, 0, 0] = np.nan
    x = 500_000 + 10 * np.arange(16.0)
    for name, dtype, attrs in (
        ("f.nc", np.float32, {"crs": "EPSG:32631"}),
        ("s.nc", np.uint8, {"crs": "EPSG:32631"}),
    ):
        raw = values if dtype is np.float32 else np.where(np.isnan(values), 255, 50).astype(np.uint8)
        band = {} if dtype is np.float32 else {"scale_factor": 0.005, "_FillValue": np.uint8(255)}
        xr.Dataset(
            {"B02": (("t", "y", "x"), raw, band)},
            {"t": np.array(DAYS, "datetime64[ns]"), "x": x, "y": x},
            attrs,
        ).to_netcdf(tmp_path / name, engine="h5netcdf")
        cube = read(tmp_path / name, size_px=16, min_clear=0.0)
        assert (cube["reflectance"].values[0, :, 0, 1:15, 5] == 2500).all()
        # Stored from south to north: the first line is the last.
        assert (cube["reflectance"].values[0, :, 0, 15, 0] == 0).all()
        assert cube["y0"].item() == 500_155


def test_a_band_dimension_of_l1c_reflectance(tmp_path):
    bands = np.array(["B10", "B02"])
    x = 500_000 + 10 * np.arange(16.0)
    values = np.broadcast_to(np.array([0.001, 0.1])[:, None, None], (5, 2, 16, 16)).astype(np.float32)
    xr.Dataset(
        {"r": (("time", "band", "y", "x"), values)},
        {"time": np.array(DAYS, "datetime64[ns]"), "band": bands, "x": x, "y": x[::-1]},
        {"epsg": 32633},
    ).to_netcdf(tmp_path / "e.nc", engine="h5netcdf")
    cube = read(tmp_path / "e.nc", size_px=16)
    assert cube.attrs["sensor"] == "sentinel2-l1c"
    assert cube["reflectance"].values[0, 0, :, 0, 0].tolist() == [1000, 10]


def test_bad_netcdfs_are_listed(tmp_path):
    netcdf_series(tmp_path / "a.nc", ["B02"])
    raw = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "b.nc").write_bytes(raw[: len(raw) // 3])
    xr.Dataset({"x": ("x", [1.0])}).to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as data:
        data.drop_vars("spatial_ref").to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    cube = read(tmp_path, size_px=16)
    b, c, d = cube.attrs["refused"]
    assert "b.nc cannot be read, it may be truncated" in b
    assert "holds no variable named like a band" in c
    assert "has no CRS" in d


# ---- real series


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore")
def test_real_series_make_one_cube(real_data):
    boadella = read(real_data / "s2_timeseries_boadella")
    assert dict(boadella.sizes) == {"patch": 25, "season": 5, "band": 12, "y": 64, "x": 64}
    assert boadella["cloud_cover"].max() <= 5
    cloudy = {"2020-01-18", "2020-01-23"}
    assert not cloudy & set(boadella["time"].values.astype("datetime64[D]").astype(str).ravel())
    cereal = read(real_data / "s2_timeseries_worldcereal_A")
    assert cereal["reflectance"].shape == (1, 5, 10, 64, 64)
    both = join_cubes([boadella, cereal])
    assert both.sizes["patch"] == 26
    assert both["band"].values.tolist() == cereal["band"].values.tolist()


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore")
def test_eight_clear_dates_of_boadella_are_those_seen_by_eye(real_data):
    clear = ["2020-01-28", "2020-02-02", "2020-06-21", "2020-09-14"]
    clear += ["2021-07-16", "2021-07-21", "2022-03-08", "2022-06-01"]
    cube = read(real_data / "s2_timeseries_boadella", dates=clear)
    assert cube["reflectance"].shape[:2] == (25, 8)
    assert np.median(cube["cloud_cover"]) < 0.5
    with rasterio.open(real_data / "s2_timeseries_boadella" / "Boadella_2020-02-02.tif") as file:
        raw = file.read()
    np.testing.assert_array_equal(cube["reflectance"].values[6, 1], raw[:, 64:128, 64:128])


@pytest.mark.real_data
def test_worldcereal_bands_agree_with_the_files(real_data):
    folder = real_data / "s2_timeseries_worldcereal_A"
    cube = read(folder)
    with xr.open_dataset(folder / "s2_l2a_20m_118dates.nc", engine="h5netcdf", mask_and_scale=False) as data:
        place = int(np.flatnonzero(data["timestamp"].values == cube["time"].values[0, 2])[0])
        b11 = data["B11"].values[place]
    stored = cube["reflectance"].values[0, 2, cube["band"].values.tolist().index("B11")]
    np.testing.assert_array_equal(stored[::2, ::2], b11)
    np.testing.assert_array_equal(stored[1::2, 1::2], b11)


@pytest.mark.real_data
def test_real_monthly_composites_skip_the_missing_months(real_data):
    cube = read(real_data / "s2_timeseries_worldcereal_monthly", seasons=10)
    months = set(cube["time"].values.astype("datetime64[M]").astype(str).ravel())
    assert not {"2020-12", "2021-01"} & months
    assert (cube["reflectance"].values == 0).mean() < 0.001
    assert cube["reflectance"].max() < 20_000  # 65535 would be a missing value
