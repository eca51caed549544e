"""No two patches overlap: candidates accepted in order, each at least so far from all before it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seco_lab.places.point import EARTH_RADIUS_KM, unit_vectors

PATCH_KM = 2.64  # 264 pixels of 10 m, the patch of SeCo
MIN_DISTANCE_KM = PATCH_KM * math.sqrt(2)  # centres farther apart than a diagonal cannot share a pixel
_PAIRS_PER_POINT = 30  # above this the block is halved, so that memory stays small however dense it is


class Spacing:
    """Remembers the places accepted so far and refuses those too near to one of them.

    Distances are straight lines through the Earth between points of the sphere, so poles and the
    antimeridian need no care. What is accepted depends on the order of the candidates alone, not on how they
    are cut into blocks.
    """

    def __init__(self, min_distance_km: float = MIN_DISTANCE_KM) -> None:
        if not 0 <= min_distance_km < 1000:
            raise ValueError(f"min_distance_km must lie in 0 to 1000, got {min_distance_km}")
        self._chord = 2 * math.sin(min_distance_km / EARTH_RADIUS_KM / 2)
        self._accepted: list[NDArray[np.float64]] = []

    def accept(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each point is far enough from all accepted ones; those that are become accepted.

        Args:
            lon: Degrees east, shape (N,), in the order of the candidates.
            lat: Degrees north, shape (N,).
        """
        points = unit_vectors(lon, lat)
        keep = np.ones(len(points), bool)
        if self._chord > 0 and len(points):
            keep = self._far_from_accepted(points)
            keep[keep] = self._far_from_one_another(points[keep])
        self._accepted.append(points[keep])
        return keep

    def _far_from_accepted(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        from scipy.spatial import cKDTree

        if not sum(map(len, self._accepted)):
            return np.ones(len(points), bool)
        accepted = np.concatenate(self._accepted)
        self._accepted = [accepted[_together(accepted)]]
        tree, order = cKDTree(self._accepted[0], balanced_tree=False), _together(points)
        far = np.empty(len(points), bool)
        far[order] = np.isinf(tree.query(points[order], distance_upper_bound=self._chord)[0])
        return far

    def _far_from_one_another(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Greedy in order: a point goes if an earlier one that stays is too near."""
        from scipy.spatial import cKDTree

        if len(points) < 2:
            return np.ones(len(points), bool)
        order = _together(points)
        tree = cKDTree(points[order], balanced_tree=False)
        if len(points) > 256 and tree.count_neighbors(tree, self._chord) > _PAIRS_PER_POINT * len(points):
            return self._half_after_half(points)
        pairs = np.sort(order[tree.query_pairs(self._chord, output_type="ndarray")], axis=1)
        near = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1) < self._chord
        return _first_come(len(points), *pairs[near].T)

    def _half_after_half(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        from scipy.spatial import cKDTree

        middle = len(points) // 2
        first = self._far_from_one_another(points[:middle])
        second = np.ones(len(points) - middle, bool)
        if first.any():
            tree = cKDTree(points[:middle][first])
            second = np.isinf(tree.query(points[middle:], distance_upper_bound=self._chord)[0])
        second[second] = self._far_from_one_another(points[middle:][second])
        return np.concatenate([first, second])


def crowded_share(
    lon: NDArray[np.float64], lat: NDArray[np.float64], *, distance_km: float = PATCH_KM
) -> float:
    """Share of places that have another one nearer than a distance, 0 to 1.

    Args:
        lon: Degrees east, shape (N,).
        lat: Degrees north, shape (N,).
        distance_km: The width of a patch by default: nearer centres share pixels.
    """
    from scipy.spatial import cKDTree

    points = unit_vectors(lon, lat)
    if len(points) < 2:
        return 0.0
    chord = 2 * math.sin(distance_km / EARTH_RADIUS_KM / 2)
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    return float(np.mean(nearest < chord))


def _together(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """An order in which points that follow each other lie near each other: a tree then answers from cache."""
    return np.lexsort(np.floor(points * 200).astype(np.int16).T)


def _first_come(count: int, earlier: NDArray[np.int64], later: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Who stays if each in turn stays unless an earlier one that stays is too near.

    Settled in rounds, all at once: whoever waits for nobody stays, and those near them go.

    Args:
        count: Number of points.
        earlier: Shape (N,), the first of each pair that is too near.
        later: Shape (N,), the second, of a higher number.

    Returns:
        Shape (count,).
    """
    open_, stays = np.ones(count, bool), np.zeros(count, bool)
    while len(later):
        waits = np.zeros(count, bool)
        waits[later] = True
        stays |= open_ & ~waits
        open_ &= waits
        open_[later[stays[earlier]]] = False
        left = open_[earlier] & open_[later]
        earlier, later = earlier[left], later[left]
    return stays | open_
