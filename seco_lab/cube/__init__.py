"""The one Dataset layout of the toolkit: make it, check it, lay its footprints on the Earth."""

from __future__ import annotations

from seco_lab.cube.grid import footprints, utm_corner, utm_epsg
from seco_lab.cube.join import join_cubes
from seco_lab.cube.layout import ATTRS, CUBE_DIMS, OPTIONAL, REQUIRED_COORDS, check_cube, make_cube

__all__ = [
    "ATTRS",
    "CUBE_DIMS",
    "OPTIONAL",
    "REQUIRED_COORDS",
    "check_cube",
    "footprints",
    "join_cubes",
    "make_cube",
    "utm_corner",
    "utm_epsg",
]
