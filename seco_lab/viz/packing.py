"""Arrays in the form that the browser draws: bytes, quantised where the eye cannot tell."""

from __future__ import annotations

import numpy as np

from seco_lab.viz.basemap import to_mercator

MISSING_UNIT = 65535
MISSING_MERCATOR = 2.0


def pack_plane(plane: np.ndarray) -> bytes:
    """Positions (P, 2) in the unit square as uint16 pairs; NaN becomes the pair 65535, 65535."""
    good = np.isfinite(plane).all(-1)
    packed = np.full(plane.shape, MISSING_UNIT, "<u2")
    packed[good] = np.clip(plane[good] * 65535, 0, 65533).astype("<u2")
    return packed.tobytes()


def pack_mercator(lonlat: np.ndarray) -> bytes:
    """Degrees (P, 2) as float32 Web Mercator pairs in the unit square (2.4 m at worst); NaN becomes 2, 2."""
    xy = to_mercator(lonlat[:, 0], lonlat[:, 1])
    return np.where(np.isfinite(lonlat).all(1)[:, None], xy, MISSING_MERCATOR).astype("<f4").tobytes()
