"""The offline basemap: land, borders and city names from the package's own small files, and Web Mercator."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

MAX_LAT = 85.0511  # the latitude at which Web Mercator's square ends


def to_mercator(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Degrees as Web Mercator (N, 2) in the unit square: x eastward from 180 W, y southward from 85 N."""
    lat = np.clip(np.asarray(lat, np.float64), -MAX_LAT, MAX_LAT)
    y = 0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)
    return np.stack([(np.asarray(lon, np.float64) + 180) / 360, y], axis=-1)


def from_mercator(xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of ``to_mercator``: lon and lat in degrees."""
    return xy[..., 0] * 360 - 180, np.degrees(np.arctan(np.sinh((0.5 - xy[..., 1]) * 2 * np.pi)))


@lru_cache(maxsize=2)
def country_rings() -> tuple[np.ndarray, ...]:
    """Outlines of the countries: arrays (n, 2) of lon, lat in degrees (Natural Earth 1:110 million)."""
    packed = (files("seco_lab") / "assets" / "countries110.geojson.gz").read_bytes()
    shapes = json.loads(gzip.decompress(packed))["features"]
    return tuple(np.array(ring) for shape in shapes for ring in _rings(shape["geometry"]))


def _rings(geometry: dict[str, Any]) -> list[list[list[float]]]:
    """All rings of a polygon or multipolygon of GeoJSON."""
    parts = geometry["coordinates"]
    return [ring for part in parts for ring in part] if geometry["type"] == "MultiPolygon" else list(parts)


@lru_cache(maxsize=2)
def packed_land() -> bytes:
    """The outlines for the browser: int16 pairs of 1/100 degree; a pair (32767, n) opens a ring of n."""
    pieces = []
    for ring in country_rings():
        pieces.append([[32767, len(ring)]])
        pieces.append(np.round(ring * 100))
    return np.concatenate(pieces).astype("<i2").tobytes()


@lru_cache(maxsize=2)
def largest_cities(count: int = 600) -> tuple[tuple[str, float, float], ...]:
    """Name, lon and lat of the most populous cities (GeoNames), largest first."""
    import pandas as pd

    with (files("seco_lab") / "assets" / "cities.parquet").open("rb") as stream:
        table = pd.read_parquet(stream, columns=["name", "lon", "lat"]).head(count)
    rows = zip(table["name"], table["lon"], table["lat"], strict=True)
    return tuple((str(name), round(float(lon), 3), round(float(lat), 3)) for name, lon, lat in rows)
