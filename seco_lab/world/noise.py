"""Smooth noise anchored to the ground: random numbers on a lattice, joined by cubic B-splines.

A window of it is two small matrix products, so an octave costs some microseconds; windows that overlap agree.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.world.frame import PIXEL_M, Frame
from seco_lab.world.hashing import uniform

# A spline mixes neighbours and so shrinks the spread; this brings noise back to unit variance.
_GAIN = 3.6


def _spline(f: NDArray) -> NDArray:
    """Weights of the four neighbours at a fraction of the cell, one more axis of length 4."""
    g, square = 1 - f, f * f
    weights = np.empty((*f.shape, 4), f.dtype)
    weights[..., 0] = g * g * g / 6
    weights[..., 1] = (f / 2 - 1) * square + 2 / 3
    weights[..., 3] = square * f / 6
    weights[..., 2] = 1 - weights[..., 0] - weights[..., 1] - weights[..., 3]
    return weights


def _spline_slope(f: NDArray) -> NDArray:
    """Derivatives of the weights by the fraction, one more axis of length 4."""
    g = 1 - f
    return np.stack((-g * g / 2, (3 * f - 4) * f / 2, (1 + 2 * f - 3 * f * f) / 2, f * f / 2), axis=-1)


# First lattice index and matrix (pixels, lattice) for x, then for y.
_Axes = tuple[int, NDArray[np.float32], int, NDArray[np.float32]]


@lru_cache(maxsize=256)
def _axes(
    start: tuple[float, float], size: int, wavelength: tuple[float, float], slope: bool = False
) -> _Axes:
    """The matrices that take lattice values to the pixels of a window; both axes at once to save calls."""
    steps = np.arange(size) * PIXEL_M
    scaled = np.stack([(start[0] + steps) / wavelength[0], (start[1] - steps) / wavelength[1]])
    cell = np.floor(scaled)
    fraction = (scaled - cell).astype(np.float32)
    weights = _spline_slope(fraction) if slope else _spline(fraction)
    first = cell[:, [0, -1]].min(1) - 1
    columns = int((cell.max(1) - first).max()) + 3
    matrix = np.zeros((2, size, columns), np.float32)
    flat = (cell - 1 - first[:, None]).astype(np.int64) + (np.arange(2 * size) * columns).reshape(2, size)
    matrix.ravel()[flat[..., None] + np.arange(4)] = weights
    if slope:
        matrix /= np.array(wavelength, np.float32)[:, None, None]
    return int(first[0]), matrix[0], int(first[1]), matrix[1]


def _lattice(salt: int, first_y: int, rows: int, first_x: int, columns: int) -> NDArray[np.float32]:
    y, x = np.arange(first_y, first_y + rows)[:, None], np.arange(first_x, first_x + columns)[None]
    return (uniform(salt, y, x) - np.float32(0.5)) * np.float32(2 * _GAIN)


def noise(frame: Frame, wavelength: float | tuple[float, float], salt: int) -> NDArray[np.float32]:
    """Noise of mean 0 and variance about 1, shape (size, size).

    Args:
        frame: Where.
        wavelength: Lattice spacing in metres, or one for x and one for y.
        salt: Which noise.
    """
    both = wavelength if isinstance(wavelength, tuple) else (wavelength, wavelength)
    first_x, wx, first_y, wy = _axes(frame.start, frame.size, both)
    return wy @ _lattice(salt, first_y, wy.shape[1], first_x, wx.shape[1]) @ wx.T


def noise_with_slope(
    frame: Frame, wavelength: float, salt: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Noise and its derivatives to the east and to the north (per metre), each (size, size)."""
    both = (wavelength, wavelength)
    first_x, wx, first_y, wy = _axes(frame.start, frame.size, both)
    _, dx, _, dy = _axes(frame.start, frame.size, both, slope=True)
    lattice = _lattice(salt, first_y, wy.shape[1], first_x, wx.shape[1])
    across, down = wy @ lattice, dy @ lattice
    return across @ wx.T, across @ dx.T, down @ wx.T


def fbm(
    frame: Frame, wavelength: float | tuple[float, float], octaves: int, salt: int, gain: float = 0.5
) -> NDArray[np.float32]:
    """Sum of octaves, each half as wide and ``gain`` times as strong, scaled to variance about 1."""
    along_x, along_y = wavelength if isinstance(wavelength, tuple) else (wavelength, wavelength)
    total = np.zeros((frame.size, frame.size), np.float32)
    for octave in range(octaves):
        width = (along_x / 2**octave, along_y / 2**octave)
        total += gain**octave * noise(frame, width, salt + 101 * octave)
    return total / np.float32(np.sqrt(sum(gain ** (2 * k) for k in range(octaves))))


def noise_at(
    x: ArrayLike, y: ArrayLike, wavelength: float, salt: int, layers: int | None = None
) -> NDArray[np.float32]:
    """The noise of :func:`noise` at single points.

    Args:
        x: Eastings, shape (n,), metres.
        y: Northings, shape (n,).
        wavelength: Lattice spacing.
        salt: Which noise.
        layers: That many unrelated noises at once, which then are not those of :func:`noise`.

    Returns:
        Shape (n,), or (layers, n).
    """
    scaled = np.stack([np.asarray(x, float), np.asarray(y, float)]) / wavelength
    cell = np.floor(scaled)
    wx, wy = _spline(scaled - cell)
    lattice = cell.astype(np.int64)[..., None] + np.arange(-1, 3)
    across, down = lattice[0][..., None, :], lattice[1][..., :, None]
    which = () if layers is None else (np.arange(layers)[:, None, None, None],)
    values = (uniform(salt, down, across, *which) - 0.5) * (2 * _GAIN)
    return np.einsum("...i,...ij,...j->...", wy, values, wx).astype(np.float32)
