"""What became of one place, and where each of its images comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seco_lab.remote import Traffic

FETCHED, REJECTED, FAILED = "fetched", "rejected", "failed"


@dataclass(frozen=True)
class Provenance:
    """Where one image of a place comes from; the same however often the run was disturbed.

    Attributes:
        patch: Name of the place.
        season: Slot, from 0.
        item_id: Scene.
        collection: Its collection.
        self_href: Address of its catalogue entry, unsigned.
        time: Acquisition, UTC, ISO 8601.
        platform: Satellite.
        tile: MGRS tile.
        rank: Which candidate was taken, 0 the first choice.
        rung: How far the search had to go for it.
        passed_over: Why earlier candidates were not taken.
        epsg: UTM zone of the grid.
        x0: Left edge in metres.
        y0: Upper edge in metres.
        size_px: Side in pixels of 10 m.
        column_px: First column in the tile, in pixels of 10 m.
        row_px: First row in the tile.
        scene_cloud_cover: Per cent of the whole scene, as the catalogue says.
        cloud_share: Of the patch, 0 to 1, thin cirrus included; NaN where nothing tells.
        shadow_share: In the shadow of clouds.
        snow_share: Snow or ice.
        water_share: Open water.
        nodata_share: Pixels without data in any of the bands.
        baseline: Processing baseline.
        offset_removed: Whether 1000 was taken off the counts.
        offset_source: Who said so.
        versions: JSON: file name of each band -> its ETag.
        sha256: Of the pixels of this image as stored, little endian.
        toolkit_version: Of this program.
        joined: JSON: further scenes of the same pass that fill what this one does not show, a list of objects
            with `item_id`, `self_href`, `time`, `baseline`, `offset_removed`, `offset_source`, `versions` and
            `filled_share`, the share of the patch that came from it; "" where there are none.
    """

    patch: str
    season: int
    item_id: str
    collection: str
    self_href: str
    time: str
    platform: str
    tile: str
    rank: int
    rung: str
    passed_over: str
    epsg: int
    x0: float
    y0: float
    size_px: int
    column_px: int
    row_px: int
    scene_cloud_cover: float
    cloud_share: float
    shadow_share: float
    snow_share: float
    water_share: float
    nodata_share: float
    baseline: str
    offset_removed: bool
    offset_source: str
    versions: str
    sha256: str
    toolkit_version: str
    joined: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one place.

    Attributes:
        patch: Its name.
        state: FETCHED; REJECTED for good, as no candidate will do; or FAILED, to be tried again.
        why: "cloud", "no data", "gone", ...; several joined by commas; "" where it was fetched.
        detail: The same in a sentence.
        pixels: Shape (T, C, H, W), uint16; None unless fetched.
        provenance: One for each season; empty unless fetched.
        traffic: What it cost.
        seconds: From its first request to its last.
    """

    patch: str
    state: str
    why: str = ""
    detail: str = ""
    pixels: NDArray[np.uint16] | None = field(default=None, repr=False)
    provenance: tuple[Provenance, ...] = field(default=(), repr=False)
    traffic: Traffic = field(default_factory=Traffic)
    seconds: float = 0.0
