"""SSL4EO-S12 v1.1: Zarr zips of 64 locations and four dates, a folder per modality (arXiv:2503.00168).

Read are the zips as published in 2025; one that is laid out otherwise is refused with what it lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from zipfile import BadZipFile

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.sensors import SENTINEL2_L1C, SENTINEL2_L2A, Sensor
from seco_lab.sources.base import BadFileError, PatchRecord, Reading, Refused
from seco_lab.sources.baseline import has_offset, without_offset

_ENDING = ".zarr.zip"
_SENSORS = {"S2L2A": SENTINEL2_L2A, "S2L1C": SENTINEL2_L1C, "S2RGB": SENTINEL2_L2A}
_NEEDED = ("bands", "band", "sample", "time_", "file_id", "center_lon", "center_lat")
_UNREADABLE = (OSError, ValueError, KeyError, BadZipFile)
_CLOUD = (3, 4)  # of cloud_mask: thin and thick
_NO_DATA = 6  # of cloud_mask


def is_ssl4eo_zarr(path: Path) -> bool:
    """Whether a path is such a zip, or a folder with some up to two levels down."""
    if path.is_file():
        return path.name.endswith(_ENDING)
    return path.is_dir() and any(next(path.glob(f"{depth}*{_ENDING}"), None) for depth in ("", "*/", "*/*/"))


def find_ssl4eo_zarr(
    path: Path,
    *,
    seasons: int = 4,
    sensor: str | None = None,
    offset: str = "auto",
) -> Reading:
    """Reader of the optical modalities; S2RGB, which is an 8-bit picture, keeps its counts.

    Args:
        path: A zip, a folder of zips, of a split, or of all splits.
        seasons: Dates to take, the latest ones.
        sensor: "sentinel2-l2a" or "sentinel2-l1c", where several modalities are there; L2A if left out.
        offset: What is done about the +1000 of baseline 04.00: "auto" decides by content, image by image
            (the files of 2025 carry it in all images, also in older ones), "remove" takes it off all, "keep"
            takes the counts as they are.

    Raises:
        ValueError: No zip of an optical modality, more seasons than four, or an unknown ``offset``.
        LookupError: No zip of the sensor asked for.
    """
    if offset not in ("auto", "remove", "keep"):
        raise ValueError(f"offset must be 'auto', 'remove' or 'keep', got {offset!r}")
    files, kind = _chosen(path, sensor)
    parts, refused = [], []
    for file in files:
        try:
            parts.append(_Part(file))
        except _UNREADABLE as error:
            refused.append(Refused(str(file), f"is no readable Zarr zip ({str(error)[:80]})"))
    if not parts:
        raise ValueError(f"{path} has no readable file; {refused[0].path} {refused[0].reason}")
    if not 1 <= seasons <= parts[0].data.sizes["time"]:
        raise ValueError(f"the files hold {parts[0].data.sizes['time']} dates, asked for {seasons}")
    jobs = [(part, row) for part in parts for row in range(part.data.sizes["sample"])]
    picture = parts[0].data["bands"].dtype == np.uint8
    loss = {"loss": "8 bit, stretched by the publisher: counts of a picture, not reflectance"}
    return Reading(
        root=str(path), sensor=kind, bands=tuple(parts[0].data["band"].values.tolist()),
        unit="uint8" if picture else "dn", pixel_size_m=10.0, jobs=jobs,
        read=lambda job: _record(*job, seasons, offset),
        names=lambda job: f"{job[0].file}, sample {job[1]}",
        attrs={
            "source": f"SSL4EO-S12 v1.1, {files[0].parent.name} (arXiv:2503.00168)",
            "licence": "CC-BY-4.0; contains modified Copernicus Sentinel data",
            **(loss if picture else {"offset": f"{offset}; item_id says of each image what was done"}),
        },
        refused=tuple(refused),
    )  # fmt: skip


def _chosen(path: Path, sensor: str | None) -> tuple[list[Path], Sensor]:
    """The zips of one modality, and its sensor."""
    files = [path] if path.is_file() else sorted(path.rglob(f"*{_ENDING}"))
    there: dict[str, list[Path]] = {}
    for file in files:
        there.setdefault(file.parent.name if file.parent.name in _SENSORS else _modality(file), []).append(
            file
        )
    wanted = [m for m in _SENSORS if m in there and sensor in (None, _SENSORS[m].name)]
    if not wanted and sensor:
        raise LookupError(f"{path} holds {', '.join(there)}, no modality of {sensor}")
    if not wanted:
        raise ValueError(f"{path} holds {', '.join(there)}; only {', '.join(_SENSORS)} are read")
    return there[wanted[0]], _SENSORS[wanted[0]]


def _modality(file: Path) -> str:
    """By the bands, where the folder's name does not tell."""
    try:
        bands = _Part(file).data["band"].values.tolist()
    except _UNREADABLE:
        return "unreadable"
    if "B10" in bands:
        return "S2L1C"
    return "S2L2A" if "B08" in bands else "S2RGB" if "B04" in bands else ", ".join(map(str, bands))


@dataclass(eq=False)
class _Part:
    """One zip; where a chunk holds many locations, all are read at once and kept while they are needed."""

    file: Path
    data: xr.Dataset = field(init=False)
    _pixels: NDArray | None = None
    _left: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        import zarr

        self.data = xr.open_zarr(zarr.storage.ZipStore(self.file, mode="r"), chunks=None)
        lacking = [name for name in _NEEDED if name not in self.data.variables]
        if lacking:
            raise ValueError(f"lacks {', '.join(lacking)}; read are zips laid out as in 2025")
        self._left = self.data.sizes["sample"]

    def pixels(self, row: int) -> NDArray:
        """Shape (time, band, y, x)."""
        chunks = self.data["bands"].encoding.get("chunks") or (1,)
        with self._lock:
            if chunks[0] == 1:
                return self.data["bands"][row].values
            if self._pixels is None:
                self._pixels = self.data["bands"].values
            self._left -= 1
            found = self._pixels[row].copy()
            if self._left == 0:
                self._pixels, self._left = None, self.data.sizes["sample"]
            return found


def _record(part: _Part, row: int, seasons: int, offset: str) -> PatchRecord:
    one = part.data.isel(sample=row)
    time = one["time_"].values.astype("datetime64[ns]")
    late = np.argsort(time, kind="stable")[-seasons:]
    pixels = part.pixels(row)[late]
    mask = one["cloud_mask"].values[late] if "cloud_mask" in one else None
    names = [str(name) for name in one["file_id"].values[late]]
    if pixels.dtype != np.uint8:
        pixels, names = _counts(pixels, mask, names, offset)
    return PatchRecord(
        patch=str(one["sample"].values),
        pixels=pixels,
        time=time[late],
        lon=float(one["center_lon"]),
        lat=float(one["center_lat"]),
        grid=_grid(one),
        cloud_cover=None if mask is None else 100 * np.isin(mask, _CLOUD).mean(axis=(1, 2)),
        item_id=names,
    )


def _counts(
    pixels: NDArray, mask: NDArray | None, names: Sequence[str], offset: str
) -> tuple[NDArray, list[str]]:
    """Signed counts as a cube has them: 0 = no data, the rest at least 1, without the offset."""
    empty = (pixels == 0).all(axis=1) if mask is None else (mask == _NO_DATA) | (pixels == 0).all(axis=1)
    counts = np.where(empty[:, None], 0, np.maximum(pixels, 1)).astype(np.uint16)
    told = []
    for season, name in enumerate(names):
        removed = offset == "remove" or (offset == "auto" and has_offset(counts[season]))
        counts[season] = without_offset(counts[season]) if removed else counts[season]
        told.append(f"{name}, offset {'removed' if removed else 'kept'}")
    return counts, told


def _grid(one: xr.Dataset) -> tuple[int, float, float] | None:
    """Upper-left corner; the coordinates are those of pixel centres."""
    if not {"crs", "x_", "y_"} <= set(one.variables):
        return None
    x, y = one["x_"].values, one["y_"].values
    if len(x) < 2 or x[1] - x[0] != 10 or y[1] - y[0] != -10:
        raise BadFileError(f"has pixels of {x[1] - x[0]:g} x {y[1] - y[0]:g} m, wanted 10 x -10")
    return int(one["crs"]), float(x[0]) - 5.0, float(y[0]) + 5.0
