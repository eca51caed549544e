"""Embedding vectors seen as directions, without a second copy of a million rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seco_lab.viz.colours import FIT_ROWS, principal_axes


@dataclass(frozen=True)
class UnitVectors:
    """Rows and the factors that bring them to unit length.

    Attributes:
        rows: Shape (P, T, D), float32, as they came.
        scale: Shape (P, T), 1 / length; NaN where a row is zero or not finite.
    """

    rows: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> UnitVectors:
        """Directions of rows (P, T, D) of any float type."""
        rows = np.asarray(rows, np.float32)
        square = np.einsum("ptd,ptd->pt", rows, rows)
        usable = np.isfinite(square) & (square > 0)
        return cls(
            rows, np.where(usable, 1 / np.sqrt(np.where(usable, square, 1)), np.nan).astype(np.float32)
        )

    @property
    def usable(self) -> np.ndarray:
        """Which rows have a direction, (P, T)."""
        return np.isfinite(self.scale)

    def unit(self) -> np.ndarray:
        """A copy of unit length, (P, T, D) float32; NaN where there is no direction."""
        return self.rows * self.scale[..., None]

    def cosines(self, season: int, index: int) -> np.ndarray:
        """Cosine (P,) of every place to one place in one season; NaN where undefined."""
        query = self.rows[index, season] * self.scale[index, season]
        return (self.rows[:, season] @ query) * self.scale[:, season]

    def components(self, dims: int = 3) -> np.ndarray:
        """Principal components (P, T, dims) float32 of the directions, one projection for all seasons."""
        flat, scale = self.rows.reshape(-1, self.rows.shape[-1]), self.scale.reshape(-1)
        step = max(1, len(flat) // FIT_ROWS)
        sample = flat[::step] * scale[::step, None]
        mean, axes = principal_axes(sample[np.isfinite(sample).all(-1)], dims)
        # Column by column: BLAS is four times slower on a matrix of three columns than on three vectors.
        parts = [(flat @ np.ascontiguousarray(axis)) * scale - mean @ axis for axis in axes.T]
        return np.stack(parts, axis=-1).reshape(*self.scale.shape, dims)
