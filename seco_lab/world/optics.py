"""The instrument: blur, misregistration, native resolution, noise and counts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.frame import MARGIN_PX, Frame
from seco_lab.world.hashing import chance, salt_of, white

BLUR = 0.17


@lru_cache(maxsize=64)
def _replicate(size: int, first: int, out: int, factor: int) -> NDArray[np.float32]:
    """Matrix that averages cells of ``factor`` pixels and copies each to its pixels, shape (out, size).

    A canvas begins ``MARGIN_PX`` before the first whole cell.
    """
    cells = (np.arange(size) - MARGIN_PX) // factor
    same = (cells[first : first + out, None] == cells[None]).astype(np.float32)
    return same / factor


def _shifted(size: int, shift: float, blur: float) -> NDArray[np.float32]:
    """Matrix that blurs and moves a line of pixels by less than one pixel, shape (size, size)."""
    side = (shift * (shift + 1) / 2 + blur, 1 - shift * shift - 2 * blur, shift * (shift - 1) / 2 + blur)
    matrix = np.zeros((size, size), np.float32)
    flat = matrix.reshape(-1)
    flat[size :: size + 1], flat[:: size + 1], flat[1 :: size + 1] = side
    return matrix


def shift_of(frame: Frame, day: int) -> tuple[float, float]:
    """Misregistration of a day in pixels, to the right and down, mostly under a third."""
    x, y = (int(axis[frame.size // 2] // 100_000) for axis in (frame.x, frame.y))
    marks = [chance(frame.salt("shift"), x, y, day, k) for k in range(4)]
    return 0.6 * (marks[0] + marks[1] - 1), 0.6 * (marks[2] + marks[3] - 1)


def see(
    image: NDArray[np.float32],
    factors: NDArray[np.int64],
    window: tuple[int, int, int],
    shift: tuple[float, float],
) -> NDArray[np.float32]:
    """What the instrument records of a canvas, on the 10 m grid.

    Blur, shift, the mean over native cells, their copies on the 10 m grid and the crop are all linear, so one
    matrix from each side does all of it.

    Args:
        image: Shape (C, size, size).
        factors: Shape (C,), native pixel in units of 10 m: 1, 2 or 6.
        window: First row, first column and size of the patch in the canvas.
        shift: To the right and down, pixels.

    Returns:
        Shape (C, out, out).
    """
    top, left, out = window
    size = image.shape[-1]
    across, down = _shifted(size, shift[0], BLUR).T, _shifted(size, shift[1], BLUR)
    seen = np.empty((len(image), out, out), np.float32)
    for factor in np.unique(factors):
        which = np.flatnonzero(factors == factor)
        rows = _replicate(size, top, out, int(factor)) @ down
        columns = across @ _replicate(size, left, out, int(factor)).T
        seen[which] = rows @ (image[which] @ columns)
    return seen


def grain(image: NDArray[np.float32], frame: Frame, day: int, bands: tuple[str, ...]) -> None:
    """Add the sensor's noise in place: about 12 counts once blurred, and half a percent of the signal."""
    for layer, name in zip(image, bands, strict=True):
        noise = white(frame.column, frame.row, frame.size, salt_of(frame.seed, day, name))
        layer += noise * (np.float32(0.0020) + np.float32(0.008) * layer)


def counts(image: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Reflectance x 10000 as uint16; measured pixels are at least 1, as 0 means no data."""
    return np.clip(np.rint(image * np.float32(1e4)), 1, 20_000).astype(np.uint16)
