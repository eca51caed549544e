"""Embeddings of an area as colours: principal components as a raster, for maps and for QGIS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.cube import grid_of
from seco_lab.explore.vectors import FIT_ROWS, principal_axes
from seco_lab.store.cog import write_cog
from seco_lab.viz.colours import unit_to_rgb

NO_DATA = 0  # colours of data lie between 40 and 240


@dataclass(frozen=True)
class PcaColours:
    """From directions of vectors to colours: three axes, and what becomes dark and bright along each.

    The axes are ordered by variance and turned so that the largest loading of each is positive: the same
    vectors give the same colours, in whatever order they come. Colours of one area may be used for another.

    Attributes:
        mean: Shape (D,).
        axes: Shape (D, 3), for red, green and blue.
        low: Shape (3,), what becomes dark.
        high: Shape (3,), what becomes bright.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def fit(cls, vectors: NDArray) -> PcaColours:
        """Axes and limits (2nd and 98th percentile) of vectors (N, D).

        Raises:
            ValueError: No vector is finite.
        """
        unit = directions(np.asarray(vectors, np.float32), axis=1)
        unit = unit[np.isfinite(unit).all(1)]
        if not len(unit):
            raise ValueError("no colours can be made: all vectors hold NaN")
        unit = unit[:: max(1, len(unit) // FIT_ROWS)]
        mean, axes = principal_axes(unit, 3)
        low, high = np.percentile((unit - mean) @ axes, [2, 98], axis=0).astype(np.float32)
        return cls(mean, axes, low, high)

    def __call__(self, vectors: NDArray) -> NDArray[np.uint8]:
        """Colours (..., 3, H, W) of vectors (..., D, H, W); 0 where a vector is not known."""
        unit = np.moveaxis(directions(np.asarray(vectors, np.float32), axis=-3), -3, -1)
        parts = (unit - self.mean) @ self.axes
        spread = self.high - self.low
        share = np.where(spread < 1e-9, 0.5, (parts - self.low) / np.where(spread < 1e-9, 1, spread))
        known = np.isfinite(parts).all(-1)
        rgb = unit_to_rgb(np.clip(share, 0, 1).reshape(-1, 3)).reshape(parts.shape)
        return np.moveaxis(np.where(known[..., None], rgb, NO_DATA).astype(np.uint8), -1, -3)


def directions(vectors: NDArray[np.float32], *, axis: int) -> NDArray[np.float32]:
    """Vectors at unit length; NaN where they are 0 or hold NaN."""
    length = np.sqrt(np.square(vectors).sum(axis, keepdims=True))
    return vectors / np.where(length > 0, length, np.nan)


def fit_area_colours(embeddings: xr.Dataset) -> PcaColours:
    """Colours of an area, one set for all its seasons, from cells spread evenly over it.

    Args:
        embeddings: ``embedding`` (season, dim, y, x); a lazy one is computed where it is looked at.

    Raises:
        ValueError: No cell has an embedding.
    """
    vectors = embeddings["embedding"]
    cells = vectors.sizes["season"] * vectors.sizes["y"] * vectors.sizes["x"]
    step = max(1, int(np.sqrt(cells / FIT_ROWS)))
    sample = vectors[:, :, ::step, ::step].transpose("season", "y", "x", "dim").values
    return PcaColours.fit(sample.reshape(-1, sample.shape[-1]))


def area_picture(embeddings: xr.Dataset, colours: PcaColours | None = None) -> xr.DataArray:
    """Embeddings as colours: the first three principal components as red, green and blue.

    Args:
        embeddings: ``embedding`` (season, dim, y, x); a lazy one is computed once for the fit, the picture
            stays lazy.
        colours: Colours to use, such as those of another area; fitted to this one by default.

    Returns:
        ``rgb`` (season, channel, y, x) uint8, 0 where there is no embedding, with the area's coordinates.

    Raises:
        ValueError: No cell has an embedding.
    """
    paint = colours or fit_area_colours(embeddings)
    vectors = embeddings["embedding"].data
    rgb: Any = paint(vectors) if not hasattr(vectors, "dask") else _painted_lazily(vectors, paint)
    coords = {name: embeddings.coords[name] for name in embeddings.coords if name != "dim"}
    picture = xr.DataArray(rgb, coords, ("season", "channel", "y", "x"), "rgb")
    return picture.assign_coords(channel=["red", "green", "blue"])


def _painted_lazily(vectors: Any, paint: PcaColours) -> Any:
    seasons, _, rows, columns = vectors.rechunk({1: -1}).chunks
    chunks = (seasons, (3,), rows, columns)
    return vectors.rechunk({1: -1}).map_blocks(paint, dtype=np.uint8, chunks=chunks)


def save_area_picture(picture: xr.DataArray, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a picture of one season as a cloud-optimised GeoTIFF that QGIS shows in place, 0 for no data.

    Args:
        picture: As ``area_picture`` returns, of one season.
        path: Target, ending in .tif.
        overwrite: Whether an old file may be replaced.

    Raises:
        ValueError: Several seasons, no data, or another ending.
        FileExistsError: The file is there and ``overwrite`` is not set.
        OSError: The disk is full; nothing is left behind.
    """
    if picture.dims[:1] != ("season",) or picture.sizes["season"] != 1:
        raise ValueError(
            f"a picture file holds one season, got {dict(picture.sizes)}; choose isel(season=[0])"
        )
    names = [str(name) for name in picture["channel"].values]
    return write_cog(
        path, picture.data[0], grid_of(picture), names=names, nodata=NO_DATA, overwrite=overwrite
    )
