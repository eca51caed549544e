"""SSL4EO-S12 v1: location / acquisition / one GeoTIFF per band, in folders s2a and s2c (arXiv:2211.07044)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seco_lab.sensors import SENTINEL2_L1C, SENTINEL2_L2A, Sensor
from seco_lab.sources.base import BadFileError, PatchRecord, Reading
from seco_lab.sources.baseline import has_offset, without_offset
from seco_lab.sources.rasters import as_counts, read_raster
from seco_lab.sources.seco_folder import first_bands, locations_reading

_FOLDERS = {"s2a": SENTINEL2_L2A, "s2c": SENTINEL2_L1C}
_LOSS = "8 bit and JPEG by the publisher, scale not stated: counts of a picture, not reflectance"


def is_ssl4eo(path: Path) -> bool:
    """Whether a folder holds s2a or s2c, is one of them, or holds locations of 16-bit bands."""
    if not path.is_dir():
        return False
    if any(first_bands(path / name) for name in _FOLDERS if (path / name).is_dir()):
        return True
    held = first_bands(path)
    return bool(held) and (path.name in _FOLDERS or _dtype(held) == np.uint16)


def find_ssl4eo(
    path: Path,
    *,
    bands: str | Sequence[str] = "all",
    seasons: int = 4,
    size_px: int = 264,
    sensor: str | None = None,
    offset: str = "auto",
) -> Reading:
    """Reader of the 16-bit files and of the 8-bit edition, one level at a time.

    Bands of 20 and 60 m are repeated onto the grid of the 10 m bands; seasons are in order of time.

    Args:
        path: Folder with the locations, or the one above with s2a and s2c.
        bands: Names, "rgb", or "all" that the first location has.
        seasons: Acquisitions that a location must have; of more, the latest are taken.
        size_px: Size of a 10 m band.
        sensor: "sentinel2-l2a" (s2a) or "sentinel2-l1c" (s2c), where both are there.
        offset: What is done about the +1000 of baseline 04.00: "auto" decides by content, image by image,
            "remove" takes it off all, "keep" takes the counts as they are.

    Raises:
        ValueError: Both levels are there and none is asked for, or an unknown ``offset``.
        LookupError: The level asked for is not there, or an unknown band.
    """
    if offset not in ("auto", "remove", "keep"):
        raise ValueError(f"offset must be 'auto', 'remove' or 'keep', got {offset!r}")
    folder, kind = _level(path, sensor)
    dtype = _dtype(first_bands(folder))
    attrs: dict[str, Any] = {
        "source": f"SSL4EO-S12 v1, {folder.name} (arXiv:2211.07044)",
        "licence": "CC-BY-4.0; contains modified Copernicus Sentinel data",
    }
    eight_bit = dtype == np.uint8
    attrs |= (
        {"loss": _LOSS} if eight_bit else {"offset": f"{offset}; item_id says of each image what was done"}
    )
    reading = locations_reading(
        folder, kind, dtype, bands=bands, seasons=seasons, size_px=size_px,
        unit="uint8" if eight_bit else "dn", attrs=attrs,
    )  # fmt: skip
    return reading if eight_bit else _lowered(reading, offset)


def _dtype(held: dict[str, Path]) -> np.dtype:
    """Of the first band file that can be read."""
    for file in held.values():
        try:
            return read_raster(file, need_crs=False).pixels.dtype
        except BadFileError:
            continue
    return np.dtype(np.uint16)


def _level(path: Path, sensor: str | None) -> tuple[Path, Sensor]:
    """The folder with the locations, and what they are."""
    if not any((path / name).is_dir() for name in _FOLDERS):
        level_1c = "B10" in first_bands(path) or path.name == "s2c"
        return path, SENTINEL2_L1C if level_1c else SENTINEL2_L2A
    there = {kind.name: (path / name, kind) for name, kind in _FOLDERS.items() if (path / name).is_dir()}
    if sensor is None and len(there) > 1:
        raise ValueError(f"{path} holds {' and '.join(there)}; say which with sensor=")
    if sensor is not None and sensor not in there:
        raise LookupError(f"{path} holds {', '.join(there)}, not {sensor}")
    return there[sensor] if sensor else next(iter(there.values()))


def _lowered(reading: Reading, offset: str) -> Reading:
    """The reading without the offset of baseline 04.00; item_id says of each image what was done."""

    def read(place: Any) -> PatchRecord:
        record = reading.read(place)
        pixels = as_counts(record.pixels, None).copy()
        removed = [offset == "remove" or (offset == "auto" and has_offset(image)) for image in pixels]
        for season in np.flatnonzero(removed):
            pixels[season] = without_offset(pixels[season])
        done = ["removed" if off else "kept" for off in removed]
        names = [f"{name}, offset {word}" for name, word in zip(record.item_id or (), done, strict=True)]
        return replace(record, pixels=pixels, item_id=names)

    return replace(reading, read=read)
