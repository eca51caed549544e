"""A regular grid of cells of equal area, and the sampler of a name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.places.draw import shuffled
from seco_lab.places.land import is_land
from seco_lab.places.point import EARTH_RADIUS_KM
from seco_lab.places.samplers import (
    AroundCities,
    ByPopulation,
    Candidates,
    OnLand,
    PerClimate,
    PerContinent,
    Sampler,
)

_MOST_CELLS = 6_000_000
_LAND_KM2 = 1.4e8


@dataclass(frozen=True)
class Grid:
    """Centres of cells of equal area: rows of one height, each cut into cells as wide as they are high.

    A plan of fewer places than the grid has is a random part of it, and a larger plan of the same spacing
    contains the smaller one. Grids of different spacing have no places in common.

    Attributes:
        spacing_km: Height of the rows and least width of the cells, km.
    """

    spacing_km: float

    name = "grid"
    strata = None
    on_land = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.spacing_km) and 0 < self.spacing_km <= 5000):
            raise ValueError(f"spacing_km must lie in 0 to 5000, got {self.spacing_km}")
        if self.spacing_km**2 * _MOST_CELLS < 4 * math.pi * EARTH_RADIUS_KM**2:
            raise ValueError(f"a grid of {self.spacing_km:g} km has over 6 million cells; take 10 km or more")

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """All centres, sea included: longitudes and latitudes from south to north."""
        n_rows = max(1, round(math.pi * EARTH_RADIUS_KM / self.spacing_km))
        row_lat = (np.arange(n_rows) + 0.5) / n_rows * 180.0 - 90.0
        around = 2 * math.pi * EARTH_RADIUS_KM * np.cos(np.radians(row_lat))
        n_columns = np.maximum(1, np.floor(around / self.spacing_km)).astype(np.int64)
        first = np.cumsum(n_columns) - n_columns
        column = np.arange(n_columns.sum()) - np.repeat(first, n_columns)
        return (column + 0.5) / np.repeat(n_columns, n_columns) * 360.0 - 180.0, np.repeat(row_lat, n_columns)

    def candidates(self, seed: int, start: int, stop: int) -> Candidates:
        """Land cells start to stop of a random order."""
        lon, lat = _land_cells(self)
        order = shuffled(seed, self.name, len(lon))[start:stop]
        return Candidates.of(lon[order], lat[order])

    def arguments(self) -> dict[str, Any]:
        """The spacing."""
        return {"spacing_km": self.spacing_km}


@lru_cache(maxsize=2)
def _land_cells(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lon, lat = grid.points()
    land = is_land(lon, lat)
    return lon[land], lat[land]


def grid_for(n: int, *, lat_range: tuple[float, float] = (-60.0, 83.0)) -> Grid:
    """The widest grid that has at least n cells on land between two latitudes."""
    if n < 1:
        raise ValueError(f"a plan needs at least one place, got {n}")

    def enough(spacing_km: float) -> bool:
        _, lat = _land_cells(Grid(spacing_km))
        return int(((lat >= lat_range[0]) & (lat <= lat_range[1])).sum()) >= n

    spacing = min(5000.0, math.sqrt(_LAND_KM2 / n) * (1.05 + 2 / math.sqrt(n)))
    while not enough(spacing):
        spacing *= 0.995
    return Grid(round(spacing, 6))


def sampler_named(
    name: str, *, places: int, std_km: float = 50.0, quota: Mapping[str, float] | None = None
) -> Sampler:
    """The sampler of a name, for the command line; in Python write the class itself.

    Raises:
        LookupError: The name is unknown.
    """
    makers = {
        "cities": lambda: AroundCities(std_km),
        "population": lambda: ByPopulation(std_km),
        "land": OnLand,
        "continents": lambda: PerContinent(quota, std_km=std_km),
        "climates": lambda: PerClimate(quota),
        "grid": lambda: grid_for(places),
    }
    if name not in makers:
        raise LookupError(f"unknown sampler {name!r}; known are {', '.join(makers)}")
    if quota is not None and name not in ("continents", "climates"):
        raise ValueError(f"sampler {name!r} takes no quota; only continents and climates do")
    return makers[name]()
