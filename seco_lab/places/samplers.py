"""The ways to draw places: each turns (seed, candidate number) into a point.

A sampler is a frozen dataclass; `plan_places` asks it for candidates, refuses those at sea or too near to
another, and keeps the rest in order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seco_lab.places.assets import CLIMATES, CONTINENTS, Cities, cities
from seco_lab.places.draw import normal_pair, uniforms
from seco_lab.places.land import climate_of, land_points
from seco_lab.places.point import offset

_DENSEST = 10.0  # times as many candidates around few cities, at most


@dataclass(frozen=True)
class Candidates:
    """Points proposed by a sampler, in order.

    Attributes:
        lon: Degrees east, shape (N,).
        lat: Degrees north, shape (N,).
        city: Row in ``cities()`` around which the point was drawn, -1 where it was drawn otherwise.
        stratum: Position in the sampler's `strata`, -1 where there are none.
        name: The user's own names of the points, None where the plan shall name them.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    city: NDArray[np.int64]
    stratum: NDArray[np.int64]
    name: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        *,
        city: NDArray[np.int64] | None = None,
        stratum: NDArray[np.int64] | None = None,
        name: tuple[str, ...] | None = None,
    ) -> Candidates:
        """Candidates whose missing columns are -1."""
        none = np.full(len(lon), -1)
        return cls(lon, lat, none if city is None else city, none if stratum is None else stratum, name)

    def __len__(self) -> int:
        return len(self.lon)


class Sampler(Protocol):
    """What `plan_places` needs."""

    @property
    def name(self) -> str:
        """Short name, part of the places' ids."""

    @property
    def strata(self) -> Mapping[str, float] | None:
        """Share of the plan that each stratum shall have, None without quotas."""

    @property
    def on_land(self) -> bool:
        """Whether candidates at sea are to be refused."""

    def candidates(self, seed: int, start: int, stop: int) -> Candidates:
        """Candidates start to stop; fewer where the sampler has no more."""

    def arguments(self) -> dict[str, Any]:
        """What made it, as JSON values, for the plan's metadata."""


def _check_std(std_km: float) -> None:
    if not (math.isfinite(std_km) and std_km > 0):
        raise ValueError(f"std_km must be a positive number of kilometres, got {std_km}")


def _around(
    table: Cities, city: NDArray[np.int64], draws: NDArray[np.float64], std_km: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of a Gaussian around cities, from two uniform columns."""
    east, north = normal_pair(draws[:, 0], draws[:, 1])
    return offset(table.lon[city], table.lat[city], std_km * east, std_km * north)


@dataclass(frozen=True)
class AroundCities:
    """A Gaussian around the most populous cities, each as likely as any other (SeCo, arXiv:2103.16607).

    Differs from the paper's code: the deviation is in true kilometres at every latitude, not in degrees.

    Attributes:
        std_km: Standard deviation to the east and to the north, km.
        n_cities: How many of the largest cities, at most 10,000.
    """

    std_km: float = 50.0
    n_cities: int = 10_000

    name = "cities"
    strata = None
    on_land = True

    def __post_init__(self) -> None:
        _check_std(self.std_km)
        if not 1 <= self.n_cities <= len(cities()):
            raise ValueError(f"n_cities must lie in 1 to {len(cities())}, got {self.n_cities}")

    def candidates(self, seed: int, start: int, stop: int) -> Candidates:
        """Candidates start to stop."""
        draws = uniforms(seed, self.name, start, stop)
        city = np.floor(draws[:, 0] * self.n_cities).astype(np.int64)
        return Candidates.of(*_around(cities(), city, draws[:, 1:3], self.std_km), city=city)

    def arguments(self) -> dict[str, Any]:
        """The attributes."""
        return {"std_km": self.std_km, "n_cities": self.n_cities}


@dataclass(frozen=True)
class ByPopulation:
    """A Gaussian around the most populous cities, each as likely as it has people.

    Attributes:
        std_km: Standard deviation to the east and to the north, km.
    """

    std_km: float = 50.0

    name = "population"
    strata = None
    on_land = True

    def __post_init__(self) -> None:
        _check_std(self.std_km)

    def candidates(self, seed: int, start: int, stop: int) -> Candidates:
        """Candidates start to stop."""
        draws = uniforms(seed, self.name, start, stop)
        people = np.cumsum(cities().population)
        city = np.searchsorted(people, draws[:, 0] * people[-1], side="right")
        return Candidates.of(*_around(cities(), city, draws[:, 1:3], self.std_km), city=city)

    def arguments(self) -> dict[str, Any]:
        """The attributes."""
        return {"std_km": self.std_km}


@dataclass(frozen=True)
class OnLand:
    """Uniform by area on all land; lakes count as land."""

    name = "land"
    strata = None
    on_land = True

    def candidates(self, seed: int, start: int, stop: int) -> Candidates:
        """Candidates start to stop."""
        draws = uniforms(seed, self.name, start, stop)
        return Candidates.of(*land_points(draws[:, 0], draws[:, 1]))

    def arguments(self) -> dict[str, Any]:
        """Nothing."""
        return {}


def _checked_quota(quota: Mapping[str, float] | None, known: tuple[str, ...], what: str) -> dict[str, float]:
    """Shares that sum to one, in the order of `known`; all but Antarctica alike where none are given."""
    if quota is None:
        quota = {name: 1.0 for name in known if name != "Antarctica"}
    for name, share in quota.items():
        if name not in known:
            raise LookupError(f"unknown {what} {name!r}; known are {', '.join(known)}")
        if not (math.isfinite(share) and share >= 0):
            raise ValueError(f"the quota of {name} must be a number of at least 0, got {share}")
    total = sum(quota.values())
    if total <= 0:
        raise ValueError(f"the quota gives no {what} a share; give at least one a positive number")
    return {name: quota[name] / total for name in known if quota.get(name, 0) > 0}


class PerContinent:
    """A Gaussian around cities, each continent with its share of the plan, each of its cities alike.

    Args:
        quota: Continent -> share, in any unit; those not named get nothing. None: six continents alike.
        std_km: Standard deviation to the east and to the north, km.
    """

    name = "continents"
    on_land = True

    def __init__(self, quota: Mapping[str, float] | None = None, *, std_km: float = 50.0) -> None:
        _check_std(std_km)
        self.std_km = std_km
        self.strata = _checked_quota(quota, CONTINENTS, "continent")
        self._members = [np.flatnonzero(cities().continent == name) for name in self.strata]
        for name, members in zip(self.strata, self._members, strict=True):
            if not len(members):
                raise ValueError(f"{name} has none of the 10,000 largest cities; sample it with OnLand()")
        self._edges = np.cumsum(_densities(list(self.strata.values()), [len(m) for m in self._members]))

    def candidates(self, seed: int, start: int, stop: int) -> Candidates:
        """Candidates start to stop: of each continent as many as its share, and more where cities are few."""
        draws = uniforms(seed, self.name, start, stop)
        stratum = np.minimum(np.searchsorted(self._edges, draws[:, 3], side="right"), len(self.strata) - 1)
        city = np.empty(len(draws), np.int64)
        for i, members in enumerate(self._members):
            here = stratum == i
            city[here] = members[np.floor(draws[here, 0] * len(members)).astype(np.int64)]
        lon, lat = _around(cities(), city, draws[:, 1:3], self.std_km)
        return Candidates.of(lon, lat, city=city, stratum=stratum)

    def arguments(self) -> dict[str, Any]:
        """The quota and the deviation."""
        return {"quota": self.strata, "std_km": self.std_km}


def _densities(shares: list[float], cities_there: list[int]) -> NDArray[np.float64]:
    """Share of the candidates that each continent gets; sums to one.

    Around few cities most candidates of a large plan overlap (in Oceania nine of ten at 200,000 places), and
    those of the other continents would be judged in vain meanwhile. The plan keeps its own shares, and a
    larger plan contains the smaller one, because this depends on the quota alone.
    """
    wanted = np.array(shares) / np.array(cities_there)
    weights = shares * np.clip(wanted / np.median(wanted), 1, _DENSEST)
    return weights / weights.sum()


class PerClimate:
    """Uniform on land, each main climate of Köppen and Geiger with its share of the plan.

    Args:
        quota: Climate (tropical, dry, temperate, continental, polar) -> share. None: all five alike.
    """

    name = "climates"
    on_land = True

    def __init__(self, quota: Mapping[str, float] | None = None) -> None:
        self.strata = _checked_quota(quota, CLIMATES, "climate")
        position = {name: i for i, name in enumerate(self.strata)}
        self._stratum = np.array([position.get(name, -1) for name in CLIMATES] + [-1])

    def candidates(self, seed: int, start: int, stop: int) -> Candidates:
        """Candidates start to stop; those of a climate without a share, or none, have stratum -1."""
        draws = uniforms(seed, self.name, start, stop)
        lon, lat = land_points(draws[:, 0], draws[:, 1])
        return Candidates.of(lon, lat, stratum=self._stratum[climate_of(lon, lat)])

    def arguments(self) -> dict[str, Any]:
        """The quota."""
        return {"quota": self.strata}
