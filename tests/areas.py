"""Small areas and files of scenes for tests."""

import numpy as np
import rasterio

from seco_lab.cube import make_area
from seco_lab.sensors import SENTINEL2_L2A

RGB = ("B04", "B03", "B02")
CRS, TRANSFORM = 32631, (10.0, 0.0, 480_000.0, 0.0, -10.0, 4_690_000.0)


def counts(bands=3, height=80, width=96, seasons=1, seed=0):
    """Noise between 1 and 4000 DN over slow waves, shape (T, C, H, W)."""
    chance = np.random.default_rng(seed)
    wave = np.sin(np.arange(height)[:, None] / 17) + np.cos(np.arange(width) / 23)
    noise = chance.uniform(0, 900, (seasons, bands, height, width))
    return (1100 + 450 * wave + noise).astype(np.uint16)


def plain_area(pixels=None, *, bands=RGB, **options):
    pixels = counts(len(bands)) if pixels is None else pixels
    place = {"crs": CRS, "transform": TRANSFORM, **options}
    return make_area(pixels, bands=bands, sensor=SENTINEL2_L2A, **place)


def write_scene(path, pixels, *, names=RGB, crs=CRS, nodata=None, transform=TRANSFORM):
    """A GeoTIFF of one date with named bands."""
    count, height, width = pixels.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": pixels.dtype}
    place = {"crs": crs, "transform": rasterio.Affine(*transform), "nodata": nodata}
    with rasterio.open(path, "w", **profile, **place) as target:
        target.write(pixels)
        for number, name in enumerate(names or (), 1):
            target.set_band_description(number, name)
    return path
