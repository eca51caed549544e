"""Which scenes exist for places and dates: catalogues, grouped search, ordered candidates."""

from __future__ import annotations

from seco_lab.catalogs.base import Asset, BBox, Catalog, CatalogError, Scene
from seco_lab.catalogs.tasks import Tasks, open_tasks, save_tasks, tasks_hash

__all__ = [
    "Catalog",
    "CatalogError",
    "Scene",
    "Asset",
    "BBox",
    "Tasks",
    "save_tasks",
    "open_tasks",
    "tasks_hash",
]
