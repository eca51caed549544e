import geopandas as gpd
import numpy as np
import pytest
import shapely
from scipy.spatial import cKDTree

from seco_lab.places import (
    EARTH_RADIUS_KM,
    MIN_DISTANCE_KM,
    AroundCities,
    AtPoints,
    ByPopulation,
    Grid,
    OnLand,
    PerClimate,
    PerContinent,
    Place,
    cities,
    climate_of,
    distance_km,
    grid_for,
    is_land,
    open_plan,
    plan_places,
    rejected_path,
    sampler_named,
    save_plan,
    unit_vectors,
)
from seco_lab.places.assets import CLIMATES

SAMPLERS = [
    AroundCities(),
    ByPopulation(),
    OnLand(),
    PerContinent(),
    PerContinent({"Oceania": 3, "Africa": 1}, std_km=30),
    PerClimate(),
    Grid(150.0),
]


def closest_km(places):
    chord = cKDTree(unit_vectors(places["lon"], places["lat"])).query(
        unit_vectors(places["lon"], places["lat"]), k=2
    )[0][:, 1]
    return 2 * EARTH_RADIUS_KM * np.arcsin(chord.min() / 2)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: f"{s.name}")
def test_the_contract_of_every_sampler(sampler):
    large = plan_places(1500, sampler, seed=4)
    np.random.seed(0)  # noqa: NPY002
    small = plan_places(400, sampler, seed=4)
    columns = [c for c in large.places if c != "geometry"]
    assert large.places[columns].iloc[:400].equals(small.places[columns]), "the larger contains the smaller"
    assert plan_places(400, sampler, seed=5).hash != small.hash
    assert closest_km(large.places) >= MIN_DISTANCE_KM - 1e-6
    assert is_land(large.places["lon"], large.places["lat"]).all()
    assert large.places["lat"].between(-60, 83).all()
    assert large.places["name"].is_unique
    assert not set(large.places["candidate"]) & set(large.rejected["candidate"])
    assert set(large.rejected["why"]) <= {"sea", "overlap", "latitude", "stratum"}
    assert large.places.crs.to_epsg() == 4326


def test_spread_around_cities_is_in_true_kilometres():
    drawn = AroundCities(std_km=50).candidates(0, 0, 60_000)
    table = cities()
    north_of_55 = table.lat[drawn.city] > 55
    assert north_of_55.sum() > 1000
    lon, lat, city = drawn.lon[north_of_55], drawn.lat[north_of_55], drawn.city[north_of_55]
    km = distance_km(table.lon[city], table.lat[city], lon, lat)
    assert np.sqrt((km**2).mean() / 2) == pytest.approx(50, rel=0.03)
    east = distance_km(table.lon[city], lat, lon, lat)
    assert east.std() == pytest.approx(50 * np.sqrt(1 - 2 / np.pi), rel=0.06), "not squeezed to the east"


def test_cities_are_drawn_alike_or_by_people():
    count = 200_000
    alike = np.bincount(AroundCities().candidates(1, 0, count).city, minlength=10_000)
    assert alike.mean() == 20
    assert alike.std() == pytest.approx(np.sqrt(20), rel=0.05)
    people = np.bincount(ByPopulation().candidates(1, 0, count).city, minlength=10_000)
    share = cities().population / cities().population.sum()
    assert people[0] / count == pytest.approx(share[0], rel=0.15)
    assert people[:100].sum() / count == pytest.approx(share[:100].sum(), rel=0.02)


def test_quotas_are_exact_at_every_length():
    plan = plan_places(1200, PerContinent({"Oceania": 3, "Africa": 1}), seed=2)
    for n in (4, 40, 1200):
        assert (plan.places["stratum"][:n] == "Oceania").sum() == 3 * n / 4
    plan = plan_places(500, PerClimate(), seed=2)
    assert set(plan.places["stratum"].value_counts()) == {100}
    seen = np.array(CLIMATES)[climate_of(plan.places["lon"], plan.places["lat"])]
    assert (seen == plan.places["stratum"]).all()


def test_a_grid_is_even_and_complete():
    plan = plan_places(None, Grid(300.0), min_distance_km=0, lat_range=(-90, 90))
    lon, lat = Grid(300.0).points()
    assert len(plan) == is_land(lon, lat).sum()
    assert len(lon) * 300**2 == pytest.approx(4 * np.pi * EARTH_RADIUS_KM**2, rel=0.03)
    belts = np.histogram(np.sin(np.radians(lat)), np.linspace(-1, 1, 9))[0]
    assert belts.std() / belts.mean() < 0.06, "equal area"
    below_80 = plan.places[plan.places["lat"].abs() < 80]
    assert closest_km(below_80) > 280


@pytest.mark.parametrize("n", [1, 37, 5000])
def test_a_grid_of_so_many_places(n):
    grid = grid_for(n)
    assert len(plan_places(n, grid)) == n
    surplus = len(plan_places(None, grid)) - n
    assert 0 <= surplus <= max(8, 0.03 * n)


def test_near_the_antimeridian_nothing_overlaps():
    places = [Place("a", 179.99, 65.0), Place("b", -179.99, 65.0), Place("c", 179.0, 65.0)]
    with pytest.warns(UserWarning, match="sea"):
        sampler = AtPoints(places)
    plan = plan_places(None, sampler)
    assert plan.places["name"].tolist() == ["a", "c"]
    assert plan.rejected[["name", "why"]].to_numpy().tolist() == [["b", "overlap"]]


def test_saving_and_opening(tmp_path):
    plan = plan_places(300, AroundCities(std_km=40), seed=9)
    path = save_plan(plan, tmp_path / "places.parquet")
    again = open_plan(path)
    assert again.hash == plan.hash
    assert again.about["arguments"]["std_km"] == 40
    assert again.about["seed"] == 9
    assert len(again.rejected) == len(plan.rejected) > 0
    assert gpd.read_parquet(path).geometry.x.tolist() == plan.places["lon"].tolist()
    assert len(gpd.read_parquet(rejected_path(path))) == len(plan.rejected)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["places.parquet", "places.rejected.parquet"]
    assert again.place_list()[0] == plan.place_list()[0]


def test_the_hash_sees_every_edit():
    plan = plan_places(20, OnLand())
    for column, value in (("lon", 1.0), ("lat", 1.0), ("name", "x")):
        edited = plan.places.copy()
        edited.loc[3, column] = value
        assert type(plan)(edited, plan.rejected, {}).hash != plan.hash
    assert type(plan)(plan.places.iloc[::-1], plan.rejected, {}).hash != plan.hash


def test_a_table_of_the_users_own_is_a_plan(tmp_path):
    table = gpd.GeoDataFrame(
        {"name": ["a"], "lon": [1.0], "lat": [2.0]}, geometry=[shapely.Point(1, 2)], crs=4326
    )
    table.to_parquet(tmp_path / "mine.parquet")
    plan = open_plan(tmp_path / "mine.parquet")
    assert plan.place_list() == [Place("a", 1.0, 2.0)]
    assert len(plan.rejected) == 0
    table.assign(name=7).to_parquet(tmp_path / "numbers.parquet")
    assert open_plan(tmp_path / "numbers.parquet").place_list() == [Place("7", 1.0, 2.0)]


@pytest.mark.parametrize(
    ("names", "words"),
    [(["a", "b", "a"], "has the place 'a' more than once"), (["a", None, "b"], "has places without a name")],
)
def test_names_of_the_users_own_tell_places_apart(names, words, tmp_path):
    where = {"lon": [1.0, 2, 3], "lat": 2.0}
    table = gpd.GeoDataFrame({"name": names, **where}, geometry=[shapely.Point(1, 2)] * 3, crs=4326)
    table.to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(ValueError, match=words):
        open_plan(tmp_path / "mine.parquet")


def test_files_that_are_no_plan(tmp_path):
    with pytest.raises(FileNotFoundError, match="no plan at"):
        open_plan(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(ValueError, match="is no plan"):
        open_plan(tmp_path / "text.parquet")
    with pytest.raises(ValueError, match=r"saved as \.parquet"):
        save_plan(plan_places(1, OnLand()), tmp_path / "x.csv")
    with pytest.raises(FileNotFoundError, match="no folder"):
        save_plan(plan_places(1, OnLand()), tmp_path / "none" / "x.parquet")
    plan = plan_places(3, OnLand())
    save_plan(type(plan)(plan.places.iloc[:0], plan.rejected, {}), tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match="is empty"):
        open_plan(tmp_path / "empty.parquet")


def test_too_little_room_ends_with_a_sentence():
    with pytest.raises(ValueError, match=r"only \d+ of 5000 places found among \d+ candidates.*overlap"):
        plan_places(5000, AroundCities(std_km=1, n_cities=3))
    with pytest.raises(ValueError, match="too few in Africa, Oceania"):
        plan_places(20_000, PerContinent({"Oceania": 1, "Africa": 1}, std_km=2))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: plan_places(0, OnLand()), ValueError, "no places"),
        (lambda: plan_places(5, OnLand(), lat_range=(10, -10)), ValueError, "south to north"),
        (lambda: AroundCities(std_km=0), ValueError, "std_km must be a positive"),
        (lambda: ByPopulation(std_km=-3), ValueError, "std_km must be a positive"),
        (lambda: AroundCities(n_cities=20_000), ValueError, "n_cities"),
        (
            lambda: PerContinent({"Atlantis": 1}),
            LookupError,
            "unknown continent 'Atlantis'; known are",
        ),
        (lambda: PerContinent({"Antarctica": 1}), ValueError, "OnLand"),
        (lambda: PerContinent({"Asia": -1}), ValueError, "quota of Asia"),
        (lambda: PerClimate({"dry": 0}), ValueError, "gives no climate a share"),
        (lambda: PerClimate({"hot": 1}), LookupError, "unknown climate"),
        (lambda: Grid(3.0), ValueError, "over 6 million cells"),
        (lambda: Grid(0), ValueError, "spacing_km"),
        (lambda: grid_for(0), ValueError, "at least one place"),
        (
            lambda: sampler_named("oceans", places=5),
            LookupError,
            "unknown sampler 'oceans'; known are",
        ),
        (lambda: sampler_named("land", places=5, quota={"Asia": 1}), ValueError, "takes no quota"),
    ],
)
def test_bad_input_is_one_sentence(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["cities", "population", "land", "continents", "climates", "grid"])
def test_samplers_have_names_for_the_command_line(name):
    sampler = sampler_named(name, places=50, std_km=20.0)
    assert sampler.name == name
    assert len(plan_places(50, sampler)) == 50
