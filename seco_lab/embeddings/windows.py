"""Windows that slide over a scene, the coarser cells that they describe, and how they share a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Windows:
    """Square windows of one size at even steps; a cell of the result is a square of one step.

    Attributes:
        window_px: Side of a window, in pixels of the scene.
        stride_px: Step from window to window and side of a cell, at most ``window_px``.
    """

    window_px: int
    stride_px: int

    def __post_init__(self) -> None:
        """Refuse gaps.

        Raises:
            ValueError: A size below 1, or a stride larger than the window.
        """
        if min(self.window_px, self.stride_px) < 1:
            raise ValueError(
                f"window_px and stride_px must be 1 or more, got {self.window_px} and {self.stride_px}"
            )
        if self.stride_px > self.window_px:
            raise ValueError(
                f"wanted windows without gaps, got a stride of {self.stride_px} px for windows of "
                f"{self.window_px} px; take a stride of {self.window_px} px or less"
            )

    def check_fits(self, height_px: int, width_px: int) -> None:
        """Refuse scenes that hold no window.

        Raises:
            ValueError: The scene is smaller than a window.
        """
        if min(height_px, width_px) < self.window_px:
            raise ValueError(
                f"wanted a scene of at least one window of {self.window_px} x {self.window_px} px, got "
                f"{height_px} x {width_px} px; take smaller windows or a larger scene"
            )

    def cells(self, length_px: int) -> int:
        """How many whole cells lie along a side; a rest of less than a stride is left out."""
        return length_px // self.stride_px

    def starts(self, length_px: int) -> NDArray[np.int64]:
        """First pixel of each window along a side.

        Multiples of the stride; where they leave a part of the last cell uncovered, one more window ends with
        the side.
        """
        last = length_px - self.window_px
        starts = np.arange(0, last + 1, self.stride_px)
        if starts[-1] + self.window_px < self.cells(length_px) * self.stride_px:
            starts = np.append(starts, last)
        return starts

    def weights(self, length_px: int) -> NDArray[np.float64]:
        """How much each window counts in each cell along a side, shape (cells, windows).

        The squared cosine of the way from the window's middle (1) to its edge (0), taken at the cell's
        middle: a window comes in and goes out without a step, and where the stride divides half the window,
        the weights of a cell far from the edge have the same sum everywhere.
        """
        cell = (np.arange(self.cells(length_px)) + 0.5) * self.stride_px
        middle = self.starts(length_px) + self.window_px / 2
        away = np.abs(cell[:, None] - middle) / self.window_px
        return np.where(away < 0.5, np.cos(np.pi * away) ** 2, 0.0)


@dataclass(frozen=True)
class Span:
    """A run of cells along a side with the windows that reach into it.

    Attributes:
        cells: First cell and the one after the last.
        starts: First pixel of each of these windows, counted from ``pixels[0]``.
        pixels: First pixel of these windows and the one after the last.
        weights: Shape (cells, windows).
    """

    cells: tuple[int, int]
    starts: NDArray[np.int64]
    pixels: tuple[int, int]
    weights: NDArray[np.float64]


def spans(windows: Windows, length_px: int, block_cells: int) -> list[Span]:
    """A side cut into runs of at most ``block_cells`` cells."""
    weights, starts = windows.weights(length_px), windows.starts(length_px)
    found = []
    for first in range(0, len(weights), block_cells):
        after = min(first + block_cells, len(weights))
        used = np.flatnonzero(weights[first:after].any(0))
        chosen = slice(used[0], used[-1] + 1)
        begin, end = int(starts[used[0]]), int(starts[used[-1]]) + windows.window_px
        found.append(Span((first, after), starts[chosen] - begin, (begin, end), weights[first:after, chosen]))
    return found
