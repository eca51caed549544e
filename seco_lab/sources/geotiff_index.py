"""GeoTIFF patches with an index.csv: file, lat, lon, and where known date and label (as S2-100K has it)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.sources.base import BadFileError, PatchRecord, Reading, Refused
from seco_lab.sources.baseline import has_offset, without_offset
from seco_lab.sources.geotiff_series import bands_of, sensor_of
from seco_lab.sources.rasters import Raster, as_counts, place_of, read_raster

_COLUMNS = {"file", "lat", "lon"}


def is_indexed_folder(path: Path) -> bool:
    """Whether a folder has an index.csv that names files and places."""
    return path.is_dir() and _is_index(path / "index.csv")


def _is_index(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        return set(lines.readline().strip().split(",")) >= _COLUMNS


def find_indexed(path: Path, *, offset: str = "auto", file_bands: Sequence[str] | None = None) -> Reading:
    """Reader of patches listed in ``index.csv``, one season.

    Args:
        path: Folder with the index and the files.
        offset: What is done about the +1000 of baseline 04.00: "auto" decides by content, image by image
            (``baseline.has_offset``), "remove" takes it off all, "keep" takes the counts as they are.
        file_bands: Names of the bands in the files' order, where the files give none or wrong ones.

    Raises:
        ValueError: Unknown ``offset``, an empty index, or nothing tells what the bands are.
    """
    import pandas as pd

    if offset not in ("auto", "remove", "keep"):
        raise ValueError(f"offset must be 'auto', 'remove' or 'keep', got {offset!r}")
    rows = pd.read_csv(path / "index.csv").to_dict("records")
    missing = [row for row in rows if not (path / str(row["file"])).is_file()]
    rows = [row for row in rows if (path / str(row["file"])).is_file()]
    if not rows:
        raise ValueError(f"{path}/index.csv names no file that is there")
    names = _bands_of_first(path, rows, file_bands)
    sensor = sensor_of(names)
    bands = tuple(name for name in sensor.band_names if name in names)
    order = [names.index(name) for name in bands]

    def read(row: Mapping[str, Any]) -> PatchRecord:
        raster = read_raster(path / str(row["file"]), bands=len(names))
        return _record(row, raster, as_counts(raster.pixels, raster.nodata)[order], offset)

    return Reading(
        root=str(path), sensor=sensor, bands=bands, unit="dn", pixel_size_m=10.0, jobs=rows, read=read,
        names=lambda row: str(row["file"]),
        attrs={
            "source": f"GeoTIFF patches with index, {path.name}",
            "offset": f"{offset}; item_id says of each patch what was done",
        },
        refused=tuple(Refused(str(row["file"]), "is in the index but not in the folder") for row in missing),
    )  # fmt: skip


def _bands_of_first(path: Path, rows: Sequence[Mapping[str, Any]], file_bands: Sequence[str] | None) -> tuple:
    """Band names by the first file that can be read."""
    reasons = []
    for row in rows:
        try:
            return bands_of(read_raster(path / str(row["file"])).descriptions, file_bands)
        except BadFileError as bad:
            reasons.append(f"{row['file']} {bad}")
    raise ValueError(f"no file of {path}/index.csv can be read; {reasons[0]}")


def _done(offset: str, removed: bool) -> str:
    """What was done about the offset, in words."""
    if removed:
        return "removed"
    return "not found" if offset == "auto" else "not looked for"


def _record(row: Mapping[str, Any], raster: Raster, pixels: NDArray, offset: str) -> PatchRecord:
    """A patch whose own place agrees with the index."""
    lon, lat, grid = place_of(raster.crs, raster.transform, pixels.shape[1:])
    if abs(lon - float(row["lon"])) > 0.05 or abs(lat - float(row["lat"])) > 0.05:
        raise BadFileError(
            f"lies at longitude {lon:.3f}, latitude {lat:.3f}, "
            f"the index says {float(row['lon']):.3f}, {float(row['lat']):.3f}"
        )
    removed = offset == "remove" or (offset == "auto" and has_offset(pixels))
    name = Path(str(row["file"])).stem
    return PatchRecord(
        patch=name,
        pixels=(without_offset(pixels) if removed else pixels)[None],
        time=np.array([row.get("date", "NaT")], "datetime64[ns]"),
        lon=lon,
        lat=lat,
        grid=grid,
        label=int(row["label"]) if "label" in row else None,
        item_id=[f"{name}, offset of baseline 04.00 {_done(offset, removed)}"],
    )
