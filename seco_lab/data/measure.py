"""The input contract of a cube, measured on a sample of its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seco_lab.data.batches import choose_bands
from seco_lab.data.readers import open_source
from seco_lab.input_spec import InputSpec

_IMAGES = 512
_PIXELS_PER_IMAGE = 2048
_QUANTILES = (0.02, 0.98)


def input_spec_for(
    cube: xr.Dataset | str | Path,
    *,
    bands: str | Sequence[str] = "rgb",
    size_px: int,
    rows: ArrayLike | None = None,
    seed: int = 0,
) -> InputSpec:
    """The contract of an encoder that is trained on this cube.

    The limits of each band are the 2 % and 98 % quantiles of its counts, as SeCo sets them; mean and standard
    deviation are those of the numbers between the limits. All are measured on at most a million pixels of 512
    images. Pixels without data, 0 or NaN in all bands, do not count.

    Args:
        cube: A cube, or the path of one.
        bands: ``"rgb"``, ``"all"`` or names; their order is that of the encoder's input.
        size_px: Height and width of the views that the encoder will be trained on.
        rows: Patches to measure; all if left out. Give the training patches alone where a split is made.
        seed: Seed of the sample.

    Raises:
        ValueError: Not a cube, or no pixel with data in the sample.
        LookupError: Unknown band names, or bands that the cube lacks.
    """
    described, _ = open_source(cube)
    names, positions = choose_bands(described, bands)
    counts = _sample(described, positions, rows, np.random.default_rng(seed))
    if not len(counts):
        raise ValueError(
            "none of the pixels sampled from the cube holds data, so there is nothing to measure"
        )
    low, high = np.quantile(counts, _QUANTILES, axis=0)
    # A constant band has no spread to measure; any limits keep it a constant.
    high = np.where(high > low, high, low + (1e-4 if described["reflectance"].dtype.kind == "f" else 1.0))
    unit = np.clip((counts - low) / (high - low), 0, 1)
    std = unit.std(axis=0)
    return InputSpec(
        sensor=str(described.attrs["sensor"]),
        bands=names,
        unit=str(described.attrs["unit"]),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        mean=tuple(unit.mean(axis=0).tolist()),
        std=tuple(np.where(std > 1e-6, std, 1.0).tolist()),
        pixel_size_m=float(described.attrs["pixel_size_m"]),
        size_px=size_px,
    )


def _sample(
    cube: xr.Dataset, positions: Sequence[int], rows: ArrayLike | None, rng: np.random.Generator
) -> NDArray:
    """Shape (N, C), float64: counts of random pixels of random images, those without data left out."""
    rows = np.arange(cube.sizes["patch"]) if rows is None else np.asarray(rows, np.int64)
    images = rng.permutation(len(rows) * cube.sizes["season"])[:_IMAGES]
    stride = max(1, int(np.sqrt(cube.sizes["y"] * cube.sizes["x"] / _PIXELS_PER_IMAGE)))
    parts = []
    for place, season in zip(*np.divmod(images, cube.sizes["season"]), strict=True):
        top, left = rng.integers(0, stride, 2)
        image = cube["reflectance"][int(rows[place]), int(season)].values
        pixels = image[list(positions), top::stride, left::stride].reshape(len(positions), -1).T
        parts.append(np.nan_to_num(pixels.astype(np.float64)))
    counts = np.concatenate(parts) if parts else np.empty((0, len(positions)))
    return counts[(counts != 0).any(axis=1)]
