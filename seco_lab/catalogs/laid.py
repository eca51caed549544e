"""From what was found for each place to tasks in their file; most of it waits on disk, not in memory."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

from seco_lab.catalogs.grid import Corner, TileGrid
from seco_lab.catalogs.items import SCL
from seco_lab.catalogs.select import Chosen, Missing
from seco_lab.catalogs.settle import Ground, Snap, settled
from seco_lab.catalogs.tasks import ROW_COLUMNS, StoredTasks, write_tasks
from seco_lab.places import Plan

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandas import DataFrame

_PLACES_A_PART = 64


@dataclass(frozen=True)
class Found:
    """What stands in the tasks about a place, but for its name and where its patch comes to lie.

    Attributes:
        grid: Extent of the tile.
        corner: Where the patch lies if it is not shifted.
        rows: A tuple for each scene, from `season` to `assets` without `x0` and `y0`.
    """

    grid: TileGrid
    corner: Corner
    rows: tuple[tuple[Any, ...], ...]


def found_of(chosen: Chosen, bands: Sequence[str]) -> Found:
    """The scenes of a place as rows; a candidate of several scenes has a row for each of them."""
    rows = []
    for season, candidates in enumerate(chosen.scenes):
        every = [(rank, scene, step) for rank, (parts, step) in enumerate(candidates) for scene in parts]
        for rank, scene, step in every:
            hrefs = {band: scene.assets[band].href for band in (*bands, SCL)}
            rows.append(
                (
                    season, rank, scene.item_id, scene.collection, scene.self_href, scene.time,
                    scene.platform, scene.tile, chosen.grid.epsg, scene.scene_cloud_cover, scene.baseline,
                    scene.offset_applied, step, json.dumps(hrefs),
                )
            )  # fmt: skip
    return Found(chosen.grid, chosen.corner, tuple(rows))


class Waiting:
    """Results of places, put in in any order and taken out in the order of the plan; they lie on disk.

    Args:
        folder: Where the file lies that nobody sees; it ends with this object or its process.
        places: How many there will be.
    """

    def __init__(self, folder: Path, places: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = TemporaryFile(dir=folder)
        self._begins = np.full(places, -1, np.int64)

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def put(self, row: int, result: Found | Missing) -> None:
        """The result of the place with this number."""
        self._begins[row] = self._file.tell()
        pickle.dump(zlib.compress(pickle.dumps(result), 1), self._file)  # addresses are much alike

    def __iter__(self) -> Iterator[Found | Missing]:
        """All results; each place has one."""
        for begin in self._begins.tolist():
            self._file.seek(begin)
            yield pickle.loads(zlib.decompress(pickle.load(self._file)))


def write_found(
    plan: Plan,
    found: Iterable[Found | Missing],
    about: Mapping[str, Any],
    path: Path,
    *,
    size_px: int,
    snap: Snap,
) -> StoredTasks:
    """Tasks and places given up, as files; places in the order of the plan, so that a longer plan agrees."""
    missing: dict[str, Missing] = {}
    laid = _laid(plan, found, missing, size_px, snap)
    return write_tasks(_parts(laid), lambda: _rejected(plan, missing), about, path)


def _laid(
    plan: Plan, found: Iterable[Found | Missing], missing: dict[str, Missing], size_px: int, snap: Snap
) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of one place after the other; places that have none come into ``missing``."""
    ground = Ground(size_px)
    columns = (plan.places[name] for name in ("name", "lon", "lat"))
    for name, lon, lat, one in zip(*columns, found, strict=True):
        if isinstance(one, Missing):
            missing[name] = one
            continue
        corner: Corner | None = one.corner
        if snap == "block":
            corner, neighbour = settled(name, one.grid, one.corner, size_px=size_px, ground=ground)
        if corner is None:
            why = f"{neighbour}, shifted into an internal tile, would overlap it"
            missing[name] = Missing("overlap", why)
            continue
        where = (corner.x0, corner.y0)
        yield [(name, *row[:9], *where, *row[9:], lon, lat) for row in one.rows]


def _parts(places: Iterator[list[tuple[Any, ...]]]) -> Iterator[DataFrame]:
    import pandas as pd

    while some := list(islice(places, _PLACES_A_PART)):
        rows = [row for place in some for row in place]
        yield pd.DataFrame(rows, columns=list(ROW_COLUMNS)).astype({"offset_applied": object})


def _rejected(plan: Plan, missing: Mapping[str, Missing]) -> GeoDataFrame:
    rejected = plan.places[plan.places["name"].isin(missing.keys())]
    for column in ("why", "detail"):
        texts = [getattr(missing[name], column) for name in rejected["name"]]
        rejected = rejected.assign(**{column: np.array(texts, object)})
    return rejected
