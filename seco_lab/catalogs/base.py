"""What all catalogues of satellite scenes have in common: a scene, its files, and how to ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from shapely import Geometry

BBox = tuple[float, float, float, float]


class CatalogError(RuntimeError):
    """A catalogue that gave no usable answer; its text is one sentence for the user."""


@dataclass(frozen=True)
class Asset:
    """One file of a scene.

    Attributes:
        href: Address, unsigned.
        epsg: UTM zone of the pixels; None where the catalogue does not say.
        transform: (pixel width, 0, left, 0, -pixel height, top) in metres; None where it does not say.
        shape: Rows and columns; None where it does not say.
    """

    href: str
    epsg: int | None = None
    transform: tuple[float, float, float, float, float, float] | None = None
    shape: tuple[int, int] | None = None


@dataclass(frozen=True)
class Scene:
    """One acquisition of one tile, in the same words whatever catalogue it comes from.

    Attributes:
        item_id: Name in the catalogue; it changes when the catalogue is built anew, so it identifies nothing.
        collection: Name of the collection.
        self_href: Address of the item itself, unsigned; "" where it has none.
        time: Acquisition, UTC, to the millisecond.
        created: When the catalogue wrote the item; NaT where it does not say.
        platform: Such as "sentinel-2a".
        tile: MGRS tile, such as "33UUP".
        scene_cloud_cover: Per cent of the whole scene; NaN where unknown.
        scene_nodata: Per cent of the tile without data; NaN where unknown.
        baseline: Processing baseline, such as "05.09"; "" where unknown.
        offset_applied: Whether the offset of baseline 04.00 is already taken off, as the catalogue says.
        footprint: Outline of the data in degrees WGS 84.
        assets: Name of each band, and SCL, -> its file.
    """

    item_id: str
    collection: str
    self_href: str
    time: np.datetime64
    created: np.datetime64
    platform: str
    tile: str
    scene_cloud_cover: float
    scene_nodata: float
    baseline: str
    offset_applied: bool | None
    footprint: Geometry
    assets: Mapping[str, Asset]

    @property
    def identity(self) -> tuple[str, np.datetime64, str]:
        """What stays the same when a scene is processed again or renamed: platform, minute, tile."""
        return self.platform, self.time.astype("datetime64[m]"), self.tile


class Catalog(Protocol):
    """Knows which scenes there are; hides how its bands are called and how its files are signed."""

    name: str

    def search(self, bbox: BBox, start: np.datetime64, end: np.datetime64) -> list[Scene]:
        """All Sentinel-2 scenes that meet the box (west, south, east, north; west < east) in that time.

        Raises:
            CatalogError: The catalogue cannot be reached or gave no usable answer.
        """
        ...

    def sign(self, href: str) -> str:
        """The address with which a file may be read now; to be called for each request.

        Raises:
            CatalogError: No signature can be had.
        """
        ...

    def resign(self, href: str) -> str:
        """The same after a file was refused (401, 403): with a new signature, whatever the old one said."""
        ...
