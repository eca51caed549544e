"""Points on Earth and how to draw them: around cities, by population, on land, by continent, on a grid."""

from __future__ import annotations

from seco_lab.places.areas import AtPoints, InPolygons, read_areas, sampler_from_file
from seco_lab.places.assets import (
    CLIMATES,
    CONTINENTS,
    Cities,
    cities,
    country_polygons,
    land_polygons,
)
from seco_lab.places.files import open_plan, rejected_path, save_plan
from seco_lab.places.find import City, find_places, nearest_names
from seco_lab.places.grid import Grid, grid_for, sampler_named
from seco_lab.places.land import climate_of, is_land
from seco_lab.places.overlap import MIN_DISTANCE_KM, PATCH_KM, Spacing, crowded_share
from seco_lab.places.plan import LAT_RANGE, Plan, plan_hash, plan_of, plan_places
from seco_lab.places.point import EARTH_RADIUS_KM, Place, distance_km, offset, unit_vectors, wrap_lon
from seco_lab.places.regions import countries_of, nearest_city
from seco_lab.places.samplers import (
    AroundCities,
    ByPopulation,
    Candidates,
    OnLand,
    PerClimate,
    PerContinent,
    Sampler,
)

__all__ = [
    "Place",
    "distance_km",
    "offset",
    "unit_vectors",
    "wrap_lon",
    "City",
    "find_places",
    "nearest_names",
    "EARTH_RADIUS_KM",
    "Plan",
    "plan_places",
    "plan_of",
    "plan_hash",
    "save_plan",
    "open_plan",
    "rejected_path",
    "Sampler",
    "Candidates",
    "AroundCities",
    "ByPopulation",
    "OnLand",
    "PerContinent",
    "PerClimate",
    "Grid",
    "grid_for",
    "AtPoints",
    "InPolygons",
    "read_areas",
    "sampler_from_file",
    "sampler_named",
    "Spacing",
    "crowded_share",
    "MIN_DISTANCE_KM",
    "PATCH_KM",
    "LAT_RANGE",
    "is_land",
    "climate_of",
    "countries_of",
    "nearest_city",
    "CLIMATES",
    "CONTINENTS",
    "Cities",
    "cities",
    "land_polygons",
    "country_polygons",
]
