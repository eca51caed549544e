"""A scene in a GeoTIFF as an area, opened lazily: pixels are read when they are computed with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seco_lab.cube import make_area
from seco_lab.sensors import NAIP, Sensor, sensor_named
from seco_lab.sources.base import BadFileError
from seco_lab.sources.baseline import has_offset, without_offset
from seco_lab.sources.geotiff_series import bands_of, sensor_of
from seco_lab.sources.rasters import RasterMeta, as_counts, date_in, describe_raster
from seco_lab.store.cog import lazy_raster, read_window

# The offset is judged by so many pieces along each side: all of a Sentinel-2 tile would take minutes.
_PIECES, _PIECE_PX = 6, 64


def open_area(
    path: str | Path,
    *,
    bands: Sequence[str] | None = None,
    file_bands: Sequence[str] | None = None,
    sensor: str | None = None,
    unit: str | None = None,
    offset: str = "auto",
    chunk_px: int = 1024,
) -> xr.Dataset:
    """A scene of any size in one raster file as an area of one season; its pixels stay on disk.

    Args:
        path: A multi-band GeoTIFF, or whatever else GDAL reads, with all bands on one grid.
        bands: Names of the bands wanted; all if left out.
        file_bands: Names of the bands in the file's order, where it gives none or wrong ones.
        sensor: Name of the sensor, where the bands leave it open.
        unit: Key of ``seco_lab.input_spec.UNITS``; by default counts of the sensor. Files of floats need it.
        offset: What is done about the +1000 of Sentinel-2's baseline 04.00: "auto" judges by pieces all
            over the scene (``baseline.has_offset``), "remove" takes it off, "keep" does not.
        chunk_px: Side of a chunk.

    Raises:
        FileNotFoundError: Nothing is there.
        ValueError: Truncated or unreadable, without CRS, rotated, of another kind of numbers, or nothing
            tells what the bands are.
        LookupError: Unknown sensor or unit, or a band is missing; the message names both sides.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"wanted a raster file, found none at {path}")
    if offset not in ("auto", "remove", "keep"):
        raise ValueError(f"offset must be 'auto', 'remove' or 'keep', got {offset!r}")
    meta = _described(path)
    names = bands_of(meta.descriptions, file_bands)
    kind = sensor_named(sensor) if sensor else sensor_of(names)
    wanted = list(names if bands is None else bands)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise LookupError(f"wanted bands {', '.join(wanted)}; {path.name} has {', '.join(names)}")
    unit = unit or ("uint8" if kind is NAIP else "dn")
    positions = [names.index(name) for name in wanted]
    raw = lazy_raster(path, positions, meta.dtype, chunk_px=chunk_px)
    counts = _counts(raw, meta, unit)
    judged = offset == "auto" and unit == "dn" and kind is not NAIP
    lowered = offset == "remove" or (judged and has_offset(_pieces(path, positions, meta)))
    pixels = counts.map_blocks(without_offset, dtype=np.uint16) if lowered else counts
    date = date_in(path.name)
    return make_area(
        pixels, bands=wanted, sensor=kind, crs=meta.crs, transform=meta.transform, unit=unit,
        time=[np.datetime64("NaT") if date is None else date], attrs=_attrs(path, kind, lowered),
    )  # fmt: skip


def _attrs(path: Path, sensor: Sensor, lowered: bool) -> dict[str, str]:
    return {
        "source": f"GeoTIFF {path.name}",
        "level": sensor.level,
        "offset": "removed" if lowered else "none removed",
    }


def _described(path: Path) -> RasterMeta:
    """What a file says of itself.

    Raises:
        ValueError: It cannot be read or does not say where it lies.
    """
    try:
        meta = describe_raster(path)
    except BadFileError as bad:
        raise ValueError(f"{path} {bad}") from bad
    if meta.crs is None:
        raise ValueError(
            f"wanted a scene with a coordinate system, got {path.name} without; set it, for example with "
            f"gdal_edit.py -a_srs EPSG:32631 {path.name}"
        )
    return meta


def _pieces(path: Path, positions: Sequence[int], meta: RasterMeta) -> np.ndarray:
    """Counts of small pieces spread over a scene, (C, n)."""
    height, width = meta.shape
    size, found = min(_PIECE_PX, height, width), []
    for top in np.linspace(0, height - size, _PIECES).astype(int).tolist():
        for left in np.linspace(0, width - size, _PIECES).astype(int).tolist():
            piece = read_window(str(path), positions, (top, left, size, size))
            found.append(as_counts(piece, meta.nodata).reshape(len(positions), -1))
    return np.concatenate(found, axis=1)


def _counts(raw: Any, meta: RasterMeta, unit: str) -> Any:
    """Chunks as an area stores them: unsigned integers or float32, 0 = no data."""
    if np.issubdtype(np.dtype(meta.dtype), np.floating):
        if unit != "reflectance":
            raise ValueError(
                f"wanted 8- or 16-bit integers, got {meta.dtype}; say unit='reflectance' if they are that"
            )
        return raw.map_blocks(_reflectance, meta.nodata, dtype=np.float32)
    try:
        as_counts(np.zeros(0, meta.dtype), None)
    except BadFileError as bad:
        raise ValueError(f"the file {bad}") from bad
    kept = np.uint8 if meta.dtype == "uint8" else np.uint16
    return raw.map_blocks(as_counts, meta.nodata, dtype=kept)


def _reflectance(pixels: np.ndarray, nodata: float | None) -> np.ndarray:
    """Floats with 0 for no data."""
    known = np.isfinite(pixels) if nodata is None else np.isfinite(pixels) & (pixels != nodata)
    return np.where(known, pixels, 0).astype(np.float32)
