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


def _four_weights(share: NDArray[np.float32], slope: bool) -> NDArray[np.float32]:
    """Weights of the lattice points at -1, 0, 1 and 2 for pixels a share of the way from 0 to 1: (n, 4)."""
    rest, square = 1 - share, share * share
    weights = np.empty((len(share), 4), np.float32)
    if slope:
        weights[:, 0], weights[:, 1], weights[:, 3] = -rest * rest / 2, 1.5 * square - 2 * share, square / 2
        weights[:, 2] = -(weights[:, 0] + weights[:, 1] + weights[:, 3])
    else:
        cube = square * share
        weights[:, 0], weights[:, 1] = rest * rest * rest / 6, cube / 2 - square + np.float32(2 / 3)
        weights[:, 3] = cube / 6
        weights[:, 2] = 1 - weights[:, 0] - weights[:, 1] - weights[:, 3]
    return weights


@lru_cache(maxsize=8192)
def _weights(offset_m: float, size: int, wavelength: float, slope: bool) -> NDArray[np.float32]:
    """The matrix (size, lattice) that takes lattice values to a line of pixels.

    Canvases begin on a lattice of 60 m, so few offsets occur and most matrices come from the cache.

    Args:
        offset_m: Distance from the first lattice point to the first pixel, one to two wavelengths.
        size: Number of pixels.
        wavelength: Lattice spacing in metres.
        slope: Derivatives per metre in place of values.
    """
    length = 4 + math.ceil((size - 1) * PIXEL_M / wavelength)
    pixel = ((np.arange(size) * PIXEL_M + offset_m) / wavelength).astype(np.float32)
    cell = np.minimum(np.maximum(np.floor(pixel), 1), length - 3)  # rounding may lead out by one
    matrix = np.zeros((size, length), np.float32)
    column = cell.astype(np.int64)[:, None] + np.arange(-1, 3)
    matrix[np.arange(size)[:, None], column] = _four_weights(pixel - cell, slope) / (
        wavelength if slope else 1
    )
    matrix.setflags(write=False)
    return matrix


def _axis(start: float, size: int, wavelength: float, slope: bool = False) -> tuple[int, NDArray[np.float32]]:
    """First lattice index and matrix for pixels that run upwards from ``start`` (metres)."""
    first = math.floor(start / wavelength) - 1
    return first, _weights(start - first * wavelength, size, wavelength, slope)


def _axes(
    frame: Frame, wavelength: tuple[float, float], slope: bool = False
) -> tuple[int, NDArray[np.float32], int, NDArray[np.float32]]:
    """First lattice index and matrix (pixels, lattice) to the east, then to the south."""
    west, north = frame.start
    first_x, wx = _axis(west, frame.size, wavelength[0], slope)
    first_y, wy = _axis(north - (frame.size - 1) * PIXEL_M, frame.size, wavelength[1], slope)
    return first_x, wx, first_y, wy[::-1]


def _lattice(salt: int, first_y: int, rows: int, first_x: int, columns: int) -> NDArray[np.float32]:
    y = np.arange(first_y, first_y + rows).astype(np.uint32)[:, None]
    x = np.arange(first_x, first_x + columns).astype(np.uint32)[None]
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
    both = (wavelength, wavelength)
    first_x, wx, first_y, wy = _axes(frame, both)
    _, dx, _, dy = _axes(frame, both, slope=True)
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
