"""Sentinel-2's tiles: squares of 109.8 km on the 100 km grid of UTM, called as in MGRS."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np
import shapely

from seco_lab.catalogs.base import BBox
from seco_lab.catalogs.grid import GRID_M, TileGrid, to_utm
from seco_lab.places.utm import LATITUDES, zone_span

TILE_M = 109_800.0
_SQUARE_M = 100_000.0
_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")  # by zone number modulo 3
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_BANDS = "CDEFGHJKLMNPQRSTUVWX"


def tiles_in(bbox: BBox) -> Iterator[tuple[str, TileGrid, shapely.Polygon]]:
    """Name, extent and outline of every tile that meets a box, each once.

    Args:
        bbox: West, south, east, north; west < east.
    """
    west, south, east, north = bbox
    around = range(max(1, math.floor((west + 180) / 6)), min(60, math.ceil((east + 180) / 6) + 1) + 1)
    found = {}
    for low, high in pairwise((-math.inf, *LATITUDES, math.inf)):
        for zone in around:
            span = zone_span(zone, low)
            clipped = span and (max(west, span[0]), max(south, low), min(east, span[1]), min(north, high))
            if clipped and clipped[0] < clipped[2] and clipped[1] < clipped[3]:
                tiles = _of_zone((326 if low >= 0 else 327) * 100 + zone, clipped)
                found |= {(grid.epsg, name): (name, grid, outline) for name, grid, outline in tiles}
    yield from found.values()


def _of_zone(epsg: int, bbox: BBox) -> Iterator[tuple[str, TileGrid, shapely.Polygon]]:
    box = shapely.box(*bbox)
    x, y = to_utm(epsg).transform(*np.array(shapely.segmentize(box, 0.5).exterior.coords).T)
    for row in range(math.floor(min(y) / _SQUARE_M) - 1, math.floor(max(y) / _SQUARE_M) + 2):
        for column in range(
            max(1, math.floor(min(x) / _SQUARE_M) - 1), min(8, math.floor(max(x) / _SQUARE_M) + 1) + 1
        ):
            name, grid, outline = _tile(epsg, column, row)
            if touches(outline, box):
                yield name, grid, outline


@lru_cache(maxsize=4096)
def _tile(epsg: int, column: int, row: int) -> tuple[str, TileGrid, shapely.Polygon]:
    left = math.floor(column * _SQUARE_M / GRID_M) * GRID_M
    equator_m = 10_000_000.0 if epsg > 32700 else 0.0  # from which the lattice of 60 m is counted
    top = equator_m + math.ceil(((row + 1) * _SQUARE_M - equator_m) / GRID_M) * GRID_M
    grid = TileGrid(epsg, left, top, left + TILE_M, top - TILE_M)
    _, lat = to_utm(epsg).transform(left + TILE_M / 2, top - TILE_M / 2, direction="INVERSE")
    zone = epsg % 100
    letters = _COLUMNS[zone % 3][column - 1] + _ROWS[(row + 5 * (zone % 2 == 0)) % 20]
    band = _BANDS[min(19, max(0, math.floor((lat + 80) / 8)))]
    return f"{zone:02d}{band}{letters}", grid, outline_of(grid)


def outline_of(grid: TileGrid, *, shown: float = 1.0) -> shapely.Polygon:
    """The western part of a tile in degrees; across 180 degrees its longitudes run on.

    Args:
        grid: Extent of the tile.
        shown: How much of it, 0 to 1.
    """
    edge = shapely.segmentize(
        shapely.box(grid.left, grid.bottom, grid.left + shown * (grid.right - grid.left), grid.top),
        TILE_M / 4,
    )
    x, y = np.array(edge.exterior.coords).T
    lon, lat = to_utm(grid.epsg).transform(x, y, direction="INVERSE")
    centre = 6 * (grid.epsg % 100) - 183
    lon = np.asarray(lon) + 360 * np.round((centre - np.asarray(lon)) / 360)
    return shapely.polygons(np.stack([lon, lat], axis=1))


def touches(outline: shapely.Geometry, box: shapely.Polygon) -> bool:
    """Whether an outline whose longitudes may run on beyond 180 meets a box."""
    west, south, east, north = box.bounds
    boxes = [shapely.box(west + turn, south, east + turn, north) for turn in (-360, 0, 360)]
    return bool(shapely.intersects(outline, boxes).any())
