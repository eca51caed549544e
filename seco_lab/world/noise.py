"""Smooth noise anchored to the ground: random numbers on a lattice, joined by cubic B-splines.

A window of it is two small matrix products, so an octave costs some microseconds; windows that overlap agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.world.frame import PIXEL_M, Frame
from seco_lab.world.hashing import Grids, uniform

# A spline mixes neighbours and so shrinks the spread; this brings noise back to unit variance.
_GAIN = 3.6

# Lattice spacing in metres: one, or one for x and one for y.
Wavelength = float | tuple[float, float]
# A part of a sum of noises: weight, wavelength, salt.
Octave = tuple[float, Wavelength, int]


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


@lru_cache(maxsize=2048)
def _tapes(phase_m: float, size: int, wavelength: float, *, falling: bool) -> NDArray[np.float32]:
    """Weights of a line of pixels of which every line of ``size`` pixels is a part: values, then slopes.

    Where a line begins between two lattice points differs from one window to the next; the steps along it do
    not. So one tape that reaches over a whole wavelength more serves all windows.

    Args:
        phase_m: Distance from a lattice point to the next pixel, less than a pixel.
        size: Number of pixels of a line.
        wavelength: Lattice spacing in metres.
        falling: The line is turned round, as northings fall down the rows of a window.

    Returns:
        Shape (2, pixels, lattice), or (2, lattice, pixels) if not falling; the first pixel lies ``_skipped``
        pixels after the first lattice point.
    """
    skipped = _skipped(wavelength)
    pixel_m = (skipped + np.arange(skipped + size + 2)) * PIXEL_M + phase_m
    pixel = (pixel_m / wavelength).astype(np.float32)
    cell = np.maximum(np.floor(pixel), 1)  # the first pixel may lie before the second lattice point
    column = cell.astype(np.int64)[:, None] + np.arange(-1, 3)
    tapes = np.zeros((2, len(pixel), int(column[-1, -1]) + 1), np.float32)
    row = np.arange(len(pixel))[:, None]
    tapes[0, row, column] = _four_weights(pixel - cell, slope=False)
    tapes[1, row, column] = _four_weights(pixel - cell, slope=True) / wavelength
    tapes = np.ascontiguousarray(tapes[:, ::-1] if falling else tapes.transpose(0, 2, 1))
    tapes.setflags(write=False)
    return tapes


def _skipped(wavelength: float) -> int:
    """How many pixels a tape leaves out, as no line begins before the second lattice point."""
    return int(wavelength / PIXEL_M)


class _Axis(NamedTuple):
    """The way from lattice points to a line of pixels: each array has the shape (size, lattice points).

    For lines across a window it is (lattice points, size), as products run faster so.

    Attributes:
        matrix: Takes numbers at the points to the pixels.
        slope: Takes them to derivatives per metre.
    """

    matrix: NDArray[np.float32]
    slope: NDArray[np.float32]


@lru_cache(maxsize=8192)
def _axis(offset_m: float, size: int, wavelength: float, falling: bool) -> _Axis:
    """The axis of a line of pixels, cut from its tapes.

    Args:
        offset_m: Distance from the first lattice point to the first pixel, one to two wavelengths.
        size: Number of pixels.
        wavelength: Lattice spacing in metres.
        falling: The line is turned round.
    """
    phase_m = offset_m % PIXEL_M
    tapes = _tapes(phase_m, size, wavelength, falling=falling)
    start = round((offset_m - phase_m) / PIXEL_M) - _skipped(wavelength)
    points = _points(size, wavelength)
    if not falling:
        return _Axis(*tapes[:, :points, start : start + size])
    start = tapes.shape[1] - size - start
    return _Axis(*tapes[:, start : start + size, :points])


def _points(size: int, wavelength: float) -> int:
    """How many lattice points a line of pixels needs."""
    return 4 + math.ceil((size - 1) * PIXEL_M / wavelength)


class _Lattice(NamedTuple):
    """Random numbers round a window, shape (rows, columns), and the axes that lead to its pixels."""

    values: NDArray[np.float32]
    y: _Axis
    x: _Axis


@lru_cache(maxsize=1024)
def _grids(size: int, octaves: tuple[tuple[float, Wavelength], ...]) -> tuple[NDArray[np.float64], Grids]:
    """What the lattices of some noises, told by weight and wavelength, share in all windows of a size.

    Returns:
        Their wavelengths along x and along y, shape (2, octaves), and their grids.
    """
    waves = np.array([wave if isinstance(wave, tuple) else (wave, wave) for _, wave in octaves], float).T
    columns, rows = ([_points(size, wave) for wave in along] for along in waves.tolist())
    return waves, Grids(rows, columns, spreads=[2 * _GAIN * weight for weight, _ in octaves])


def _lattices(frame: Frame, wanted: Sequence[Octave]) -> list[_Lattice]:
    """The lattice of each noise, its numbers times its weight."""
    west, north = frame.start
    corner = np.array([[west], [north - (frame.size - 1) * PIXEL_M]])
    waves, grids = _grids(frame.size, tuple([(weight, wave) for weight, wave, _ in wanted]))
    first = np.floor(corner / waves) - 1
    (across, down), salts = (corner - first * waves).tolist(), [salt for _, _, salt in wanted]
    wave_x, wave_y = waves.tolist()
    columns, rows = first.astype(np.int64)
    return [
        _Lattice(values, _axis(y, frame.size, along_y, True), _axis(x, frame.size, along_x, False))
        for values, x, y, along_x, along_y in zip(
            grids.centred(salts, rows, columns), across, down, wave_x, wave_y, strict=True
        )
    ]


def octaves(
    wavelength: Wavelength, count: int, salt: int, gain: float = 0.5, weight: float = 1.0
) -> list[Octave]:
    """Octaves, each half as wide and ``gain`` times as strong as the last; ``weight`` is their spread."""
    along_x, along_y = wavelength if isinstance(wavelength, tuple) else (wavelength, wavelength)
    whole = math.sqrt(sum(gain ** (2 * k) for k in range(count)))
    return [
        (weight * gain**k / whole, (along_x / 2**k, along_y / 2**k), salt + 101 * k) for k in range(count)
    ]


def blends(frame: Frame, *mixtures: Sequence[Octave]) -> list[NDArray[np.float32]]:
    """Several sums of noises at once, each (size, size).

    Args:
        frame: Where.
        mixtures: For each sum its parts: weight, wavelength in metres, salt.
    """
    return [
        _down(parts, [part.y.matrix for part in parts]) @ _across([part.x.matrix for part in parts])
        for parts in _parts(frame, mixtures)
    ]


def slopes(
    frame: Frame, *mixtures: Sequence[Octave]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
    """The sums of :func:`blends` with their derivatives to the east and to the north (per metre)."""
    found = []
    for parts in _parts(frame, mixtures):
        down = _down(parts, [part.y.matrix for part in parts])
        across = _across([part.x.matrix for part in parts])
        east = down @ _across([part.x.slope for part in parts])
        north = _down(parts, [part.y.slope for part in parts]) @ across
        found.append((down @ across, east, north))
    return found


def _parts(frame: Frame, mixtures: Sequence[Sequence[Octave]]) -> list[list[_Lattice]]:
    """The lattices of each sum."""
    found = iter(_lattices(frame, [octave for mixture in mixtures for octave in mixture]))
    return [[next(found) for _ in mixture] for mixture in mixtures]


def _down(parts: list[_Lattice], matrices: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """From lattice rows to pixel rows; the lattices stand side by side, so that one product adds them up."""
    if len(parts) == 1:
        return matrices[0] @ parts[0].values
    joined = np.empty((len(matrices[0]), sum(part.values.shape[1] for part in parts)), np.float32)
    start = 0
    for part, matrix in zip(parts, matrices, strict=True):
        stop = start + part.values.shape[1]
        np.matmul(matrix, part.values, out=joined[:, start:stop])
        start = stop
    return joined


def _across(matrices: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """From all lattice columns side by side to pixel columns, shape (columns, size)."""
    return matrices[0] if len(matrices) == 1 else np.concatenate(matrices)


def noise(frame: Frame, wavelength: Wavelength, salt: int) -> NDArray[np.float32]:
    """Noise of mean 0 and variance about 1, shape (size, size).

    Args:
        frame: Where.
        wavelength: Lattice spacing in metres, or one for x and one for y.
        salt: Which noise.
    """
    return blends(frame, [(1.0, wavelength, salt)])[0]


def from_zero(
    value: NDArray[np.float32], east: NDArray[np.float32], north: NDArray[np.float32], least: float
) -> NDArray[np.float32]:
    """Signed distance to the nearest zero line of a noise, metres, from the noise and its :func:`slopes`.

    Args:
        value: The noise.
        east: Its derivative to the east, per metre.
        north: Its derivative to the north.
        least: The least slope that counts; it keeps flat noise from being near to everything.
    """
    steep = east * east
    steep += north * north
    np.sqrt(steep, out=steep)
    return value / np.maximum(steep, np.float32(least), out=steep)


def noise_at(
    x: ArrayLike, y: ArrayLike, wavelength: ArrayLike, salt: ArrayLike, layers: int | None = None
) -> NDArray[np.float32]:
    """The noise of :func:`noise` at single points.

    Args:
        x: Eastings, shape (n,), metres.
        y: Northings, shape (n,).
        wavelength: Lattice spacing, one or one a noise, shape (noises, 1).
        salt: Which noise, one for all points or one a point; or several, shape (noises, 1) or (noises, n).
        layers: That many unrelated noises at once, which then are not those of :func:`noise`.

    Returns:
        Shape (n,), (noises, n) or (layers, n).
    """
    wavelength, salt = np.asarray(wavelength, float), np.asarray(salt)[..., None, None]
    scaled = np.stack([np.asarray(x, float) / wavelength, np.asarray(y, float) / wavelength])
    cell = np.floor(scaled)
    lattice = cell.astype(np.int64)[..., None] + np.arange(-1, 3)
    wx, wy = _spline(scaled[..., None] - lattice)
    across, down = lattice[0][..., None, :], lattice[1][..., :, None]
    which = () if layers is None else (np.arange(layers)[:, None, None, None],)
    values = (uniform(salt, down, across, *which) - 0.5) * (2 * _GAIN)
    return np.einsum("...i,...ij,...j->...", wy, values, wx).astype(np.float32)
