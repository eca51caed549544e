"""Cloud-optimised GeoTIFF: written block by block, whole or not at all, and opened lazily."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.cube import Grid
from seco_lab.whole import hidden, whole_file

_ROOM_BYTES = 2**20  # a disk with less is full
HALF_MAX = 65504.0  # the largest number of 16-bit floats


def write_cog(
    path: str | Path,
    bands: Any,
    grid: Grid,
    *,
    names: Sequence[str] = (),
    nodata: float | None = None,
    half: bool = False,
    block_px: int = 256,
    tags: dict[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a raster as a cloud-optimised GeoTIFF with GDAL's COG driver.

    The file is tiled, compressed without loss and holds overviews (means of 2 x 2, down to one tile), so that
    QGIS and other programs open it in place, also over a network. Chunks of a dask array are computed one
    after the other. Until it is whole, the file has another name.

    Args:
        path: Target, ending in .tif.
        bands: Shape (C, H, W), uint8, uint16 or float32, numpy or dask.
        grid: Where it lies.
        names: C descriptions of the bands.
        nodata: Value that stands for no data, such as NaN.
        half: Keep floats in 16 bits: half the size, three significant digits.
        block_px: Side of a tile; a multiple of 16.
        tags: Further metadata, texts.
        overwrite: Whether an old file may be replaced.

    Raises:
        FileExistsError: The file is there and ``overwrite`` is not set.
        ValueError: Another ending, another shape, numbers too large for 16 bits, or no data anywhere.
        OSError: The disk is full; nothing is left behind.
    """
    path = check_target(path, overwrite=overwrite)
    if np.ndim(bands) != 3 or (names and len(names) != bands.shape[0]):
        raise ValueError(f"wanted a raster (bands, y, x) and as many names, got shape {np.shape(bands)}")
    options = {"NBITS": "16"} if half else {"PREDICTOR": "YES"}
    with whole_file(path) as partial, _beside(path) as plain, _full_disk_told(path):
        _write_plain(plain, bands, grid, names, nodata, half, tags or {})
        _copy_as_cog(plain, partial, block_px, options)
    return path


def check_target(path: str | Path, *, overwrite: bool) -> Path:
    """A path that a GeoTIFF may be written to; asked before long work.

    Raises:
        FileExistsError: A file is there and ``overwrite`` is not set.
        NotADirectoryError: What should be its folder is a file.
        ValueError: It does not end in .tif or .tiff.
    """
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(f"wanted a name ending in .tif for a GeoTIFF, got {path.name}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; name another file or ask to overwrite it")
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if not folder.is_dir():
        raise NotADirectoryError(f"{path} cannot be written: {folder} is a file, and no folder")
    return path


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A name for a file that is only needed meanwhile."""
    temporary = hidden(path, "blocks.tif")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _full_disk_told(path: Path) -> Iterator[None]:
    """Turn GDAL's words, in which nothing is said of the disk, into those of the system."""
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    try:
        yield
    except (RasterioError, CPLE_BaseError, SystemError) as error:
        # A full disk shows itself as any of these, by how much of the file was written.
        if shutil.disk_usage(path.parent).free > _ROOM_BYTES:
            raise OSError(f"GDAL could not write {path}: {error}") from error
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error


def _write_plain(
    path: Path, bands: Any, grid: Grid, names: Sequence[str], nodata: float | None, half: bool, tags: dict
) -> None:
    """A plain tiled GeoTIFF, filled block by block: the COG driver copies a whole file only."""
    import rasterio
    from rasterio.windows import Window

    count, height, width = bands.shape
    form = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": str(bands.dtype)}
    place = {"crs": grid.crs, "transform": rasterio.Affine(*grid.transform), "nodata": nodata}
    # Small tiles: each holds all bands, and one that is written in parts would be read again.
    how = {"tiled": True, "blockxsize": 64, "blockysize": 64, "interleave": "pixel", "bigtiff": "IF_SAFER"}
    with rasterio.open(path, "w", **form, **place, **how) as target:
        filled = nodata is None
        for top, left, block in _blocks(bands):
            filled = filled or not np.all(np.isnan(block) if np.isnan(nodata) else block == nodata)
            if half and np.nanmax(np.abs(block), initial=0) > HALF_MAX:
                raise ValueError("the numbers are too large for 16-bit floats; write them as float32")
            target.write(block, window=Window(left, top, block.shape[2], block.shape[1]))
        for number, name in enumerate(names, 1):
            target.set_band_description(number, name)
        target.update_tags(**tags)
    if not filled:
        raise ValueError("wanted a raster with data, got none: each pixel stands for no data")


def _blocks(bands: Any) -> Iterator[tuple[int, int, NDArray]]:
    """Row, column and pixels of each block; a numpy array is one block."""
    if not hasattr(bands, "dask"):
        yield 0, 0, np.asarray(bands)
        return
    top = 0
    for height in bands.chunks[1]:
        left = 0
        for width in bands.chunks[2]:
            yield top, left, bands[:, top : top + height, left : left + width].compute()
            left += width
        top += height


def _copy_as_cog(source: Path, target: Path, block_px: int, options: dict[str, str]) -> None:
    from rasterio.shutil import copy

    common = {"COMPRESS": "DEFLATE", "BLOCKSIZE": str(block_px), "BIGTIFF": "IF_SAFER", "NUM_THREADS": "1"}
    copy(source, target, driver="COG", OVERVIEW_RESAMPLING="AVERAGE", **common, **options)


def lazy_raster(path: str | Path, positions: Sequence[int], dtype: str, *, chunk_px: int = 1024) -> Any:
    """Some bands of a raster file as a dask array (C, H, W); each chunk opens the file for itself.

    Args:
        path: Any file that GDAL reads.
        positions: Bands, from 0.
        dtype: Type of its numbers.
        chunk_px: Side of a chunk.
    """
    import dask
    import dask.array as da
    import rasterio

    with rasterio.open(path) as source:
        height, width = source.shape
    read, wanted = dask.delayed(read_window, pure=True), list(positions)
    rows = []
    for top in range(0, height, chunk_px):
        row = []
        for left in range(0, width, chunk_px):
            size = (min(chunk_px, height - top), min(chunk_px, width - left))
            part = read(str(path), wanted, (top, left, *size))
            row.append(da.from_delayed(part, (len(wanted), *size), dtype))
        rows.append(row)
    return da.block(rows)


def read_window(path: str, positions: Sequence[int], window: tuple[int, int, int, int]) -> NDArray:
    """Pixels (C, height, width) of some bands, from 0, in a window (top, left, height, width) of a file."""
    import rasterio
    from rasterio.windows import Window

    top, left, height, width = window
    with rasterio.open(path) as source:
        return source.read([n + 1 for n in positions], window=Window(left, top, width, height))
