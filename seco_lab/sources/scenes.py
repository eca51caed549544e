"""Scenes of any size: a cube each, opened when asked for, its pixels read when they are computed with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from seco_lab.cube import make_cube
from seco_lab.sensors import Sensor
from seco_lab.sources.rasters import RasterMeta, as_counts, metres_per_pixel, place_of
from seco_lab.store.cog import read_window


class _Pixels(BackendArray):
    """Pixels (1, 1, C, H, W) of a raster file; exactly the window that is asked for is read.

    Chunks of dask would each be read whole, and a tile of 416 px touches four: twenty times as slow.
    """

    def __init__(self, path: Path, meta: RasterMeta, positions: Sequence[int]) -> None:
        self._path, self._nodata, self._positions = str(path), meta.nodata, list(positions)
        self.shape = (1, 1, len(self._positions), *meta.shape)
        self.dtype = np.dtype(np.uint8 if meta.dtype == "uint8" else np.uint16)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray:
        how = indexing.IndexingSupport.BASIC
        return indexing.explicit_indexing_adapter(key, self.shape, how, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> NDArray:
        """Whole numbers and slices along the five dimensions."""
        pairs = zip(key, self.shape, strict=True)
        ranges = [range(n)[k] if isinstance(k, slice) else range(k, k + 1) for k, n in pairs]
        bands, rows, columns = ranges[2:]
        window = [(min(r, default=0), max(r, default=-1) + 1 - min(r, default=0)) for r in (rows, columns)]
        (top, height), (left, width) = window
        found = np.zeros((len(bands), height, width), self.dtype)
        if found.size:
            wanted = [self._positions[band] for band in bands]
            found = as_counts(read_window(self._path, wanted, (top, left, height, width)), self._nodata)
        found = found[:, :: rows.step, :: columns.step][None, None, ...]
        return found[tuple(slice(None) if isinstance(k, slice) else 0 for k in key)]


class Scenes(Mapping[str, xr.Dataset]):
    """Scenes by name, in order; each is a cube of one patch and one season with ``boxes`` or ``mask``.

    Attributes:
        class_names: Names of the classes, in the order of their numbers.
        notes: What a reader of results should know: what was left out, and why.
    """

    def __init__(
        self,
        names: Sequence[str],
        open_scene: Callable[[str], xr.Dataset],
        *,
        class_names: Sequence[str],
        notes: Sequence[str] = (),
    ) -> None:
        """Take names and what opens them; a scene that was opened is kept, its pixels are not."""
        self.class_names, self.notes = tuple(class_names), tuple(notes)
        self._open = open_scene
        self._opened: dict[str, xr.Dataset | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> xr.Dataset:
        if self._opened[name] is None:
            self._opened[name] = self._open(name)
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened)

    def __len__(self) -> int:
        return len(self._opened)

    def __contains__(self, name: object) -> bool:
        return name in self._opened


def scene_cube(
    path: Path,
    meta: RasterMeta,
    *,
    name: str,
    sensor: Sensor,
    bands: Sequence[str],
    positions: Sequence[int],
    attrs: Mapping[str, Any],
    boxes: ArrayLike | None = None,
    mask: NDArray | None = None,
    split: str | None = None,
    class_names: Sequence[str],
) -> xr.Dataset:
    """A cube over a raster file, whose pixels stay on disk.

    Args:
        path: The file.
        meta: What ``describe_raster`` said of it.
        name: Of the scene.
        sensor: Gives the bands their wavelengths.
        bands: Names of the bands that are taken.
        positions: Where these lie in the file, from 0.
        attrs: Source, licence, attribution.
        boxes: Shape (N, 5): class, left, top, right, bottom in pixels.
        mask: Shape (H, W), class of each pixel.
        split: "train" or "test".
        class_names: Names of the classes.

    Raises:
        BadFileError: The file holds no 8- or 16-bit integers, or lies nowhere on Earth.
    """
    as_counts(np.zeros(0, meta.dtype), None)
    pixels = indexing.LazilyIndexedArray(_Pixels(path, meta, positions))
    lon, lat, grid = (
        (np.nan, np.nan, None) if meta.crs is None else place_of(meta.crs, meta.transform, meta.shape)
    )
    pixel_m = 1.0 if meta.crs is None else metres_per_pixel(meta.crs, meta.transform, lat)
    placed = {} if grid is None else {"epsg": [grid[0]], "x0": [grid[1]], "y0": [grid[2]]}
    return make_cube(
        pixels,
        patch=[name],
        time=np.array([["NaT"]], "datetime64[ns]"),
        lon=[lon],
        lat=[lat],
        sensor=sensor,
        bands=bands,
        pixel_size_m=pixel_m,
        unit="uint8" if meta.dtype == "uint8" else "uint16",
        boxes=None if boxes is None else np.asarray(boxes, np.float32).reshape(1, -1, 5),
        mask=None if mask is None else mask[None],
        split=None if split is None else [split],
        class_names=class_names,
        attrs=attrs,
        **placed,
    )


def splits_below(root: Path) -> dict[str, str]:
    """Which list each scene is in: names in ``train.txt`` and ``test.txt``, by lines or joined by commas."""
    splits = {}
    for split in ("train", "test"):
        for path in [*root.glob(f"{split}.txt"), *root.glob(f"*/{split}.txt")]:
            names = path.read_text().replace(",", "\n").splitlines()
            splits |= {Path(name.strip()).stem: split for name in names if name.strip()}
    return splits
