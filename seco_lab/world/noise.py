"""Smooth noise anchored to the ground: random numbers on a lattice, joined by cubic B-splines.

A window of it is two small matrix products, so an octave costs some microseconds; windows that overlap agree.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.world.frame import PIXEL_M, Frame
from seco_lab.world.hashing import uniform

# A spline mixes neighbours and so shrinks the spread; this brings noise back to unit variance.
_GAIN = 3.6


def _spline(distance: NDArray) -> NDArray:
    """The cubic B-spline: weight of a lattice point at some distance, in units of the lattice."""
    distance = np.abs(distance)
    wide, narrow = np.maximum(2 - distance, 0), np.maximum(1 - distance, 0)
    return (wide * wide * wide - 4 * (narrow * narrow * narrow)) / 6


def _spline_slope(distance: NDArray) -> NDArray:
    """Derivative of :func:`_spline` by the distance, which has a sign."""
    away = np.abs(distance)
    wide, narrow = np.maximum(2 - away, 0), np.maximum(1 - away, 0)
    return np.sign(distance) * (2 * (narrow * narrow) - wide * wide / 2)


# First lattice index and matrix (pixels, lattice) for x, then for y.
_Axes = tuple[int, NDArray[np.float32], int, NDArray[np.float32]]


@lru_cache(maxsize=256)
def _axes(
    start: tuple[float, float], size: int, wavelength: tuple[float, float], slope: bool = False
) -> _Axes:
    """The matrices that take lattice values to the pixels of a window; both axes at once to save calls."""
    reach = (size - 1) * PIXEL_M
    first = (math.floor(start[0] / wavelength[0]) - 1, math.floor((start[1] - reach) / wavelength[1]) - 1)
    length = 4 + max(math.ceil(reach / along) for along in wavelength)
    steps = np.arange(size, dtype=np.float32) * np.float32(PIXEL_M)
    pixel = np.empty((2, size, 1), np.float32)
    pixel[0, :, 0] = (steps + np.float32(start[0] - first[0] * wavelength[0])) / np.float32(wavelength[0])
    pixel[1, :, 0] = (np.float32(start[1] - first[1] * wavelength[1]) - steps) / np.float32(wavelength[1])
    distance = pixel - np.arange(length, dtype=np.float32)
    if slope:
        matrix = _spline_slope(distance) / np.array(wavelength, np.float32)[:, None, None]
    else:
        matrix = _spline(distance)
    return first[0], matrix[0], first[1], matrix[1]


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
    lattice = cell.astype(np.int64)[..., None] + np.arange(-1, 3)
    wx, wy = _spline(scaled[..., None] - lattice)
    across, down = lattice[0][..., None, :], lattice[1][..., :, None]
    which = () if layers is None else (np.arange(layers)[:, None, None, None],)
    values = (uniform(salt, down, across, *which) - 0.5) * (2 * _GAIN)
    return np.einsum("...i,...ij,...j->...", wy, values, wx).astype(np.float32)
