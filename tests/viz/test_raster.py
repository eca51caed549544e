import numpy as np
import pytest

from seco_lab.viz.basemap import country_rings, from_mercator, largest_cities, packed_land, to_mercator
from seco_lab.viz.raster import extent_of, padded, point_raster

WORLD = (-180.0, -85.0511, 180.0, 85.0511)


def test_mercator_of_known_places_and_back():
    np.testing.assert_allclose(to_mercator(np.array([0.0]), np.array([0.0])), [[0.5, 0.5]])
    np.testing.assert_allclose(to_mercator(np.array([180.0]), np.array([85.0511]))[0], [1, 0], atol=1e-6)
    lon, lat = np.array([-73.9, 151.2]), np.array([40.7, -33.9])
    back = from_mercator(to_mercator(lon, lat))
    np.testing.assert_allclose(back, [lon, lat])


def test_points_land_on_their_pixels():
    picture = point_raster(
        np.array([[0.5, -0.5], [90.5, -0.5]]),
        np.uint8([[255, 0, 0], [0, 255, 0]]),
        WORLD,
        pixels_per_unit=256,
        radius_px=0,
    )
    assert picture.shape == (256, 256, 4)
    assert picture[128, 128].tolist() == [255, 0, 0, 255]
    assert picture[128, 192].tolist() == [0, 255, 0, 255]
    assert (picture[..., 3] > 0).sum() == 2


def test_points_outside_or_unknown_are_left_out():
    lonlat = np.array([[np.nan, 5.0], [170.0, 0.0]])
    picture = point_raster(lonlat, np.zeros((2, 3), np.uint8), (0, 0, 20, 20), pixels_per_unit=2560)
    assert (picture[..., 3] == 0).all()


def test_a_point_on_the_edge_is_cut_not_wrapped():
    picture = point_raster(
        np.array([[0.0, 0.0]]), np.full((1, 3), 9, np.uint8), (0, -10, 20, 10), pixels_per_unit=2000
    )
    assert picture[:, 0, 3].any()
    assert not picture[:, -8:, 3].any()


def test_size_is_limited_however_deep_the_zoom():
    picture = point_raster(np.zeros((1, 2)), np.zeros((1, 3), np.uint8), WORLD, pixels_per_unit=2**24)
    assert max(picture.shape) == 2048


def test_a_million_points_take_less_than_a_second_or_two():
    import time

    rng = np.random.default_rng(0)
    lonlat = np.stack([rng.uniform(-180, 180, 1_000_000), rng.uniform(-80, 80, 1_000_000)], 1)
    start = time.perf_counter()
    point_raster(lonlat, np.zeros((1_000_000, 3), np.uint8), WORLD, pixels_per_unit=1024)
    assert time.perf_counter() - start < 5


def test_extent_and_padding_stay_on_earth():
    assert extent_of(np.full((2, 2), np.nan)) == (-170.0, -60.0, 170.0, 75.0)
    west, south, east, north = padded((-175.0, -80.0, 175.0, 80.0))
    assert west >= -180
    assert east <= 180
    assert north <= 85.06
    assert south >= -85.06


def test_land_is_there_and_packs_small():
    rings = country_rings()
    assert len(rings) > 150
    pairs = np.frombuffer(packed_land(), "<i2").reshape(-1, 2)
    assert pairs[0].tolist() == [32767, len(rings[0])]
    assert len(packed_land()) < 100_000


@pytest.mark.parametrize("city", ["Shanghai", "São Paulo"])
def test_large_cities_are_named(city):
    assert city in {name for name, _, _ in largest_cities(60)}
