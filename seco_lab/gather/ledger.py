"""What a cube on disk says about earlier runs: from which plan, which patches, which places given up."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.alone import CAN_LOCK, lock_open
from seco_lab.gather.source import Source
from seco_lab.places import Plan, plan_hash
from seco_lab.places.files import write_geoparquet
from seco_lab.seasons import dates_hash
from seco_lab.store import set_attributes
from seco_lab.store.frame import small_array
from seco_lab.store.shards import array_metadata, root_metadata

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

REQUEST = "gather"  # attribute of the cube
_FIXED = ("dates_hash", "source", "source_seed", "sensor", "bands", "size_px")
_SPARE = 1.2  # room left for metadata and whoever else writes to the disk


def rejected_path(out: str | Path) -> Path:
    """Where the places given up are listed: cube.zarr -> cube.zarr.rejected.parquet."""
    out = Path(out)
    return out.with_name(f"{out.name}.rejected.parquet")


def estimate_bytes(places: int, seasons: int, bands: int, size_px: int) -> int:
    """Bytes on disk of a cube of 16-bit pixels, which are stored uncompressed."""
    return places * seasons * bands * size_px**2 * 2


def request_of(
    plan: Plan, source: Source, dates: NDArray[np.datetime64], size_px: int, bands: Sequence[str]
) -> dict[str, Any]:
    """What must be the same for two runs to write into one cube."""
    return {
        "plan_hash": plan_hash(plan.places),
        "places": len(plan),
        "dates_hash": dates_hash(dates),
        "source": type(source).__name__,
        "source_seed": getattr(source, "seed", None),  # another seed is another simulated world
        "sensor": source.sensor.name,
        "bands": list(bands),
        "size_px": size_px,
        "sampler": plan.about.get("sampler"),
        "seed": plan.about.get("seed"),
    }


def held_in(out: Path) -> tuple[list[str], dict[str, Any]]:
    """Names of the patches in a cube, in its order, and its attributes; both empty where there is none.

    Raises:
        FileExistsError: Something else lies there.
    """
    if out.is_symlink() and not out.exists():
        raise FileExistsError(f"{out} is a link to {out.readlink()}, which is not there; choose another name")
    if not out.exists():
        return [], {}
    try:
        root = root_metadata(out)
        array_metadata(out, root)  # pixels: it is a cube
        return small_array(out, root, "patch")[...].tolist(), root["attributes"]
    except (ValueError, OSError) as error:
        raise FileExistsError(f"{out} exists and is no cube; choose another name") from error


def state_request(out: Path, name: str, request: dict[str, Any]) -> dict[str, str]:
    """The request as attributes of a cube; of one that is there already, and was begun with less, anew."""
    asked = {name: json.dumps(request), "plan_hash": request["plan_hash"]}
    if out.exists() and not asked.items() <= held_in(out)[1].items():
        set_attributes(out, asked)
    return asked


def patches_done(out: Path, plan: Plan, dates: NDArray[np.datetime64], request: dict[str, Any]) -> set[str]:
    """Names of the patches in the cube, which must have been asked for in the same way."""
    names, attrs = held_in(out)
    stored, patches = attrs.get(REQUEST), set(names)
    if not attrs:
        return set()
    if stored is None:
        raise FileExistsError(f"{out} is a cube that was not gathered from a plan; choose another name")
    before = json.loads(stored)
    n = before["places"]
    same = n <= len(plan) and plan_hash(plan.places.iloc[:n]) == before["plan_hash"]
    if not same or not patches <= set(plan.places["name"]):
        raise ValueError(
            f"{out} was gathered from another plan ({n} places, {before['plan_hash']}) than this one "
            f"({len(plan)} places, {request['plan_hash']}); choose another folder"
        )
    now = {**request, "dates_hash": dates_hash(dates[:n])}
    differ = [k for k in _FIXED if now[k] != before.get(k)]
    if differ:
        raise ValueError(f"{out} was gathered {_otherwise(differ[0], before, now)}; choose another folder")
    return patches


def _otherwise(key: str, before: dict[str, Any], now: dict[str, Any]) -> str:
    if key == "dates_hash":  # which tells nobody anything
        return "for other dates (their number, seed or reference date)"
    return f"with {key} {before.get(key)}, now it is {now[key]}"


def refused_before(out: Path, plan: Plan) -> dict[str, str]:
    """Places given up by earlier runs and why; a list that was left by a cube now gone counts for nothing."""
    import geopandas as gpd

    file = rejected_path(out)
    if not file.exists() or not out.exists():
        return {}
    table = gpd.read_parquet(file)
    known = set(plan.places["name"])
    return {n: w for n, w in zip(table["name"], table["why"], strict=True) if n in known}


def write_refused(out: Path, places: GeoDataFrame, refused: dict[str, str]) -> None:
    """Writes the list of places given up, whole or not at all."""
    rows = places[places["name"].isin(refused.keys())]
    rows = rows.assign(why=rows["name"].map(refused))
    write_geoparquet(rows, rejected_path(out), {"cube": out.name})


def check_disk(out: Path, needed_bytes: int) -> None:
    """Refuses to start what cannot be finished.

    Raises:
        OSError: The disk has less room than is needed, a fifth to spare.
    """
    free = shutil.disk_usage(out.parent).free
    if needed_bytes * _SPARE > free:
        raise OSError(
            f"the cube needs {needed_bytes * _SPARE / 1e6:,.1f} MB more and {out.parent} has "
            f"{free / 1e6:,.1f} MB free; take fewer places, bands or pixels, or another disk"
        )


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """One gathering process at a time; the lock dies with its process."""
    if not CAN_LOCK:
        yield
        return
    file = out.with_name(f".{out.name}.gathering")
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        error.filename = str(out)  # nobody knows the other name
        raise
    try:
        try:
            lock_open(handle, wait=False)
        except BlockingIOError as error:
            raise FileExistsError(
                f"another process is gathering into {out}; wait for it or choose another folder"
            ) from error
        if not _same_file(handle, file):  # its owner has just finished and removed it
            raise FileExistsError(f"another process was gathering into {out}; try again")
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _same_file(handle: int, file: Path) -> bool:
    return file.exists() and file.stat().st_ino == os.fstat(handle).st_ino
