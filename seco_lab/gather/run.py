"""From a plan to a cube on disk: block after block, each patch exactly once, whatever interrupts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm.auto import tqdm

from seco_lab.gather.ledger import (
    REQUEST,
    check_disk,
    estimate_bytes,
    only_writer,
    patches_done,
    refused_before,
    rejected_path,
    request_of,
    state_request,
    write_refused,
)
from seco_lab.gather.source import Source, load_block, without_poor
from seco_lab.places import Plan
from seco_lab.store import append, save_cube


@dataclass(frozen=True)
class GatherReport:
    """What a run of ``gather`` did.

    Attributes:
        path: The cube.
        gathered: Patches added by this run.
        already: Patches that were there before.
        rejected: Places given up, in this run and before, listed in `rejected_path`.
        seconds: Time this run took.
    """

    path: Path
    gathered: int
    already: int
    rejected: int
    seconds: float

    @property
    def rejected_path(self) -> Path:
        """Table of the places given up, with the reason; absent where there are none."""
        return rejected_path(self.path)

    def __str__(self) -> str:
        return (
            f"{self.gathered} patches gathered in {self.seconds:.0f} s, {self.already} were there, "
            f"{self.rejected} places given up: {self.path}"
        )


def gather(
    plan: Plan,
    source: Source,
    dates: NDArray[np.datetime64],
    out: str | Path,
    *,
    size_px: int = 264,
    bands: str | Sequence[str] = "all",
    batch: int = 32,
    max_nodata_share: float = 0.01,
    max_cloud_cover: float | None = None,
    progress: bool = True,
) -> GatherReport:
    """Loads every place of a plan and appends it to a Zarr cube.

    A second call goes on where the first one stopped or was killed: patches that are in the cube and places
    given up are skipped. A larger plan that begins with the places of the smaller one extends the cube.

    Args:
        plan: What to gather.
        source: Where pixels come from.
        dates: Shape (place, season), a row per place of the plan.
        out: Folder of the cube; by custom its name ends in ``.zarr``.
        size_px: Side of a patch in pixels.
        bands: "all", "rgb", "B02,B03" or a sequence of names.
        batch: Places loaded and written at once; all of their pixels are in memory.
        max_nodata_share: Share of pixels without data, 0 to 1, above which a place is given up.
        max_cloud_cover: Per cent of cloud of any date above which a place is given up. None: any.
        progress: Show a bar.

    Raises:
        ValueError: The plan is empty, dates do not fit it, or `out` was made from another plan or otherwise.
        FileExistsError: `out` is something else, or another process is gathering into it.
        OSError: The disk is too small for what is left to do.
        LookupError: The source has nothing for any place.
    """
    started = perf_counter()
    out, dates = Path(out), np.asarray(dates)
    names, places = source.sensor.subset(bands), plan.place_list()
    _check_request(plan, dates, size_px, batch)
    request = request_of(plan, source, dates, size_px, names)
    out.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(out):
        done = patches_done(out, plan, dates, request)
        asked = state_request(out, REQUEST, request)
        refused = refused_before(out, plan)
        left = [i for i, n in enumerate(plan.places["name"]) if n not in done and n not in refused]
        check_disk(out, estimate_bytes(len(left), dates.shape[1], len(names), size_px))
        with tqdm(total=len(plan), initial=len(plan) - len(left), unit="place", disable=not progress) as bar:
            for first in range(0, len(left), batch):
                rows = left[first : first + batch]
                block = [places[i] for i in rows]
                cube, why = load_block(source, block, dates[rows], size_px, names)
                cube, poor = without_poor(cube, max_nodata_share, max_cloud_cover)
                if why or poor:
                    refused |= why | poor
                    write_refused(out, plan.places, refused)  # first, so that no place is tried for ever
                _write(out, cube, asked)
                bar.update(len(rows))
                bar.set_postfix(given_up=len(refused), refresh=False)
    if not out.exists():
        raise LookupError(
            f"none of the {len(plan)} places could be gathered; reasons are in {rejected_path(out)}"
        )
    return GatherReport(
        out, len(plan) - len(done) - len(refused), len(done), len(refused), perf_counter() - started
    )


def _check_request(plan: Plan, dates: NDArray[np.datetime64], size_px: int, batch: int) -> None:
    if len(plan) == 0:
        raise ValueError("no places: the plan is empty")
    if dates.ndim != 2 or len(dates) != len(plan) or dates.dtype.kind != "M":
        raise ValueError(
            f"dates must be datetime64 of shape (place, season) with {len(plan)} rows, got {dates.dtype} of "
            f"shape {dates.shape}"
        )
    if size_px < 1 or batch < 1:
        raise ValueError(f"size_px and batch must be at least 1, got {size_px} and {batch}")


def _write(out: Path, cube: xr.Dataset | None, asked: dict[str, str]) -> None:
    if cube is None:
        return
    if out.exists():
        append(out, cube)
    else:
        save_cube(cube.assign_attrs(asked), out)
