"""Cells around points scattered one a lattice square: districts, quarters of a town, blocks of fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.hashing import draws, hashed

_BLOCK = 1 << 16  # pixels compared with all middles at a time


@dataclass(frozen=True)
class Cells:
    """The M cells that a window may touch.

    Attributes:
        index: Cell of each pixel, shape (size, size), 0 to M - 1.
        key: Hash of each cell, shape (M,).
        centre: Its middle relative to the origin that was given, metres, shape (M, 2).
        point: The pixels themselves, relative to the same origin, shape (2, size * size).
        reach_m: Distances to borders are right up to here and capped beyond.
    """

    index: NDArray[np.int64]
    key: NDArray[np.uint32]
    centre: NDArray[np.float32]
    point: NDArray[np.float32]
    reach_m: float

    def at(self, values: NDArray) -> NDArray:
        """A value of each cell, shape (M,), at its pixels, shape (size, size)."""
        return values.take(self.index, mode="clip")  # which asks nothing of the numbers and so is fastest

    @cached_property
    def _by_cell(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Pixels ordered by cell, how many each has, and their places from its middle, shape (2, pixels)."""
        flat = self.index.ravel()
        order = flat.astype(np.int16).argsort(kind="stable")  # numbers of 16 bits are sorted digit by digit
        counts = np.bincount(flat, minlength=len(self.key))
        offset = np.empty_like(self.point)
        for axis in (0, 1):
            self.point[axis].take(order, out=offset[axis], mode="clip")
            offset[axis] -= self.centre[:, axis].repeat(counts)
        return order, counts, offset

    def border_m(self, group: NDArray | None = None) -> NDArray[np.float32]:
        """Distance of each pixel to the nearest other cell, shape (size, size), at most ``reach_m``.

        Args:
            group: Shape (M,); cells of one group count as one cell.
        """
        group = np.arange(len(self.key)) if group is None else group
        apart = self.centre[None] - self.centre[:, None]
        gap = np.hypot(apart[..., 0], apart[..., 1])
        towards = apart / np.maximum(gap, np.float32(1.0))[..., None]
        # The border lies halfway between two middles; within a group there is none.
        half = np.where(group[:, None] == group, np.float32(np.inf), gap / 2)
        order, counts, offset = self._by_cell
        found, start = np.empty(len(order), np.float32), 0
        for cell in np.flatnonzero(counts).tolist():
            stop = start + int(counts[cell])
            along = towards[cell] @ offset[:, start:stop]
            np.subtract(half[cell][:, None], along, out=along).min(0, out=found[start:stop])
            start = stop
        nearest = np.empty_like(found)
        nearest[order] = found.clip(-np.inf, self.reach_m, out=found)
        return nearest.reshape(self.index.shape)


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
    point = np.empty((2, x.size), np.float32)
    point[0].reshape(x.shape)[:], point[1].reshape(x.shape)[:] = x, y
    low, high = point.min(1).astype(float), point.max(1).astype(float)
    first = np.floor((low + origin - reach_m) / cell_m).astype(np.int64) - 1
    count = np.floor((high + origin + reach_m) / cell_m).astype(np.int64) + 2 - first
    lattice = np.indices(count[::-1])[::-1].reshape(2, -1) + first[:, None]
    key = hashed(salt, *lattice)
    inside = np.stack([draws(key, 1), draws(key, 2)])
    middle = ((lattice + 0.12 + 0.76 * inside) * cell_m - np.reshape(origin, (2, 1))).astype(np.float32)
    keep = _within_reach(low - 2 * reach_m, high + 2 * reach_m, middle)
    centre = middle[:, keep].T
    return Cells(_nearest(point, centre).reshape(x.shape), key[keep], centre, point, reach_m)


def _within_reach(low: NDArray, high: NDArray, middle: NDArray) -> NDArray[np.bool_]:
    """Which middles, shape (2, n), can be the nearest somewhere in the box between two corners, each (2,)."""
    low, high = low[:, None], high[:, None]
    nearest = np.maximum(np.maximum(low - middle, middle - high), 0)
    farthest = np.maximum(np.abs(middle - low), np.abs(middle - high))
    return (nearest * nearest).sum(0) <= (farthest * farthest).sum(0).min()


def _nearest(point: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.int64]:
    """The middle nearest to each point, shape (pixels,).

    The squared distance |p|² - 2 p·c + |c|² of all pairs is one matrix product, taken from the midst of the
    points. Positive floats sort like the integers of their bits, so the number of the middle goes into the
    last bits and the least says which it is; that moves borders by millimetres. (Rounding makes at most one
    square negative, that of a middle right at the point, and a negative one is still the least.)
    """
    midst = point[:, point.shape[1] // 2, None]
    local, middle = point - midst, centre.T - midst
    ones = np.ones((1, local.shape[1]), np.float32)
    right = np.concatenate([local, (local * local).sum(0, keepdims=True) + 1, ones])
    left = np.concatenate([-2 * middle, np.ones_like(middle[:1]), (middle * middle).sum(0, keepdims=True)])
    last = np.int32((1 << (len(centre) - 1).bit_length()) - 1)
    index = np.empty(local.shape[1], np.int64)
    for start in range(0, len(index), _BLOCK):
        part = slice(start, start + _BLOCK)
        bits = (left.T @ right[:, part]).view(np.int32)
        bits &= ~last
        bits |= np.arange(len(centre), dtype=np.int32)[:, None]
        index[part] = bits.min(0) & last
    return index
