"""The instrument: blur, misregistration, native resolution, noise and counts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.frame import MARGIN_PX, Frame
from seco_lab.world.hashing import chance, salt_of, torus_window, white_table

BLUR = 0.17
_LEAST, _MOST = np.array(1, np.float32), np.array(20_000, np.float32)  # counts
# Noise is 0.8 % of the signal and of a pedestal: 20 counts where it is dark, about half of it once blurred.
_NOISE, _PEDESTAL = np.float32(0.008), np.float32(0.25)


def _cells(first: int, out: int, factor: int) -> NDArray[np.int64]:
    """Native cell of each of ``out`` pixels; a canvas begins ``MARGIN_PX`` before the first whole cell."""
    return (first - MARGIN_PX + np.arange(out)) // factor


def _count(first: int, out: int, factor: int) -> int:
    """How many native cells a window touches."""
    return (first - MARGIN_PX + out - 1) // factor - (first - MARGIN_PX) // factor + 1


@lru_cache(maxsize=256)
def _copied(first: int, out: int, factor: int) -> NDArray[np.int64]:
    """Which of the native cells that a window touches each of its pixels is copied from."""
    cells = _cells(first, out, factor)
    return cells - cells[0]


@lru_cache(maxsize=64)
def _taps(size: int, first: int, out: int, factors: tuple[int, ...]) -> NDArray[np.float32]:
    """Matrices that average a line of pixels over the cells that a window touches, one below the other.

    Returns:
        Shape (3, cells of all factors * size): for the pixels before, at and after each place.
    """
    means = []
    for factor in factors:
        wanted = np.unique(_cells(first, out, factor))
        means.append((wanted[:, None] == _cells(-1, size + 2, factor)) / np.float32(factor))
    joined = np.concatenate(means)
    joined[:, [0, -1]] = 0
    taps = np.stack([joined[:, 2:], joined[:, 1:-1], joined[:, :-2]]).reshape(3, -1)
    taps.setflags(write=False)
    return taps


def _seen_along(
    size: int, first: int, out: int, factors: tuple[int, ...], shift: float
) -> NDArray[np.float32]:
    """Matrix that blurs a line of pixels, moves it by less than one and averages it: (cells, size)."""
    before, after = shift * (shift + 1) / 2 + BLUR, shift * (shift - 1) / 2 + BLUR
    weights = np.array([before, 1 - before - after, after], np.float32)
    return (weights @ _taps(size, first, out, factors)).reshape(-1, size)


def shift_of(frame: Frame, day: int) -> tuple[float, float]:
    """Misregistration of a day in pixels, to the right and down, mostly under a third."""
    square = frame.square(100_000)
    marks = [chance(frame.salt("shift"), *square, day, k) for k in range(4)]
    return 0.6 * (marks[0] + marks[1] - 1), 0.6 * (marks[2] + marks[3] - 1)


def native(
    image: NDArray[np.float32],
    counts: dict[int, int],
    window: tuple[int, int, int],
    shift: tuple[float, float],
) -> list[NDArray[np.float32]]:
    """What the instrument records of a canvas.

    Blur, shift, the mean over native cells and the crop are linear: one matrix from each side does all of it.

    Args:
        image: Shape (C, size, size), ordered by resolution.
        counts: How many bands there are of each native pixel, which is in units of 10 m: 1, 2 or 6.
        window: First row, first column and size of the patch in the canvas.
        shift: To the right and down, pixels.

    Returns:
        For each resolution an array (bands, rows, columns), the native cells that the patch touches.
    """
    top, left, out = window
    size, factors = image.shape[-1], tuple(counts)
    rows = _seen_along(size, top, out, factors, shift[1])
    # Laid out anew, as products with it are then a third faster.
    columns = np.ascontiguousarray(_seen_along(size, left, out, factors, shift[0]).T)
    seen, band, row, column = [], 0, 0, 0
    for factor, count in counts.items():
        height, width = (_count(first, out, factor) for first in (top, left))
        some = image[band : band + count] @ columns[:, column : column + width]
        seen.append(rows[row : row + height] @ some)
        band, row, column = band + count, row + height, column + width
    return seen


def on_10_m(cells: NDArray, factor: int, window: tuple[int, int, int]) -> NDArray:
    """Native cells of :func:`native` copied to the pixels of the patch, shape (C, out, out)."""
    if factor == 1:
        return cells
    top, left, out = window
    across = cells.take(_copied(left, out, factor), axis=2, mode="clip")
    return across.take(_copied(top, out, factor), axis=1, mode="clip")


@lru_cache(maxsize=1)
def _gains() -> NDArray[np.float32]:
    return 1 + _NOISE * white_table()


def grain(image: NDArray[np.float32], frame: Frame, day: int, bands: tuple[str, ...]) -> None:
    """Add the sensor's noise in place: about 12 counts once blurred, and half a percent of the signal."""
    image += _PEDESTAL
    for layer, name in zip(image, bands, strict=True):
        layer *= torus_window(_gains(), frame.column, frame.row, frame.size, salt_of(frame.seed, day, name))
    image -= _PEDESTAL


def counts(image: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Reflectance x 10000 as uint16; measured pixels are at least 1, as 0 means no data."""
    scaled = image * np.float32(1e4)
    return np.rint(scaled, out=scaled).clip(_LEAST, _MOST, out=scaled).astype(np.uint16)
