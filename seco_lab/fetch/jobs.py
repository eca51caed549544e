"""What is to be read: places with their candidate scenes, and what holds for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from seco_lab.catalogs import Tasks
from seco_lab.sensors import SENTINEL2_L2A

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
        position: Its number in the order of the plan.
        lon: Degrees.
        lat: Degrees.
        epsg: UTM zone of the grid.
        x0: Left edge in metres.
        y0: Upper edge in metres.
        seasons: For each season the candidates, first choice first.
    """

    patch: str
    position: int
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


def jobs_of(tasks: Tasks) -> list[Job]:
    """The places of some tasks, in the order of the plan.

    Raises:
        ValueError: There are none, or one of them lacks a season.
    """
    if not len(tasks):
        raise ValueError("no places: the tasks are empty")
    count = int(tasks.table["season"].max()) + 1
    names = [name for name in tasks.table if name != "geometry"]
    rows = zip(*(tasks.table[name] for name in names), strict=True)  # sorted by place, season and rank
    by_place = groupby((dict(zip(names, row, strict=True)) for row in rows), key=itemgetter("patch"))
    return [_job(position, patch, list(rows), count) for position, (patch, rows) in enumerate(by_place)]


def _job(position: int, patch: str, rows: list[dict[str, Any]], count: int) -> Job:
    by_season = groupby(rows, key=itemgetter("season"))
    found = {season: _candidates(those) for season, those in by_season}
    missing = [season for season in range(count) if season not in found]
    if missing:
        raise ValueError(f"place {patch!r} of the tasks has no scene in season {missing[0]} of {count}")
    place = {name: float(rows[0][name]) for name in ("lon", "lat", "x0", "y0")}
    seasons = tuple(found[season] for season in range(count))
    return Job(patch=str(patch), position=position, epsg=int(rows[0]["epsg"]), seasons=seasons, **place)


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
