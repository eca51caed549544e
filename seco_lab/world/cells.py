"""Cells around points scattered one a lattice square: districts, quarters of a town, blocks of fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.hashing import draws, hashed


@dataclass(frozen=True)
class Cells:
    """The M cells that a window may touch.

    Attributes:
        index: Cell of each pixel, shape (size, size), 0 to M - 1.
        key: Hash of each cell, shape (M,).
        centre: Its middle relative to the origin that was given, metres, shape (M, 2).
        squared: Squared distance of each pixel to each middle, shape (M, size, size).
        reach_m: Distances to borders are right up to here and capped beyond.
    """

    index: NDArray[np.int64]
    key: NDArray[np.uint32]
    centre: NDArray[np.float32]
    squared: NDArray[np.float32]
    reach_m: float

    def border_m(self, group: NDArray | None = None) -> NDArray[np.float32]:
        """Distance of each pixel to the nearest other cell, shape (size, size), at most ``reach_m``.

        Args:
            group: Shape (M,); cells of one group count as one cell.
        """
        count = len(self.key)
        group = np.arange(count) if group is None else group
        gap = np.hypot(*(self.centre[:, None] - self.centre[None]).T)
        same = group[:, None] == group[None]
        # The line halfway between two middles is (a² - b²) / 2 gap away; within a group there is no border.
        scale = np.where(same, 0, 0.5 / np.maximum(gap, 1.0)).astype(np.float32)
        beyond = np.where(same, self.reach_m, 0).astype(np.float32)
        nearest = np.full(self.index.shape, self.reach_m, np.float32)
        own = np.take_along_axis(self.squared, self.index[None], 0)[0]
        for cell in range(count):
            away = self.squared[cell] - own
            away *= scale[cell].take(self.index, mode="clip")
            away += beyond[cell].take(self.index, mode="clip")
            np.minimum(nearest, away, out=nearest)
        return nearest


def cells(
    x: NDArray, y: NDArray, origin: tuple[float, float], cell_m: float, salt: int, reach_m: float = 60.0
) -> Cells:
    """The cells that cover a window.

    Args:
        x: Eastings relative to ``origin``, shape (size, size); they may be warped.
        y: Northings relative to ``origin``.
        origin: Reference point in metres.
        cell_m: Lattice spacing.
        salt: Which scatter.
        reach_m: How far distances to borders need to be known.
    """
    lows = [
        int(np.floor((axis.min() + o - reach_m) / cell_m)) - 1 for axis, o in zip((x, y), origin, strict=True)
    ]
    highs = [
        int(np.floor((axis.max() + o + reach_m) / cell_m)) + 2 for axis, o in zip((x, y), origin, strict=True)
    ]
    cx, cy = np.meshgrid(np.arange(lows[0], highs[0]), np.arange(lows[1], highs[1]))
    key = hashed(salt, cx.ravel(), cy.ravel())
    px = ((cx.ravel() + 0.12 + 0.76 * draws(key, 1)) * cell_m - origin[0]).astype(np.float32)
    py = ((cy.ravel() + 0.12 + 0.76 * draws(key, 2)) * cell_m - origin[1]).astype(np.float32)
    keep = _within_reach(x, y, px, py, reach_m)
    key, px, py = key[keep], px[keep], py[keep]
    squared = (x - px[:, None, None]) ** 2 + (y - py[:, None, None]) ** 2
    index = np.zeros(x.shape, np.int64)
    best = squared[0].copy()
    for cell in range(1, len(key)):
        index[squared[cell] < best] = cell
        np.minimum(best, squared[cell], out=best)
    return Cells(index, key, np.stack([px, py], -1), squared, reach_m)


def _within_reach(x: NDArray, y: NDArray, px: NDArray, py: NDArray, reach_m: float) -> NDArray[np.bool_]:
    """Which middles can be nearest somewhere in the window or within ``reach_m`` of it."""
    bounds = [(axis.min() - 2 * reach_m, axis.max() + 2 * reach_m) for axis in (x, y)]
    nearest, farthest = np.zeros(px.shape), np.zeros(px.shape)
    for point, (low, high) in zip((px, py), bounds, strict=True):
        nearest += np.maximum(np.maximum(low - point, point - high), 0) ** 2
        farthest += np.maximum(np.abs(point - low), np.abs(point - high)) ** 2
    return nearest <= farthest.min()
