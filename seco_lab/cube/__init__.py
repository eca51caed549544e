"""The one Dataset layout of the toolkit: make it, check it, lay its footprints on the Earth."""

from __future__ import annotations

from seco_lab.cube.area import (
    AREA_DIMS,
    area_of_patch,
    as_area,
    check_area,
    make_area,
    mosaic,
)
from seco_lab.cube.grid import footprints, utm_corner, utm_epsg
from seco_lab.cube.join import join_cubes
from seco_lab.cube.layout import ATTRS, CUBE_DIMS, OPTIONAL, REQUIRED_COORDS, check_cube, make_cube
from seco_lab.cube.map_grid import Grid, grid_of

__all__ = [
    "AREA_DIMS",
    "ATTRS",
    "CUBE_DIMS",
    "OPTIONAL",
    "REQUIRED_COORDS",
    "Grid",
    "area_of_patch",
    "as_area",
    "check_area",
    "check_cube",
    "footprints",
    "grid_of",
    "join_cubes",
    "make_area",
    "make_cube",
    "mosaic",
    "utm_corner",
    "utm_epsg",
]
