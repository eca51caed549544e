"""k-means on the sphere: each place gets the number of its part of the world (arXiv:2011.09980, sec. 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class GeoClusters:
    """Clusters of places.

    Attributes:
        labels: Shape (P,), int64: cluster of each place, 0 to K - 1, the largest cluster first.
        centres: Shape (K, 2), float64: longitude and latitude of each centre, degrees WGS 84.
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float64]

    def label(self, lonlat: ArrayLike) -> NDArray[np.int64]:
        """Cluster of other places, by the nearest centre: shape (P, 2) in degrees to (P,)."""
        return nearest_centre(unit_vectors(lonlat), unit_vectors(self.centres))


def cluster_places(
    lonlat: ArrayLike, clusters: int = 100, *, seed: int = 0, max_rounds: int = 100
) -> GeoClusters:
    """k-means of places by great-circle distance, so that poles and the date line are no borders.

    Differs from common practice with GASSL, k-means on raw degrees: there Alaska and Chukotka lie a world
    apart, and a degree of longitude counts as much at 70 degrees north as at the equator.

    Args:
        lonlat: Shape (P, 2), degrees WGS 84, longitude first.
        clusters: Number of clusters K; 100 in the paper.
        seed: Seed of the first centres.
        max_rounds: Rounds of assignment at most; it ends earlier once no place moves.

    Raises:
        ValueError: Coordinates out of range, or more clusters than different places.
    """
    points = unit_vectors(lonlat)
    different = len(np.unique(points.round(9), axis=0))
    if not 1 <= clusters <= different:
        raise ValueError(
            f"{clusters} clusters asked of {different} different places; ask for 1 to {different}"
        )
    return _with_places(*kmeans_on_sphere(points, clusters, seed=seed, max_rounds=max_rounds))


def kmeans_on_sphere(
    points: NDArray, clusters: int, *, seed: int = 0, max_rounds: int = 100
) -> tuple[NDArray[np.int64], NDArray]:
    """k-means of directions by angle, in any number of dimensions, the largest cluster first.

    Args:
        points: Shape (N, D), unit length; at least ``clusters`` different ones.
        clusters: Number of clusters K.
        seed: Seed of the first centres.
        max_rounds: Rounds of assignment at most; it ends earlier once no point moves.

    Returns:
        Cluster of each point (N,), 0 to K - 1, and centres (K, D) of unit length.
    """
    centres = _spread_out(points, clusters, np.random.default_rng(seed))
    labels = nearest_centre(points, centres)
    for _ in range(max_rounds):
        centres = _centres(points, labels, centres)
        moved, labels = labels, nearest_centre(points, centres)
        if np.array_equal(moved, labels):
            break
    return _largest_first(labels, centres)


def unit_vectors(lonlat: ArrayLike) -> NDArray[np.float64]:
    """Points on the unit sphere: shape (P, 2) in degrees to (P, 3).

    Raises:
        ValueError: Not of that shape, not finite, or latitudes beyond 90 degrees.
    """
    degrees = np.asarray(lonlat, dtype=np.float64)
    if degrees.ndim != 2 or degrees.shape[1] != 2:
        raise ValueError(f"lonlat must have shape (places, 2), got {degrees.shape}")
    wrong = ~np.isfinite(degrees).all(1) | (np.abs(degrees[:, 1]) > 90)
    if wrong.any():
        raise ValueError(
            "every place needs a longitude and a latitude within -90 to 90 in degrees, in this order; "
            f"{wrong.sum()} of {len(wrong)} have none, the first is {tuple(degrees[wrong][0].tolist())}: add "
            "coordinates, or choose a method without geography"
        )
    lon, lat = np.radians(degrees).T
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def _spread_out(points: NDArray, clusters: int, chance: np.random.Generator) -> NDArray:
    """First centres by k-means++: each far from those before it, with probability by squared distance."""
    rows = [int(chance.integers(len(points)))]
    squared = np.full(len(points), np.inf)
    for _ in range(clusters - 1):
        squared = np.minimum(squared, np.square(points - points[rows[-1]]).sum(1))
        # Rounding leaves a trace of distance between equal places; it must not make one a second centre.
        squared[squared < 1e-18] = 0
        rows.append(int(chance.choice(len(points), p=squared / squared.sum())))
    return points[rows]


def nearest_centre(points: NDArray, centres: NDArray, block: int = 65536) -> NDArray[np.int64]:
    """Number (N,) of the centre (K, D) with the smallest angle to each point (N, D)."""
    # The largest dot product is the smallest angle; in blocks, because a million places times 100 is 800 MB.
    parts = [points[i : i + block] @ centres.T for i in range(0, len(points), block)]
    return np.concatenate([part.argmax(1) for part in parts])


def _centres(points: NDArray, labels: NDArray, before: NDArray) -> NDArray:
    sums = np.stack([np.bincount(labels, axis, minlength=len(before)) for axis in points.T], axis=1)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    # An empty cluster, or one whose places cancel out, keeps its centre.
    return np.where(length > 1e-9, sums / np.maximum(length, 1e-9), before)


def _largest_first(labels: NDArray, centres: NDArray) -> tuple[NDArray[np.int64], NDArray]:
    sizes = np.bincount(labels, minlength=len(centres))
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[labels].astype(np.int64), centres[order]


def _with_places(labels: NDArray[np.int64], centres: NDArray) -> GeoClusters:
    x, y, z = centres.T
    lonlat = np.degrees(np.stack([np.arctan2(y, x), np.arcsin(np.clip(z, -1, 1))], axis=1))
    return GeoClusters(labels, lonlat)
