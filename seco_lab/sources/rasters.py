"""Read one raster file: pixels, place and date, or the reason why not."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.sources.base import BadFileError

_DATE = re.compile(
    r"(?<!\d)(19|20)(\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?:T(\d{2})(\d{2})(\d{2}))?(?!\d)"
)


@dataclass(frozen=True)
class Raster:
    """A raster file in memory.

    Attributes:
        pixels: Shape (C, H, W), as stored.
        crs: Its coordinate system, a rasterio CRS.
        transform: (a, b, c, d, e, f): x = a column + b row + c, y = d column + e row + f.
        descriptions: Name of each band, None where the file gives none.
        nodata: Value that stands for no data, None where the file states none.
    """

    pixels: NDArray
    crs: Any
    transform: tuple[float, float, float, float, float, float]
    descriptions: tuple[str | None, ...]
    nodata: float | None


@dataclass(frozen=True)
class RasterMeta:
    """What a raster file says of itself; its pixels stay on disk.

    Attributes:
        count: Number of bands.
        dtype: Type of the first band's numbers.
        shape: Height and width.
        crs: Its coordinate system, a rasterio CRS; None where the file names none.
        transform: As of ``Raster``.
        descriptions: Name of each band, None where the file gives none.
        nodata: Value that stands for no data, None where the file states none.
    """

    count: int
    dtype: str
    shape: tuple[int, int]
    crs: Any
    transform: tuple[float, float, float, float, float, float]
    descriptions: tuple[str | None, ...]
    nodata: float | None


def describe_raster(path: Path) -> RasterMeta:
    """What a raster file says of itself.

    Raises:
        BadFileError: It cannot be read, or was cut off.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                # A file that was cut off opens, but its last pixel cannot be read.
                source.read(window=((source.height - 1, source.height), (source.width - 1, source.width)))
                return RasterMeta(
                    source.count, source.dtypes[0], source.shape, source.crs, tuple(source.transform)[:6],
                    source.descriptions, source.nodata,
                )  # fmt: skip
    except (RasterioError, OSError) as error:
        raise unreadable(error) from error


def date_in(name: str) -> np.datetime64 | None:
    """The first date in a file name, with its time of day where one follows: 2020-01-28, 20190803T154559."""
    found = _DATE.search(name)
    if found is None:
        return None
    century, year, month, day, *clock = found.groups()
    text = f"{century}{year}-{month}-{day}" + (f"T{':'.join(clock)}" if clock[0] else "")
    try:
        return np.datetime64(text, "ns")
    except ValueError:  # such as the 31st of February
        return None


def read_raster(path: Path, *, bands: int | None = None, need_crs: bool = True) -> Raster:
    """A raster, whole.

    Args:
        path: Any file that GDAL reads.
        bands: How many bands it must have.
        need_crs: Refuse a file that does not say where it lies.

    Raises:
        BadFileError: Truncated, unreadable, without CRS, or with another number of bands.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                if bands is not None and source.count != bands:
                    raise BadFileError(f"has {source.count} bands, wanted {bands}")
                if need_crs and source.crs is None:
                    raise BadFileError("has no CRS: nobody knows where it lies")
                pixels = source.read()
                transform = tuple(source.transform)[:6]
                return Raster(pixels, source.crs, transform, source.descriptions, source.nodata)
    except (RasterioError, OSError) as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> BadFileError:
    """What a reader says of a file that GDAL failed to read."""
    return BadFileError(f"cannot be read, it may be truncated ({_first_line(error)})")


def _first_line(error: Exception) -> str:
    cause = error.__cause__ or error
    return (str(cause).splitlines() or [type(cause).__name__])[0]


def place_of(
    crs: Any, transform: tuple[float, ...], shape: tuple[int, int]
) -> tuple[float, float, tuple[int, float, float] | None]:
    """Centre of a raster in degrees, and its grid where that is a north-up UTM grid.

    Returns:
        Longitude, latitude, and (epsg, x0, y0) or None where the grid is of another kind.

    Raises:
        BadFileError: The CRS cannot be converted.
    """
    from rasterio.errors import RasterioError
    from rasterio.warp import transform as convert

    a, b, c, d, e, f = transform
    row, column = shape[0] / 2, shape[1] / 2
    x, y = a * column + b * row + c, d * column + e * row + f
    try:
        (lon,), (lat,) = convert(crs, "EPSG:4326", [x], [y])
        epsg = crs.to_epsg() or 0
    except RasterioError as error:
        raise BadFileError(f"has a CRS that cannot be converted ({_first_line(error)})") from error
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise BadFileError(f"lies outside the Earth: longitude {lon:g}, latitude {lat:g}")
    utm = epsg // 100 in (326, 327) and b == d == 0 and e < 0
    return lon, lat, (epsg, c, f) if utm else None


def metres_per_pixel(crs: Any, transform: tuple[float, ...], lat: float) -> float:
    """Ground size of a pixel, the mean of both axes; degrees become metres at that latitude."""
    a, e = abs(transform[0]), abs(transform[4])
    if crs.is_geographic:
        a, e = a * 111_320 * np.cos(np.radians(lat)), e * 110_950
    return float((a + e) / 2)


def as_counts(pixels: NDArray, nodata: float | None) -> NDArray:
    """Integer counts as a cube stores them: unsigned, 0 = no data.

    Raises:
        BadFileError: Another kind of number.
    """
    if pixels.dtype not in (np.uint8, np.uint16, np.int16, np.int32, np.uint32):
        raise BadFileError(f"holds {pixels.dtype}, wanted 8- or 16-bit integers")
    if nodata not in (None, 0):
        pixels = np.where(pixels == nodata, 0, pixels)
    if pixels.dtype == np.uint8:
        return pixels
    return np.clip(pixels, 0, 65535).astype(np.uint16)


def to_grid(pixels: NDArray, size: tuple[int, int]) -> NDArray:
    """Bands of 20 or 60 m on the grid of the 10 m bands, each pixel repeated.

    Args:
        pixels: Shape (..., h, w).
        size: Wanted height and width, the same whole multiple of h and w.

    Raises:
        BadFileError: The size is no whole multiple.
    """
    height, width = pixels.shape[-2:]
    factor = size[0] // height
    if (height * factor, width * factor) != tuple(size):
        raise BadFileError(f"is {height} x {width} px, no whole part of {size[0]} x {size[1]} px")
    return pixels.repeat(factor, axis=-2).repeat(factor, axis=-1) if factor > 1 else pixels
