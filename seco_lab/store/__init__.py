"""Cubes on disk: one Zarr v3 store that xarray opens and that the trainer maps into memory."""

from __future__ import annotations

from seco_lab.store.mapped import MappedCube
from seco_lab.store.read import open_cube
from seco_lab.store.write import append, repack, save_cube, set_attributes

__all__ = ["MappedCube", "append", "open_cube", "repack", "save_cube", "set_attributes"]
