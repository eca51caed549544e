"""One candidate scene over one patch: first how cloudy it is there, then its bands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from seco_lab import __version__
from seco_lab.fetch.grid import PIXEL_M, check_alike, on_the_grid, window_on
from seco_lab.fetch.jobs import SCL, Candidate, Job, Wanted
from seco_lab.fetch.offset import offset_in, remove_offset
from seco_lab.fetch.outcome import Provenance
from seco_lab.fetch.quality import Quality, dark_ground, quality_of
from seco_lab.remote import Traffic, UnsupportedError, WindowReader
from seco_lab.remote.cog import Opened
from seco_lab.remote.together import all_of
from seco_lab.sources.baseline import without_offset
from seco_lab.sources.series import clear_pixels

Result = TypeVar("Result")
_TRIES = 3  # of a file that seems to be of a kind that cannot be read


@dataclass(frozen=True)
class Look:
    """What the scene classification says about a patch; without one, nothing."""

    quality: Quality
    dark: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Image:
    """The bands of one scene over a patch, or of several of one pass.

    Attributes:
        pixels: Shape (C, H, W), uint16, offset removed, 0 = no data.
        quality: Shares of the patch; ``nodata`` of the bands themselves.
        offset: Whether 1000 was taken off, and who said so.
        corner: First column and row in the tile, in pixels of 10 m.
        versions: ETag of each file.
        joined: What came from further scenes, as ``Provenance`` tells it.
    """

    pixels: NDArray[np.uint16]
    quality: Quality
    offset: tuple[bool, str]
    corner: tuple[int, int]
    versions: Mapping[str, str]
    joined: tuple[Mapping[str, Any], ...] = ()


class SceneReader:
    """Reads candidates over one place.

    Args:
        reader: Reads windows of files.
        job: The place.
        wanted: What holds for all places.
        traffic: Counts what the place costs.
    """

    def __init__(self, reader: WindowReader, job: Job, wanted: Wanted, traffic: Traffic) -> None:
        self._reader = reader
        self._job = job
        self._wanted = wanted
        self._traffic = traffic

    async def look(self, candidate: Candidate) -> Look:
        """How the patch is covered; one small file.

        Raises:
            RemoteError: It cannot be read.
        """
        if any(SCL not in part.assets for part in candidate.parts):
            return Look(Quality(), None)
        return await self._sure(candidate, partial(self._look, candidate))

    async def _look(self, candidate: Candidate) -> Look:
        layers = await all_of(self._window(part.assets[SCL]) for part in candidate.parts)
        classes = reduce(_filled, layers)
        try:
            quality = quality_of(classes)
        except ValueError as error:
            raise UnsupportedError(f"{candidate.assets[SCL]}: {error}") from error
        return Look(quality, dark_ground(classes))

    async def read(self, candidate: Candidate, look: Look) -> Image:
        """All bands on the grid of the patch, band after band; what one scene lacks another one fills.

        Raises:
            RemoteError: One of them cannot be read.
        """
        return await self._sure(candidate, partial(self._read, candidate, look))

    async def _sure(self, candidate: Candidate, read: Callable[[], Awaitable[Result]]) -> Result:
        """What is read, at a later try if need be: a header damaged on the way must not cost the scene."""
        for _ in range(_TRIES - 1):
            try:
                return await read()
            except UnsupportedError:
                for href in candidate.hrefs:
                    self._reader.forget(href)
        return await read()

    async def _read(self, candidate: Candidate, look: Look) -> Image:
        images = await all_of(self._part(part, look) for part in candidate.parts)
        image = images[0]
        for part, more in zip(candidate.others, images[1:], strict=True):
            pixels = _filled(image.pixels, more.pixels)
            told = _told(part, more, float((pixels != image.pixels).any(axis=0).mean()))
            image = replace(image, pixels=pixels, joined=(*image.joined, told))
        return replace(image, quality=_quality(look.quality, image.pixels, self._wanted.bands))

    async def _part(self, candidate: Candidate, look: Look) -> Image:
        """The bands of one scene."""
        bands, files = self._wanted.bands, candidate.assets
        missing = [band for band in bands if band not in files]
        if missing:
            raise UnsupportedError(f"scene {candidate.item_id} has no file of band {missing[0]}")
        used = [*bands, *([SCL] if SCL in files else [])]
        opened = dict(zip(used, await all_of(self._open(files[b]) for b in used), strict=True))
        check_alike({band: one.header for band, one in opened.items()}, self._job.epsg)
        pixels = np.stack(await all_of(self._window(files[band]) for band in bands))
        if pixels.dtype != np.uint16:
            raise UnsupportedError(
                f"scene {candidate.item_id} holds {pixels.dtype}, wanted counts of 16 bits"
            )
        left, top = opened[bands[0]].header.transform[1], opened[bands[0]].header.transform[3]
        corner = round((self._job.x0 - left) / PIXEL_M), round((top - self._job.y0) / PIXEL_M)
        offset = remove_offset(
            candidate.baseline, candidate.offset_applied, offset_in(pixels, bands, look.dark), pixels
        )
        pixels = without_offset(pixels) if offset[0] else pixels
        return Image(
            pixels, look.quality, offset, corner, {band: one.version for band, one in opened.items()}
        )

    async def _open(self, href: str) -> Opened:
        return await self._reader.open(href, traffic=self._traffic)

    async def _window(self, href: str) -> NDArray:
        """One file over the patch, shape (size_px, size_px)."""
        job, size_px = self._job, self._wanted.size_px
        opened = await self._open(href)
        window = window_on(opened.header, job.x0, job.y0, size_px)
        where = (window.top, window.left, window.height, window.width)
        pixels = await self._reader.read(href, *where, traffic=self._traffic)
        if len(pixels) != 1:
            raise UnsupportedError(f"{href} holds {len(pixels)} bands, wanted a file for each band")
        return on_the_grid(pixels[0], window, size_px)

    def provenance(self, season: int, candidate: Candidate, image: Image, passed_over: str) -> Provenance:
        """Where an image comes from."""
        job, quality = self._job, image.quality
        shares = {f"{name}_share": getattr(quality, name) for name in ("cloud", "shadow", "snow", "water")}
        same = ("item_id", "collection", "self_href", "platform", "tile", "rank", "rung", "baseline")
        return Provenance(
            patch=job.patch,
            season=season,
            time=str(candidate.time),
            passed_over=passed_over,
            epsg=job.epsg,
            x0=job.x0,
            y0=job.y0,
            size_px=self._wanted.size_px,
            column_px=image.corner[0],
            row_px=image.corner[1],
            scene_cloud_cover=candidate.scene_cloud_cover,
            nodata_share=quality.nodata,
            offset_removed=image.offset[0],
            offset_source=image.offset[1],
            versions=_versions(image),
            joined=json.dumps(image.joined) if image.joined else "",
            sha256=pixels_hash(image.pixels),
            toolkit_version=__version__,
            **shares,
            **{name: getattr(candidate, name) for name in same},
        )


def pixels_hash(pixels: NDArray[np.uint16]) -> str:
    """SHA-256 of counts, little endian, in the order of the array."""
    return hashlib.sha256(np.ascontiguousarray(pixels, "<u2")).hexdigest()


def _filled(pixels: NDArray, more: NDArray) -> NDArray:
    """Pixels, and where they lack data those of another scene of the same pass."""
    return np.where(pixels == 0, more, pixels)


def _told(part: Candidate, image: Image, filled_share: float) -> dict[str, Any]:
    """What the provenance says of a further scene."""
    return {
        "item_id": part.item_id,
        "self_href": part.self_href,
        "time": str(part.time),
        "baseline": part.baseline,
        "offset_removed": image.offset[0],
        "offset_source": image.offset[1],
        "versions": _versions(image),
        "filled_share": round(filled_share, 4),
    }


def _versions(image: Image) -> str:
    return json.dumps(dict(sorted(image.versions.items())))


def _quality(quality: Quality, pixels: NDArray[np.uint16], bands: tuple[str, ...]) -> Quality:
    """The shares with what the bands themselves show: missing pixels, and cloud where there was no SCL."""
    empty = (pixels == 0).any(axis=0)
    quality = replace(quality, nodata=float(empty.mean()))
    if np.isnan(quality.cloud) and "B02" in bands and not empty.all():
        clear = clear_pixels(pixels[None], bands, "dn")[0]
        quality = replace(quality, cloud=float((~clear & ~empty).mean()))
    return quality
