import numpy as np
import pytest

from seco_lab.places import (
    Place,
    Spacing,
    cities,
    climate_of,
    countries_of,
    country_polygons,
    crowded_share,
    distance_km,
    is_land,
    land_polygons,
    nearest_city,
    offset,
    plan_of,
    wrap_lon,
)
from seco_lab.places.draw import hashed_uniforms, normal_pair, uniforms
from seco_lab.places.land import land_points


@pytest.mark.parametrize(
    ("lon", "lat", "words"),
    [
        (
            0,
            90.1,
            "latitude must lie in -90 to 90 degrees, got 90.1",
        ),
        (10, 139.7, "longitude and latitude swapped"),
        (181, 0, "longitude must lie in -180 to 180 degrees, got 181"),
        (float("nan"), 0, "longitude"),
        (0, float("inf"), "latitude"),
    ],
)
def test_impossible_places_are_refused(lon, lat, words):
    with pytest.raises(ValueError, match=words):
        Place("here", lon, lat)


def test_places_of_a_list_need_names_of_their_own():
    assert len(plan_of([Place("a", 0, 0), Place("b", 0, 0)])) == 2
    with pytest.raises(ValueError, match="must differ"):
        plan_of([Place("a", 0, 0), Place("a", 1, 1)])
    with pytest.raises(ValueError, match="no places"):
        plan_of([])


def test_a_degree_of_latitude_and_of_longitude_at_sixty():
    assert distance_km(0, 0, 0, 1) == pytest.approx(111.195, abs=0.001)
    assert distance_km(10, 60, 11, 60) == pytest.approx(55.60, abs=0.01)
    assert distance_km(179.99, 0, -179.99, 0) == pytest.approx(2.224, abs=0.001)


@pytest.mark.parametrize("lat", [0.0, 60.0, -75.0, 89.9])
@pytest.mark.parametrize("lon", [0.0, 179.95, -180.0])
def test_a_walk_is_as_long_as_it_says(lon, lat):
    rng = np.random.default_rng(1)
    east, north = rng.normal(0, 50, (2, 100))
    there = offset(lon, lat, east, north)
    assert np.allclose(distance_km(lon, lat, *there), np.hypot(east, north), atol=1e-6)
    assert (there[0] >= -180).all()
    assert (there[0] < 180).all()


def test_east_is_east():
    lon, _ = offset(179.9, 60, 50, 0)
    assert lon == pytest.approx(-179.2007, abs=1e-3), "50 km are 0.9 degrees at 60 north, across 180"
    assert offset(0, 0, 0, 111.195)[1] == pytest.approx(1, abs=1e-4)
    assert wrap_lon(180) == -180


def test_chance_is_a_function_of_seed_and_number():
    whole = uniforms(5, "cities", 0, 1000)
    np.random.seed(0)  # noqa: NPY002
    assert (uniforms(5, "cities", 400, 410) == whole[400:410]).all()
    assert (uniforms(6, "cities", 0, 1000) != whole).all()
    assert (uniforms(5, "land", 0, 1000) != whole).all()
    # fixed for ever: these four words of Philox must not change with numpy's version
    assert np.allclose(uniforms(0, "cities", 0, 1)[0], FIRST_DRAW, atol=1e-15)


FIRST_DRAW = [0.038394897295670694, 0.4848311741131742, 0.8085806181305464, 0.4582619294800455]


def test_draws_are_uniform_and_normal():
    u = uniforms(0, "test", 0, 50_000)
    assert np.allclose(u.mean(0), 0.5, atol=0.006)
    assert np.abs(np.corrcoef(u.T) - np.eye(4)).max() < 0.015
    for z in normal_pair(u[:, 0], u[:, 1]):
        assert z.mean() == pytest.approx(0, abs=0.015)
        assert z.std() == pytest.approx(1, abs=0.015)
    h = hashed_uniforms(0, "test", [str(i) for i in range(4000)], 2)
    assert np.allclose(h.mean(0), 0.5, atol=0.02)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "7", True])
def test_seeds(seed):
    with pytest.raises(ValueError, match="seed must be a whole number"):
        uniforms(seed, "x", 0, 1)


def test_land_and_sea():
    land = {"Paris": (2.35, 48.86), "Canberra": (149.1, -35.3), "Lake Victoria": (33, -1), "pole": (0, -90)}
    sea = {"Atlantic": (-30, 30), "Fiji basin": (180, -22), "Arctic": (0, 90), "Med": (18, 35)}
    assert is_land(*np.array(list(land.values())).T).all()
    assert not is_land(*np.array(list(sea.values())).T).any()
    assert is_land(2.35 + 360, 48.86)
    assert is_land(np.zeros((2, 3)), np.full((2, 3), 10.0)).shape == (2, 3)


def test_points_of_land_are_uniform_by_area():
    u = uniforms(0, "x", 0, 40_000)
    lon, lat = land_points(u[:, 0], u[:, 1])
    assert is_land(lon, lat).mean() > 0.9999
    # the same shares of 10 degree belts from points drawn on the whole sphere
    all_lat = np.degrees(np.arcsin(2 * u[:, 2] - 1))
    on_land = is_land(u[:, 3] * 360 - 180, all_lat)
    belts = np.arange(-90, 91, 10)
    drawn, wanted = (np.histogram(v, belts)[0] / len(v) for v in (lat, all_lat[on_land]))
    assert np.abs(drawn - wanted).max() < 0.012


def test_climates():
    lon, lat = [-60, 15, 2.35, 60, -40, -30], [-3, 24, 48.86, 60, 75, 30]
    assert climate_of(lon, lat).tolist() == [0, 1, 2, 3, 4, -1]


def test_cities():
    table = cities()
    assert len(table) == 10_000
    assert (np.diff(table.population) <= 0).all()
    assert table.population[-1] > 50_000
    assert table.name[0] == "Shanghai"
    i, km = nearest_city(np.array([139.7]), np.array([35.7]))
    assert table.country[i[0]] == "Japan"
    assert km[0] < 10
    with pytest.raises(ValueError, match="read-only"):
        table.lon[0] = 0


def test_countries_and_continents():
    lon = np.array([-53.0, 2.35, 100.0, -40.0, 0.0, 178.0])
    lat = np.array([4.0, 48.86, 62.0, 72.0, -80.0, -17.8])
    country, continent = countries_of(lon, lat)
    assert country.tolist() == ["French Guiana", "France", "Russia", "Greenland", "Antarctica", "Fiji"]
    assert continent.tolist() == [
        "South America",
        "Europe",
        "Europe",
        "North America",
        "Antarctica",
        "Oceania",
    ]


def test_a_point_off_every_coast_gets_the_nearest_city():
    assert countries_of(np.array([-16.9]), np.array([32.65]))[0][0] == "Portugal"  # Madeira


def test_basemap():
    land = land_polygons()
    assert len(land) == 127
    rings = [np.array(ring) for f in land for ring in f["geometry"]["coordinates"]]
    assert {f["geometry"]["type"] for f in land} == {"Polygon"}
    assert all((np.abs(r) <= [180, 90]).all() for r in rings)
    assert len(country_polygons()) > 170


def _accept_slowly(lon, lat, km):
    keep = []
    for i in range(len(lon)):
        near = [j for j in keep if distance_km(lon[i], lat[i], lon[j], lat[j]) < km]
        if not near:
            keep.append(i)
    return np.isin(np.arange(len(lon)), keep)


@pytest.mark.parametrize("centre", [(10, 50), (180, -17), (0, 89.99)])
def test_spacing_agrees_with_a_plain_loop_however_it_is_cut(centre):
    east, north = np.random.default_rng(3).normal(0, 15, (2, 400))
    lon, lat = offset(*centre, east, north)
    wanted = _accept_slowly(lon, lat, 3.7)
    assert 0.1 < wanted.mean() < 0.9
    for cuts in ([], [1, 17, 250]):
        spacing = Spacing(3.7)
        parts = zip(np.split(lon, cuts), np.split(lat, cuts), strict=True)
        assert (np.concatenate([spacing.accept(*part) for part in parts]) == wanted).all()


def test_dense_candidates_are_halved_with_the_same_result():
    east, north = np.random.default_rng(4).normal(0, 2, (2, 1500))
    lon, lat = offset(10, 50, east, north)
    assert (Spacing(3.0).accept(lon, lat) == _accept_slowly(lon, lat, 3.0)).all()


def test_spacing_of_nothing_and_of_nonsense():
    assert Spacing().accept(np.zeros(0), np.zeros(0)).tolist() == []
    assert Spacing(0).accept(np.zeros(3), np.zeros(3)).all()
    with pytest.raises(ValueError, match="min_distance_km"):
        Spacing(-1)


def test_crowded_share_against_a_plain_loop():
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(179.9, 180.1, 200), rng.uniform(60, 60.2, 200)
    lon = np.where(lon > 180, lon - 360, lon)  # across the antimeridian
    far = np.array([distance_km(lon[i], lat[i], lon, lat) for i in range(200)]) + 1e9 * np.eye(200)
    for km in (0.2, 1.0, 2.64):
        assert crowded_share(lon, lat, distance_km=km) == np.mean(far.min(axis=1) < km)
    assert crowded_share(lon[:1], lat[:1]) == 0
