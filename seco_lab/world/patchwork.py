"""What the generators hand on: a patchwork of materials, and layers that lie over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Arrays without axes: numpy clips with them twice as fast as with numbers.
NOTHING, ALL = np.array(0, np.float32), np.array(1, np.float32)


@dataclass(frozen=True)
class Patchwork:
    """Materials of a whole window; all arrays have shape (size, size).

    Attributes:
        kind: Values of :class:`seco_lab.world.landcover.Kind`, uint8.
        key: Hash of the parcel, stand or lot, uint32: pixels of one key share their fate over the year.
        texture: How much greener (or brighter) a pixel is than its parcel, about -1 to 1.
        shade: Brightness relative to the parcel, about -1 to 1, as canopies and furrows cast it.
        cover: Code of LAND_COVER, uint8.
    """

    kind: NDArray[np.uint8]
    key: NDArray[np.uint32]
    texture: NDArray[np.float32]
    shade: NDArray[np.float32]
    cover: NDArray[np.uint8]


@dataclass(frozen=True)
class Layer:
    """Something that lies over the patchwork: roads, hedges, roofs, water; arrays of shape (size, size).

    Attributes:
        alpha: Share of the pixel that it covers, 0 to 1.
        kind: Material, one or one a pixel.
        key: Hash, one or one a pixel.
        cover: Code of LAND_COVER that it counts as where it covers half a pixel; None leaves what is below.
        height_m: What casts shadows; None for what lies flat.
        building: Whether it counts as a building.
        since: First day (since 1970) on which it exists.
        until: First day on which it no longer exists.
    """

    alpha: NDArray[np.float32]
    kind: NDArray[np.uint8] | int
    key: NDArray[np.uint32] | int
    cover: int | None = None
    height_m: NDArray[np.float32] | float | None = None
    building: bool = False
    since: int = -(10**9)
    until: int = 10**9

    def stands_on(self, day: int) -> bool:
        """Whether it exists on a day, counted from 1970-01-01."""
        return self.since <= day < self.until


def edge(distance_m: NDArray) -> NDArray[np.float32]:
    """Share of a 10 m pixel inside a shape, from the distance of its centre to the rim (inside positive)."""
    return share(distance_m * np.float32(0.1) + np.float32(0.5))


def stripe(distance_m: NDArray, width_m: NDArray | float) -> NDArray[np.float32]:
    """Share of a 10 m pixel covered by a line of some width, from the distance to its middle."""
    half = width_m / 2
    near = np.minimum(distance_m + 5.0, half) - np.maximum(distance_m - 5.0, -half)
    return share(near * np.float32(0.1))


def share(value: NDArray) -> NDArray[np.float32]:
    """Capped to 0 and 1."""
    return value.clip(NOTHING, ALL).astype(np.float32, copy=False)
