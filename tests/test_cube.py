"""The cube's layout: what it holds, what it refuses, where its patches lie."""

import numpy as np
import pytest
from cubes import small_cube

from seco_lab.cube import check_cube, footprints, join_cubes, make_cube, utm_corner, utm_epsg
from seco_lab.sensors import SENTINEL2_L2A


def test_bands_carry_wavelength_and_native_resolution():
    cube = small_cube(bands=("B08", "B11", "B01"))
    assert cube["wavelength_nm"].values.tolist() == [842, 1610, 443]
    assert cube["resolution_m"].values.tolist() == [10, 20, 60]


def test_attributes_state_unit_and_sensor_and_keep_what_the_caller_adds():
    cube = small_cube(attrs={"seed": 3, "licence": "CC0", "unit": "a lie"})
    assert cube.attrs["sensor"] == "sentinel2-l2a"
    assert cube.attrs["unit"] == "dn"
    assert cube.attrs["seed"] == 3
    assert cube.attrs["licence"] == "CC0"
    assert cube.attrs["pixel_size_m"] == 10.0
    assert {"level", "toolkit_version", "source", "attribution"} <= set(cube.attrs)


def test_a_selection_keeps_its_description():
    part = small_cube(label=[3, 1, 2, 0], cloud_cover=np.zeros((4, 3)))["reflectance"].isel(
        patch=[2], season=0
    )
    assert part["label"].values.tolist() == [2]
    assert part["patch"].values.tolist() == ["p2"]
    assert "cloud_cover" in part.coords


def test_labelled_extras_have_their_dimensions():
    cube = small_cube(
        labels=np.eye(4, dtype=np.uint8),
        class_names=["a", "b", "c", "d"],
        mask=np.zeros((4, 6, 6), np.uint8),
        boxes=np.zeros((4, 2, 5), np.float32),
        split=["train"] * 4,
    )
    assert cube["labels"].dims == ("patch", "class")
    assert cube["class"].values.tolist() == ["a", "b", "c", "d"]
    assert cube["mask"].dims == ("patch", "y", "x")
    assert cube["boxes"].shape == (4, 2, 5)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda c: c["reflectance"], ValueError, "xarray.Dataset, got DataArray"),
        (lambda c: c.rename(reflectance="pixels"), ValueError, "variable 'reflectance'"),
        (lambda c: c.transpose("season", ...), ValueError, "dimensions"),
        (lambda c: c.astype("float64"), ValueError, "uint16, float32, got float64"),
        (lambda c: c.isel(season=slice(0)), ValueError, "needs a season"),
        (lambda c: c.drop_vars("lon"), ValueError, "lacks the coordinate 'lon'"),
        (lambda c: c.assign_coords(lat=c["lat"] * 2), ValueError, "lat must lie in -90 to 90"),
        (lambda c: c.assign_coords(patch=["a", "b", "a", "c"]), ValueError, "'a' comes 2 times"),
        (lambda c: c.assign_coords(band=["B04", "B03", "red"]), LookupError, "no band 'red'"),
        (lambda c: c.assign_attrs(unit="percent"), LookupError, "unknown unit 'percent'"),
        (lambda c: c.assign_attrs(sensor="spot"), LookupError, "unknown sensor 'spot'"),
        (lambda c: c.assign_coords(time=("patch", np.arange(4))), ValueError, "time"),
        (
            lambda c: c.assign_coords(label=("season", np.arange(3))),
            ValueError,
            "'label' needs the dimensions",
        ),
    ],
)
def test_what_is_not_a_cube_is_refused_in_one_sentence(change, error, words):
    with pytest.raises(error, match=words) as caught:
        check_cube(change(small_cube()))
    assert "\n" not in str(caught.value)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="5 dimensions"):
        make_cube(
            np.zeros((4, 6, 6), np.uint16), patch=["a"], time=[["2020-01-01"]], lon=[0], lat=[0],
            sensor=SENTINEL2_L2A, bands=["B02"],
        )  # fmt: skip
    with pytest.raises(ValueError, match="do not fit reflectance of shape"):
        small_cube(label=[1, 2])


def test_unknown_places_and_dates_are_allowed():
    cube = make_cube(
        np.ones((1, 1, 1, 4, 4), np.uint8), patch=["a"], time=[["NaT"]], lon=[np.nan], lat=[np.nan],
        sensor=SENTINEL2_L2A, bands=["B02"], unit="seco_8bit",
    )  # fmt: skip
    assert cube["epsg"].item() == 0
    assert footprints(cube).geometry.iloc[0] is None


def test_utm_of_known_points():
    assert utm_epsg([3.0, -177.0, 179.9, 180.0, 151.2], [50, 1, 1, 1, -33.9]).tolist() == [
        32631, 32601, 32660, 32660, 32756,
    ]  # fmt: skip
    # Norway: 32V reaches to 3 degrees east. Svalbard: 31X, 33X, 35X and 37X alone, 9 to 12 degrees wide.
    assert utm_epsg([2.9, 3.1, 5.3, 5.3], [60, 60, 55.9, 64]).tolist() == [32631, 32632, 32631, 32631]
    svalbard = [8.9, 9.1, 15.6, 20.9, 21.1, 32.9, 33.1, 41.9, 42.1]
    zones = [31, 33, 33, 33, 35, 35, 37, 37, 38]
    assert utm_epsg(svalbard, [78.2] * 9).tolist() == [32600 + zone for zone in zones]
    # On a zone's central meridian easting is 500 km, on the equator northing is 0.
    epsg, x0, y0 = utm_corner([3.0], [0.0], size_px=100, pixel_size_m=10)
    assert epsg[0] == 32631
    np.testing.assert_allclose([x0[0], y0[0]], [499_500, 500], atol=1e-3)


def test_footprints_have_the_patch_as_outline():
    table = footprints(small_cube(label=[0, 1, 2, 3]))
    assert table.crs.to_epsg() == 4326
    assert table["first"].iloc[0] == np.datetime64("2021-01-15")
    assert table["last"].iloc[0] == np.datetime64("2021-07-14")
    for row in range(4):
        square = table.iloc[[row]].to_crs(int(table["epsg"].iloc[row])).geometry.iloc[0]
        assert abs(square.area - 60 * 60) < 1
        centre = table.geometry.iloc[row].centroid
        np.testing.assert_allclose(
            [centre.x, centre.y], [table["lon"].iloc[row], table["lat"].iloc[row]], atol=1e-5
        )


def test_joined_cubes_have_the_common_bands_by_name():
    one = small_cube(bands=("B08", "B04", "B03"), label=[0, 1, 2, 3], attrs={"source": "x", "refused": ["a"]})
    two = small_cube(bands=("B03", "B02", "B04"), first=4, attrs={"source": "y", "refused": ["b"]})
    both = join_cubes([one, two])
    assert both["band"].values.tolist() == ["B03", "B04"]
    np.testing.assert_array_equal(both["reflectance"][:4].values, one["reflectance"].values[:, :, [2, 1]])
    np.testing.assert_array_equal(both["reflectance"][4:].values, two["reflectance"].values[:, :, [0, 2]])
    assert "label" not in both.coords
    assert both.attrs["source"] == "x; y"
    assert both.attrs["refused"] == ["a", "b"]
    assert join_cubes([one, two], bands=["B04"])["band"].values.tolist() == ["B04"]


@pytest.mark.parametrize(
    ("other", "error", "words"),
    [
        (lambda: small_cube(first=0), ValueError, "'p0' comes 2 times"),
        (lambda: small_cube(first=9, seasons=2), ValueError, "different season cannot be joined: 3 and 2"),
        (lambda: small_cube(first=9, unit="reflectance"), ValueError, "different unit"),
        (lambda: small_cube(first=9, bands=("B11",)), ValueError, "no band in common"),
    ],
)
def test_cubes_that_differ_are_not_joined(other, error, words):
    with pytest.raises(error, match=words):
        join_cubes([small_cube(), other()])
    with pytest.raises(LookupError, match="band B11 is not in all cubes"):
        join_cubes([small_cube()], bands=["B11"])
