"""The offset of processing baseline 04.00: since January 2022 all Sentinel-2 counts are 1000 higher."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OFFSET = 1000


def has_offset(pixels: NDArray) -> bool:
    """Whether counts look as if the offset of baseline 04.00 were still in them.

    Some band of nearly every image has a dark pixel (water in the infrared, shadow, vegetation in the red),
    so counts that nowhere fall below 900 carry the offset; the 100 counts below it are left for slightly
    negative reflectance. An image of nothing but cloud, snow or bright sand can be misjudged; the cube states
    what was decided.

    Args:
        pixels: Counts of any shape, 0 = no data.
    """
    valid = pixels[pixels > 0]
    return bool(valid.size) and int(valid.min()) >= OFFSET - 100


def without_offset(pixels: NDArray) -> NDArray:
    """Counts less the offset; what would fall to zero or below becomes 1, for 0 means no data."""
    lowered = np.maximum(pixels.astype(np.int32) - OFFSET, 1)
    return np.where(pixels == 0, 0, lowered).astype(np.uint16)
