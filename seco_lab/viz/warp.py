"""A picture on any map grid, drawn as a map in Web Mercator shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.cube import Grid
from seco_lab.viz.basemap import from_mercator, to_mercator
from seco_lab.viz.raster import Bounds

# Pixels of the picture on the map for each cell: its edges then lie right to an eighth of a cell.
_FINER = 4
_MAX_PX = 1024


@dataclass(frozen=True)
class Overlay:
    """Which cell of a grid is seen at each pixel of a Web Mercator picture.

    Attributes:
        bounds: West, south, east, north of the picture in degrees.
        cells: Shape (h, w): row x width + column of the cell, -1 outside the grid.
        width: Cells in a row of the grid.
    """

    bounds: Bounds
    cells: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, grid: Grid, height: int, width: int) -> Overlay:
        """The overlay of a grid of ``height`` x ``width`` cells."""
        (x0, y0), (x1, y1) = _mercator_box(grid, height, width)
        scale = min(_FINER * max(height, width), _MAX_PX) / max(x1 - x0, y1 - y0)
        rows, columns = (max(1, round((b - a) * scale)) for a, b in ((y0, y1), (x0, x1)))
        xs = x0 + (np.arange(columns) + 0.5) * (x1 - x0) / columns
        ys = y0 + (np.arange(rows) + 0.5) * (y1 - y0) / rows
        lon, lat = from_mercator(np.stack(np.meshgrid(xs, ys), -1))
        row, column = cell_of(grid, lon, lat)
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        west, north = from_mercator(np.array([x0, y0]))
        east, south = from_mercator(np.array([x1, y1]))
        bounds = (float(west), float(south), float(east), float(north))
        return cls(bounds, np.where(inside, row * width + column, -1), width)

    def picture(self, rgb: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Colours of cells (H, W, 3) as a picture (h, w, 4); see-through where ``known`` (H, W) is false."""
        flat = np.concatenate([rgb.reshape(-1, 3), 255 * known.reshape(-1, 1).astype(np.uint8)], 1)
        return np.vstack([flat, np.zeros((1, 4), np.uint8)])[self.cells]


def cell_of(grid: Grid, lon: NDArray, lat: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the cells in which points lie; beyond the grid they go on counting.

    Args:
        grid: The grid.
        lon: Degrees.
        lat: Degrees.
    """
    x, y = _transformer(4326, grid.crs).transform(np.asarray(lon), np.asarray(lat))
    if is_geographic(grid.crs):  # a map that wraps around may report 190 degrees for -170
        middle = grid.x0
        x = middle + (x - middle + 180) % 360 - 180
    finite = np.isfinite(x) & np.isfinite(y)
    column, row = np.floor((x - grid.x0) / grid.dx), np.floor((grid.y0 - y) / grid.dy)
    return np.where(finite, row, -1).astype(np.int64), np.where(finite, column, -1).astype(np.int64)


def lonlat_of(grid: Grid, row: NDArray, column: NDArray) -> tuple[NDArray, NDArray]:
    """Middles of cells in degrees."""
    x, y = (
        grid.x0 + (np.asarray(column, float) + 0.5) * grid.dx,
        grid.y0 - (np.asarray(row, float) + 0.5) * grid.dy,
    )
    return _transformer(grid.crs, 4326).transform(x, y)


def _mercator_box(grid: Grid, height: int, width: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Smallest and largest Mercator coordinates along the grid's edge; beyond 1 across the date line."""
    along = np.linspace(0, 1, 65)
    column = np.concatenate([along, along, 0 * along, 0 * along + 1]) * width
    row = np.concatenate([0 * along, 0 * along + 1, along, along]) * height
    lon, lat = lonlat_of(grid, row - 0.5, column - 0.5)
    lon = lon[0] + (lon - lon[0] + 180) % 360 - 180
    at = to_mercator(lon, lat)
    return tuple(at.min(0)), tuple(at.max(0))


def _transformer(source: str | int, target: str | int) -> object:
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)


def is_geographic(crs: str) -> bool:
    """Whether a CRS counts in degrees."""
    from pyproj import CRS

    return CRS.from_wkt(crs).is_geographic
