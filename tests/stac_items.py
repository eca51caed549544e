"""STAC items of invented scenes, with the names that Earth Search and Planetary Computer give things."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from pyproj import Transformer

TILE_M = 109_800.0
KEYS = {
    "B01": "coastal", "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge1", "B06": "rededge2",
    "B07": "rededge3", "B08": "nir", "B8A": "nir08", "B09": "nir09", "B11": "swir16", "B12": "swir22",
    "SCL": "scl",
}  # fmt: skip
PIXEL_M = {
    band: 10 if band in ("B02", "B03", "B04", "B08") else 60 if band in ("B01", "B09") else 20
    for band in KEYS
}


def outline(epsg, left, top, right=None, bottom=None):
    """Corners of a rectangle in metres as a ring of degrees."""
    right, bottom = left + TILE_M if right is None else right, top - TILE_M if bottom is None else bottom
    back = _to_degrees(epsg)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return [list(back.transform(x, y)) for x, y in corners]


@lru_cache
def _to_degrees(epsg):
    return Transformer.from_crs(epsg, 4326, always_xy=True)


def earth_search_item(time, *, tile="33UUT", epsg=32633, left=300000.0, top=5800020.0, **options):
    """As in collection sentinel-2-l2a of Earth Search."""
    item, options = _item(time, tile, epsg, left, top, options)
    day, sequence = str(np.datetime64(time, "D")).replace("-", ""), options["sequence"]
    item["id"] = options["id"] or f"{options['platform'][-2:].upper()}_{tile}_{day}_{sequence}_L2A"
    item["properties"] |= {
        "platform": f"sentinel-{options['platform'][-2:]}",
        "constellation": "sentinel-2",
        "grid:code": f"MGRS-{tile}",
        "mgrs:utm_zone": int(tile[:2]),
        "s2:sequence": str(sequence),
        "earthsearch:boa_offset_applied": options["baseline"] >= "04.00",
    }
    for band, key in KEYS.items():
        item["assets"][key] = _asset(item["id"], band, left, top, options["root"])
        item["assets"][f"{key}-jp2"] = {"href": f"s3://x/{band}.jp2", "type": "image/jp2"}
    item["assets"]["visual"] = {
        "href": "https://x/TCI.tif",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "eo:bands": [{"name": name} for name in ("B04", "B03", "B02")],
    }
    return item


def planetary_item(time, *, tile="33UUT", epsg=32633, left=300000.0, top=5800020.0, **options):
    """As on the Planetary Computer."""
    item, options = _item(time, tile, epsg, left, top, options)
    stamp = str(np.datetime64(time, "s")).replace("-", "").replace(":", "")
    item["id"] = options["id"] or f"S{options['platform'][-2:].upper()}_MSIL2A_{stamp}_R098_T{tile}_{stamp}"
    item["properties"] |= {
        "platform": f"Sentinel-{options['platform'][-2:].upper()}",
        "constellation": "Sentinel 2",
        "s2:mgrs_tile": tile,
    }
    root = options["root"] or "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2"
    item["assets"] = {band: _asset(item["id"], band, left, top, root) for band in KEYS}
    item["assets"]["preview"] = {"href": "https://x/preview.tif", "type": "image/tiff; application=geotiff"}
    return item


def _item(time, tile, epsg, left, top, options):
    known = {
        "cloud": 5.0, "baseline": "05.09", "platform": "sentinel-2a", "sequence": 0,
        "created": None, "id": None, "geometry": None, "root": "", "collection": "sentinel-2-l2a",
    }  # fmt: skip
    assert set(options) <= set(known), set(options) - set(known)
    options = known | options
    geometry = options["geometry"] or {"type": "Polygon", "coordinates": [outline(epsg, left, top)]}
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "collection": options["collection"],
        "geometry": geometry,
        "bbox": [],
        "properties": {
            "datetime": f"{np.datetime64(time, 'ms')}Z",
            "created": options["created"] or f"{np.datetime64(time, 's')}Z",
            "proj:epsg": epsg,
            "eo:cloud_cover": options["cloud"],
            "s2:nodata_pixel_percentage": 0.0,
            "s2:processing_baseline": options["baseline"],
        },
        "assets": {},
        "links": [],
    }
    rings = (
        geometry["coordinates"] if geometry["type"] == "Polygon" else [p[0] for p in geometry["coordinates"]]
    )
    points = np.concatenate([np.array(ring) for ring in rings])
    item["bbox"] = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
    return item, options


def _asset(item_id, band, left, top, root):
    pixel_m = PIXEL_M[band]
    side = int(TILE_M / pixel_m)
    asset = {
        "href": f"{root or 'https://sentinel-cogs.s3.us-west-2.amazonaws.com'}/{item_id}/{band}.tif",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "proj:shape": [side, side],
        "proj:transform": [pixel_m, 0, left, 0, -pixel_m, top],
    }
    if band != "SCL":
        common = "rededge" if band in ("B05", "B06", "B07") else KEYS[band]
        asset["eo:bands"] = [{"name": band, "common_name": common}]
    return asset
