"""The simulated world as a source: the contract of ImagerySource, and what a pure function must keep."""

import numpy as np
import pytest
import xarray as xr

from seco_lab.cube import check_cube
from seco_lab.places import Place
from seco_lab.sensors import NAIP, SENTINEL2_L1C
from seco_lab.sources.simulated import SimulatedSource

PLACES = [
    Place("Paris", 2.35, 48.86),
    Place("Manaus", -60.02, -3.1),
    Place("Sydney", 150.9, -33.8),
    Place("Yakutsk", 129.5, 62.1),
    Place("Pacific", -150.0, 0.0),
]
DATES = np.array(["2023-01-15", "2023-04-15", "2023-07-15", "2023-10-15"], "datetime64[D]")
CLEAR = SimulatedSource(seed=0, clouds=False)


def _pixels(source, places, size_px=32, dates=DATES[2:3], bands="all"):
    return source.load(places, dates, size_px, bands)["reflectance"].values.astype(int)


def test_it_gives_a_cube_in_the_order_of_the_places():
    cube = SimulatedSource(seed=0).load(PLACES, DATES, 32)
    check_cube(cube)
    assert cube["patch"].values.tolist() == [place.name for place in PLACES]
    assert dict(cube["reflectance"].sizes) == {"patch": 5, "season": 4, "band": 12, "y": 32, "x": 32}
    assert cube["reflectance"].dtype == np.uint16
    assert cube["reflectance"].values.min() >= 1
    np.testing.assert_array_equal(cube["lon"], [place.lon for place in PLACES])
    assert (np.abs(cube["time"].values - DATES) <= np.timedelta64(13, "D")).all()
    assert cube.attrs["source"] == "simulated"
    assert cube.attrs["seed"] == 0


def test_it_is_a_pure_function():
    whole = _pixels(CLEAR, PLACES)
    np.random.seed(5)  # noqa: NPY002
    turned = _pixels(SimulatedSource(seed=0, clouds=False), PLACES[::-1])
    np.testing.assert_array_equal(whole, turned[::-1])
    np.testing.assert_array_equal(whole[1:2], _pixels(CLEAR, PLACES[1:2], 32.0))
    assert not np.array_equal(whole[0], _pixels(SimulatedSource(seed=1, clouds=False), PLACES[:1])[0])


def test_bands_and_dates_do_not_depend_on_what_else_is_asked_for():
    whole = _pixels(SimulatedSource(0), PLACES[:2], dates=DATES)
    some = _pixels(SimulatedSource(0), PLACES[:2], dates=DATES[[2, 0]], bands="B11,B02")
    np.testing.assert_allclose(some, whole[:, [2, 0]][:, :, [10, 1]], atol=1)


def test_a_field_does_not_know_which_other_dates_are_asked_for():
    """Crops ripen by the climate of the place, not by the mean weather of the dates of the call."""
    places = [Place(f"p{k}", 2.0 + 0.03 * k, 47.0) for k in range(6)]
    spring, both = (_pixels(CLEAR, places, 16, dates, "rgb") for dates in (DATES[1:2], DATES[:2]))
    np.testing.assert_allclose(spring[:, 0], both[:, 1], atol=1)


def test_patches_that_touch_join_and_patches_that_overlap_agree():
    cube = CLEAR.load(PLACES[:1], DATES[2:3], 96)
    x0, y0 = float(cube["x0"][0]), float(cube["y0"][0])
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(int(cube["epsg"][0]), 4326, always_xy=True)
    for east, south in ((0, 0), (320, 0), (640, 320)):
        lon, lat = to_degrees.transform(x0 + east + 160, y0 - south - 160)
        part = _pixels(CLEAR, [Place("part", lon, lat)], 32)[0, 0]
        row, column = south // 10, east // 10
        whole = cube["reflectance"].values[0, 0, :, row : row + 32, column : column + 32].astype(int)
        assert (np.abs(part - whole) <= 1).mean() > 0.998


def test_coarse_bands_are_constant_on_their_native_pixels():
    cube = CLEAR.load(PLACES[:1], DATES[2:3], 36)
    x, y = int(cube["x0"][0]) // 10, -int(cube["y0"][0]) // 10
    pixels = cube["reflectance"].values[0, 0]
    b11, b01, b02 = pixels[10], pixels[0], pixels[1]
    np.testing.assert_array_equal(b11[::2, ::2], b11[1::2, 1::2])
    top, left = -y % 6, -x % 6
    assert np.unique(b01[top : top + 6, left : left + 6]).size == 1
    assert np.unique(b02[:2, :2]).size > 1


def test_water_forest_and_snow_look_as_they_should():
    summer, winter = (
        CLEAR.load(PLACES, DATES[[2, 0]], 32)["reflectance"].values.mean((-2, -1)).transpose(1, 0, 2)
    )
    nir, red = 7, 3
    assert summer[4, nir] < 200  # open sea
    assert winter[3, red] > 1.2 * summer[3, red]  # Siberia in snow
    assert summer[1, nir] > 2 * summer[1, red]  # green tropics


def test_a_clear_pass_is_taken_near_the_date_asked_for():
    dates = np.arange("2022-01-01", "2022-12-31", 30, dtype="datetime64[D]")
    asked = SimulatedSource(0, max_cloud=None).load(PLACES[:1], dates, 16, "rgb")
    chosen = SimulatedSource(0).load(PLACES[:1], dates, 16, "rgb")
    np.testing.assert_array_equal(asked["time"].values[0].astype("datetime64[D]"), dates)
    assert chosen["cloud_cover"].values.mean() < asked["cloud_cover"].values.mean()
    assert (SimulatedSource(0, clouds=False).load(PLACES[:1], dates, 16, "rgb")["cloud_cover"] == 0).all()


def test_top_of_atmosphere_has_13_bands_and_is_bluer():
    top = SimulatedSource(0, sensor=SENTINEL2_L1C, clouds=False).load(PLACES, DATES[2:3], 16)
    check_cube(top)
    assert top.attrs["sensor"] == "sentinel2-l1c"
    assert top["reflectance"].sel(band="B10").values.max() < 100
    ground = CLEAR.load(PLACES, DATES[2:3], 16)
    difference = (top["reflectance"].astype(float) - ground["reflectance"].astype(float)).mean(
        ("y", "x", "season")
    )
    assert (difference.sel(band="B02") > 100).all()


def test_a_labelled_cube_carries_the_truth():
    cube = CLEAR.labelled(PLACES, DATES[2:3], 32)
    check_cube(cube)
    truth = CLEAR.truth(PLACES, DATES[2:3], 32)
    np.testing.assert_array_equal(cube["label"], truth["dominant"])
    np.testing.assert_array_equal(cube["labels"], truth["labels"])
    np.testing.assert_array_equal(cube["mask"], truth["land_cover"][:, 0])
    assert cube.attrs["class_names"][int(cube["label"][4])] == "SeaLake"
    assert cube["boxes"].dims == ("patch", "box", "field")


def test_change_is_there_only_when_asked_for():
    changing = SimulatedSource(0, clouds=False, change=(DATES[0], DATES[3]), change_share=1.0)
    places = [Place(f"p{k}", 2.0 + 0.03 * k, 47.0) for k in range(12)]
    change = changing.change(places, DATES[0], DATES[3], 32)
    assert isinstance(change, xr.Dataset)
    assert (change["change"].values > 0).any()
    assert (changing.change(places, DATES[0] - 300, DATES[0] - 200, 32)["change"].values == 0).all()
    with pytest.raises(ValueError, match="does not change"):
        CLEAR.change(places, DATES[0], DATES[3], 32)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dates": ["2023-01-01"]}, "dates must be datetime64"),
        ({"dates": np.array([["2023-01-01"]] * 2, "datetime64[D]")}, r"shape \(1, seasons\)"),
        ({"dates": np.array(["NaT"], "datetime64[D]")}, "missing"),
        ({"dates": np.array(["2300-01-01"], "datetime64[D]")}, "between 1678-01-01 and 2261-12-31"),
        ({"size_px": 0}, "size_px is a number of pixels from 1 on, got 0"),
        ({"size_px": float("nan")}, "pixels from 1 on, got nan"),
        ({"size_px": None}, "pixels from 1 on, got None"),
        ({"places": [Place("Alert", -62.3, 84.5)]}, "'Alert' lies at latitude 84.5"),
        ({"places": []}, "at least one"),
    ],
)
def test_bad_input_is_named(options, sentence):
    wanted = {"places": PLACES[:1], "dates": DATES[:1], "size_px": 8} | options
    with pytest.raises(ValueError, match=sentence) as error:
        CLEAR.load(**wanted)
    assert "\n" not in str(error.value)


def test_unknown_bands_and_settings_are_named():
    with pytest.raises(LookupError, match="B77"):
        CLEAR.load(PLACES[:1], DATES[:1], 8, "B77")
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        SimulatedSource(-1)
    with pytest.raises(ValueError, match=r"whole number, got 1\.5"):
        SimulatedSource(1.5)
    with pytest.raises(ValueError, match="got naip"):
        SimulatedSource(sensor=NAIP)
    with pytest.raises(ValueError, match="max_cloud is a percentage"):
        SimulatedSource(max_cloud=200)
    with pytest.raises(ValueError, match="earlier and a later"):
        SimulatedSource(change=(DATES[3], DATES[0]))
    with pytest.raises(ValueError, match="one date is wanted"):
        SimulatedSource(change=(DATES[0], DATES[3])).change(PLACES[:1], DATES, DATES[3], 8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (DATES[0], "two dates, the first and the last, got np.datetime64"),
        (True, "two dates, the first and the last, got True"),
        (DATES, "two dates, the first and the last"),
        ((DATES, DATES), "one date is wanted"),
        (("2020-01-01", "2021-01-01"), "dates must be datetime64"),
        ((DATES[0], None), "dates must be datetime64"),
    ],
)
def test_what_is_no_time_of_change_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        SimulatedSource(change=change)
