"""More like these, less like those: examples as a query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.explore.vectors import Directions

LESS = 0.25  # how much a negative example counts beside a positive one


def query_of(
    places: Directions, more: Sequence[int], less: Sequence[int] = (), *, against: float = LESS
) -> NDArray[np.float32]:
    """The direction that lies near some places and away from others.

    Rocchio's formula on directions: mean of the positive examples minus ``against`` x mean of the negative
    ones, at unit length. Means, so that ten examples of one side do not outvote one of the other; little
    weight for the negatives, because they are what lies near the positives: at a half they already push the
    query out of the cloud of what is wanted (decision 0133).

    Args:
        places: Directions (P, D) of all places.
        more: Numbers of the positive examples.
        less: Numbers of the negative examples.
        against: Weight of the negative examples, 0 or more and below 1.

    Returns:
        Shape (D,), unit length, for ``Directions.cosines`` or any search.

    Raises:
        ValueError: No positive example with a vector, a place that is not there, or a place on both sides.
    """
    if not 0 <= against < 1:
        raise ValueError(f"negative examples count from 0 to below 1, got {against}")
    if both := set(map(int, more)) & set(map(int, less)):
        raise ValueError(f"place {min(both)} is asked for both as more and as less")
    query = _mean(places, more)
    if query is None:
        raise ValueError(
            f"choose at least one place with a usable vector to find more like it, got {list(more)}"
        )
    away = _mean(places, less)
    query = query if away is None else query - against * away
    return (query / max(float(np.linalg.norm(query)), 1e-12)).astype(np.float32)


def more_like(
    places: Directions, more: Sequence[int], less: Sequence[int] = (), *, k: int = 12
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The ``k`` places nearest to a query of examples, best first, the examples themselves left out.

    Returns:
        Numbers of places and their cosines to the query; fewer than ``k`` where there are no more.
    """
    cosine = places.cosines(query_of(places, more, less))
    cosine[[*more, *less]] = np.nan
    return best_rows(cosine, k)


def best_rows(values: ArrayLike, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows of the ``k`` largest finite values, best first and ties by row, and the values."""
    values = np.asarray(values, np.float32)
    ranked = np.where(np.isfinite(values), values, -np.inf)
    k = min(k, int(np.isfinite(values).sum()))
    if k < 1:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    least = np.partition(ranked, len(ranked) - k)[len(ranked) - k]
    rows = np.flatnonzero(ranked >= least)
    rows = rows[np.argsort(-ranked[rows], kind="stable")][:k]
    return rows, values[rows]


def _mean(places: Directions, chosen: Sequence[int]) -> NDArray[np.float64] | None:
    """Mean of unit vectors (D,), None where there is none."""
    rows = np.asarray(chosen, np.int64).reshape(-1)
    outside = rows[(rows < 0) | (rows >= len(places))]
    if len(outside):
        raise ValueError(f"examples need places 0 to {len(places) - 1}, got {outside[0]}")
    rows = rows[places.usable[rows]]
    return places.take(rows).mean(0, dtype=np.float64) if len(rows) else None
