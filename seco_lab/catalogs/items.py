"""STAC items and scenes: one reading of what Earth Search, Planetary Computer and files call differently."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import numpy as np
import shapely
from shapely.geometry import mapping, shape

from seco_lab.catalogs.base import Asset, Scene
from seco_lab.sensors import SENTINEL2_L2A

SCL = "SCL"  # scene classification: cloud, shadow, snow, water for each pixel
BANDS = (*SENTINEL2_L2A.band_names, SCL)
OFFSET_APPLIED = "seco_lab:offset_applied"
_FLAGS = (OFFSET_APPLIED, "earthsearch:boa_offset_applied")
# Asset names of Earth Search; its common names cannot serve, three bands are called "rededge".
_KEYS = {
    "coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "rededge1": "B05", "rededge2": "B06",
    "rededge3": "B07", "nir": "B08", "nir08": "B8A", "nir09": "B09", "swir16": "B11", "swir22": "B12",
    "scl": SCL,
}  # fmt: skip
_PRODUCT_NAMES = ("s2:product_uri", "sentinel:product_id")
_TILE = re.compile(r"_T?(\d\d[C-X][A-Z]{2})_")
_BASELINE = re.compile(r"_N(\d\d)(\d\d)_")
_UNTOUCHED = "sentinel2l2a01.blob.core.windows.net"  # Planetary Computer keeps ESA's numbers
_NOT_PIXELS = ("image/jp2", "image/png", "image/jpeg")


class NotASceneError(ValueError):
    """An item that is no usable Sentinel-2 L2A scene; its text says why."""


def scene_of(item: Mapping[str, Any], *, base: str = "") -> Scene:
    """The scene that an item describes.

    Args:
        item: A STAC item of any version from 0.9 to 1.1, as read from JSON.
        base: Address of the item, for relative hrefs of its files.

    Raises:
        NotASceneError: It is no Sentinel-2 L2A scene, or lacks date, tile, outline or band files.
    """
    about = item.get("properties") or {}
    _check_sensor(item, about)
    self_href = _self_href(item)
    assets = _assets(item, about, self_href or base)
    if not assets:
        raise NotASceneError(
            f"item {item.get('id')!r} has no asset that is a band; it has "
            f"{', '.join(item.get('assets') or {}) or 'none'}, known are {', '.join([*BANDS, *_KEYS])}"
        )
    return Scene(
        item_id=str(item.get("id")),
        collection=str(item.get("collection") or ""),
        self_href=self_href,
        time=_time(about.get("datetime"), item),
        created=_created(about),
        platform=str(about.get("platform", "")).lower(),
        tile=_tile(item, about),
        scene_cloud_cover=_number(about.get("eo:cloud_cover")),
        scene_nodata=_number(about.get("s2:nodata_pixel_percentage")),
        baseline=_baseline(about),
        offset_applied=_offset_applied(about, assets),
        footprint=_footprint(item),
        assets=assets,
    )


def item_of(scene: Scene) -> dict[str, Any]:
    """The scene as a lean STAC item, from which ``scene_of`` makes the same scene again."""
    about: dict[str, Any] = {
        "datetime": f"{scene.time}Z",
        "created": None if np.isnat(scene.created) else f"{scene.created}Z",
        "platform": scene.platform,
        "grid:code": f"MGRS-{scene.tile}",
        "eo:cloud_cover": _or_none(scene.scene_cloud_cover),
        "s2:nodata_pixel_percentage": _or_none(scene.scene_nodata),
        "s2:processing_baseline": scene.baseline,
        OFFSET_APPLIED: scene.offset_applied,
    }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": scene.item_id,
        "collection": scene.collection,
        "geometry": mapping(scene.footprint),
        "bbox": list(scene.footprint.bounds),
        "properties": about,
        "assets": {band: _asset_dict(asset) for band, asset in scene.assets.items()},
        "links": [{"rel": "self", "href": scene.self_href}] if scene.self_href else [],
    }


def unsigned(href: str) -> str:
    """The address without an access token, which would be stale tomorrow and does not belong into a file."""
    if "sig=" not in href:
        return href
    parts = urlsplit(href)
    return parts._replace(query="").geturl() if "sig" in parse_qs(parts.query) else href


def band_of(key: str, asset: Mapping[str, Any]) -> str | None:
    """Name of the band in a file, by its listed bands, else by its key; None where it is something else.

    A file with three bands is a picture, one of another form than TIFF is not read in windows.
    """
    if asset.get("type", "") in _NOT_PIXELS or key.endswith("-jp2"):
        return None
    listed = asset.get("eo:bands") or asset.get("bands") or []
    if len(listed) > 1:
        return None
    names = [str(band.get("name", "")) for band in listed]
    for name in (*names, key):
        band = _KEYS.get(name.lower(), name.upper())
        band = f"B0{band[1]}" if len(band) == 2 and band[1].isdigit() else band
        if band in BANDS:
            return band
    return None


def _check_sensor(item: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    platform = f"{about.get('platform', '')} {about.get('constellation', '')}".lower().replace(" ", "-")
    if "sentinel-2" not in platform:
        what = about.get("platform") or about.get("constellation") or item.get("collection") or "nothing"
        raise NotASceneError(f"item {item.get('id')!r} is not Sentinel-2 but {what}")
    kind = f"{about.get('s2:product_type', '')} {item.get('collection', '')}".lower()
    if "msi1c" in kind or "l1c" in kind:
        raise NotASceneError(f"item {item.get('id')!r} is level 1C, surface reflectance (2A) is wanted")


def _assets(item: Mapping[str, Any], about: Mapping[str, Any], base: str) -> dict[str, Asset]:
    """Band -> file, in the order of the bands."""
    found: dict[str, Asset] = {}
    for key, asset in (item.get("assets") or {}).items():
        band = band_of(key, asset)
        if band and band not in found and asset.get("href"):
            found[band] = _asset(asset, about, base)
    return {band: found[band] for band in BANDS if band in found}


def _asset(asset: Mapping[str, Any], about: Mapping[str, Any], base: str) -> Asset:
    href = unsigned(str(asset["href"]))
    if "://" not in href and base:
        # A path is no address: there "#" and "?" are letters like any other.
        href = urljoin(base, href) if "://" in base else str(Path(base).parent / href)
    transform, rows = asset.get("proj:transform"), asset.get("proj:shape")
    return Asset(
        href,
        _epsg(asset) or _epsg(about),
        None if transform is None else tuple(float(v) for v in transform[:6]),
        None if rows is None else (int(rows[0]), int(rows[1])),
    )


def _asset_dict(asset: Asset) -> dict[str, Any]:
    return {
        "href": asset.href,
        "proj:code": None if asset.epsg is None else f"EPSG:{asset.epsg}",
        "proj:transform": None if asset.transform is None else list(asset.transform),
        "proj:shape": None if asset.shape is None else list(asset.shape),
    }


def _epsg(about: Mapping[str, Any]) -> int | None:
    code = about.get("proj:epsg") or str(about.get("proj:code") or "").removeprefix("EPSG:")
    return int(code) if str(code).isdigit() else None


def _time(text: Any, item: Mapping[str, Any]) -> np.datetime64:
    try:
        moment = datetime.fromisoformat(str(text).upper())
        return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, "ms")
    except ValueError as error:
        raise NotASceneError(f"item {item.get('id')!r} has no date: datetime is {text!r}") from error


def _created(about: Mapping[str, Any]) -> np.datetime64:
    text = about.get("created") or about.get("s2:generation_time")
    return np.datetime64("NaT") if not text else _time(text, {})


def _tile(item: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    for name, head in (("grid:code", "MGRS-"), ("s2:mgrs_tile", "")):
        if about.get(name):
            return str(about[name]).removeprefix(head).zfill(5)
    for name in (*(about.get(key, "") for key in _PRODUCT_NAMES), item.get("id", "")):
        if found := _TILE.search(name):
            return found[1]
    raise NotASceneError(f"item {item.get('id')!r} does not say its MGRS tile (grid:code, s2:mgrs_tile)")


def _baseline(about: Mapping[str, Any]) -> str:
    """Such as "05.09"; older catalogues have it only within the name of the product, as N0509."""
    stated = about.get("s2:processing_baseline") or about.get("processing:version") or ""
    if stated:
        return str(stated).zfill(5)
    found = next((f for key in _PRODUCT_NAMES if (f := _BASELINE.search(about.get(key, "")))), None)
    return f"{found[1]}.{found[2]}" if found else ""


def _offset_applied(about: Mapping[str, Any], assets: Mapping[str, Asset]) -> bool | None:
    stated = next((bool(about[flag]) for flag in _FLAGS if about.get(flag) is not None), None)
    if stated is None and any(urlsplit(asset.href).hostname == _UNTOUCHED for asset in assets.values()):
        return False
    return stated


def _footprint(item: Mapping[str, Any]) -> shapely.Geometry:
    geometry = item.get("geometry")
    if not geometry:
        raise NotASceneError(f"item {item.get('id')!r} has no outline (geometry)")
    return shapely.make_valid(shapely.force_2d(shape(geometry)))


def _self_href(item: Mapping[str, Any]) -> str:
    for link in item.get("links") or []:
        if link.get("rel") == "self":
            return unsigned(str(link.get("href") or ""))
    return ""


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
