"""How places move through the year: how much, and along which change that many of them share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.explore.vectors import FIT_ROWS, UnitVectors, principal_axes


def season_spread(vectors: UnitVectors) -> NDArray[np.float32]:
    """How much each place changes: 1 minus the mean cosine of its seasons to their mean direction, (P,).

    0 where all seasons are alike; NaN where fewer than two of them have a vector.
    """
    count = vectors.usable.sum(1)
    mean = _year_sums(vectors) / np.maximum(count, 1)[:, None]
    return np.where(count > 1, 1 - np.linalg.norm(mean, axis=1), np.nan).astype(np.float32)


def season_distances(vectors: UnitVectors) -> tuple[float, float] | None:
    """How far two seasons of a place lie apart, and two places in a season: 1 - cosine, means.

    From places evenly spaced in their order that have a vector in every season. None where there are fewer
    than two of these, or one season.
    """
    step = max(1, len(vectors.rows) * vectors.rows.shape[1] // FIT_ROWS)
    some = UnitVectors(vectors.rows[::step], vectors.scale[::step])
    unit = some.unit()[some.usable.all(1)].astype(np.float64)
    if unit.shape[0] < 2 or unit.shape[1] < 2:
        return None
    return _mean_distance(unit), _mean_distance(np.swapaxes(unit, 0, 1))


def _mean_distance(groups: NDArray[np.float64]) -> float:
    """Mean of 1 - cosine over all pairs within each group of unit vectors (G, N, D)."""
    count = groups.shape[1]
    # The square of a sum holds every pair twice and every vector once with itself.
    together = np.square(groups.sum(1)).sum(-1)
    return max(0.0, float(1 - ((together - count) / (count * (count - 1))).mean()))


@dataclass(frozen=True)
class LeadingChange:
    """The change through the year that explains most of what all places do.

    Attributes:
        positions: Shape (P, T), float32: how far each season lies from the place's mean of the year along
            the axis of that change; NaN where there is no vector, or only one. Column t is ready for
            colouring season t, 0 being the middle of the scale.
        share: Share of all movement through the year that this one axis explains, 0 to 1.
    """

    positions: NDArray[np.float32]
    share: float

    @property
    def swing(self) -> NDArray[np.float32]:
        """Largest minus smallest position of each place, (P,): how strongly it takes part."""
        known = np.isfinite(self.positions)
        high = np.where(known, self.positions, -np.inf).max(1)
        low = np.where(known, self.positions, np.inf).min(1)
        return np.where(known.any(1), high - low, np.nan).astype(np.float32)


def leading_change(vectors: UnitVectors) -> LeadingChange:
    """The main axis of the movement of places through the year, and where each season lies on it.

    The axis is the first principal axis of what remains of the directions once each place's own mean of the
    year is taken away; its sign is fixed so that the largest loading is positive.

    Raises:
        ValueError: There is only one season.
    """
    seasons = vectors.rows.shape[1]
    if seasons < 2:
        raise ValueError("a change through the year needs two or more seasons, got 1")
    step = max(1, len(vectors.rows) * seasons // FIT_ROWS)
    some = _deviations(UnitVectors(vectors.rows[::step], vectors.scale[::step]))
    some = some[np.isfinite(some[:, 0])]
    # The deviations of a place sum to zero, so their mean says nothing and need not be taken away again.
    _, axes = principal_axes(some, 1)
    axis = np.ascontiguousarray(axes[:, 0])
    total = float(np.square(some).sum(dtype=np.float64))
    share = float(np.square(some @ axis).sum(dtype=np.float64)) / total if total > 0 else 0.0
    return LeadingChange(_positions(vectors, axis), share)


def _positions(vectors: UnitVectors, axis: NDArray) -> NDArray[np.float32]:
    along = (vectors.rows @ axis) * vectors.scale
    count = vectors.usable.sum(1, keepdims=True)
    mean = np.nansum(along, 1, keepdims=True) / np.maximum(count, 1)
    return np.where(count > 1, along - mean, np.nan).astype(np.float32)


def _deviations(vectors: UnitVectors) -> NDArray[np.float32]:
    """Unit vectors minus their place's mean of the year, (P x T, D); NaN where a place has fewer than two."""
    count = vectors.usable.sum(1)
    mean = _year_sums(vectors) / np.where(count > 1, count, np.nan)[:, None]
    return (vectors.unit() - mean[:, None]).reshape(-1, mean.shape[1])


def _year_sums(vectors: UnitVectors) -> NDArray[np.float32]:
    """Sums of the unit vectors of each place, (P, D); seasons without one are left out."""
    usable = vectors.usable
    scale = np.where(usable, vectors.scale, 0)
    # A NaN times 0 is NaN: only where there are any is a copy worth its memory.
    rows = vectors.rows if usable.all() else np.where(usable[..., None], vectors.rows, 0)
    return np.einsum("ptd,pt->pd", rows, scale, optimize=True)
