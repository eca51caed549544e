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
        self._accepted = [np.concatenate(self._accepted)]
        distance, _ = cKDTree(self._accepted[0], balanced_tree=False).query(
            points, distance_upper_bound=self._chord
        )
        return np.isinf(distance)

    def _far_from_one_another(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Greedy in order: a point goes if an earlier one that stays is too near."""
        from scipy.spatial import cKDTree

        keep = np.ones(len(points), bool)
        if len(points) < 2:
            return keep
        tree = cKDTree(points)
        if len(points) > 256 and tree.count_neighbors(tree, self._chord) > _PAIRS_PER_POINT * len(points):
            return self._half_after_half(points)
        pairs = tree.query_pairs(self._chord, output_type="ndarray")  # i < j in each
        near = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1) < self._chord
        pairs = pairs[near]
        for earlier, later in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))].tolist():
            if keep[earlier]:
                keep[later] = False
        return keep

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
