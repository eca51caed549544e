"""From a sampler to a plan: the places to gather, and the candidates refused with the reason."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.places.assets import cities
from seco_lab.places.draw import check_seed
from seco_lab.places.land import is_land
from seco_lab.places.overlap import MIN_DISTANCE_KM, Spacing
from seco_lab.places.point import Place
from seco_lab.places.regions import countries_of, nearest_city
from seco_lab.places.samplers import Candidates, Sampler

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_FIRST_BLOCK = 1024
_LARGEST_BLOCK = 1_048_576
_TRIES = 20_000  # candidates in a row among which at least one in 500 must be accepted
LAT_RANGE = (-60.0, 83.0)  # Sentinel-2 looks at land from 56 south to 84 north
REASONS = ("accepted", "latitude", "sea", "overlap", "stratum")


@dataclass(frozen=True)
class Plan:
    """Places to gather and how they were chosen.

    Attributes:
        places: GeoDataFrame, a row per place: name, lon, lat, city, city_km, country, continent, stratum,
            candidate, geometry (point, WGS 84).
        rejected: The same columns for the candidates refused, and `why`: latitude, sea, overlap, stratum.
        about: Sampler, arguments, seed and rules, as JSON values.
    """

    places: GeoDataFrame
    rejected: GeoDataFrame
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.places)

    def __repr__(self) -> str:
        return (
            f"Plan({len(self)} places, {len(self.rejected)} rejected, sampler "
            f"{self.about.get('sampler')!r}, seed {self.about.get('seed')}, hash {self.hash})"
        )

    @property
    def hash(self) -> str:
        """Sixteen hex digits that change when a place is added, removed, moved, renamed or reordered."""
        return plan_hash(self.places)

    def place_list(self) -> list[Place]:
        """The places in order."""
        table = self.places
        return [Place(*row) for row in zip(table["name"], table["lon"], table["lat"], strict=True)]


def plan_hash(places: GeoDataFrame) -> str:
    """The hash of a table's names and coordinates, in order."""
    digest = hashlib.sha256("\n".join(places["name"]).encode())
    digest.update(np.ascontiguousarray(places[["lon", "lat"]].to_numpy(), "<f8").tobytes())
    return digest.hexdigest()[:16]


def plan_places(
    n: int | None,
    sampler: Sampler,
    *,
    seed: int = 0,
    min_distance_km: float = MIN_DISTANCE_KM,
    lat_range: tuple[float, float] = LAT_RANGE,
) -> Plan:
    """Draws n places that lie on land and do not overlap.

    Candidate k depends on the seed and k alone and is judged against those before it, so a larger plan
    contains the smaller one unchanged (with quotas too, in order).

    Args:
        n: How many places. None: all that the sampler has (the user's points, a grid).
        sampler: Where candidates come from, such as ``AroundCities(std_km=50)``.
        seed: From 0 to 2**64 - 1.
        min_distance_km: Least distance of two centres on the sphere; the default lets no two patches of
            2.64 km overlap, however they are turned. 0 allows overlap.
        lat_range: South and north limit in degrees.

    Raises:
        ValueError: n is less than one, or the sampler cannot find as many places.
    """
    check_seed(seed)
    if n is not None and n < 1:
        raise ValueError(f"no places: a plan needs at least one, got {n}")
    if not -90 <= lat_range[0] < lat_range[1] <= 90:
        raise ValueError(f"lat_range must run from south to north within -90 to 90, got {lat_range}")
    drawn, why = _draw(n, sampler, seed, Spacing(min_distance_km), lat_range)
    chosen = _chosen(n, sampler, drawn, why)
    if not len(chosen):
        raise ValueError(f"no places: all {len(why)} candidates were refused ({_shares(why)})")
    about = {
        "sampler": sampler.name,
        "arguments": sampler.arguments(),
        "seed": int(seed),
        "places": len(chosen),
        "min_distance_km": min_distance_km,
        "lat_range": list(lat_range),
    }
    return _plan(sampler, drawn, why, chosen, about)


def plan_of(places: Sequence[Place]) -> Plan:
    """A plan of just these places: no check of land or overlap."""
    if not places:
        raise ValueError("no places: the list is empty")
    lon, lat = (np.array([getattr(place, axis) for place in places], float) for axis in ("lon", "lat"))
    names = tuple(place.name for place in places)
    if len(set(names)) < len(names):
        raise ValueError("names of places must differ")
    drawn = Candidates.of(lon, lat, name=names)
    table = _table(drawn, np.arange(len(lon)), "list", None, 0)
    return Plan(table, table.iloc[:0].assign(why=""), {"sampler": "list", "places": len(lon)})


def _draw(
    n: int | None, sampler: Sampler, seed: int, spacing: Spacing, lat_range: tuple[float, float]
) -> tuple[Candidates, NDArray[np.int8]]:
    """Candidates, block after block until there are enough, and why each was refused (0: it was not)."""
    blocks: list[Candidates] = []
    verdicts: list[NDArray[np.int8]] = []
    wanted, have = _wanted(n, sampler), np.zeros(max(1, len(sampler.strata or {})), np.int64)
    start, size, barren = 0, _FIRST_BLOCK, 0
    while wanted is None or (have < wanted).any():
        block = sampler.candidates(seed, start, start + size)
        if len(block):
            why = _judge(block, sampler, spacing, lat_range)
            blocks.append(block)
            verdicts.append(why)
            new = np.bincount(np.maximum(block.stratum[why == 0], 0), minlength=len(have))
            short = np.ones(len(have), bool) if wanted is None else have < wanted
            barren = 0 if 500 * new[short].min() >= len(block) else barren + len(block)
            have += new
        start += len(block)
        if len(block) < size:
            break
        if wanted is not None and barren >= _TRIES and (have < wanted).any():
            break
        size = min(_LARGEST_BLOCK, max(_FIRST_BLOCK, start))
    why = np.concatenate(verdicts) if verdicts else np.zeros(0, np.int8)
    if wanted is not None and (have < wanted).any():
        raise ValueError(_too_few(wanted, have, sampler, why))
    return _joined(blocks), why


def _wanted(n: int | None, sampler: Sampler) -> NDArray[np.int64] | None:
    """How many places each stratum needs."""
    if n is None:
        return None
    if not sampler.strata:
        return np.array([n])
    return np.bincount(_schedule(n, list(sampler.strata.values())), minlength=len(sampler.strata))


def _schedule(n: int, shares: list[float]) -> NDArray[np.int64]:
    """The stratum of the first, second, ... n-th place, such that every beginning keeps the shares."""
    due, stratum = [], []
    for i, share in enumerate(shares):
        turns = np.arange(math.ceil(share * n) + 2)
        due.append((turns + 0.5) / share)
        stratum.append(np.full(len(turns), i))
    return np.concatenate(stratum)[np.argsort(np.concatenate(due), kind="stable")][:n]


def _judge(
    block: Candidates, sampler: Sampler, spacing: Spacing, lat_range: tuple[float, float]
) -> NDArray[np.int8]:
    """Positions in ``REASONS``: 0 where the candidate is accepted."""
    why = np.zeros(len(block), np.int8)
    if sampler.strata:
        why[block.stratum < 0] = REASONS.index("stratum")
    if sampler.on_land:
        why[(why == 0) & ~is_land(block.lon, block.lat)] = REASONS.index("sea")
    outside = (block.lat < lat_range[0]) | (block.lat > lat_range[1])
    why[outside] = REASONS.index("latitude")
    left = np.flatnonzero(why == 0)
    far = spacing.accept(block.lon[left], block.lat[left])
    why[left[~far]] = REASONS.index("overlap")
    return why


def _chosen(n: int | None, sampler: Sampler, drawn: Candidates, why: NDArray[np.int8]) -> NDArray[np.int64]:
    """Numbers of the accepted candidates that make the plan, in its order."""
    accepted = np.flatnonzero(why == 0)
    if n is None or not sampler.strata:
        return accepted[:n]
    schedule = _schedule(n, list(sampler.strata.values()))
    chosen = np.empty(n, np.int64)
    for i in range(len(sampler.strata)):
        turns = np.flatnonzero(schedule == i)
        chosen[turns] = accepted[drawn.stratum[accepted] == i][: len(turns)]
    return chosen


def _joined(blocks: list[Candidates]) -> Candidates:
    if len(blocks) == 1:
        return blocks[0]
    lon, lat, city, stratum = (
        np.concatenate([getattr(b, column) for b in blocks]) for column in ("lon", "lat", "city", "stratum")
    )
    name = None if blocks[0].name is None else tuple(name for b in blocks for name in b.name or ())
    return Candidates(lon, lat, city, stratum, name)


def _shares(why: NDArray[np.int8]) -> str:
    counts = np.bincount(why, minlength=len(REASONS))
    return ", ".join(f"{c} {r}" for c, r in zip(counts[1:], REASONS[1:], strict=True) if c) or "none"


def _too_few(
    wanted: NDArray[np.int64], have: NDArray[np.int64], sampler: Sampler, why: NDArray[np.int8]
) -> str:
    where = ""
    if sampler.strata:
        short = [name for name, w, h in zip(sampler.strata, wanted, have, strict=True) if h < w]
        where = f" (too few in {', '.join(short)})"
    return (
        f"only {int(np.minimum(have, wanted).sum())} of {int(wanted.sum())} places found{where} among "
        f"{len(why)} candidates, refused: {_shares(why)}; ask for fewer places, a wider area or a smaller "
        "min_distance_km"
    )


def _plan(
    sampler: Sampler,
    drawn: Candidates,
    why: NDArray[np.int8],
    chosen: NDArray[np.int64],
    about: dict[str, Any],
) -> Plan:
    refused = np.flatnonzero(why > 0)
    if drawn.name is None:
        refused = refused[refused <= _last_needed(drawn, chosen)[drawn.stratum[refused]]]
    labels = list(sampler.strata) if sampler.strata else None
    places = _table(drawn, chosen, sampler.name, labels, about["seed"])
    rejected = _table(drawn, refused, sampler.name, labels, about["seed"])
    rejected["why"] = np.array(REASONS, object)[why[refused]]
    return Plan(places, rejected, about)


def _last_needed(drawn: Candidates, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the last candidate that the plan took from each stratum; -1, the last entry, from any."""
    last = np.zeros(drawn.stratum.max() + 2, np.int64)
    np.maximum.at(last, drawn.stratum[chosen], chosen)
    last[-1] = chosen.max()
    return last


def _table(
    drawn: Candidates, rows: NDArray[np.int64], sampler: str, labels: list[str] | None, seed: int
) -> GeoDataFrame:
    import geopandas as gpd
    import shapely

    lon, lat = drawn.lon[rows], drawn.lat[rows]
    nearest, city_km = nearest_city(lon, lat)
    city = np.where(drawn.city[rows] >= 0, drawn.city[rows], nearest)
    country, continent = countries_of(lon, lat, nearest=nearest)
    stratum = np.array([*(labels or []), ""], object)[drawn.stratum[rows]]
    if drawn.name is None:
        names = _numbered(f"{sampler}-{seed}-", rows)
    else:
        names = np.array([drawn.name[k] for k in rows], object)
    columns = {
        "name": names,
        "lon": lon,
        "lat": lat,
        "city": cities().name[city],
        "city_km": city_km.astype(np.float32),
        "country": country,
        "continent": continent,
        "stratum": stratum,
        "candidate": rows.astype(np.int64),
    }
    return gpd.GeoDataFrame(columns, geometry=shapely.points(lon, lat), crs="EPSG:4326")


def _numbered(prefix: str, numbers: NDArray[np.int64]) -> NDArray[np.object_]:
    """Names such as "cities-0-0000012"."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width=7, padding="0")
    return pc.binary_join_element_wise(prefix, digits, "").to_numpy(zero_copy_only=False)
