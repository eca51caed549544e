"""Which country, continent and city a point belongs to."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seco_lab.places.assets import cities, country_polygons
from seco_lab.places.point import EARTH_RADIUS_KM, unit_vectors

if TYPE_CHECKING:
    from scipy.spatial import cKDTree
    from shapely import STRtree


@cache
def _city_tree() -> cKDTree:
    from scipy.spatial import cKDTree

    table = cities()
    return cKDTree(unit_vectors(table.lon, table.lat))


def nearest_city(
    lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row in ``cities()`` of the city nearest to each point, and how far it is in km."""
    chord, index = _city_tree().query(unit_vectors(lon, lat))
    return index, 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2, 1.0))


@cache
def _country_tree() -> tuple[STRtree, NDArray[np.object_], NDArray[np.object_]]:
    """Country polygons one by one, with the name and continent of each."""
    import shapely

    features = country_polygons()
    shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
    parts, owner = shapely.get_parts(shapes, return_index=True)
    name = np.array([f["properties"]["country"] for f in features], object)[owner]
    continent = np.array([f["properties"]["continent"] for f in features], object)[owner]
    return shapely.STRtree(parts), name, continent


def countries_of(
    lon: NDArray[np.float64], lat: NDArray[np.float64], *, nearest: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Country and continent of each point.

    Borders are those of Natural Earth at 1:110 million, a few km coarse; a point outside all of them (a
    small island, a coast cut short) gets those of the nearest large city.

    Args:
        lon: Degrees east, shape (N,).
        lat: Degrees north, shape (N,).
        nearest: The first result of ``nearest_city``, if it is at hand.

    Returns:
        Names of countries and of continents, shape (N,) each.
    """
    import shapely

    table, (tree, names, continents) = cities(), _country_tree()
    if nearest is None:
        nearest, _ = nearest_city(lon, lat)
    country, continent = table.country[nearest], table.continent[nearest]
    inside, polygon = tree.query(shapely.points(lon, lat), predicate="within")
    country[inside], continent[inside] = names[polygon], continents[polygon]
    return country, continent
