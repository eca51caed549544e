"""How green each place is on each date: the vegetation index of whole patches."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

RED, NEAR_INFRARED = "B04", "B08"
_PATCHES, _STRIDE_PX = 256, 4


def vegetation_index(cube: xr.Dataset, rows: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """NDVI of the mean reflectance of each patch on each date.

    The mean is taken before the ratio, so that a few dark pixels do not decide. Every fourth pixel of every
    fourth row is looked at.

    Args:
        cube: With bands ``B04`` and ``B08``, in memory or lazy.
        rows: Patches to look at; all if left out.

    Returns:
        Shape (rows, T), -1 to 1; NaN where an image holds no data.

    Raises:
        LookupError: A band is missing.
    """
    there = [str(name) for name in cube["band"].values]
    missing = [name for name in (RED, NEAR_INFRARED) if name not in there]
    if missing:
        raise LookupError(
            f"a vegetation index needs the bands {RED} and {NEAR_INFRARED}, the cube has {', '.join(there)}; "
            "gather it with both, such as --bands B02,B03,B04,B08"
        )
    rows = np.arange(cube.sizes["patch"]) if rows is None else np.asarray(rows, np.int64)
    pick = {"band": [there.index(RED), there.index(NEAR_INFRARED)]}
    pixels = cube["reflectance"].isel(pick)[..., ::_STRIDE_PX, ::_STRIDE_PX]
    blocks = [pixels[rows[i : i + _PATCHES]].values for i in range(0, len(rows), _PATCHES)]
    return np.concatenate([_ndvi(block.astype(np.float64)) for block in blocks])


def _ndvi(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts (P, T, 2, H, W), red first, to (P, T); pixels of 0 in both bands are no data."""
    known = (pixels > 0).any(2, keepdims=True)
    count = np.maximum(known.sum((3, 4)), 1)
    red, infrared = np.moveaxis((pixels * known).sum((3, 4)) / count, 2, 0)
    total = red + infrared
    return np.divide(infrared - red, total, out=np.full(total.shape, np.nan), where=total > 0)
