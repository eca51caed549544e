"""Places that can be asked for together: one search for a cell of the Earth and a stretch of time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.catalogs.base import BBox

CELL_DEG = 1.0
_KM_PER_DEG = 111.2
_MARGIN_KM = 4.0  # half a patch, and the shift into an internal tile
_JOIN_DAYS = 62  # windows nearer than this are one search; two years are two


@dataclass(frozen=True)
class Group:
    """Places of one cell.

    Attributes:
        rows: Their numbers in the plan, ascending.
        boxes: Around them, degrees; two where they lie at the antimeridian.
    """

    rows: tuple[int, ...]
    boxes: tuple[BBox, ...]


def groups(lon: Sequence[float], lat: Sequence[float], *, cell_deg: float = CELL_DEG) -> list[Group]:
    """The places by cell, in the order in which the plan first comes to each cell.

    Raises:
        ValueError: The cell has no size.
    """
    if not cell_deg > 0:
        raise ValueError(f"a cell has a size in degrees above 0, got {cell_deg}")
    cells: dict[tuple[int, int], list[int]] = {}
    for row, (x, y) in enumerate(zip(lon, lat, strict=True)):
        cells.setdefault((math.floor(x / cell_deg), math.floor(y / cell_deg)), []).append(row)
    return [
        Group(tuple(rows), boxes_around(np.take(lon, rows), np.take(lat, rows))) for rows in cells.values()
    ]


def boxes_around(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[BBox, ...]:
    """The box around points that lie near one another, with room for their patches; cut at 180 degrees."""
    south = max(-90.0, float(np.min(lat)) - _MARGIN_KM / _KM_PER_DEG)
    north = min(90.0, float(np.max(lat)) + _MARGIN_KM / _KM_PER_DEG)
    wider = _MARGIN_KM / _KM_PER_DEG / max(0.02, math.cos(math.radians(max(-south, north))))
    west, east = float(np.min(lon)) - wider, float(np.max(lon)) + wider
    if west < -180:
        pieces = ((-180.0, east), (west + 360, 180.0))
    elif east > 180:
        pieces = ((west, 180.0), (-180.0, east - 360))
    else:
        pieces = ((west, east),)
    return tuple((_rounded(w), _rounded(south), _rounded(e), _rounded(north)) for w, e in pieces)


def stretches(
    first: NDArray[np.datetime64], last: NDArray[np.datetime64]
) -> Iterator[tuple[np.datetime64, np.datetime64]]:
    """Windows of time joined where they overlap or nearly do, so that a year is one search.

    Args:
        first: Begin of each window.
        last: End of each window.
    """
    order = np.argsort(first.ravel(), kind="stable")
    begins, ends = first.ravel()[order], np.maximum.accumulate(last.ravel()[order])
    cut = np.flatnonzero(begins[1:] - ends[:-1] > np.timedelta64(_JOIN_DAYS, "D")) + 1
    for part in np.split(np.arange(len(begins)), cut):
        yield begins[part[0]], ends[part[-1]]


def _rounded(degrees: float) -> float:
    """To about a metre: the last bits of a float would make another search of the same one."""
    return round(degrees, 5)
