"""The official SeCo folder: location / acquisition / one 8-bit JPEG GeoTIFF per band (arXiv:2103.16607)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from seco_lab.sensors import SENTINEL2_L2A, Sensor
from seco_lab.sources.base import BadFileError, PatchRecord, Reading
from seco_lab.sources.rasters import Raster, date_in, place_of, read_raster, to_grid

_LOCATION = re.compile(r"\d{6,}")
_BAND_FILE = re.compile(r"B(\d{1,2}|8A)\.tif")


def is_seco_folder(path: Path) -> bool:
    """Whether a folder holds locations of six digits with dated acquisitions in them."""
    return path.is_dir() and any(_acquisitions(place) or _previews(place) for place in _locations(path)[:20])


def _locations(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and _LOCATION.fullmatch(p.name))


def _acquisitions(place: Path) -> list[Path]:
    """Acquisition folders of a location, oldest first."""
    dated = [(date_in(p.name), p) for p in place.iterdir() if p.is_dir()]
    return [p for date, p in sorted((d, p) for d, p in dated if d is not None)]


def _previews(place: Path) -> list[Path]:
    return [p for p in place.glob("*.tif") if date_in(p.name) is not None]


def _band_files(acquisition: Path) -> dict[str, Path]:
    """Files of an acquisition by the toolkit's band names: B1.tif is B01."""
    files = {}
    for file in acquisition.iterdir():
        if _BAND_FILE.fullmatch(file.name):
            files[f"B{file.stem[1:]:0>2}"] = file
    return files


def find_seco(
    path: Path, *, bands: str | Sequence[str] = "all", seasons: int = 5, size_px: int = 264
) -> Reading:
    """Reader of the 100k and 1m variants, with or without previews.

    Counts stay as they are, reflectance x 255 (unit ``seco_8bit``); bands of 20 and 60 m are repeated onto
    the grid of the 10 m bands. Seasons are in order of time.

    Args:
        path: Folder with the locations.
        bands: Names, "rgb", or "all" that the first location has.
        seasons: Acquisitions that a location must have; of more, the latest are taken.
        size_px: Size of a 10 m band.

    Raises:
        LookupError: Unknown band name.
    """
    return locations_reading(
        path, SENTINEL2_L2A, np.uint8, bands=bands, seasons=seasons, size_px=size_px, unit="seco_8bit",
        attrs={
            "source": "SeCo, the authors' files (arXiv:2103.16607)",
            "licence": "see zenodo.org/records/4728033",
        },
    )  # fmt: skip


def locations_reading(
    path: Path,
    sensor: Sensor,
    dtype: DTypeLike,
    *,
    bands: str | Sequence[str],
    seasons: int,
    size_px: int,
    unit: str,
    attrs: dict[str, Any],
) -> Reading:
    """Reader of a folder of locations, whatever its counts stand for.

    Args:
        path: Folder with the locations.
        sensor: Whose bands they are.
        dtype: Of the counts; a file with another one is refused.
        bands: Names, "rgb", or "all" that the first location has.
        seasons: Acquisitions that a location must have; of more, the latest are taken.
        size_px: Size of a 10 m band.
        unit: Of the counts, key of ``seco_lab.input_spec.UNITS``.
        attrs: What is known about the set.

    Raises:
        LookupError: Unknown band name.
    """
    places = _locations(path)
    held = first_bands(path)
    order = [name for name in sensor.band_names if name in held]
    chosen = (tuple(order) if bands == "all" else sensor.subset(bands)) or sensor.rgb

    def read(place: Path) -> PatchRecord:
        return _read_location(place, chosen, seasons, size_px, np.dtype(dtype))

    grid = "approximate: the files are in degrees, corners are those of a UTM square of that centre"
    return Reading(
        root=str(path), sensor=sensor, bands=chosen, unit=unit, pixel_size_m=10.0, jobs=places, read=read,
        attrs={**attrs, "grid": grid},
    )  # fmt: skip


def first_bands(path: Path) -> dict[str, Path]:
    """Band files of the first acquisition that has any."""
    for acquisition in (a for place in _locations(path) for a in _acquisitions(place)):
        if held := _band_files(acquisition):
            return held
    return {}


def _read_location(
    place: Path, bands: Sequence[str], seasons: int, size_px: int, dtype: np.dtype
) -> PatchRecord:
    """All seasons of a location, or the reason why not."""
    found = _acquisitions(place)
    if not found and _previews(place):
        raise BadFileError("holds previews only, no bands")
    if len(found) < seasons:
        raise BadFileError(f"has {len(found)} seasons, wanted {seasons}")
    found = found[-seasons:]
    pixels = np.empty((seasons, len(bands), size_px, size_px), dtype)
    raster = None
    for season, acquisition in enumerate(found):
        files = _band_files(acquisition)
        for position, band in enumerate(bands):
            raster = _read_band(files, acquisition, band, dtype)
            pixels[season, position] = _on_grid(raster.pixels[0], size_px, acquisition, band)
    assert raster is not None
    lon, lat = _centre(raster)
    time = np.array([date_in(a.name) for a in found], "datetime64[ns]")
    names = [a.name for a in found]
    return PatchRecord(patch=place.name, pixels=pixels, time=time, lon=lon, lat=lat, item_id=names)


def _read_band(files: dict[str, Path], acquisition: Path, band: str, dtype: np.dtype) -> Raster:
    if band not in files:
        raise BadFileError(f"lacks band {band} in {acquisition.name}")
    try:
        raster = read_raster(files[band], bands=1)
    except BadFileError as bad:
        raise BadFileError(f"has a bad file: {acquisition.name}/{files[band].name} {bad}") from bad
    if raster.pixels.dtype != dtype:
        raise BadFileError(
            f"has {raster.pixels.dtype} in {acquisition.name}/{files[band].name}, wanted {dtype}"
        )
    return raster


def _on_grid(pixels: NDArray, size_px: int, acquisition: Path, band: str) -> NDArray:
    try:
        return to_grid(pixels, (size_px, size_px))
    except BadFileError as bad:
        raise BadFileError(f"has a band of odd size: {acquisition.name}/{band} {bad}") from bad


def _centre(raster: Raster) -> tuple[float, float]:
    """Centre of a patch; the official files place their corner half a pixel to the north-west."""
    a, b, c, d, e, f = raster.transform
    shifted = (a, b, c + a / 2, d, e, f + e / 2)
    lon, lat, _ = place_of(raster.crs, shifted, raster.pixels.shape[1:])
    return lon, lat
