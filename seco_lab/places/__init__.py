"""Points on Earth and how to draw them: around cities, by population, on land, by continent, on a grid."""

from __future__ import annotations

from seco_lab.places.point import EARTH_RADIUS_KM, Place, distance_km, offset, unit_vectors, wrap_lon

__all__ = ["EARTH_RADIUS_KM", "Place", "distance_km", "offset", "unit_vectors", "wrap_lon"]
