"""Where each patch comes to lie: on the 60 m lattice, or shifted into one internal tile of the files."""

from __future__ import annotations

import math
from itertools import product
from typing import Literal, NamedTuple

import numpy as np

from seco_lab.catalogs.grid import PIXEL_M, Corner, TileGrid, corners_in_blocks, to_utm
from seco_lab.places.point import EARTH_RADIUS_KM, unit_vectors

Snap = Literal["grid", "block"]


class _Patch(NamedTuple):
    name: str
    epsg: int
    corner: Corner


class Ground:
    """Patches laid down so far; finds the one that a further patch would share pixels with.

    Args:
        size_px: Side of all patches.
    """

    def __init__(self, size_px: int) -> None:
        self._side_m = size_px * PIXEL_M
        # A cell of space as wide as a diagonal: whoever overlaps lies in it or beside it.
        self._cell_km = self._side_m * math.sqrt(2) / 1000
        self._cells: dict[tuple[int, ...], list[_Patch]] = {}

    def lay(self, name: str, epsg: int, corner: Corner) -> None:
        """Remembers a patch."""
        self._cells.setdefault(self._cell(epsg, corner), []).append(_Patch(name, epsg, corner))

    def under(self, epsg: int, corner: Corner) -> str | None:
        """Name of a patch that shares pixels with this one; of another zone, one that lies too near."""
        here = self._cell(epsg, corner)
        for step in product((-1, 0, 1), repeat=3):
            for patch in self._cells.get(tuple(a + b for a, b in zip(here, step, strict=True)), ()):
                if patch.epsg != epsg or self._overlap(patch.corner, corner):
                    return patch.name
        return None

    def _overlap(self, one: Corner, other: Corner) -> bool:
        return abs(one.x0 - other.x0) < self._side_m and abs(one.y0 - other.y0) < self._side_m

    def _cell(self, epsg: int, corner: Corner) -> tuple[int, ...]:
        half = self._side_m / 2
        lon, lat = to_utm(epsg).transform(corner.x0 + half, corner.y0 - half, direction="INVERSE")
        return tuple(np.floor(unit_vectors(lon, lat) * EARTH_RADIUS_KM / self._cell_km).astype(int).tolist())


def settled(
    name: str, grid: TileGrid, corner: Corner, *, size_px: int, ground: Ground
) -> tuple[Corner | None, str]:
    """The nearest corner in one internal tile at which the patch overlaps none before it, else its own place.

    Returns:
        The corner, or None and the name of the patch in its way.
    """
    neighbour = ""
    for moved in (*corners_in_blocks(grid, corner, size_px), corner):
        found = ground.under(grid.epsg, moved)
        if found is None:
            ground.lay(name, grid.epsg, moved)
            return moved, ""
        neighbour = found
    return None, neighbour
