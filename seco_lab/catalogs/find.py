"""From places and dates to tasks: grouped searches, a choice for each place, reasons for those given up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from seco_lab.catalogs.base import Catalog, Scene
from seco_lab.catalogs.grid import BLOCK_PX, GRID_M, PIXEL_M
from seco_lab.catalogs.groups import CELL_DEG, Group, boxes_around, groups, stretches
from seco_lab.catalogs.items import SCL
from seco_lab.catalogs.ladder import Rung, ladder
from seco_lab.catalogs.laid import Waiting, found_of, write_found
from seco_lab.catalogs.search import CachedSearch
from seco_lab.catalogs.select import Chosen, Missing, Wish, select
from seco_lab.catalogs.settle import Snap
from seco_lab.catalogs.tasks import StoredTasks
from seco_lab.catalogs.tiles import tiles_of
from seco_lab.places import Plan, plan_hash
from seco_lab.seasons import check_past, dates_hash
from seco_lab.sensors import SENTINEL2_L2A


def find_scenes(
    plan: Plan,
    dates: NDArray[np.datetime64],
    catalog: Catalog,
    *,
    folder: str | Path,
    size_px: int = 264,
    bands: str | Sequence[str] = "all",
    snap: Snap = "grid",
    steps: Sequence[Rung] | None = None,
    candidates: int = 6,
    cell_deg: float = CELL_DEG,
    latest: np.datetime64 | str | None = None,
    progress: bool = True,
) -> StoredTasks:
    """Asks a catalogue for all places and dates and chooses candidate scenes.

    Places of a cell are asked for together. Answers stay in ``folder/searches``, so that a call that was
    killed goes on where it was and a second one asks nothing; ``folder/items.parquet`` holds all scenes found
    (stac-geoparquet), for ``open_catalog`` as well. The tasks stay in the folder too, and of a plan of any
    size only a part of them is in memory.

    Args:
        plan: Places.
        dates: Shape (place, season), a row per place of the plan.
        catalog: Who is asked.
        folder: Where answers are kept.
        size_px: Side of a patch in pixels of 10 m.
        bands: "all", "rgb", "B02,B03" or names; the scene classification is always wanted too.
        snap: "grid": the patch lies at its place, to 30 m. "block": it is shifted by at most half an internal
            tile (2.6 km) so that it lies in one, which takes about half of the bytes to read; where
            another patch is in the way it stays at its place.
        steps: Where to look further when there is no scene, as from ``ladder``.
        candidates: Most scenes of a season.
        cell_deg: Side of a cell.
        latest: The day after which no image can exist; today where it is not given.
        progress: Show a bar.

    Raises:
        ValueError: Dates do not fit the plan or lie in the future, or an option is out of range.
        CatalogError: The catalogue gives no usable answer.
    """
    dates, names = np.asarray(dates), SENTINEL2_L2A.subset(bands)
    steps = ladder() if steps is None else tuple(steps)
    _check(plan, dates, size_px, snap, steps, candidates)
    check_past(dates, latest=latest or np.datetime64("today"))
    margin_m = size_px * PIXEL_M / 2 + GRID_M if snap == "block" else 0.0  # as far as most are shifted
    wish = Wish(size_px, steps, candidates, margin_m)
    folder = Path(folder)
    search = CachedSearch(catalog, folder / "searches")
    about = {
        "catalog": catalog.name,
        "plan_hash": plan_hash(plan.places),
        "dates_hash": dates_hash(dates),
        "size_px": size_px,
        "bands": list(names),
        "snap": snap,
        "steps": [vars(step) for step in steps],
    }
    with Waiting(folder, len(plan)) as waiting:
        for row, result in _found(plan, dates, search, wish, (*names, SCL), cell_deg, progress):
            waiting.put(row, found_of(result, names) if isinstance(result, Chosen) else result)
        search.join(folder / "items.parquet")
        file = folder / f"tasks-{_key(about, candidates)}.parquet"
        return write_found(plan, waiting, about, file, size_px=size_px, snap=snap)


def _key(about: Mapping[str, Any], candidates: int) -> str:
    """Tells requests that share a folder apart."""
    return hashlib.sha256(json.dumps([about, candidates]).encode()).hexdigest()[:16]


def _check(
    plan: Plan, dates: NDArray, size_px: int, snap: str, steps: Sequence[Rung], candidates: int
) -> None:
    if dates.ndim != 2 or len(dates) != len(plan) or dates.dtype.kind != "M" or dates.shape[1] == 0:
        raise ValueError(
            f"dates must be datetime64 of shape (place, season) with {len(plan)} rows, got {dates.dtype} of "
            f"shape {dates.shape}"
        )
    if snap not in get_args(Snap):
        raise ValueError(f"snap is 'grid' or 'block', got {snap!r}")
    near = sum(not step.years for step in steps)
    if size_px < 1 or candidates < 1 or not near:
        raise ValueError(
            f"size_px, candidates and the number of steps around the date itself must be at least 1, got "
            f"{size_px}, {candidates}, {near}"
        )
    if snap == "block" and size_px > BLOCK_PX:
        raise ValueError(f"a patch of {size_px} px fits no internal tile ({BLOCK_PX} px); take snap='grid'")


def _found(
    plan: Plan,
    dates: NDArray[np.datetime64],
    search: CachedSearch,
    wish: Wish,
    bands: Sequence[str],
    cell_deg: float,
    progress: bool,
) -> Iterator[tuple[int, Chosen | Missing]]:
    """Row and result for each place, cell after cell; the scenes of one cell are in memory."""
    lon, lat = (plan.places[axis].to_numpy(float) for axis in ("lon", "lat"))
    with tqdm(total=len(plan), desc="searching", unit="place", disable=not progress) as bar:
        for group in groups(lon, lat, cell_deg=cell_deg):
            yield from _found_in(group, lon, lat, dates, search, wish, bands)
            bar.update(len(group.rows))


def _found_in(
    group: Group,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    dates: NDArray[np.datetime64],
    search: CachedSearch,
    wish: Wish,
    bands: Sequence[str],
) -> Iterator[tuple[int, Chosen | Missing]]:
    """Row and result for each place of a cell; other years are asked for where a season stays empty.

    Other years are looked at only there, also where the search for a neighbour found scenes of them: what is
    chosen for a place must not depend on which other places are in the plan.
    """
    rows = np.array(group.rows)
    scenes = _scenes(group, dates[rows], search, wish.steps, 0)
    tiles = tiles_of(scenes, bands)
    this_year = replace(wish, steps=tuple(step for step in wish.steps if not step.years))
    short = []
    for row in rows:
        result = select(lon[row], lat[row], dates[row], tiles, this_year)
        if isinstance(result, Missing) and result.seasons and any(step.years for step in wish.steps):
            short.append(row)
        else:
            yield row, _told(result, scenes, tiles, bands)
    if short:
        few = Group(tuple(short), boxes_around(lon[short], lat[short]))
        for years in sorted({step.years for step in wish.steps if step.years}):
            scenes += _scenes(few, dates[short], search, wish.steps, years)
        tiles = tiles_of({(s.collection, s.item_id): s for s in scenes}.values(), bands)
        for row in short:
            yield row, select(lon[row], lat[row], dates[row], tiles, wish)


def _scenes(
    group: Group, dates: NDArray[np.datetime64], search: CachedSearch, steps: Sequence[Rung], years: int
) -> list[Scene]:
    """All scenes around the dates, or around the same days that many years before and after."""
    days = max(step.days for step in steps if step.years == years)
    half, shift = np.timedelta64(round(days * 24), "h"), np.timedelta64(round(years * 365.25 * 24), "h")
    hours = dates.astype("datetime64[h]")
    centres = np.concatenate([hours - shift, hours + shift]) if years else hours
    windows = stretches(centres - half, centres + half)
    return [scene for start, end in windows for scene in search.search(group.boxes, start, end)]


def _told(
    result: Chosen | Missing, scenes: Sequence[Scene], tiles: Sequence[object], bands: Sequence[str]
) -> Chosen | Missing:
    """The result; a reason that says which bands are lacking, where that is why nothing was found."""
    if isinstance(result, Chosen) or tiles or not scenes:
        return result
    lacking = [band for band in bands if not any(band in scene.assets for scene in scenes)]
    what = f"bands {', '.join(lacking)}" if lacking else "proj:transform and a UTM zone, or some band"
    return Missing("no bands", f"none of {len(scenes)} scenes around it has {what}")
