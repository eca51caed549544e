"""The scene classification (SCL) that a processor of Sentinel-2 would give for the simulated world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seco_lab.world import atmosphere
from seco_lab.world.climate import sun
from seco_lab.world.landcover import LAND_COVER
from seco_lab.world.scene import Scene, cover_on

_SHADOW, _VEGETATION, _BARE, _WATER, _CLOUD, _CIRRUS, _SNOW = 3, 4, 5, 6, 9, 10, 11
_SEEN_AS = {"river": _WATER, "sea_lake": _WATER, "snow_ice": _SNOW}
_SEEN_AS |= dict.fromkeys(("bare", "industrial", "highway", "minor_road"), _BARE)
_CLASS_OF = np.array([_SEEN_AS.get(name, _VEGETATION) for name in LAND_COVER], np.uint8)


def classes_on(scene: Scene, day: int, window: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Classes of a patch on a day, on the 10 m grid, shape (size, size).

    Knows cloud, thin cloud, cloud shadow, water, lasting snow, bare and plants; snow of a season counts as
    what lies below it.

    Args:
        scene: What stands on the ground.
        day: Days since 1970-01-01.
        window: First row, first column and size of the patch in the scene's canvas.
    """
    top, left, size = window
    cut = (slice(top, top + size), slice(left, left + size))
    classes = _CLASS_OF[cover_on(scene, day)[cut]]
    amount = atmosphere.cloud_amount(scene.frame, day)
    if amount <= 0:
        return classes
    elevation, azimuth = sun(np.array([day]), scene.frame.anchor[1])
    sky = atmosphere.clouds(scene.frame, day, amount, float(elevation[0]), float(azimuth[0]))
    veil, shadow = sky.veil[cut], sky.shadow[cut]
    classes[shadow > 0.4] = _SHADOW
    classes[veil > 0.2] = _CIRRUS
    classes[veil > 0.4] = _CLOUD
    return classes
