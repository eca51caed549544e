"""A folder of multi-band GeoTIFFs of one area, one per date, the date in the file name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seco_lab.sensors import NAIP, SENTINEL2_L1C, SENTINEL2_L2A, Sensor, sensor_named
from seco_lab.sources.base import BadFileError, Reading, Refused
from seco_lab.sources.rasters import Raster, as_counts, date_in, read_raster
from seco_lab.sources.series import Series, clear_pixels, reading_of

_BAND = re.compile(r"(?:^|[^A-Za-z0-9])B(\d{1,2}|8A)(?:$|[^A-Za-z0-9])", re.IGNORECASE)
_COLOURS = {"red": "R", "green": "G", "blue": "B", "nir": "N"}
# What files without band names hold, by their number of bands; stated in the cube's attributes.
_BY_COUNT = {12: SENTINEL2_L2A, 13: SENTINEL2_L1C, 4: NAIP}


def is_geotiff_series(path: Path) -> bool:
    """Whether a folder holds at least two GeoTIFFs with different dates in their names."""
    return path.is_dir() and len({date_in(p.name) for p in path.glob("*.tif")} - {None}) > 1


def band_named(description: str | None) -> str | None:
    """The toolkit's name of a band from a file's description: "B1", "band B01" and "red" are known forms."""
    if not description:
        return None
    found = _BAND.search(description)
    if found:
        return f"B{found.group(1).upper():0>2}"
    return _COLOURS.get(description.strip().lower())


def bands_of(descriptions: Sequence[str | None], file_bands: Sequence[str] | None) -> tuple[str, ...]:
    """Names of a file's bands: given by hand, else the file's own, else by their number.

    Raises:
        ValueError: The names given are not as many as the bands, or nothing tells what the bands are.
    """
    count = len(descriptions)
    if file_bands is not None:
        if len(file_bands) != count:
            raise ValueError(f"file_bands names {len(file_bands)} bands, the files have {count}")
        return tuple(file_bands)
    named = [band_named(text) for text in descriptions]
    if all(named) and len(set(named)) == count:
        return tuple(str(name) for name in named)
    if count in _BY_COUNT:
        return _BY_COUNT[count].band_names
    raise ValueError(
        f"the files have {count} bands without names; say what they are, in order, with file_bands=[...] "
        "(area: --file-bands B04,B03,B02)"
    )


def sensor_of(bands: Sequence[str]) -> Sensor:
    """The sensor that has these bands: Sentinel-2 L1C only where B10 is among them.

    Raises:
        LookupError: No sensor has them.
    """
    for sensor in (SENTINEL2_L2A, SENTINEL2_L1C, NAIP):
        if set(bands) <= set(sensor.band_names):
            return sensor
    raise LookupError(f"no sensor is known that has the bands {', '.join(bands)}")


def find_geotiff_series(
    path: Path,
    *,
    size_px: int = 64,
    seasons: int = 5,
    dates: Sequence[str] | None = None,
    min_clear: float = 0.95,
    file_bands: Sequence[str] | None = None,
    sensor: str | None = None,
) -> Reading:
    """Reader that cuts a series of GeoTIFFs into tiles and takes some clear dates of each.

    Args:
        path: Folder; each file holds all bands of one date on the same grid.
        size_px: Side of a patch.
        seasons: Dates per patch, clear ones far apart in the year (``series.pick_seasons``).
        dates: Days such as "2020-06-21" to take for all patches instead.
        min_clear: Share of a patch that must be clear by ``series.clear_pixels``.
        file_bands: Names of the bands in the files' order, where the files give none or wrong ones.
        sensor: Name of the sensor, where the bands leave it open.

    Raises:
        ValueError: No readable file, unknown bands, or a day that is not there.
        LookupError: Unknown sensor or band.
    """
    rasters, refused = _rasters(path)
    if not rasters:
        first = f"; {refused[0].path} {refused[0].reason}" if refused else ""
        raise ValueError(f"{path} holds no readable GeoTIFF with a date in its name{first}")
    time = np.array(list(rasters), "datetime64[ns]")
    first = next(iter(rasters.values()))
    names = bands_of(first.descriptions, file_bands)
    kind = sensor_named(sensor) if sensor else sensor_of(names)
    bands = tuple(name for name in kind.band_names if name in names)
    order = [names.index(name) for name in bands]
    pixels = np.stack([as_counts(raster.pixels[order], raster.nodata) for raster in rasters.values()])
    unit = "dn" if kind is not NAIP else "uint8"
    series = Series(
        path.name, pixels, clear_pixels(pixels, bands, unit), time, bands, first.crs, first.transform
    )
    named = file_bands is not None or all(band_named(text) for text in first.descriptions)
    return reading_of(
        [series], root=str(path), sensor=kind, unit=unit, size_px=size_px, seasons=seasons, dates=dates,
        min_clear=min_clear, refused=refused,
        attrs={
            "source": f"GeoTIFF series {path.name}",
            "band_order": "by name" if named else f"not named by the files; the order of {kind.name}",
        },
    )  # fmt: skip


def _rasters(path: Path) -> tuple[dict[np.datetime64, Raster], list[Refused]]:
    """Readable files by date, rising, all of the grid that most of them have; and those refused."""
    found: dict[np.datetime64, tuple[Path, Raster]] = {}
    refused = []
    for file in sorted(path.glob("*.tif")):
        try:
            date = date_in(file.name)
            if date is None:
                raise BadFileError("has no date in its name")
            raster = read_raster(file)
            if not raster.pixels.any():
                raise BadFileError("holds no data: all pixels are 0")
            if date in found:
                raise BadFileError(f"has the date of {found[date][0].name}")
            as_counts(raster.pixels[:0], None)
            found[date] = (file, raster)
        except BadFileError as bad:
            refused.append(Refused(str(file), str(bad)))
    kept = _of_one_grid(found, refused)
    return {date: kept[date] for date in sorted(kept)}, refused


def _of_one_grid(
    found: dict[np.datetime64, tuple[Path, Raster]], refused: list[Refused]
) -> dict[np.datetime64, Raster]:
    """The files whose shape is the commonest and whose corner lies within a pixel of the first of them."""
    if not found:
        return {}
    shape = Counter(raster.pixels.shape for _, raster in found.values()).most_common(1)[0][0]
    reference, kept = None, {}
    for date, (file, raster) in found.items():
        if raster.pixels.shape != shape:
            refused.append(Refused(str(file), f"has shape {raster.pixels.shape}, most files have {shape}"))
            continue
        reference = reference or raster
        off_px = max(
            abs(raster.transform[2] - reference.transform[2]) / abs(reference.transform[0]),
            abs(raster.transform[5] - reference.transform[5]) / abs(reference.transform[4]),
        )
        if raster.crs != reference.crs or off_px >= 1:
            refused.append(Refused(str(file), "lies on another grid than the first file"))
            continue
        kept[date] = raster
    return kept
