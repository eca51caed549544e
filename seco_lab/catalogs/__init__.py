"""Which scenes exist for places and dates: catalogues, grouped search, ordered candidates."""

from __future__ import annotations

from seco_lab.catalogs.api import StacApi, earth_search
from seco_lab.catalogs.base import Asset, BBox, Catalog, CatalogError, Scene
from seco_lab.catalogs.bias import given_up_by
from seco_lab.catalogs.earth_engine import EarthEngine
from seco_lab.catalogs.find import find_scenes
from seco_lab.catalogs.geoparquet import save_scenes
from seco_lab.catalogs.items import NotASceneError, item_of, scene_of
from seco_lab.catalogs.ladder import Rung, ladder
from seco_lab.catalogs.local import LocalCatalog, open_catalog
from seco_lab.catalogs.planetary_computer import PlanetaryComputer, SasTokens
from seco_lab.catalogs.simulated import SimulatedCatalog
from seco_lab.catalogs.tasks import StoredTasks, TaskList, Tasks, open_tasks, save_tasks, tasks_hash

__all__ = [
    "Catalog",
    "CatalogError",
    "Scene",
    "Asset",
    "BBox",
    "scene_of",
    "item_of",
    "NotASceneError",
    "StacApi",
    "earth_search",
    "PlanetaryComputer",
    "SasTokens",
    "EarthEngine",
    "LocalCatalog",
    "open_catalog",
    "SimulatedCatalog",
    "save_scenes",
    "find_scenes",
    "Rung",
    "ladder",
    "given_up_by",
    "TaskList",
    "Tasks",
    "StoredTasks",
    "save_tasks",
    "open_tasks",
    "tasks_hash",
]
