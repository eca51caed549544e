"""Run a reading: patch after patch into a cube in memory or on disk, bad files listed with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm.auto import tqdm

from seco_lab.cube import make_cube, utm_corner
from seco_lab.sources.base import BadFileError, OnBad, PatchRecord, Reading, Refused
from seco_lab.store import append, save_cube

_BLOCK_BYTES = 256 * 2**20
_IN_FLIGHT = 64  # patches read ahead: a consumer that is slow must not fill the memory


def read_all(reading: Reading, *, on_bad: OnBad = "skip", progress: bool = True) -> xr.Dataset:
    """The cube of a reading, in memory; its attribute ``refused`` lists what was left out, and why.

    Raises:
        ValueError: A bad file and ``on_bad="raise"``; no readable file; more pixels than fit into memory.
    """
    refused = _begin(reading, on_bad)
    records = _records(reading, on_bad, refused, progress)
    first = next(records, None)
    if first is None:
        raise ValueError(_nothing_read(reading, refused))
    _check_memory(reading, first.pixels)
    pixels = np.empty((len(reading.jobs), *first.pixels.shape), first.pixels.dtype)
    kept = []
    for row, record in enumerate(chain([first], records)):
        pixels[row] = record.pixels
        kept.append(replace(record, pixels=pixels[row]))
    return _cube(reading, pixels[: len(kept)], kept, refused)


def import_all(
    reading: Reading,
    path: str | Path,
    *,
    on_bad: OnBad = "skip",
    overwrite: bool = False,
    progress: bool = True,
) -> list[Refused]:
    """Write the cube of a reading to disk, block by block, for folders larger than memory.

    Returns:
        What was left out, and why; the cube's attribute ``refused`` lists what was known at its beginning.

    Raises:
        FileExistsError: Something is at ``path`` and ``overwrite`` is not set.
        ValueError: A bad file and ``on_bad="raise"``, or no readable file.
    """
    refused = _begin(reading, on_bad)
    begun = False
    for block in _blocks(_records(reading, on_bad, refused, progress)):
        cube = _cube(reading, np.stack([r.pixels for r in block]), block, refused)
        if begun:
            append(path, cube)
        else:
            save_cube(cube, path, overwrite=overwrite)
        begun = True
    if not begun:
        raise ValueError(_nothing_read(reading, refused))
    return refused


def _begin(reading: Reading, on_bad: OnBad) -> list[Refused]:
    """Files refused so far."""
    if on_bad not in ("skip", "raise"):
        raise ValueError(f"on_bad must be 'skip' or 'raise', got {on_bad!r}")
    if reading.refused and on_bad == "raise":
        raise ValueError(_refusal(reading.refused[0]))
    return list(reading.refused)


def _refusal(bad: Refused) -> str:
    return f"{bad.path} {bad.reason}; pass on_bad='skip' to leave such files out"


def _nothing_read(reading: Reading, refused: Sequence[Refused]) -> str:
    if refused:
        first = f"{refused[0].path} {refused[0].reason}"
        return f"none of {len(refused)} patches of {reading.root} can be read; {first}"
    return f"{reading.root} holds no patch"


def _records(
    reading: Reading, on_bad: OnBad, refused: list[Refused], progress: bool
) -> Iterator[PatchRecord]:
    """Good patches in the order of the jobs; bad ones go to ``refused`` or end the reading."""
    shape = None
    for job, result in tqdm(
        _attempts(reading), total=len(reading.jobs), desc=f"reading {Path(reading.root).name}", unit="patch",
        disable=not progress, delay=2,
    ):  # fmt: skip
        if isinstance(result, PatchRecord):
            shape = shape or result.pixels.shape
            if result.pixels.shape == shape:
                yield result
                continue
            words = f"has shape {result.pixels.shape}, the first patch has {shape}"
            result = Refused(reading.names(job), words)
        if on_bad == "raise":
            raise ValueError(_refusal(result))
        refused.append(result)


def _attempts(reading: Reading) -> Iterator[tuple[Any, PatchRecord | Refused]]:
    """Each job with its patch or the reason why there is none; threads read some jobs ahead."""

    def attempt(job: Any) -> PatchRecord | Refused:
        try:
            return _checked(reading.read(job))
        except BadFileError as bad:
            return Refused(reading.names(job), str(bad))

    with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 2)) as pool:
        for begin in range(0, len(reading.jobs), _IN_FLIGHT):
            part = reading.jobs[begin : begin + _IN_FLIGHT]
            yield from zip(part, pool.map(attempt, part), strict=True)


def _checked(record: PatchRecord) -> PatchRecord:
    """Refuse a season without a single value: an all-black image teaches that black means this place."""
    empty = np.flatnonzero(~record.pixels.any(axis=(1, 2, 3)))
    if empty.size == len(record.pixels):
        raise BadFileError("holds no data: all pixels are 0")
    if empty.size:
        raise BadFileError(f"holds no data in {empty.size} of {len(record.pixels)} seasons")
    return record


def _check_memory(reading: Reading, first: NDArray) -> None:
    """Refuse to fill the machine's memory."""
    wanted = first.nbytes * len(reading.jobs)
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return
    if wanted > 0.5 * memory:
        raise ValueError(
            f"{reading.root} holds about {wanted / 2**30:.1f} GiB of pixels, over half of the "
            f"{memory / 2**30:.1f} GiB of memory here; write it to disk with "
            "seco_lab.sources.import_cube(path, new_path), on the command line seco-lab gather - --source "
            f"{reading.root} --out cube.zarr, and open that"
        )


def _blocks(records: Iterable[PatchRecord]) -> Iterator[list[PatchRecord]]:
    """Patches in lists of a bounded number of bytes."""
    block: list[PatchRecord] = []
    for record in records:
        block.append(record)
        if len(block) * record.pixels.nbytes >= _BLOCK_BYTES:
            yield block
            block = []
    if block:
        yield block


def _column(records: Sequence[PatchRecord], name: str) -> NDArray | None:
    """One optional field of all patches; None where a patch lacks it."""
    values = [getattr(record, name) for record in records]
    return None if any(value is None for value in values) else np.array(values)


def _cube(
    reading: Reading, pixels: NDArray, records: Sequence[PatchRecord], refused: Sequence[Refused]
) -> xr.Dataset:
    """The cube of patches that were read."""
    lon, lat = np.array([r.lon for r in records]), np.array([r.lat for r in records])
    size = (pixels.shape[3], pixels.shape[4])
    epsg, x0, y0 = utm_corner(lon, lat, size_px=size, pixel_size_m=reading.pixel_size_m)
    for row, record in enumerate(records):
        if record.grid is not None:
            epsg[row], x0[row], y0[row] = record.grid
    attrs = dict(reading.attrs) | {"refused": [f"{bad.path} {bad.reason}" for bad in refused]}
    return make_cube(
        pixels,
        patch=[record.patch for record in records],
        time=np.stack([record.time for record in records]),
        lon=lon,
        lat=lat,
        epsg=epsg,
        x0=x0,
        y0=y0,
        sensor=reading.sensor,
        bands=reading.bands,
        unit=reading.unit,
        pixel_size_m=reading.pixel_size_m,
        attrs=attrs,
        class_names=reading.class_names,
        label=_column(records, "label"),
        labels=_column(records, "labels"),
        split=_column(records, "split"),
        cloud_cover=_column(records, "cloud_cover"),
        item_id=_column(records, "item_id"),
    )
