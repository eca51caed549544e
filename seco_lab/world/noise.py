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
    """Weights of the four neighbours at a fraction of the cell, shape (n, 4)."""
    g, square = 1.0 - f, f * f
    weights = np.empty((*f.shape, 4))
    weights[..., 0] = g * g * g / 6
    weights[..., 1] = (4 + 3 * (f - 2) * square) / 6
    weights[..., 3] = square * f / 6
    weights[..., 2] = 1 - weights[..., 0] - weights[..., 1] - weights[..., 3]
    return weights


def _spline_slope(f: NDArray) -> NDArray:
    """Derivatives of the weights by the fraction, shape (n, 4)."""
    g = 1.0 - f
    return np.stack((-g * g / 2, (3 * f - 4) * f / 2, (1 + 2 * f - 3 * f * f) / 2, f * f / 2), axis=-1)


@lru_cache(maxsize=512)
def _weights(
    first_m: float, step_m: float, size: int, wavelength: float, slope: bool = False
) -> tuple[int, NDArray[np.float32]]:
    """First lattice index and the matrix (size, lattice) that takes lattice values to pixels."""
    scaled = (first_m + step_m * np.arange(size)) / wavelength
    cell = np.floor(scaled).astype(np.int64)
    ends = (int(cell[0]), int(cell[-1]))
    first, last = min(ends) - 1, max(ends) + 2
    weights = _spline_slope(scaled - cell) / wavelength if slope else _spline(scaled - cell)
    matrix = np.zeros((size, last + 1 - first), np.float32)
    flat = np.arange(size) * matrix.shape[1] + (cell - 1 - first)
    for k in range(4):
        matrix.ravel()[flat + k] = weights[:, k]
    return first, matrix


def _axes(frame: Frame, wavelength: tuple[float, float], slope: bool = False) -> tuple:
    """Lattice start and matrix for x, then for y."""
    x, y = frame.start
    along_x = _weights(x, PIXEL_M, frame.size, wavelength[0], slope)
    return *along_x, *_weights(y, -PIXEL_M, frame.size, wavelength[1], slope)


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
    first_x, wx, first_y, wy = _axes(frame, both)
    return wy @ _lattice(salt, first_y, wy.shape[1], first_x, wx.shape[1]) @ wx.T


def noise_with_slope(
    frame: Frame, wavelength: float, salt: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Noise and its derivatives to the east and to the north (per metre), each (size, size)."""
    first_x, wx, first_y, wy = _axes(frame, (wavelength, wavelength))
    _, dx, _, dy = _axes(frame, (wavelength, wavelength), slope=True)
    lattice = _lattice(salt, first_y, wy.shape[1], first_x, wx.shape[1])
    across, down = wy @ lattice, dy @ lattice
    return across @ wx.T, across @ dx.T, down @ wx.T


def fbm(frame: Frame, wavelength: float, octaves: int, salt: int, gain: float = 0.5) -> NDArray[np.float32]:
    """Sum of octaves, each half as wide and ``gain`` times as strong, scaled to variance about 1."""
    total = np.zeros((frame.size, frame.size), np.float32)
    for octave in range(octaves):
        total += gain**octave * noise(frame, wavelength / 2**octave, salt + 101 * octave)
    return total / np.float32(np.sqrt(sum(gain ** (2 * k) for k in range(octaves))))


def noise_at(x: ArrayLike, y: ArrayLike, wavelength: float, salt: int) -> NDArray[np.float32]:
    """The noise of :func:`noise` at single points, same shape as ``x``."""
    sx, sy = np.asarray(x, float) / wavelength, np.asarray(y, float) / wavelength
    cx, cy = np.floor(sx).astype(np.int64), np.floor(sy).astype(np.int64)
    wx, wy = _spline(sx - cx), _spline(sy - cy)
    steps = np.arange(-1, 3)
    values = uniform(salt, (cy[..., None] + steps)[..., :, None], (cx[..., None] + steps)[..., None, :])
    return np.einsum("...i,...ij,...j->...", wy, (values - 0.5) * 2 * _GAIN, wx).astype(np.float32)
