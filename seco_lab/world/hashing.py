"""Chance that belongs to a place: integers in, the same numbers out, in any order of calls."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ODD = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1)
_MASK = 0xFFFFFFFF


@lru_cache(maxsize=65536)
def salt_of(*parts: int | str) -> int:
    """A 32-bit number made from integers and words; the same parts always give the same number."""
    value = 0x2545F491
    for part in parts:
        numbers = part.encode() if isinstance(part, str) else (int(part) & _MASK, (int(part) >> 32) & _MASK)
        for number in numbers:
            value = ((value ^ number) * _ODD[0]) & _MASK
            value ^= value >> 15
            value = (value * _ODD[1]) & _MASK
            value ^= value >> 13
    return value


_STEPS = tuple((np.uint32(odd), np.uint32(odd & 0xFFFF)) for odd in _ODD * 2)
_S8, _S15, _S16 = (np.uint32(k) for k in (8, 15, 16))
_FIRST, _SECOND, _UNIT = np.uint32(0x7FEB352D), np.uint32(0x846CA68B), np.float32(2**-24)


def chance(salt: int, *parts: int) -> float:
    """One number in [0, 1) that belongs to some integers; for single draws, where arrays cost more."""
    return salt_of(salt, *parts) / 2**32


def scramble(value: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Spread every bit of the input over all bits of the output (two multiply and shift rounds)."""
    value = value ^ (value >> _S16)
    value *= _FIRST
    value ^= value >> _S15
    value *= _SECOND
    value ^= value >> _S16
    return value


def hashed(salt: int, *parts: ArrayLike) -> NDArray[np.uint32]:
    """One 32-bit number for each element.

    Args:
        salt: Any integer; another salt gives unrelated numbers.
        parts: Integer arrays (negative numbers allowed) that broadcast together.
    """
    value = np.array([salt & _MASK], np.uint32)
    for part, (odd, step) in zip(parts, _STEPS, strict=False):
        word = np.asarray(part)
        if word.dtype != np.uint32:
            word = word.astype(np.int64).astype(np.uint32)
        value = scramble((value ^ (word * odd)) + step)
    return value


def uniform(salt: int, *parts: ArrayLike) -> NDArray[np.float32]:
    """One number in [0, 1) for each element of ``parts``."""
    return (hashed(salt, *parts) >> _S8).astype(np.float32) * _UNIT


def draws(value: NDArray[np.uint32], stream: int) -> NDArray[np.float32]:
    """One number in [0, 1) for each hash; another ``stream`` gives independent numbers of the same hashes."""
    mixed = scramble(value + np.uint32((stream * _ODD[2] + _ODD[3]) & _MASK))
    return (mixed >> _S8).astype(np.float32) * _UNIT


TABLE = 512


@lru_cache(maxsize=4)
def _normal_table(salt: int) -> NDArray[np.float32]:
    """White noise of unit variance on a torus, repeated once so that a window never has to wrap."""
    table = np.random.default_rng(salt).standard_normal((TABLE, TABLE)).astype(np.float32)
    return np.tile(table, (2, 2))


def white(column: int, row: int, size: int, salt: int) -> NDArray[np.float32]:
    """White noise of unit variance on a window of the pixel lattice, shape (size, size).

    It repeats after 512 pixels, at an offset that ``salt`` decides; windows that overlap agree.
    """
    top, left = (row + salt) % TABLE, (column + (salt >> 9)) % TABLE
    table = _normal_table(7)
    if size > TABLE:
        return table[np.ix_((top + np.arange(size)) % TABLE, (left + np.arange(size)) % TABLE)]
    return table[top : top + size, left : left + size]
