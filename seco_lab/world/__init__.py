"""The simulated world: land cover, seasons, atmosphere and sensor as pure functions of place and time."""

from __future__ import annotations

from seco_lab.world.frame import Frame
from seco_lab.world.landcover import EUROSAT_CLASSES, LAND_COVER
from seco_lab.world.render import render
from seco_lab.world.scene import Scene, build_scene

__all__ = ["EUROSAT_CLASSES", "Frame", "LAND_COVER", "Scene", "build_scene", "render"]
