"""What is really there: land cover, classes, buildings and changes of a patch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from seco_lab.world.events import code_of
from seco_lab.world.landcover import COVER, EUROSAT_CLASSES, LAND_COVER
from seco_lab.world.scene import Scene, buildings_on, cover_on

# Lines cover little of a patch and still name it, as in EuroSAT: the least share that does.
_LINES = ((COVER["highway"], 0.035), (COVER["river"], 0.08))
# Covers that EuroSAT does not know count as what they look most like.
_ALIKE = {"wetland": "herbaceous", "bare": "herbaceous", "snow_ice": "herbaceous", "minor_road": "herbaceous"}
_AS_TEN = np.array([COVER[_ALIKE.get(name, name)] for name in LAND_COVER])
# Share of the patch from which a class counts as present.
PRESENT = 0.04


@dataclass(frozen=True)
class Truth:
    """Truth of one patch on one day.

    Attributes:
        land_cover: Codes of LAND_COVER, shape (size, size).
        dominant: Position in EUROSAT_CLASSES.
        purity: Share of the patch that the dominant class covers (for lines: 1 where they name the patch).
        labels: 1 for each of EUROSAT_CLASSES that covers at least 4 %, shape (10,).
        buildings: Where roofs cover more than half of a pixel, shape (size, size).
    """

    land_cover: NDArray[np.uint8]
    dominant: int
    purity: float
    labels: NDArray[np.uint8]
    buildings: NDArray[np.bool_]


def truth_on(scene: Scene, day: int, window: tuple[int, int, int]) -> Truth:
    """Truth of the patch that lies in a scene's canvas at (first row, first column, size) of ``window``."""
    cut = _slices(window)
    cover = cover_on(scene, day)[cut]
    share = np.bincount(_AS_TEN[cover].ravel(), minlength=len(EUROSAT_CLASSES)) / cover.size
    dominant, purity = int(share.argmax()), float(share.max())
    for code, least in _LINES:
        if share[code] >= least and dominant != COVER["sea_lake"]:
            dominant, purity = code, 1.0
            break
    labels = (share >= PRESENT).astype(np.uint8)
    labels[dominant] = 1
    return Truth(cover, dominant, purity, labels, buildings_on(scene, day)[cut] > 0.5)


def _slices(window: tuple[int, int, int]) -> tuple[slice, slice]:
    top, left, size = window
    return slice(top, top + size), slice(left, left + size)


def boxes_of(buildings: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Boxes round connected roofs: class 0, left, top, right, bottom in pixels, shape (boxes, 5)."""
    numbered, _ = ndimage.label(buildings)
    found = [(0, c.start, r.start, c.stop, r.stop) for r, c in ndimage.find_objects(numbered)]
    return np.array(found, np.float32).reshape(-1, 5)


def change_between(scene: Scene, before: int, after: int, window: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Codes of ``events.CHANGES`` for what differs between two days, shape (size, size)."""
    changed = np.zeros(scene.base.shape, np.uint8)
    for paint in scene.paints:
        layer = paint.layer
        active = [layer.stands_on(day) for day in (before, after)]
        if active[0] != active[1] and code_of(layer):
            changed[paint.pixel[paint.alpha > 0.5]] = code_of(layer)
    return changed.reshape(scene.cover.shape)[_slices(window)]
