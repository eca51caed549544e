import numpy as np
import pytest
from stac_items import earth_search_item

from seco_lab.catalogs import scene_of
from seco_lab.catalogs.grid import (
    Corner,
    TileGrid,
    corner_near,
    corners_in_blocks,
    depth_m,
    tile_grid,
    to_utm,
)
from seco_lab.catalogs.settle import Ground, settled

GRID = TileGrid(32633, 300000.0, 5800020.0, 409800.0, 5690220.0)
SIZE = 264


def test_grid_is_that_of_the_files():
    assert tile_grid(scene_of(earth_search_item("2024-05-01"))) == GRID


@pytest.mark.parametrize("epsg", [5041, 32661, 3857, None])
def test_other_zones_than_utm_are_refused(epsg):
    item = earth_search_item("2024-05-01")
    item["properties"]["proj:epsg"] = epsg
    assert tile_grid(scene_of(item)) is None


def test_corner_lies_on_the_lattice_of_all_bands_and_near_the_place():
    rng = np.random.default_rng(1)
    for lon, lat in zip(rng.uniform(12.3, 13.4, 200), rng.uniform(51.5, 52.2, 200), strict=True):
        corner = corner_near(GRID, lon, lat, SIZE)
        assert (corner.x0 - GRID.left) % 60 == 0
        assert (GRID.top - corner.y0) % 60 == 0
        x, y = to_utm(GRID.epsg).transform(lon, lat)
        assert abs(corner.x0 + 1320 - x) <= 30
        assert abs(corner.y0 - 1320 - y) <= 30


def test_depth_by_hand():
    assert depth_m(GRID, Corner(300060.0, 5799000.0), SIZE) == 60
    assert depth_m(GRID, Corner(299940.0, 5799000.0), SIZE) == -60
    assert depth_m(GRID, Corner(350000.0, 5692920.0), SIZE) == 60


@pytest.mark.parametrize("size_px", [64, 264, 506])
def test_shifted_patches_lie_in_one_internal_tile(size_px):
    rng, side = np.random.default_rng(2), size_px * 10
    for _ in range(300):
        corner = Corner(
            GRID.left + 60 * rng.integers(0, (109_800 - side) // 60),
            GRID.top - 60 * rng.integers(0, (109_800 - side) // 60),
        )
        corners = list(corners_in_blocks(GRID, corner, size_px))
        assert corners
        for moved in corners:
            for begin in (moved.x0 - GRID.left, GRID.top - moved.y0):
                assert begin % 60 == 0
                assert begin // 5120 == (begin + side - 10) // 5120
            assert max(abs(moved.x0 - corner.x0), abs(moved.y0 - corner.y0)) <= 2560
        moves = [np.hypot(m.x0 - corner.x0, m.y0 - corner.y0) for m in corners]
        assert moves == sorted(moves)


def test_a_patch_that_fits_stays():
    corner = Corner(GRID.left + 5160, GRID.top - 5160)
    assert next(corners_in_blocks(GRID, corner, SIZE)) == corner
    with pytest.raises(ValueError, match="does not fit into an internal tile of 512 px"):
        next(corners_in_blocks(GRID, corner, 513))


def test_shifted_patches_do_not_overlap():
    ground, rng, laid = Ground(SIZE), np.random.default_rng(3), []
    for number in range(150):
        corner = Corner(GRID.left + 60 * rng.integers(0, 500), GRID.top - 60 * rng.integers(0, 500))
        moved, neighbour = settled(f"p{number}", GRID, corner, size_px=SIZE, ground=ground)
        if moved is None:
            assert neighbour in {name for name, _ in laid}
        else:
            laid.append((f"p{number}", moved))
    assert 40 < len(laid) < 150
    for i, (_, a) in enumerate(laid):
        assert all(abs(a.x0 - b.x0) >= 2640 or abs(a.y0 - b.y0) >= 2640 for _, b in laid[:i])


def test_neighbours_in_another_zone_are_seen():
    ground = Ground(SIZE)
    x, y = to_utm(32633).transform(12.0, 50.0)
    ground.lay("west", 32633, Corner(x - 1320, y + 1320))
    x, y = to_utm(32632).transform(12.0, 50.005)
    assert ground.under(32632, Corner(x - 1320, y + 1320)) == "west"
    x, y = to_utm(32632).transform(12.0, 50.2)
    assert ground.under(32632, Corner(x - 1320, y + 1320)) is None


def test_a_patch_without_a_free_shift_stays_at_its_place():
    ground, second = Ground(SIZE), Corner(GRID.left + 3000, GRID.top - 300)  # a border at 5120 m cuts it
    assert [m.x0 - GRID.left for m in corners_in_blocks(GRID, second, SIZE)] == [2460, 5160]
    for x in (300, 5700):
        ground.lay(f"at {x}", GRID.epsg, Corner(GRID.left + x, second.y0))
    assert settled("second", GRID, second, size_px=SIZE, ground=ground) == (second, "")
    assert settled("third", GRID, second, size_px=SIZE, ground=ground) == (None, "second")
