"""Chance as a pure function of (seed, candidate number)."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_WORD = 2**64


def check_seed(seed: int) -> int:
    """The seed as a plain int.

    Raises:
        ValueError: It is not a whole number from 0 to 2**64 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < _WORD:
        raise ValueError(f"seed must be a whole number from 0 to 2**64 - 1, got {seed!r}")
    return int(seed)


def _raw(seed: int, stream: str, start: int, stop: int) -> NDArray[np.uint64]:
    """Four random words per candidate: one block of the counter-based generator Philox 4x64 each."""
    name = int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "little")
    generator = np.random.Philox(key=[check_seed(seed), name], counter=start)
    return generator.random_raw(4 * (stop - start)).reshape(-1, 4)


def uniforms(seed: int, stream: str, start: int, stop: int) -> NDArray[np.float64]:
    """Four numbers in [0, 1) for each candidate from start to stop, shape (stop - start, 4).

    Candidate k gets the same four whatever the range it is drawn in. Only raw words of the bit generator
    are used, whose stream numpy promises to keep.
    """
    return (_raw(seed, stream, start, stop) >> np.uint64(11)) * 2.0**-53


def normal_pair(
    u: NDArray[np.float64], v: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two independent standard normal numbers from two uniform ones in [0, 1) (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log1p(-u))
    return radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)


def shuffled(seed: int, stream: str, count: int) -> NDArray[np.int64]:
    """A random order of range(count)."""
    words = _raw(seed, stream, 0, (count + 3) // 4).ravel()[:count]
    return np.argsort(words, kind="stable")


def hashed_uniforms(seed: int, stream: str, names: list[str], count: int) -> NDArray[np.float64]:
    """`count` (at most 8) numbers in [0, 1) for each name, shape (len(names), count)."""
    assert count <= 8, "a digest holds eight words"
    prefix = hashlib.blake2b(f"{check_seed(seed)}/{stream}/".encode(), digest_size=8 * count)
    out = np.empty((len(names), count), np.uint64)
    for row, name in enumerate(names):
        digest = prefix.copy()
        digest.update(name.encode())
        out[row] = np.frombuffer(digest.digest(), "<u8")
    return (out >> np.uint64(11)) * 2.0**-53
