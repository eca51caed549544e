"""A point on Earth, and the geometry of the sphere that sampling needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM = 6371.0088  # mean radius of WGS 84 (IUGG)


@dataclass(frozen=True)
class Place:
    """A named point on Earth, longitude before latitude.

    Attributes:
        name: Stable id; becomes the `patch` of a cube.
        lon: Degrees east, WGS 84, -180 to 180.
        lat: Degrees north, WGS 84, -90 to 90.

    Raises:
        ValueError: Where a coordinate is missing or out of range.
    """

    name: str
    lon: float
    lat: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lon) and -180 <= self.lon <= 180):
            raise ValueError(
                f"place {self.name!r}: longitude must lie in -180 to 180 degrees, got {self.lon}"
            )
        if not (math.isfinite(self.lat) and -90 <= self.lat <= 90):
            hint = (
                "; are longitude and latitude swapped?"
                if abs(self.lat) <= 180 and abs(self.lon) <= 90
                else ""
            )
            raise ValueError(
                f"place {self.name!r}: latitude must lie in -90 to 90 degrees, got {self.lat}{hint}"
            )


def wrap_lon(lon: ArrayLike) -> NDArray[np.float64]:
    """Longitudes brought into [-180, 180) degrees; those that are there stay as they are, to the last bit."""
    lon = np.asarray(lon, float)
    return np.where((lon >= -180) & (lon < 180), lon, (lon + 180.0) % 360.0 - 180.0)


def unit_vectors(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
    """Points of the unit sphere, shape (..., 3), from degrees."""
    lon, lat = np.radians(np.asarray(lon, float)), np.radians(np.asarray(lat, float))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def distance_km(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> NDArray[np.float64]:
    """Great-circle distances in km, by haversine, so that metres apart stay exact; arrays broadcast."""
    lon1, lat1, lon2, lat2 = (np.radians(np.asarray(v, float)) for v in (lon1, lat1, lon2, lat2))
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))


def offset(
    lon: ArrayLike, lat: ArrayLike, east_km: ArrayLike, north_km: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points reached from (lon, lat) by a walk of true kilometres.

    The pair (east, north) is read in the tangent plane: its length is the length of the great circle that
    is followed, its direction the starting bearing. So 50 km east are 50 km at any latitude, over the poles
    and across the antimeridian as well.

    Args:
        lon: Degrees east of the starting points.
        lat: Degrees north.
        east_km: Kilometres to the east; all four broadcast against one another.
        north_km: Kilometres to the north.

    Returns:
        Longitudes in [-180, 180) and latitudes, degrees.
    """
    lon, lat = np.radians(np.asarray(lon, float)), np.radians(np.asarray(lat, float))
    east, north = np.asarray(east_km, float), np.asarray(north_km, float)
    arc = np.hypot(east, north) / EARTH_RADIUS_KM
    bearing = np.arctan2(east, north)
    sin_lat = np.sin(lat) * np.cos(arc) + np.cos(lat) * np.sin(arc) * np.cos(bearing)
    step = np.arctan2(np.sin(bearing) * np.sin(arc) * np.cos(lat), np.cos(arc) - np.sin(lat) * sin_lat)
    return wrap_lon(np.degrees(lon + step)), np.degrees(np.arcsin(np.clip(sin_lat, -1, 1)))
