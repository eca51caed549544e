"""Where land is: a mask of 1/60 degree, and points drawn evenly from it."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.places.assets import (
    CLIMATE_CELLS_PER_DEGREE,
    CLIMATES,
    LAND_CELLS_PER_DEGREE,
    climate_classes,
    land_bits,
)

_ROWS_AT_ONCE = 600


def _cells(lon: ArrayLike, lat: ArrayLike, per_degree: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row from the north and column from -180 of the cells that hold the points."""
    row = np.floor((90.0 - np.asarray(lat, float)) * per_degree).astype(np.int64)
    column = np.floor((np.asarray(lon, float) + 180.0) * per_degree).astype(np.int64)
    return np.clip(row, 0, 180 * per_degree - 1), column % (360 * per_degree)


def is_land(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Whether points lie on land; lakes count as land (NOAA GLOBE, majority of 1/60 degree cells).

    Args:
        lon: Degrees east, any shape; 360 degrees more or less are the same.
        lat: Degrees north, same shape.
    """
    row, column = _cells(lon, lat, LAND_CELLS_PER_DEGREE)
    return (land_bits()[row, column >> 3] >> (7 - (column & 7)).astype(np.uint8) & 1).astype(bool)


def climate_of(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int8]:
    """Main climates of points as positions in ``CLIMATES``, -1 at sea (cells of 1/6 degree)."""
    row, column = _cells(lon, lat, CLIMATE_CELLS_PER_DEGREE)
    assert len(CLIMATES) == 5, "the file knows five classes"
    return climate_classes()[row, column].astype(np.int8) - 1


class _LandRuns(NamedTuple):
    """Stretches of land along a row of the mask; `area` is the running total in cells of the equator."""

    row: NDArray[np.int32]
    start: NDArray[np.int32]
    length: NDArray[np.int32]
    area: NDArray[np.float64]


@cache
def _land_runs() -> _LandRuns:
    rows, starts, lengths = [], [], []
    bits = land_bits()
    for first in range(0, len(bits), _ROWS_AT_ONCE):
        land = np.pad(np.unpackbits(bits[first : first + _ROWS_AT_ONCE], axis=1), ((0, 0), (1, 1)))
        shores = np.flatnonzero(land[:, 1:] != land[:, :-1])  # from sea to land and back, by turns
        row, start = np.divmod(shores[::2], land.shape[1] - 1)
        rows.append(row + first)
        starts.append(start)
        lengths.append(shores[1::2] - shores[::2])
    row, start, length = (np.concatenate(parts).astype(np.int32) for parts in (rows, starts, lengths))
    north = np.radians(90.0 - row / LAND_CELLS_PER_DEGREE)
    south = np.radians(90.0 - (row + 1) / LAND_CELLS_PER_DEGREE)
    area = np.cumsum(length * (np.sin(north) - np.sin(south)))
    return _LandRuns(row, start, length, area)


def land_points(u: ArrayLike, v: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of land, uniform by area where u and v are uniform.

    Args:
        u: In [0, 1), shape (N,): how far along all land, row after row of the mask.
        v: In [0, 1), shape (N,): how far from the north to the south edge of the row.

    Returns:
        Longitudes and latitudes, degrees, shape (N,).
    """
    runs = _land_runs()
    target = np.asarray(u, float) * runs.area[-1]
    i = np.searchsorted(runs.area, target, side="right")
    before = np.where(i > 0, runs.area[i - 1], 0.0)
    share = (target - before) / (runs.area[i] - before)
    lon = (runs.start[i] + share * runs.length[i]) / LAND_CELLS_PER_DEGREE - 180.0
    north = np.sin(np.radians(90.0 - runs.row[i] / LAND_CELLS_PER_DEGREE))
    south = np.sin(np.radians(90.0 - (runs.row[i] + 1) / LAND_CELLS_PER_DEGREE))
    lat = np.degrees(np.arcsin(north + np.asarray(v, float) * (south - north)))
    return lon, lat
