"""UTM zones as the grid of MGRS has them: six degrees wide, but for Norway and Svalbard."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LATITUDES = (0.0, 56.0, 64.0, 72.0)  # between these each zone has one width
_NORWAY = {31: (0.0, 3.0), 32: (3.0, 12.0)}  # band V
_SVALBARD = {31: (0.0, 9.0), 33: (9.0, 21.0), 35: (21.0, 33.0), 37: (33.0, 42.0)}  # band X


def utm_zone(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.intp]:
    """Number of the zone of each point, 1 to 60.

    Args:
        lon: Degrees, -180 to 180.
        lat: Degrees.
    """
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    plain = np.clip((lon + 180.0) // 6 + 1, 1, 60)
    norway = (lat >= 56) & (lat < 64) & (lon >= 3) & (lon < 12)
    svalbard = (lat >= 72) & (lon >= 0) & (lon < 42)
    return np.select([norway, svalbard], [32, 31 + 2 * ((lon + 3) // 12)], plain).astype(np.intp)


def zone_span(zone: int, lat: float) -> tuple[float, float] | None:
    """Where a zone begins and ends at a latitude, degrees east; None where it does not exist."""
    if 56 <= lat < 64 and zone in _NORWAY:
        return _NORWAY[zone]
    if lat >= 72 and 31 <= zone <= 37:
        return _SVALBARD.get(zone)
    return 6.0 * zone - 186, 6.0 * zone - 180
