import numpy as np
import pytest
import shapely

from seco_lab.catalogs import SimulatedCatalog, find_scenes, item_of, ladder, scene_of
from seco_lab.catalogs.grid import to_utm
from seco_lab.catalogs.mgrs import tiles_in
from seco_lab.places import Place, plan_of
from seco_lab.places.utm import utm_zone, zone_span

START, END = np.datetime64("2024-01-01"), np.datetime64("2024-12-31")
BOX = (13.0, 51.9, 13.05, 51.95)


@pytest.mark.parametrize(
    ("lon", "lat", "tile", "epsg", "left", "top"),
    [  # as the real items of both archives have them
        (-105.2, 40.1, "13TDE", 32613, 399960, 4500000),
        (27.4, -7.7, "35MNM", 32735, 499980, 9200020),
        (-60.1, -60.43, "20EPT", 32720, 600000, 3300040),
        (-40.3, -3.9, "24MUA", 32724, 300000, 9600040),
        (5.3, 60.4, "32VKN", 32632, 199980, 6800040),  # Bergen, by MGRS: plain zones would say 31V
        (15.6, 78.2, "33XWG", 32633, 499980, 8700000),  # Longyearbyen, by MGRS
    ],
)
def test_tiles_are_called_and_lie_as_the_real_ones(lon, lat, tile, epsg, left, top):
    found = {name: grid for name, grid, _ in tiles_in((lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01))}
    assert tile in found
    assert (found[tile].epsg, found[tile].left, found[tile].top) == (epsg, left, top)


def test_every_place_lies_in_a_tile():
    rng = np.random.default_rng(0)
    for lon, lat in zip(rng.uniform(-180, 180, 100), rng.uniform(-79, 83, 100), strict=True):
        names = [
            name
            for name, grid, _ in tiles_in((lon - 1e-3, lat - 1e-3, lon + 1e-3, lat + 1e-3))
            if grid.left <= to_utm(grid.epsg).transform(lon, lat)[0] <= grid.right
        ]
        assert names, (lon, lat)


def test_no_tile_lies_in_a_zone_that_norway_and_svalbard_do_not_have():
    bergen = [name for name, *_ in tiles_in((3.1, 56.5, 8.9, 63.5))]
    assert {name[:3] for name in bergen} == {"32V"}
    assert len(set(bergen)) == len(bergen)
    svalbard = {name[:3] for name, *_ in tiles_in((0.5, 72.5, 41.5, 83.5))}
    assert {name for name in svalbard if name.endswith("X")} == {"31X", "33X", "35X", "37X"}
    rng = np.random.default_rng(1)
    for lon, lat in zip(rng.uniform(-180, 180, 300), rng.uniform(-80, 84, 300), strict=True):
        west, east = zone_span(int(utm_zone(lon, lat)), lat)
        assert west <= lon < east


def test_scenes_depend_on_seed_tile_and_day_alone():
    catalog = SimulatedCatalog(3)
    scenes = catalog.search(BOX, START, END)
    assert 30 < len(scenes) < 75
    some = catalog.search(BOX, np.datetime64("2024-03-01"), np.datetime64("2024-04-01"))
    by_name = {scene.item_id: scene for scene in scenes}
    assert some
    assert all(item_of(scene) == item_of(by_name[scene.item_id]) for scene in some)
    other = SimulatedCatalog(4).search(BOX, START, END)
    assert [s.scene_cloud_cover for s in other] != [s.scene_cloud_cover for s in scenes]


def test_scenes_are_real_items():
    for scene in SimulatedCatalog().search(BOX, START, np.datetime64("2024-02-01")):
        assert shapely.is_valid(scene.footprint)
        assert 0 <= scene.scene_cloud_cover <= 100
        with pytest.raises(ValueError, match=r"level 1C|not Sentinel-2"):
            scene_of({**item_of(scene), "collection": "x-l1c"})


def test_dry_countries_are_clearer():
    cairo, bergen = (31.0, 29.5, 31.05, 29.55), (9.0, 60.9, 9.05, 60.95)
    cloud = [
        np.mean([s.scene_cloud_cover for s in SimulatedCatalog().search(b, START, END)])
        for b in (cairo, bergen)
    ]
    assert cloud[0] < cloud[1] - 10


def test_a_search_at_the_antimeridian(tmp_path):
    plan = plan_of([Place("east", 179.99, -16.5), Place("west", -179.98, -16.6)])
    dates = np.tile(np.array(["2024-02-01", "2024-08-01"], "datetime64[D]"), (2, 1))
    tasks = find_scenes(
        plan, dates, SimulatedCatalog(), folder=tmp_path, steps=ladder(cloudier=100), progress=False
    )
    assert tasks.patches == ["east", "west"], tasks.rejected["detail"].tolist()


def test_no_world_below_zero():
    with pytest.raises(ValueError, match="seed must be 0 or more, got -1"):
        SimulatedCatalog(-1)
