"""Where pixels come from: an array in memory, the shards of a stored cube, or whatever xarray reads lazily."""

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
    """Reads an array (P, T, C, H, W) in memory, or one that xarray fetches patch by patch."""

    def __init__(self, pixels: NDArray | xr.DataArray) -> None:
        self._pixels = pixels
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
            patch = np.asarray(self._pixels[int(row)])
            for image, season in zip(target, picked, strict=True):
                for place, band in enumerate(bands):
                    image[place] = patch[season, band, y : y + height, x : x + width]
        return out


def open_source(source: Source) -> tuple[xr.Dataset, Reader, bool]:
    """The cube's description, a reader of its pixels, and whether these lie in memory already.

    Raises:
        FileNotFoundError: No cube at that path.
        ValueError: Not a cube.
    """
    if isinstance(source, MappedCube):
        return open_cube(source.path), source, False
    if isinstance(source, xr.Dataset):
        check_cube(source)
        pixels = source["reflectance"]
        if isinstance(pixels.variable._data, np.ndarray):
            return source, ArrayReader(pixels.values), True
        return source, ArrayReader(pixels), False
    cube = open_cube(source)
    try:
        return cube, MappedCube(source), False
    except ValueError:  # compressed: slower, but xarray reads it
        return cube, ArrayReader(cube["reflectance"]), False
