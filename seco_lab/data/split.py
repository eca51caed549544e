"""Splits by distance: neighbouring patches look alike, so they belong to the same part."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

_KM_PER_DEGREE = 6371.0088 * np.pi / 180


def split_cube(
    cube: xr.Dataset, *, shares: Sequence[float] = (0.8, 0.2), block_km: float = 25.0, seed: int = 0
) -> tuple[NDArray, ...]:
    """Patch rows of each part, such as training and validation; blocks of ``block_km`` are never divided.

    Which part a block belongs to depends on (seed, block) alone. So a cube that grows keeps its patches where
    they were, and two cubes split alike. A patch without coordinates is a block of its own, known by its
    name.

    Args:
        cube: A cube.
        shares: Share of the blocks that each part gets on average; they sum to 1.
        block_km: Side of the square blocks.
        seed: Another seed gives another split.

    Returns:
        For each share: shape (n,), int64, rising row numbers.

    Raises:
        ValueError: Shares that are not positive or do not sum to 1, or a part that would be empty.
    """
    if min(shares, default=0) <= 0 or abs(sum(shares) - 1) > 1e-6 or block_km <= 0:
        raise ValueError(
            f"shares must be positive and sum to 1, block_km positive; got {shares} and {block_km}"
        )
    names = blocks_of(cube, block_km)
    chance = np.array([chance_of(seed, name) for name in names])
    part = np.searchsorted(np.cumsum(shares)[:-1], chance, side="right")
    rows = tuple(np.flatnonzero(part == number) for number in range(len(shares)))
    if any(len(group) == 0 for group in rows):
        raise ValueError(
            f"{len(set(names))} blocks of {block_km:g} km are too few for parts of {tuple(shares)}: "
            f"{[len(group) for group in rows]} patches; use smaller blocks, more places or another seed"
        )
    return rows


def blocks_of(cube: xr.Dataset, block_km: float) -> list[str]:
    """Name of each patch's block: rows of equal latitude, cut into columns of equal width in kilometres."""
    lon, lat = cube["lon"].values.astype(float), cube["lat"].values.astype(float)
    step = block_km / _KM_PER_DEGREE
    row = np.floor(lat / step)
    columns = np.maximum(1, np.floor(360 * np.cos(np.radians((row + 0.5) * step)).clip(0) / step))
    column = np.floor((lon % 360) / 360 * columns)
    return [
        f"{y:.0f}/{x:.0f}" if np.isfinite(y + x) else f"patch {patch}"
        for y, x, patch in zip(row, column, cube["patch"].values, strict=True)
    ]


def chance_of(seed: int, name: str) -> float:
    """A number in [0, 1) that depends on the seed and the name alone."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64
