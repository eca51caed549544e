"""Google Earth Engine as a catalogue: its harmonised Sentinel-2 images, whose pixels it gives out itself."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping, shape

from seco_lab.catalogs.base import Asset, BBox, CatalogError, Scene
from seco_lab.catalogs.items import band_of
from seco_lab.remote.base import Unsigned
from seco_lab.remote.earth_engine import SCHEME, EarthEngineReader, grid_of

COLLECTION = "COPERNICUS/S2_SR_HARMONIZED"
_HOST = "https://earthengine-highvolume.googleapis.com"  # for many small requests


class EarthEngine(Unsigned):
    """Scenes of Earth Engine; needs ``earthengine-api``, an account and a project.

    Written by the documentation of the client and tested against a stand-in for its four calls: nobody has
    run it against the service itself yet.

    Args:
        project: Cloud project that pays; the one of ``earthengine set_project`` where it is not given.

    Raises:
        ImportError: earthengine-api is not installed.
    """

    name = "earth-engine"

    def __init__(self, project: str | None = None) -> None:
        if importlib.util.find_spec("ee") is None:
            raise ImportError("Earth Engine needs its client: pip install 'seco-lab[earthengine]'")
        self.project = project

    def __repr__(self) -> str:
        return f"EarthEngine(project={self.project!r})"

    def __getstate__(self) -> dict[str, object]:
        """All but the client: a worker in another process logs in itself."""
        return {"project": self.project}

    def search(self, bbox: BBox, start: np.datetime64, end: np.datetime64) -> list[Scene]:
        """All scenes that meet the box in that time."""
        return [scene_of_image(image) for image in self._images(bbox, start, end)]

    def reader(self, most_requests: int) -> EarthEngineReader:
        """Reads windows of its images, which are no files."""
        return EarthEngineReader(self._client, most_requests)

    @cached_property
    def _client(self) -> Any:
        """The module, with someone logged in."""
        import ee

        try:
            ee.Initialize(project=self.project, opt_url=_HOST)
        except (ee.EEException, OSError) as error:
            raise CatalogError(
                f"Earth Engine lets nobody in: run 'earthengine authenticate' and 'earthengine set_project "
                f"NAME' once ({' '.join(str(error).split())[:200]})"
            ) from error
        return ee

    def _images(self, bbox: BBox, start: np.datetime64, end: np.datetime64) -> Iterator[Mapping[str, Any]]:
        """Descriptions of images, page after page."""
        times = [f"{time.astype('datetime64[ms]')}Z" for time in (start, end + np.timedelta64(1, "ms"))]
        region = json.dumps(mapping(shapely.box(*bbox)))
        wish = {"parent": COLLECTION, "region": region, "startTime": times[0], "endTime": times[1]}
        token: dict[str, str] = {}
        while True:
            try:
                page = self._client.data.listImages({**wish, **token})
            except self._client.EEException as error:
                raise CatalogError(f"Earth Engine gave no answer: {error}") from error
            yield from page.get("images") or []
            if not page.get("nextPageToken"):
                return
            token = {"pageToken": page["nextPageToken"]}


def scene_of_image(image: Mapping[str, Any]) -> Scene:
    """The scene that Earth Engine describes; the offset of baseline 04.00 is taken off in this collection."""
    about, name = image["properties"], image["id"]
    assets = {}
    for band in image["bands"]:
        if (key := band_of(band["id"], {})) is not None:
            epsg, (a, left, e, top), size = grid_of(band)
            assets[key] = Asset(f"{SCHEME}{name}/{band['id']}", epsg, (a, 0.0, left, 0.0, e, top), size)
    made = about.get("GENERATION_TIME")
    return Scene(
        item_id=name.rsplit("/", 1)[-1],
        collection=COLLECTION,
        self_href=f"{SCHEME}{name}",
        time=np.datetime64(image["startTime"].removesuffix("Z"), "ms"),
        created=np.datetime64("NaT") if made is None else np.datetime64(int(made), "ms"),
        platform=str(about.get("SPACECRAFT_NAME", "")).lower(),
        tile=str(about["MGRS_TILE"]).zfill(5),
        scene_cloud_cover=float(about.get("CLOUDY_PIXEL_PERCENTAGE", np.nan)),
        scene_nodata=float(about.get("NODATA_PIXEL_PERCENTAGE", np.nan)),
        baseline=str(about.get("PROCESSING_BASELINE", "")),
        offset_applied=True,
        footprint=shapely.make_valid(shapely.force_2d(shape(image["geometry"]))),
        assets=assets,
    )
