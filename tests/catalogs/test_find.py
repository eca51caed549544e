import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from fake_stac import FakeStac, Fault
from stac_items import TILE_M, earth_search_item, outline, planetary_item

from seco_lab.catalogs import (
    CatalogError,
    LocalCatalog,
    StacApi,
    find_scenes,
    open_catalog,
    open_tasks,
    save_tasks,
    scene_of,
)
from seco_lab.catalogs.grid import to_utm
from seco_lab.catalogs.tasks import tasks_hash
from seco_lab.places import Place, plan_of

DATES = np.array(["2024-07-01", "2024-04-08", "2024-01-15"], "datetime64[D]")
HERE = Place("here", 13.0, 51.9)


def passes(make=earth_search_item, *, every_days=5, **options):
    days = np.arange(
        np.datetime64("2023-11-01T10:30:31"), np.datetime64("2024-09-01"), np.timedelta64(every_days, "D")
    )
    return [make(day, **options) for day in days]


def catalog(*items):
    return LocalCatalog("test", [scene_of(item) for item in items])


def find(items, tmp_path, places=(HERE,), dates=DATES, **options):
    known = catalog(*items) if isinstance(items, list) else items
    rows = dates if dates.ndim == 2 else np.tile(dates, (len(places), 1))
    options = {"progress": False, "bands": "rgb"} | options
    return find_scenes(plan_of(list(places)), rows, known, folder=tmp_path, **options)


def why(tasks):
    return dict(zip(tasks.rejected["name"], tasks.rejected["detail"], strict=True))


def kinds(tasks):
    return tasks.rejected["why"].tolist()


def test_tasks_of_a_place(tmp_path):
    tasks = find(passes(), tmp_path, candidates=4)
    first = tasks.table[tasks.table["rank"] == 0]
    assert first["season"].tolist() == [0, 1, 2]
    assert (np.abs(first["time"].to_numpy() - DATES) <= np.timedelta64(60, "h")).all()
    assert tasks.table.groupby("season").size().tolist() == [4, 4, 4]
    assert tasks.table[["tile", "epsg", "x0", "y0"]].drop_duplicates().shape == (1, 4)
    assert set(json.loads(first["assets"].iloc[0])) == {"B04", "B03", "B02", "SCL"}
    back = open_tasks(save_tasks(tasks, tmp_path / "tasks.parquet"))
    assert back.hash == tasks.hash
    assert back.about["catalog"] == "test"


def test_reprocessed_numbered_and_repeated_scenes_count_once(tmp_path):
    items = passes(baseline="02.14", every_days=15)
    old = {item["id"] for item in items}
    items += [*items, *passes(baseline="05.10", sequence=1, every_days=15, created="2024-10-01T00:00:00Z")]
    items += passes(baseline="05.10", sequence=2, every_days=15, created="2024-11-01T00:00:00Z")
    tasks = find(items, tmp_path)
    assert not set(tasks.table["item_id"]) & old
    assert set(tasks.table["item_id"].str.split("_").str[3]) == {"2"}
    assert not tasks.table["time"].duplicated().any()


def test_two_satellites_on_one_day_are_two_scenes(tmp_path):
    both = [
        *passes(every_days=30),
        *passes(every_days=30, platform="sentinel-2b", created="2025-01-01T00:00:00Z"),
    ]
    assert len(find(both, tmp_path).table) == 2 * len(find(both[: len(both) // 2], tmp_path / "one").table)


def test_one_tile_the_deepest_with_all_dates(tmp_path):
    north = {"tile": "33UUU", "top": 5900040.0}  # overlaps the other by 9.8 km
    edge = Place("edge", 12.9, 52.27)
    both = [*passes(), *passes(**north)]
    deepest = find(both, tmp_path, [edge]).table
    assert set(deepest["tile"]) == {"33UUT"}
    assert (deepest["x0"].iloc[0] - 300000) % 60 == 0
    gap = [i for i in passes() if not "2024-03" <= i["properties"]["datetime"] <= "2024-05-2"]
    assert set(find([*gap, *passes(**north)], tmp_path / "gap", [edge]).table["tile"]) == {"33UUU"}


def test_half_scenes_at_the_edge_of_a_swath_are_left_out(tmp_path):
    half = {"type": "Polygon", "coordinates": [outline(32633, 300000, 5800020, right=345000)]}
    east, west = Place("east", 12.99, 51.9), Place("west", 12.3, 51.9)
    edge = Place("edge", *to_utm(32633).transform(345_500, 5_752_000, direction="INVERSE"))
    tasks = find(passes(geometry=half), tmp_path, [east, west, edge])
    assert tasks.patches == ["west"]
    assert "do not show the whole patch" in why(tasks)["east"]
    assert kinds(tasks) == ["cut off", "cut off"]
    other = {"type": "Polygon", "coordinates": [outline(32633, 340000, 5800020)]}
    split = [*passes(geometry=half), *passes(geometry=other, sequence=1)]
    assert find(split, tmp_path / "split", [east, west, edge]).patches == ["east", "west", "edge"]


def test_scenes_of_one_pass_that_show_a_patch_together_are_one_candidate(tmp_path):
    """A tile cut by the border of a datastrip, one half of it processed again."""
    x, y = 350_040, 5_752_020
    here = Place("here", *to_utm(32633).transform(x, y, direction="INVERSE"))
    upper = {"type": "Polygon", "coordinates": [outline(32633, 300000, 5800020, bottom=y + 500)]}
    lower = {"type": "Polygon", "coordinates": [outline(32633, 300000, y + 500, bottom=5690220)]}
    split = passes(geometry=upper, every_days=15, baseline="04.00")
    split += passes(geometry=lower, every_days=15, baseline="04.00", sequence=1)
    split += passes(geometry=lower, every_days=15, sequence=2)
    table = find(split, tmp_path, [here]).table
    parts = table.groupby(["season", "rank"])["item_id"].apply(list)
    assert [[name.split("_")[3] for name in names] for names in parts] == [["2", "0"]] * len(parts)
    assert set(table.groupby(["season", "rank"])["time"].nunique()) == {1}
    alone = [*split[: len(split) // 3], *passes(geometry=upper, sequence=1, every_days=15)]
    assert kinds(find(alone, tmp_path / "alone", [here])) == ["cut off"], "two upper halves are no whole"
    whole = [*split, *passes(every_days=15, sequence=3, baseline="03.01")]
    assert set(find(whole, tmp_path / "whole", [here]).table["item_id"].str.split("_").str[3]) == {"3"}


@pytest.mark.parametrize("snap", ["grid", "block"])
def test_a_longer_plan_begins_with_the_tasks_of_a_shorter_one(tmp_path, snap):
    """Though neighbours have dates in other years, for which the same cell is searched."""
    rng, count = np.random.default_rng(1), 12
    spots = zip(12.5 + rng.random(count), 51.4 + 0.5 * rng.random(count), strict=True)
    places = [Place(f"p{n}", lon, lat) for n, (lon, lat) in enumerate(spots)]
    dates = DATES - (rng.integers(0, 2, (count, 1)) * 365).astype("timedelta64[D]")
    days = np.arange(
        np.datetime64("2022-11-01T10:30:31"), np.datetime64("2024-09-01"), np.timedelta64(9, "D")
    )
    items = [earth_search_item(day, cloud=float(rng.integers(0, 60))) for day in days]
    short = find(items, tmp_path / "a", places[:5], dates[:5], snap=snap)
    long = find(items, tmp_path / "b", places, dates, snap=snap)
    first = long.table[long.table["patch"].isin([place.name for place in places[:5]])]
    assert len(short.patches) >= 4
    assert tasks_hash([first]) == short.hash


def test_ladder_goes_to_another_year_and_asks_for_it_only_then(tmp_path):
    asked = []

    class Counting(LocalCatalog):
        def search(self, bbox, start, end):
            asked.append((start.astype("datetime64[Y]"), end.astype("datetime64[Y]")))
            return super().search(bbox, start, end)

    winter = earth_search_item("2023-01-20T10:30:31")
    items = [i for i in passes() if i["properties"]["datetime"] > "2024-02-20"]
    tasks = find(Counting("counting", [scene_of(i) for i in [*items, winter]]), tmp_path)
    chosen = tasks.table[tasks.table["season"] == 2]
    assert chosen["rung"].tolist() == ["+-1 year"]
    assert len(asked) == 3
    find(Counting("full", [scene_of(i) for i in passes()]), tmp_path / "full")
    assert len(asked) == 4


def test_no_scene_is_a_reason_with_the_date(tmp_path):
    items = [i for i in passes() if i["properties"]["datetime"] > "2024-02-20"]
    tasks = find(items, tmp_path)
    assert len(tasks) == 0
    assert why(tasks)["here"].startswith("season 2 (2024-01-15): 0 scenes within 30 days")
    assert kinds(tasks) == ["no scene"]
    cloudy = find(passes(cloud=61), tmp_path / "cloud")
    assert "12 have more than 60 % cloud" in why(cloudy)["here"]
    assert kinds(cloudy) == ["cloudy scenes"]
    assert (
        why(find(items, tmp_path / "far", [Place("far", 100, 10)]))["far"] == "no scene was found around it"
    )


def test_every_place_is_in_the_tasks_or_among_the_rejected(tmp_path):
    rng = np.random.default_rng(0)
    places = [
        Place(f"p{i}", *xy) for i, xy in enumerate(rng.uniform((11.5, 51.2), (14, 52.5), (60, 2)).tolist())
    ]
    for snap in ("grid", "block"):
        tasks = find(passes(), tmp_path / snap, places, snap=snap)
        assert set(tasks.patches) | set(why(tasks)) == {place.name for place in places}
        assert not set(tasks.patches) & set(why(tasks))
        assert all(why(tasks).values())
        assert (
            tasks.table["patch"]
            .map(dict(zip(tasks.patches, range(60), strict=False)))
            .is_monotonic_increasing
        )


def test_shifted_patches_lie_in_one_internal_tile_each(tmp_path):
    apart = [(12.3 + 0.13 * i, 51.6 + 0.09 * j) for i in range(6) for j in range(5)]  # 9 and 10 km
    places = [Place(f"p{i}", *xy) for i, xy in enumerate(apart)]
    tasks = find(passes(), tmp_path, places, snap="block")
    assert len(tasks.patches) == 30
    for begin in (tasks.table["x0"] - 300000, 5800020 - tasks.table["y0"]):
        assert (begin // 5120 == (begin + 2630) // 5120).all()
    shorter = find(passes(), tmp_path / "short", places[:20], snap="block")
    same = tasks.table[tasks.table["patch"].isin(shorter.patches)]
    assert same["x0"].tolist() == shorter.table["x0"].tolist()


@pytest.mark.parametrize(("tile", "epsg", "lon"), [("60KYF", 32760, 179.99), ("01KAB", 32701, -179.99)])
def test_at_the_antimeridian(tile, epsg, lon, tmp_path):
    place = Place("fiji", lon, -16.5)
    left, top = (799980.0, 8200000.0) if epsg == 32760 else (99960.0, 8200000.0)
    ring = outline(epsg, left, top)
    east = [[x if x > 0 else x + 360 for x, _ in ring], [y for _, y in ring]]
    # As the GeoJSON standard wants it: two polygons that meet at 180.
    cut = {"type": "MultiPolygon", "coordinates": []}
    whole = shapely.polygons(np.stack(east, axis=1))
    for low, turn in ((0, 0), (180, -360)):
        part = shapely.intersection(whole, shapely.box(low, -90, low + 180, 90))
        cut["coordinates"].append([[[x + turn, y] for x, y in part.exterior.coords]])
    items = passes(tile=tile, epsg=epsg, left=left, top=top, geometry=cut)
    with FakeStac(items).running() as fake:
        tasks = find(StacApi(fake.url), tmp_path, [place])
        assert tasks.patches == ["fiji"], why(tasks)
        assert len(fake.searches) == 2
        assert all(body["bbox"][0] < body["bbox"][2] for body in fake.searches)
    assert set(tasks.table["epsg"]) == {epsg}
    joined = {"type": "Polygon", "coordinates": [[[x, y] for x, y in zip(*east, strict=True)]]}
    items = passes(tile=tile, epsg=epsg, left=left, top=top, geometry=joined)
    assert find(items, tmp_path / "joined", [place]).patches == ["fiji"]


def test_zone_and_hemisphere_are_those_of_the_files(tmp_path):
    # Bergen lies in zone 32 by decree, by formula in 31; some southern tiles are numbered as northern ones.
    bergen = Place("bergen", 5.3, 60.4)
    items = passes(tile="32VKM", epsg=32632, left=199980.0, top=6800040.0)
    assert set(find(items, tmp_path, [bergen]).table["epsg"]) == {32632}
    south = Place("south", 15.2, -0.3)
    items = passes(tile="33MWU", epsg=32633, left=499980.0, top=0.0)
    tasks = find(items, tmp_path / "south", [south])
    assert set(tasks.table["epsg"]) == {32633}
    assert (tasks.table["y0"] < 0).all()


def test_poles_are_refused(tmp_path):
    places = [Place("north", 20, 84.2), Place("south", 20, -81)]
    assert all("polar zone (UPS)" in text for text in why(find(passes(), tmp_path, places)).values())


def test_bands_that_no_scene_has_are_named(tmp_path):
    items = passes()
    for item in items:
        del item["assets"]["rededge1"]
    assert why(find(items, tmp_path, bands="B02,B05"))["here"].endswith("scenes around it has bands B05")
    assert find(items, tmp_path / "rgb").patches == ["here"]


@pytest.mark.parametrize("make", [earth_search_item, planetary_item])
def test_one_search_for_all_places_of_a_cell_and_none_the_second_time(make, tmp_path):
    places = [Place(f"p{i}", 12.3 + 0.02 * i, 51.8) for i in range(30)]
    with FakeStac(passes(make), max_limit=20).running() as fake:
        tasks = find(StacApi(fake.url), tmp_path, places)
        assert len(tasks.patches) == 30
        assert len(fake.searches) == 1
        before = len(fake.requests)
        again = find(StacApi(fake.url), tmp_path, places)
        assert len(fake.requests) == before
    assert again.hash == tasks.hash
    items = gpd.read_parquet(tmp_path / "items.parquet")
    assert set(tasks.table["item_id"]) <= set(items["id"])
    offline = find(open_catalog(tmp_path / "items.parquet"), tmp_path / "offline", places)
    assert offline.table["item_id"].tolist() == tasks.table["item_id"].tolist()


def test_a_search_that_broke_off_goes_on(tmp_path):
    places = [Place(f"p{i}", 12.4 + i, 51.8) for i in range(2)]
    both = [*passes(), *passes(tile="33UVT", left=399960.0)]
    with FakeStac(both).running() as fake:
        fake.faults = [Fault("/nothing"), Fault("/search", status=403)]
        api = StacApi(fake.url, wait_s=0.001)
        fake.faults[1].times = 0
        searches = []
        original = api.search

        def second_fails(*question):
            searches.append(question)
            if len(searches) == 2:
                fake.faults[1].times = 1
            return original(*question)

        api.search = second_fails
        with pytest.raises(CatalogError, match="refuses the request"):
            find(api, tmp_path, places)
        assert not (tmp_path / "items.parquet").exists()
        done = len(fake.searches)
        tasks = find(StacApi(fake.url), tmp_path, places)
        assert len(fake.searches) == done + 1
    assert tasks.patches == ["p0", "p1"]


def test_bad_questions(tmp_path):
    with pytest.raises(ValueError, match="1 of 3 dates lie in the future"):
        find(passes(), tmp_path, latest="2024-06-01")
    with pytest.raises(ValueError, match="with 1 rows"):
        find(passes(), tmp_path, dates=np.tile(DATES, (2, 1)))
    with pytest.raises(ValueError, match="snap is 'grid' or 'block', got 'blok'"):
        find(passes(), tmp_path, snap="blok")
    with pytest.raises(ValueError, match="fits no internal tile"):
        find(passes(), tmp_path, snap="block", size_px=600)
    assert TILE_M == 109_800
    assert list(tmp_path.iterdir()) == []
