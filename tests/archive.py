"""A small archive of made-up scenes whose pixels follow from a formula: COGs of two tiles, several dates."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio

from seco_lab.catalogs import Tasks
from seco_lab.sensors import SENTINEL2_L2A

SIDE_M = 4800  # a tile
SEEN_M = 4200  # how far from its left edge the last date has data
TILES = {"33UUP": (32633, 300000.0, 5700000.0), "32UQC": (32632, 699960.0, 5700000.0)}
DATES = ("2021-03-01", "2021-06-01", "2022-06-01", "2022-09-01")
BANDS = ("B02", "B04", "B05", "B01")
SIZE_PX = 48
CLOUDY, EDGE = 1, 2  # numbers of tiles' corners that are special, see ``classes``
RESOLUTION_M = {"B02": 10, "B04": 10, "B05": 20, "B01": 60, "SCL": 20}


def baseline_of(date):
    return "03.00" if date < "2022" else "04.00"


def counts(tile, date, band, rows, columns):
    """True counts, without offset, of pixels in the band's own grid; dark enough to tell."""
    seed = sum(map(ord, tile + date + band))
    return (150 + (rows * 7 + columns * 3 + seed) % 97 + (seed % 11) * 20).astype(np.uint16)


def classes(date, rows, columns):
    """SCL: vegetation; cloud in the upper left 2 km on two dates; no data at the right on the last."""
    scl = np.full(rows.shape, 4, np.uint8)
    if date in (DATES[1], DATES[3]):
        scl[(rows < 100) & (columns < 100)] = 9
    if date == DATES[3]:
        scl[columns >= SEEN_M // 20] = 0
    return scl


def band_pixels(tile, date, band):
    """What the file of a band holds: counts with the offset where the baseline has it, 0 without data."""
    side = SIDE_M // RESOLUTION_M[band]
    rows, columns = np.mgrid[:side, :side]
    if band == "SCL":
        return classes(date, rows, columns)
    pixels = counts(tile, date, band, rows, columns)
    if baseline_of(date) == "04.00":
        pixels = pixels + 1000
    if date == DATES[3]:
        pixels[columns >= SEEN_M // RESOLUTION_M[band]] = 0
    return pixels.astype(np.uint16)


def name_of(tile, date, band):
    return f"{tile}/{date}/{band}.tif"


def write_archive(root, *, block_px=128):
    """All files; about 1 MB."""
    for tile, (epsg, left, top) in TILES.items():
        for date in DATES:
            for band, resolution in RESOLUTION_M.items():
                path = root / name_of(tile, date, band)
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = band_pixels(tile, date, band)
                with rasterio.open(
                    path, "w", driver="GTiff", dtype=pixels.dtype, count=1, height=len(pixels),
                    width=len(pixels), crs=f"EPSG:{epsg}", compress="deflate", predictor=2, tiled=True,
                    blockxsize=block_px, blockysize=block_px, nodata=0,
                    transform=rasterio.Affine(resolution, 0, left, 0, -resolution, top),
                ) as file:  # fmt: skip
                    file.write(pixels, 1)
    return root


def write_halves(root, tile, date, cut_m):
    """A date as two scenes of one pass, cut some metres below the top; the lower was processed later."""
    for name in ("upper", "lower"):
        for band, resolution in RESOLUTION_M.items():
            path = root / name_of(tile, f"{date}-{name}", band)
            path.parent.mkdir(parents=True, exist_ok=True)
            with rasterio.open(root / name_of(tile, date, band)) as file:
                pixels, profile = file.read(1), file.profile
            edges_m = resolution * np.arange(len(pixels) + 1)
            if name == "upper":
                pixels[edges_m[:-1] >= cut_m] = 0
            else:
                pixels += 0 if band == "SCL" else 1000
                pixels[edges_m[1:] <= cut_m] = 0
            with rasterio.open(path, "w", **profile) as file:
                file.write(pixels, 1)


def corners(places):
    """Tile, column and row in 10 m pixels of each place, snapped to 60 m; some cloudy, some at the edge."""
    rng = np.random.default_rng(3)
    for number in range(places):
        tile = list(TILES)[number % 2]
        column, row = (rng.integers(34, (SEEN_M // 10 - 48) // 6, 2) * 6).tolist()
        if number == CLOUDY:
            column, row = 30, 30
        if number == EDGE:
            column = SEEN_M // 10
        yield f"place-{number:03d}", tile, column, row


def make_tasks(base, *, places=12, bands=BANDS, size_px=SIZE_PX, seasons=2, applied=False):
    """Tasks over the archive at ``base`` (an address or a folder): two seasons of two candidates each."""
    rows = []
    for patch, tile, column, row in corners(places):
        epsg, left, top = TILES[tile]
        for season in range(seasons):
            order = [DATES[season + 2 * ((season + rank) % 2)] for rank in range(2)]
            for rank, date in enumerate(order):
                rows.append(
                    {
                        "patch": patch, "season": season, "rank": rank, "item_id": f"S2A_{tile}_{date}",
                        "collection": "sentinel-2-l2a", "self_href": f"{base}/{tile}/{date}.json",
                        "time": pd.Timestamp(f"{date}T10:20:30"), "platform": "sentinel-2a",
                        "tile": tile, "epsg": epsg, "x0": left + 10.0 * column, "y0": top - 10.0 * row,
                        "scene_cloud_cover": 5.0, "baseline": baseline_of(date),
                        "offset_applied": applied, "rung": "+-7.5 d",
                        "assets": json.dumps({b: f"{base}/{name_of(tile, date, b)}" for b in RESOLUTION_M}),
                        "lon": 12.0, "lat": 51.4,
                    }
                )  # fmt: skip
    table = gpd.GeoDataFrame(
        rows, geometry=gpd.points_from_xy([12.0] * len(rows), [51.4] * len(rows)), crs=4326
    )
    columns = ["name", "lon", "lat", "continent", "stratum", "why"]
    rejected = gpd.GeoDataFrame({c: [] for c in columns}, geometry=[], crs=4326)
    about = {
        "catalog": "made up",
        "plan_hash": f"plan-of-{places}",
        "dates_hash": "d" * 16,
        "size_px": size_px,
    }
    return Tasks(table, rejected, about | {"bands": list(bands), "snap": "grid"})


def true_patch(tile, date, column, row, bands=BANDS, size_px=SIZE_PX):
    """Counts (C, H, W) that a cube must hold, worked out from the formula."""
    out = []
    for band in bands:
        factor = RESOLUTION_M[band] // 10
        rows, columns = np.mgrid[row : row + size_px, column : column + size_px]
        out.append(counts(tile, date, band, rows // factor, columns // factor))
    assert SENTINEL2_L2A.subset(bands)
    return np.stack(out)
