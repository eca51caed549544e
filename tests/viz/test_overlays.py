import json
import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Transformer
from test_maps import RecordingBackend

from seco_lab.cube import Grid, make_cube, utm_corner
from seco_lab.geoclusters import cluster_places
from seco_lab.places import AroundCities, plan_places
from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.viz import overlays
from seco_lab.viz.basemap import from_mercator, to_mercator

SIZE_PX = 24
MARK = (5, 17)  # row and column of a pixel that is bright in the first season


@pytest.fixture
def cube():
    lon, lat = np.array([2.81, 178.99, 20.0, np.nan]), np.array([42.34, -16.5, 69.5, np.nan])
    pixels = np.full((4, 2, 3, SIZE_PX, SIZE_PX), 300, np.uint16)
    pixels[:, 0, 0, MARK[0], MARK[1]] = 3000
    pixels[0, :, :, 12, 3] = 0
    epsg, x0, y0 = utm_corner(lon, lat, size_px=SIZE_PX, pixel_size_m=10.0)
    days = np.array(["2024-01-05", "2024-07-05"], "datetime64[ns]")
    return make_cube(
        pixels, patch=["a", "b", "c", "lost"], time=np.tile(days, (4, 1)), lon=lon, lat=lat, epsg=epsg,
        x0=x0, y0=y0, sensor=SENTINEL2_L2A, bands=("B04", "B03", "B02"), unit="dn",
    )  # fmt: skip


@pytest.mark.parametrize("patch", [0, 1, 2])
def test_a_pixel_lies_on_the_map_where_it_lies_on_the_earth(cube, patch):
    backend = RecordingBackend()
    overlays.show_patches(backend, cube, patches=[patch])
    ((_, name, picture, (west, south, east, north), _),) = backend.calls
    assert name == f"patch {'abc'[patch]}"
    red = (picture[..., 0] > 150) & (picture[..., 1] < 150) & (picture[..., 3] > 0)
    row, column = (axis.mean() + 0.5 for axis in np.nonzero(red))
    (x0, y1), (x1, y0) = to_mercator(np.array([west, east]), np.array([south, north]))
    height, width = red.shape
    at = np.array([x0 + column / width * (x1 - x0), y0 + row / height * (y1 - y0)])
    lon, lat = from_mercator(at)
    to_utm = Transformer.from_crs(4326, int(cube["epsg"][patch]), always_xy=True)
    x, y = to_utm.transform(float(lon), float(lat))
    # Half a pixel is 5 m.
    assert abs(x - (float(cube["x0"][patch]) + (MARK[1] + 0.5) * 10)) < 5
    assert abs(y - (float(cube["y0"][patch]) - (MARK[0] + 0.5) * 10)) < 5


def test_patches_without_data_or_place_stay_see_through(cube):
    backend = RecordingBackend()
    assert overlays.show_patches(backend, cube, season=1) == ["patch a", "patch b", "patch c"]
    first, second, _ = (call[2] for call in backend.calls)
    height, width, _ = first.shape
    inner = slice(height // 8, -height // 8), slice(width // 12, -width // 12)
    holes = [(picture[inner][..., 3] == 0).sum() for picture in (first, second)]
    assert 8 <= holes[0] <= 32, "one pixel of the patch is about sixteen of the picture"
    assert holes[1] == 0
    with pytest.raises(ValueError, match="between 0 and 1, got 2"):
        overlays.show_patches(backend, cube, season=2)
    with pytest.raises(ValueError, match="up to 200"):
        overlays.show_patches(backend, cube, patches=[0] * 201)


def test_two_seasons_go_to_two_sides(cube):
    backend = RecordingBackend()
    backend.add_split = lambda *a, names: backend.calls.append((*a, names))
    overlays.show_seasons(backend, cube, 0)
    ((left, right, bounds, names),) = backend.calls
    assert names == ("left: 2024-01-05", "right: 2024-07-05")
    assert (left[..., 0] > 150).any()
    assert not ((right[..., 0] > 150) & (right[..., 3] > 0)).any()
    assert bounds[0] < 2.81 < bounds[2]
    with pytest.raises(ValueError, match="wanted a patch with a place, got 'lost'"):
        overlays.show_seasons(backend, cube, 3)


def test_footprints_tell_dates_and_colours(cube):
    backend = RecordingBackend()
    overlays.show_footprints(backend, cube, by="epsg")
    ((_, name, count, rgb, texts),) = backend.calls
    assert (name, count) == ("footprints", 4)
    assert texts[0] == "a: 2024-01-05 to 2024-07-05"
    assert len(np.unique(rgb, axis=0)) > 1
    with pytest.raises(LookupError, match="cannot colour by 'colour'; known are patch"):
        overlays.show_footprints(backend, cube, by="colour")


def test_a_plan_shows_what_it_took_and_what_it_refused():
    plan, backend = plan_places(12, AroundCities(50), seed=0), RecordingBackend()
    overlays.show_plan(backend, plan, by="continent")
    refused, taken = backend.calls
    assert (refused[1], len(refused[2])) == ("plan, refused", len(plan.rejected))
    assert (taken[1], len(taken[2])) == ("plan", 12)
    assert len(np.unique(taken[2], axis=0)) == plan.places["continent"].nunique()


def test_clusters_are_coloured_and_numbered():
    rng = np.random.default_rng(0)
    lonlat = np.stack([rng.uniform(-170, 170, 60), rng.uniform(-50, 60, 60)], 1)
    clusters, backend = cluster_places(lonlat, 12), RecordingBackend()
    overlays.show_clusters(backend, lonlat, clusters)
    points, marks = backend.calls
    for number in (0, 5, 11):
        assert len(np.unique(points[2][clusters.labels == number], axis=0)) == 1
    assert marks == ("marks", "clusters, centres", [str(n) for n in range(12)])
    with pytest.raises(ValueError, match="got 59 places and 60 labels"):
        overlays.show_clusters(backend, lonlat[1:], clusters)


def test_change_is_drawn_where_it_is():
    grid = Grid.of(32631, (10.0, 0, 480_000.0, 0, -10.0, 4_690_000.0))
    change, backend = np.zeros((20, 20), np.uint8), RecordingBackend()
    change[:10, 10:] = 3
    overlays.show_change(backend, change, grid)
    ((_, name, picture, _, opacity),) = backend.calls
    height, width = picture.shape[:2]
    assert (name, opacity) == ("change", 0.8)
    assert picture[height // 4, 3 * width // 4, 3] == 255
    assert picture[3 * height // 4, 3 * width // 4, 3] == 0
    with pytest.raises(ValueError, match=r"shape \(H, W\)"):
        overlays.show_change(backend, change[None], grid)


@pytest.mark.real_data
def test_items_of_a_search_are_told(tmp_path):
    folder = Path(os.environ.get("SECO_LAB_REAL_DATA", "../shared/data")) / "stac"
    if not folder.is_dir():
        pytest.skip(f"no STAC items in {folder}")
    found = json.loads((folder / "pc_sentinel2_l2a_T35MNM_2020_13items.json").read_text())["features"]
    items = gpd.GeoDataFrame.from_features(found, crs=4326).assign(id=[item["id"] for item in found])
    backend = RecordingBackend()
    overlays.show_items(backend, items)
    ((_, _, count, rgb, texts),) = backend.calls
    assert count == 13
    assert texts[0].startswith(found[0]["id"])
    assert "% cloud" in texts[0]
    assert len(np.unique(rgb, axis=0)) > 3


def test_items_without_clouds_are_shown_all_the_same():
    backend = RecordingBackend()
    overlays.show_items(backend, gpd.GeoDataFrame(geometry=gpd.points_from_xy([1.0], [2.0]), crs=4326))
    assert backend.calls[0][4] == []
