"""The catalogue that the simulated world would have: to try a plan and its losses before going online."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import shapely

from seco_lab.catalogs.base import Asset, BBox, Scene
from seco_lab.catalogs.grid import TileGrid
from seco_lab.catalogs.items import BANDS, SCL
from seco_lab.catalogs.mgrs import TILE_M, outline_of, tiles_in, touches
from seco_lab.remote.base import Unsigned
from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.world.acquisition import REVISIT_DAYS, passes_near
from seco_lab.world.atmosphere import cloud_amount
from seco_lab.world.climate import days_of
from seco_lab.world.frame import Frame
from seco_lab.world.hashing import chance

_BASELINES = (("2022-01-25", "03.01"), ("2022-12-06", "04.00"), ("9999-01-01", "05.09"))
_LOOKS = (0.17, 0.5, 0.83)  # where on each axis the sky over a tile is looked at
_RESOLUTION_M = {band: 20 if band == SCL else SENTINEL2_L2A.band(band).resolution_m for band in BANDS}


class SimulatedCatalog(Unsigned):
    """Scenes of the simulated world over the real grid of tiles, a pure function of seed, tile and day.

    A satellite comes by every five days; every other pass shows only the west of a tile, as at the edge of a
    swath. How cloudy a scene is follows the climate, so wet countries lose more places than dry ones. The
    scenes have no files: pixels come from ``SimulatedSource`` with the same seed.

    Args:
        seed: Which world, 0 or more.
    """

    def __init__(self, seed: int = 0) -> None:
        if seed < 0:
            raise ValueError(f"seed must be 0 or more, got {seed}")
        self.seed = seed
        self.name = f"simulated {seed}"

    def __repr__(self) -> str:
        return f"SimulatedCatalog(seed={self.seed})"

    def search(self, bbox: BBox, start: np.datetime64, end: np.datetime64) -> list[Scene]:
        """All scenes that meet the box in that time."""
        box = shapely.box(*bbox)
        return [
            scene
            for tile, grid, _ in tiles_in(bbox)
            for scene in self._passes(tile, grid, start, end)
            if touches(scene.footprint, box)
        ]

    def _passes(self, tile: str, grid: TileGrid, start: np.datetime64, end: np.datetime64) -> Iterator[Scene]:
        first, last = int(days_of(start)), int(days_of(end))
        middle = _swath(self.seed, grid, "a").sky[len(_LOOKS) ** 2 // 2]
        for day in passes_near(middle, (first + last) // 2, (last - first) // 2 + 1):
            scene = self._scene(tile, grid, int(day))
            if start <= scene.time <= end:
                yield scene

    def _scene(self, tile: str, grid: TileGrid, day: int) -> Scene:
        date, craft = np.datetime64(day, "D"), "ab"[day // REVISIT_DAYS % 2]
        swath = _swath(self.seed, grid, craft)
        name = f"S2{craft.upper()}_{tile}_{str(date).replace('-', '')}_0_L2A"
        return Scene(
            item_id=name,
            collection="simulated-l2a",
            self_href="",
            time=date.astype("datetime64[ms]") + np.timedelta64(10 * 60 + 30, "m"),
            created=date.astype("datetime64[ms]") + np.timedelta64(1, "D"),
            platform=f"sentinel-2{craft}",
            tile=tile,
            scene_cloud_cover=round(100 * float(np.mean([cloud_amount(f, day) for f in swath.sky])), 2),
            scene_nodata=round(100 * (1 - swath.shown), 2),
            baseline=next(version for until, version in _BASELINES if date < np.datetime64(until)),
            offset_applied=True,
            footprint=swath.outline,
            assets={band: _asset(f"simulated://{self.seed}/{name}/{band}.tif", grid, band) for band in BANDS},
        )


class _Swath(NamedTuple):
    """What a satellite sees of a tile each time: the share, its outline, and where the sky is looked at."""

    shown: float
    outline: shapely.Polygon
    sky: tuple[Frame, ...]


@lru_cache(maxsize=1024)
def _swath(seed: int, grid: TileGrid, craft: str) -> _Swath:
    cut = chance(_frame(seed, grid, 0.5, 0.5).salt("swath"), round(grid.left), round(grid.top))
    shown = 1.0 if craft == "a" else 0.4 + 0.6 * cut
    sky = tuple(_frame(seed, grid, x * shown, y) for x in _LOOKS for y in _LOOKS)
    return _Swath(shown, outline_of(grid, shown=shown), sky)


def _frame(seed: int, grid: TileGrid, across: float, down: float) -> Frame:
    """The pixel at a share of the way across and down a tile."""
    column = round((grid.left + across * TILE_M) / 10)
    return Frame(seed, grid.epsg, column, -round((grid.top - down * TILE_M) / 10), 1)


def _asset(href: str, grid: TileGrid, band: str) -> Asset:
    pixel_m = _RESOLUTION_M[band]
    side = round(TILE_M / pixel_m)
    return Asset(href, grid.epsg, (pixel_m, 0.0, grid.left, 0.0, -pixel_m, grid.top), (side, side))
