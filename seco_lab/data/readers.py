"""Where pixels come from: memory, the shards of a stored cube, or whatever else xarray reads lazily."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.cube import check_cube
from seco_lab.store import MappedCube, open_cube

Source = str | Path | xr.Dataset | MappedCube


class Reader(Protocol):
    """Pixels by row and season.

    Attributes:
        shape: (P, T, C, H, W).
        dtype: Pixel type.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    def read(
        self,
        rows: NDArray,
        seasons: NDArray,
        band_positions: Sequence[int],
        *,
        top: NDArray,
        left: NDArray,
        size_px: int | None,
        out: NDArray,
    ) -> NDArray:
        """Fill ``out`` (B, T, C, h, w) with crops of some seasons (B, T) and bands of some patches (B,)."""
        ...


class ArrayReader:
    """Reads an array (P, T, C, H, W) in memory, or one that xarray fetches patch by patch.

    Attributes:
        pixels: The array.
        shape: (P, T, C, H, W).
        dtype: Pixel type.
    """

    def __init__(self, pixels: NDArray | xr.DataArray) -> None:
        self.pixels = pixels
        self.shape, self.dtype = tuple(pixels.shape), np.dtype(pixels.dtype)

    def read(
        self,
        rows: NDArray,
        seasons: NDArray,
        band_positions: Sequence[int],
        *,
        top: NDArray,
        left: NDArray,
        size_px: int | None,
        out: NDArray,
    ) -> NDArray:
        """Fill ``out`` (B, T, C, h, w) with crops of some seasons (B, T) and bands of some patches (B,)."""
        height, width = out.shape[-2:]
        bands = list(band_positions)
        for target, row, picked, y, x in zip(out, rows, seasons, top, left, strict=True):
            patch = np.asarray(self.pixels[int(row)])
            for image, season in zip(target, picked, strict=True):
                for place, band in enumerate(bands):
                    image[place] = patch[season, band, y : y + height, x : x + width]
        return out


def open_source(source: Source) -> tuple[xr.Dataset, Reader]:
    """The cube's description and a reader of its pixels.

    Raises:
        FileNotFoundError: No cube at that path.
        ValueError: Not a cube.
    """
    if isinstance(source, MappedCube):
        return open_cube(source.path), source
    if isinstance(source, xr.Dataset):
        check_cube(source)
        pixels = source["reflectance"]
        # Asking a lazy variable for its values would load all of them.
        return source, ArrayReader(pixels.values if isinstance(pixels.variable._data, np.ndarray) else pixels)
    cube = open_cube(source)
    try:
        return cube, MappedCube(source)
    except ValueError:  # compressed: slower, but xarray reads it
        return cube, ArrayReader(cube["reflectance"])


def in_memory(reader: Reader) -> bool:
    """Whether the pixels need no file."""
    return isinstance(reader, ArrayReader) and isinstance(reader.pixels, np.ndarray)


def loaded_if_small(
    reader: Reader, band_positions: Sequence[int], limit_bytes: int
) -> tuple[Reader, Sequence[int]]:
    """Bands of a lazily read cube in memory where they fit; mapped files and arrays as they are."""
    if not isinstance(reader, ArrayReader) or in_memory(reader):
        return reader, band_positions
    patches, seasons, _, height, width = reader.shape
    if patches * seasons * len(band_positions) * height * width * reader.dtype.itemsize > limit_bytes:
        return reader, band_positions
    values = np.asarray(reader.pixels[:, :, list(band_positions)])
    return ArrayReader(values), range(len(band_positions))
