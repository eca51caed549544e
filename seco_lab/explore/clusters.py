"""Clusters of embeddings on the spot: k-means by angle, fitted on some places and told of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.explore.vectors import FIT_ROWS, Directions
from seco_lab.geoclusters import kmeans_on_sphere

_ROUNDS = 25
_AT_ONCE = 16


@dataclass(frozen=True)
class Clusters:
    """Groups of places that look alike.

    Attributes:
        labels: Shape (P,), int64: cluster of each place, 0 to K - 1; -1 where it has no vector.
        centres: Shape (K, D), unit length, the largest cluster first.
        mean: Shape (D,), the common part of all directions, which was taken away.
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float32]
    mean: NDArray[np.float32]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Places in each cluster, (K,)."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.centres))

    def typical(self, places: Directions) -> NDArray[np.int64]:
        """Number of the place nearest to each centre, (K,): a picture for the legend."""
        chosen = np.arange(0, len(places), max(1, len(places) // FIT_ROWS))
        chosen = chosen[places.usable[chosen]]
        closeness = _centred(places.take(chosen), self.mean) @ self.centres.T
        return chosen[closeness.argmax(0)]


def cluster(places: Directions, clusters: int = 8, *, seed: int = 0) -> Clusters:
    """k-means of places by cosine.

    Centres are fitted on about 20,000 places, evenly spaced in their order, so that a million take little
    longer; every place then goes to the nearest centre. The common direction of all places is taken away
    first: it says nothing of any of them, and hides what differs.

    Args:
        places: Directions (P, D).
        clusters: Number of clusters K, 2 or more.
        seed: Seed of the first centres.

    Raises:
        ValueError: Fewer different places than clusters.
    """
    sample = places.sample()
    mean = sample.mean(0) if len(sample) else np.zeros(places.rows.shape[1], np.float32)
    points = _centred(sample, mean)
    different = len(np.unique(points.round(5), axis=0))
    if not 2 <= clusters <= different:
        raise ValueError(
            f"{clusters} clusters asked of {different} different places; ask for 2 to {different}"
        )
    _, centres = kmeans_on_sphere(points, clusters, seed=seed, max_rounds=_ROUNDS)
    labels = _nearest_centres(places, mean, centres)
    order = np.argsort(-np.bincount(labels[labels >= 0], minlength=clusters), kind="stable")
    rank = np.append(np.argsort(order), -1)  # the last one serves label -1
    return Clusters(rank[labels], centres[order].astype(np.float32), mean)


def _centred(unit: NDArray, mean: NDArray) -> NDArray[np.float32]:
    """Unit vectors without their common part, at unit length again."""
    rest = unit - mean
    return rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-9)


def _nearest_centres(places: Directions, mean: NDArray, centres: NDArray) -> NDArray[np.int64]:
    """Cluster (P,) of all places, -1 without a vector.

    The largest (u - mean) . c is the smallest angle, whatever the length of u - mean: nothing is copied.
    """
    best = np.full(len(places), -np.inf, np.float32)
    labels = np.full(len(places), -1, np.int64)
    for first in range(0, len(centres), _AT_ONCE):
        some = centres[first : first + _AT_ONCE]
        for number, row in enumerate(places.products(some) - (some @ mean)[:, None], first):
            closer = row > best
            labels[closer], best[closer] = number, row[closer]
    return labels
