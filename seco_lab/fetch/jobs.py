"""What is to be read: places with their candidate scenes, and what holds for all of them."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from seco_lab.catalogs import TaskList
from seco_lab.sensors import SENTINEL2_L2A

if TYPE_CHECKING:
    from pandas import DataFrame

SCL = "SCL"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One scene that may show a place in a season; columns of the tasks. There are very many, so it is small.

    Attributes:
        others: Further scenes of the same pass, where they show the patch only together.
        files: JSON text, band name -> unsigned address; of very many candidates few are ever looked at.
    """

    rank: int
    item_id: str
    collection: str
    self_href: str
    time: np.datetime64
    platform: str
    tile: str
    scene_cloud_cover: float
    baseline: str
    offset_applied: bool | None
    rung: str
    files: str = field(repr=False)
    others: tuple[Candidate, ...] = ()

    @property
    def parts(self) -> tuple[Candidate, ...]:
        """All scenes that make up the image, the largest part first."""
        return (self, *self.others)

    @property
    def hrefs(self) -> list[str]:
        """All files that may be read."""
        return [href for part in self.parts for href in part.assets.values()]

    @property
    def assets(self) -> Mapping[str, str]:
        """Band name -> unsigned address; read from its text each time."""
        return json.loads(self.files)


@dataclass(frozen=True)
class Job:
    """One place.

    Attributes:
        patch: Its name.
        lon: Degrees.
        lat: Degrees.
        epsg: UTM zone of the grid.
        x0: Left edge in metres.
        y0: Upper edge in metres.
        seasons: For each season the candidates, first choice first.
    """

    patch: str
    lon: float
    lat: float
    epsg: int
    x0: float
    y0: float
    seasons: tuple[tuple[Candidate, ...], ...] = field(repr=False)

    @property
    def hrefs(self) -> set[str]:
        """All files that may be read."""
        return {href for season in self.seasons for one in season for href in one.hrefs}


@dataclass(frozen=True)
class Wanted:
    """What is wanted of every place.

    Attributes:
        bands: Names.
        size_px: Side of a patch in pixels of 10 m.
        max_cloud: Per cent of a patch that cloud and its shadow may cover.
        max_nodata_share: Share of a patch, 0 to 1, that may lack data.
    """

    bands: tuple[str, ...]
    size_px: int
    max_cloud: float
    max_nodata_share: float

    def __post_init__(self) -> None:
        SENTINEL2_L2A.subset(self.bands)
        check_limits(self.max_cloud, self.max_nodata_share)


def check_limits(max_cloud: float, max_nodata_share: float) -> None:
    """Refuses limits that are no percentage and no share.

    Raises:
        ValueError: Out of range.
    """
    if not 0 <= max_cloud <= 100 or not 0 <= max_nodata_share <= 1:
        raise ValueError(
            "max_cloud is a percentage from 0 to 100 and max_nodata_share a share from 0 to 1, got "
            f"{max_cloud} and {max_nodata_share}"
        )


@dataclass(frozen=True)
class Listing:
    """All places of some tasks: what must be known of each at any time.

    Attributes:
        names: In the order of the plan.
        lon: Degrees, shape (P,).
        lat: Degrees, shape (P,).
        seasons: Seasons of each place.
    """

    names: Sequence[str]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    seasons: int

    def __len__(self) -> int:
        return len(self.names)


def listing_of(tasks: TaskList) -> Listing:
    """The places of some tasks, seen to have scenes in all seasons.

    Raises:
        ValueError: There are none, or one of them lacks a season.
    """
    names: list[str] = []
    lon, lat, counts, seasons = array("d"), array("d"), array("q"), 0
    for part in tasks.parts(("patch", "season", "lon", "lat")):
        places = part.drop_duplicates("patch")
        names += map(str, places["patch"])
        lon.extend(places["lon"])
        lat.extend(places["lat"])
        counts.extend(part.groupby("patch", sort=False)["season"].nunique())
        seasons = max(seasons, int(part["season"].max()) + 1)
    if not names:
        raise ValueError("no places: the tasks are empty")
    short = np.flatnonzero(np.frombuffer(counts, np.int64) != seasons)
    if len(short):
        name = names[short[0]]
        parts = (part["season"][part["patch"] == name] for part in tasks.parts(("patch", "season")))
        season = min(set(range(seasons)) - {number for part in parts for number in part})
        raise ValueError(f"place {name!r} of the tasks has no scene in season {season} of {seasons}")
    return Listing(names, np.frombuffer(lon), np.frombuffer(lat), seasons)


def jobs_of(tasks: TaskList, numbers: ArrayLike | None = None) -> Iterator[Job]:
    """Places of some tasks, in the order of the plan; a part of the tasks is in memory at a time.

    Args:
        tasks: What to read.
        numbers: The places that are wanted, counted in the order of the plan; all where it is not given.
    """
    wanted = None if numbers is None else np.sort(np.asarray(numbers, np.intp))
    begin = 0
    for part in tasks.parts():
        places, names = pd.factorize(part["patch"])
        if wanted is None:
            yield from _jobs(part)
        else:
            yield from _jobs(part[np.isin(begin + places, wanted)])
            if begin + len(names) > wanted.max(initial=-1):
                return
        begin += len(names)


def _jobs(part: DataFrame) -> Iterator[Job]:
    """The places of rows that are sorted by place, season and rank."""
    names = [name for name in part if name != "geometry"]
    rows = (dict(zip(names, row, strict=True)) for row in zip(*(part[name] for name in names), strict=True))
    for _, those in groupby(rows, key=itemgetter("patch")):
        yield _job(list(those))


def _job(rows: list[dict[str, Any]]) -> Job:
    seasons = tuple(_candidates(those) for _, those in groupby(rows, key=itemgetter("season")))
    place = {name: float(rows[0][name]) for name in ("lon", "lat", "x0", "y0")}
    return Job(patch=str(rows[0]["patch"]), epsg=int(rows[0]["epsg"]), seasons=seasons, **place)


def _candidates(rows: Iterable[Mapping[str, Any]]) -> tuple[Candidate, ...]:
    """Candidates of a season; rows of one rank are one."""
    by_rank = [[_candidate(row) for row in parts] for _, parts in groupby(rows, key=itemgetter("rank"))]
    return tuple(replace(first, others=tuple(rest)) if rest else first for first, *rest in by_rank)


def _candidate(row: Mapping[str, Any]) -> Candidate:
    applied = row["offset_applied"]
    texts = ("item_id", "collection", "self_href", "platform", "tile", "baseline", "rung")
    return Candidate(
        rank=int(row["rank"]),
        time=np.datetime64(row["time"].to_datetime64(), "ms"),
        scene_cloud_cover=float(row["scene_cloud_cover"]),
        offset_applied=bool(applied) if applied in (True, False) else None,
        files=str(row["assets"]),
        **{name: str(row[name]) for name in texts},
    )
