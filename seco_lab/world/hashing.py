"""Chance that belongs to a place: integers in, the same numbers out, in any order of calls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ODD = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1)
_MASK = 0xFFFFFFFF


@lru_cache(maxsize=65536)
def salt_of(*parts: int | str) -> int:
    """A 32-bit number made from integers and words; the same parts always give the same number."""
    return _folded(0x2545F491, parts)


def _folded(value: int, parts: tuple[int | str, ...]) -> int:
    """The number of all parts, from the number of those before them."""
    for part in parts:
        numbers = part.encode() if isinstance(part, str) else (int(part) & _MASK, (int(part) >> 32) & _MASK)
        for number in numbers:
            value = ((value ^ number) * _ODD[0]) & _MASK
            value ^= value >> 15
            value = (value * _ODD[1]) & _MASK
            value ^= value >> 13
    return value


# Arrays without axes: numpy takes them faster than its scalars.
_STEPS = tuple((np.array(odd, np.uint32), np.array(odd & 0xFFFF, np.uint32)) for odd in _ODD * 2)
_S8, _S15, _S16, _HIGHEST = (np.array(k, np.uint32) for k in (8, 15, 16, 1 << 31))
_FIRST, _SECOND = (np.array(odd, np.uint32) for odd in (0x7FEB352D, 0x846CA68B))
_UNIT = np.array(2**-24, np.float32)


def chance(salt: int, *parts: int) -> float:
    """One number in [0, 1) that belongs to some integers; for single draws, where arrays cost more."""
    # The last part is mostly a day, which differs from call to call; what comes before it is mostly known.
    return _folded(salt_of(salt, *parts[:-1]), parts[-1:]) / 2**32


def scramble(value: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Spread every bit of the input over all bits of the output, in place (two multiply and shift rounds)."""
    shifted = value >> _S16
    value ^= shifted
    value *= _FIRST
    value ^= np.right_shift(value, _S15, out=shifted)
    value *= _SECOND
    value ^= np.right_shift(value, _S16, out=shifted)
    return value


def hashed(salt: int | NDArray[np.integer], *parts: ArrayLike) -> NDArray[np.uint32]:
    """One 32-bit number for each element.

    Args:
        salt: Any integer, or several that broadcast; another salt gives unrelated numbers.
        parts: Integer arrays (negative numbers allowed) that broadcast together.
    """
    value = np.array([salt & _MASK], np.uint32) if isinstance(salt, int) else salt.astype(np.uint32)
    for part, (odd, step) in zip(parts, _STEPS, strict=False):
        word = np.asarray(part)
        if word.dtype != np.uint32:
            word = word.astype(np.uint32)  # negative numbers wrap round
        value = value ^ (word * odd)
        value += step
        scramble(value)
    return value


def uniform(salt: int | NDArray[np.integer], *parts: ArrayLike) -> NDArray[np.float32]:
    """One number in [0, 1) for each element of ``parts``."""
    return _unit(hashed(salt, *parts))


def _unit(value: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Hashes as numbers in [0, 1); it may write over them."""
    value >>= _S8
    numbers = value.astype(np.float32)
    numbers *= _UNIT
    return numbers


class Runs(NamedTuple):
    """Neighbours that are alike, told once: positions where each run begins, and how long it is."""

    first: NDArray[np.int64]
    length: NDArray[np.int64]

    def spread(self, values: NDArray) -> NDArray:
        """A value of each run at all of its members, flat."""
        return values.repeat(self.length)


def runs(*parts: NDArray) -> Runs:
    """The runs of arrays of one shape: within each, all of the arrays stay the same; rows follow each other.

    Parcels are some pixels wide, so what belongs to them costs a fraction when it is drawn once a run.
    """
    flat = [part.ravel() for part in parts]
    new = np.empty(flat[0].size + 1, bool)
    new[[0, -1]] = True
    np.not_equal(flat[0][1:], flat[0][:-1], out=new[1:-1])
    for part in flat[1:]:
        new[1:-1] |= part[1:] != part[:-1]
    bounds = np.flatnonzero(new)
    return Runs(bounds[:-1], bounds[1:] - bounds[:-1])


def draws(value: NDArray[np.uint32], stream: int) -> NDArray[np.float32]:
    """One number in [0, 1) for each hash; another ``stream`` gives independent numbers of the same hashes."""
    return _unit(scramble(value + _stream(stream)))


@lru_cache(maxsize=1024)
def _stream(number: int) -> NDArray[np.uint32]:
    """What sets a stream apart from the others."""
    return np.array((number * _ODD[2] + _ODD[3]) & _MASK, np.uint32)


class Grids:
    """Several grids whose numbers are drawn in one pass; small ones cost mostly the calls.

    Args:
        heights: Rows of each grid.
        widths: Columns of each grid.
        spreads: Distance between the least and the greatest number of each grid.
    """

    def __init__(self, heights: Sequence[int], widths: Sequence[int], *, spreads: Sequence[float]) -> None:
        self._shapes = list(zip(heights, widths, strict=True))
        self._row, self._row_of = _counted(heights)
        self._column, self._column_of = _counted(widths)
        # Where the row and the column of each point stand among those of all grids.
        begins = zip(accumulate(heights, initial=0), accumulate(widths, initial=0), strict=True)
        pairs = [
            np.reshape(begin, (2, 1)) + np.indices(shape).reshape(2, -1)
            for begin, shape in zip(begins, self._shapes, strict=False)
        ]
        self._by_row, self._by_column = np.concatenate(pairs, 1)
        sizes = [height * width for height, width in self._shapes]
        self._parts = [slice(stop - size, stop) for size, stop in zip(sizes, accumulate(sizes), strict=True)]
        self._spread = (np.array(spreads, np.float32) * np.float32(2**-32)).repeat(sizes)

    def centred(
        self, salts: Sequence[int], rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> list[NDArray[np.float32]]:
        """Numbers around 0: those of :func:`uniform` for (row, column), moved and stretched.

        Args:
            salts: One a grid.
            rows: First row of each grid.
            columns: First column of each grid.
        """
        by_row = rows.astype(np.uint32).take(self._row_of, mode="clip")
        by_row += self._row
        by_row *= _STEPS[0][0]
        by_row ^= np.array([salt & _MASK for salt in salts], np.uint32).take(self._row_of, mode="clip")
        by_row += _STEPS[0][1]
        by_column = columns.astype(np.uint32).take(self._column_of, mode="clip")
        by_column += self._column
        by_column *= _STEPS[1][0]
        mixed = scramble(by_row).take(self._by_row, mode="clip")
        mixed ^= by_column.take(self._by_column, mode="clip")
        mixed += _STEPS[1][1]
        # With the first bit turned over, the unsigned number minus a half of its range is the signed one.
        scramble(mixed)
        mixed ^= _HIGHEST
        numbers = mixed.view(np.int32).astype(np.float32)
        numbers *= self._spread
        return [numbers[part].reshape(shape) for part, shape in zip(self._parts, self._shapes, strict=True)]


def _counted(lengths: Sequence[int]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Numbers from 0 on for each length, one after the other, and which length each belongs to."""
    counted = np.concatenate([np.arange(length, dtype=np.uint32) for length in lengths])
    return counted, np.arange(len(lengths)).repeat(lengths)


TABLE = 512


@lru_cache(maxsize=1)
def white_table() -> NDArray[np.float32]:
    """White noise of unit variance on a torus, repeated once so that a window never has to wrap."""
    table = np.random.default_rng(7).standard_normal((TABLE, TABLE)).astype(np.float32)
    return np.tile(table, (2, 2))


def torus_window(
    table: NDArray[np.float32], column: int, row: int, size: int, salt: int
) -> NDArray[np.float32]:
    """A window of a table laid out like :func:`white_table`, (size, size); ``salt`` decides its offset."""
    top, left = (row + salt) % TABLE, (column + (salt >> 9)) % TABLE
    if size > TABLE:
        return table[np.ix_((top + np.arange(size)) % TABLE, (left + np.arange(size)) % TABLE)]
    return table[top : top + size, left : left + size]


def white(column: int, row: int, size: int, salt: int) -> NDArray[np.float32]:
    """White noise of unit variance on a window of the pixel lattice, shape (size, size).

    It repeats after 512 pixels, at an offset that ``salt`` decides; windows that overlap agree.
    """
    return torus_window(white_table(), column, row, size, salt)
