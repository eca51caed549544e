"""Embedding vectors seen as directions, without a second copy of a million rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FIT_ROWS = 20_000  # rows from which axes, statistics and limits are estimated, evenly spaced
_BLOCK = 2**14
_NARROW_BLOCK = 2**10


@dataclass(frozen=True)
class Directions:
    """One vector a place, and the factors that bring them to unit length.

    Attributes:
        rows: Shape (P, D), float32, as they came; may be a view of a larger array.
        scale: Shape (P,), 1 / length; NaN where a row is zero or not finite.
    """

    rows: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, rows: ArrayLike) -> Directions:
        """Directions of rows (P, D) of any float type.

        Raises:
            ValueError: Another shape.
        """
        rows = np.asarray(rows, np.float32)
        if rows.ndim != 2 or not rows.size:
            raise ValueError(f"vectors of places need shape (places, dims), got {rows.shape}")
        return cls(rows, _scale(np.einsum("pd,pd->p", rows, rows)))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which places have a direction, (P,)."""
        return np.isfinite(self.scale)

    def take(self, places: ArrayLike) -> NDArray[np.float32]:
        """Unit vectors (L, D) of some places, by number."""
        places = np.asarray(places)
        return self.rows[places] * self.scale[places, None]

    def cosines(self, query: NDArray) -> NDArray[np.float32]:
        """Cosine (P,) of every place to a direction (D,) of unit length; NaN where undefined."""
        return (self.rows @ np.asarray(query, np.float32)) * self.scale

    def products(self, queries: NDArray) -> NDArray[np.float32]:
        """Inner products (K, P) of a few vectors (K, D) with all directions; NaN where undefined."""
        if len(queries) == 1:
            return self.cosines(queries[0])[None]
        out = np.empty((len(queries), len(self)), np.float32)
        # Vector by vector, because BLAS is slow on a matrix of few columns; in blocks that stay in the cache.
        for start in range(0, len(self), _BLOCK):
            part = self.rows[start : start + _BLOCK]
            for row, query in zip(out, np.asarray(queries, np.float32), strict=True):
                np.matmul(part, query, out=row[start : start + _BLOCK])
        out *= self.scale
        return out

    def sample(self, count: int = FIT_ROWS) -> NDArray[np.float32]:
        """Unit vectors (S, D) of about ``count`` places, evenly spaced, without those that have none."""
        unit = self.take(np.arange(0, len(self), max(1, len(self) // count)))
        return unit[np.isfinite(unit[:, 0])]


@dataclass(frozen=True)
class UnitVectors:
    """Vectors of places through their seasons, and the factors that bring them to unit length.

    Attributes:
        rows: Shape (P, T, D), float32, as they came.
        scale: Shape (P, T), 1 / length; NaN where a row is zero or not finite.
    """

    rows: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, rows: ArrayLike) -> UnitVectors:
        """Directions of rows (P, T, D) of any float type."""
        rows = np.asarray(rows, np.float32)
        return cls(rows, _scale(np.einsum("ptd,ptd->pt", rows, rows)))

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which rows have a direction, (P, T)."""
        return np.isfinite(self.scale)

    def season(self, season: int) -> Directions:
        """The directions of one season; nothing is copied."""
        return Directions(self.rows[:, season], self.scale[:, season])

    def unit(self) -> NDArray[np.float32]:
        """A copy of unit length, (P, T, D) float32; NaN where there is no direction."""
        return self.rows * self.scale[..., None]

    def cosines(self, season: int, index: int) -> NDArray[np.float32]:
        """Cosine (P,) of every place to one place in one season; NaN where undefined."""
        return self.season(season).cosines(self.rows[index, season] * self.scale[index, season])

    def components(self, dims: int = 3) -> NDArray[np.float32]:
        """Principal components (P, T, dims) float32 of the directions, one projection for all seasons."""
        flat, scale = self.rows.reshape(-1, self.rows.shape[-1]), self.scale.reshape(-1)
        mean, axes = principal_axes(Directions(flat, scale).sample(), dims)
        parts = np.empty((len(flat), dims), np.float32)
        # In blocks that stay in the cache: half the time of one product with a matrix so narrow.
        for start in range(0, len(flat), _NARROW_BLOCK):
            here = slice(start, start + _NARROW_BLOCK)
            np.matmul(flat[here], axes, out=parts[here])
            parts[here] = parts[here] * scale[here, None] - mean @ axes
        return parts.reshape(*self.scale.shape, dims)


def principal_axes(rows: NDArray, dims: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and leading principal axes of finite rows.

    Args:
        rows: Shape (N, D).
        dims: How many axes.

    Returns:
        Mean (D,) and axes (D, dims), float32. Axes beyond the data's rank are zero; signs are fixed so that
        the largest loading is positive.
    """
    if not len(rows):
        return np.zeros(rows.shape[1], np.float32), np.zeros((rows.shape[1], dims), np.float32)
    sample = rows.astype(np.float64)
    mean = sample.mean(0)
    sample -= mean
    covariance = sample.T @ sample / len(sample)
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1][:dims]
    axes = vectors[:, order] * (values[order] > 1e-12)
    signs = np.sign(axes[np.abs(axes).argmax(0), np.arange(len(order))])
    axes = axes * np.where(signs == 0, 1, signs)
    padded = np.zeros((rows.shape[1], dims))
    padded[:, : axes.shape[1]] = axes
    return mean.astype(np.float32), padded.astype(np.float32)


def _scale(square: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / length from squared lengths; NaN where that is 0 or not finite."""
    known = np.isfinite(square) & (square > 0)
    return np.where(known, 1 / np.sqrt(np.where(known, square, 1)), np.nan).astype(np.float32)
