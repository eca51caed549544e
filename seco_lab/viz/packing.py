"""Arrays in the form that the browser draws: bytes, quantised where the eye cannot tell."""

from __future__ import annotations

import numpy as np

from seco_lab.viz.basemap import to_mercator

MISSING_UNIT = 65535
MISSING_MERCATOR = 2.0


def finite_rows(rows: np.ndarray) -> np.ndarray:
    """Which rows (P, few) hold finite numbers only, (P,).

    Column by column: over a last axis of two or three, ``all`` takes ten times as long.
    """
    return np.logical_and.reduce([np.isfinite(column) for column in rows.T])


def pack_plane(plane: np.ndarray) -> bytes:
    """Positions (P, 2) in the unit square as uint16 pairs; NaN becomes the pair 65535, 65535."""
    placed = np.clip(plane * 65535, 0, 65533)
    placed[~finite_rows(plane)] = MISSING_UNIT
    return placed.astype("<u2").tobytes()


def pack_mercator(lonlat: np.ndarray) -> bytes:
    """Degrees (P, 2) as float32 Web Mercator pairs in the unit square (2.4 m at worst); NaN becomes 2, 2."""
    xy = to_mercator(lonlat[:, 0], lonlat[:, 1]).astype("<f4")
    xy[~finite_rows(lonlat)] = MISSING_MERCATOR
    return xy.tobytes()
