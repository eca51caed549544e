"""The small data files that come with the package: cities, land, climate, countries.

Sources, licences and credit: seco_lab/assets/README.md. Each file is read at the first use and kept.
"""

from __future__ import annotations

import gzip
import json
import lzma
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONTINENTS = ("Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America")
CLIMATES = ("tropical", "dry", "temperate", "continental", "polar")  # Köppen-Geiger A to E
LAND_CELLS_PER_DEGREE = 60
CLIMATE_CELLS_PER_DEGREE = 6


@dataclass(frozen=True)
class Cities:
    """Columns of the city table, largest city first.

    Attributes:
        name: City names, shape (N,).
        country: Country names, shape (N,).
        continent: One of ``CONTINENTS`` each, shape (N,).
        lon: Degrees east, shape (N,).
        lat: Degrees north, shape (N,).
        population: People, shape (N,).
    """

    name: NDArray[np.object_]
    country: NDArray[np.object_]
    continent: NDArray[np.object_]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    population: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.lon)


def _asset_bytes(name: str) -> bytes:
    return files("seco_lab").joinpath("assets", name).read_bytes()


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


@cache
def cities() -> Cities:
    """The 10,000 most populous cities of GeoNames (CC BY 4.0)."""
    import io

    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(_asset_bytes("cities.parquet")))
    column = {name: table[name].to_numpy() for name in table.column_names}
    text = {name: _read_only(column[name].astype(object)) for name in ("name", "country", "continent")}
    number = {name: _read_only(column[name].astype(float)) for name in ("lon", "lat", "population")}
    return Cities(**text, **number)


@cache
def land_bits() -> NDArray[np.uint8]:
    """Packed land mask, shape (10800, 2700): rows from north, eight 1/60 degree cells a byte from -180."""
    n = LAND_CELLS_PER_DEGREE
    return np.frombuffer(lzma.decompress(_asset_bytes("land60.xz")), np.uint8).reshape(180 * n, 45 * n)


@cache
def climate_classes() -> NDArray[np.uint8]:
    """Main climates, shape (1080, 2160), rows from north: 0 sea, 1 to 5 as in ``CLIMATES``."""
    n = CLIMATE_CELLS_PER_DEGREE
    return np.frombuffer(lzma.decompress(_asset_bytes("climate6.xz")), np.uint8).reshape(180 * n, 360 * n)


def _geojson_features(name: str) -> list[dict[str, Any]]:
    return json.loads(gzip.decompress(_asset_bytes(name)))["features"]


def land_polygons() -> list[dict[str, Any]]:
    """Land as GeoJSON Polygon features (Natural Earth, 1:110 million, public domain), for maps."""
    return _geojson_features("land110.geojson.gz")


def country_polygons() -> list[dict[str, Any]]:
    """Countries as GeoJSON features with ``country`` and ``continent`` (Natural Earth, 1:110 million)."""
    return _geojson_features("countries110.geojson.gz")
