"""Small pairs of scenes with change, as cubes and as files in the layouts of OSCD."""

import numpy as np
import rasterio
from rasterio.transform import from_bounds

from seco_lab.cube import make_cube
from seco_lab.sensors import SENTINEL2_L1C

RGB = ("B04", "B03", "B02")
BEFORE, AFTER = np.datetime64("2018-06-15"), np.datetime64("2021-06-15")
_SUFFIX = "20160101T103000_T31ABC_"


def scenes(height=70, width=90, *, seed=0, bands=4, strength=900):
    """Both dates (2, C, H, W) and the truth (H, W): a bright square in haze and noise."""
    chance = np.random.default_rng(seed)
    ground = chance.normal(1500, 200, (bands, height, width))
    after = ground * 0.9 + 150 + chance.normal(0, 40, ground.shape)
    change = np.zeros((height, width), np.uint8)
    side = min(20, height // 2)
    top, left = (chance.integers(0, length - side) for length in (height, width))
    change[top : top + side, left : left + side] = 1
    after[:, change == 1] += strength
    return np.stack([ground, after]).clip(1, 9000).astype(np.uint16), change


def city_cube(name="aville", *, pixels=None, change=None, seed=0, split=None, bands=None):
    """A city as ``load_oscd`` gives it."""
    if pixels is None:
        pixels, change = scenes(seed=seed)
    bands = bands or ("B02", "B03", "B04", "B08")[: pixels.shape[1]]
    return make_cube(
        pixels[None], patch=[name], time=[[BEFORE, AFTER]], lon=[2.0], lat=[48.0], sensor=SENTINEL2_L1C,
        bands=bands, split=None if split is None else [split], class_names=("unchanged", "changed"),
        **({} if change is None else {"mask": change[None]}),
    )  # fmt: skip


def cities(count=4, **options):
    return {f"city{i}": city_cube(f"city{i}", seed=i, **options) for i in range(count)}


def write_tif(path, pixels, *, names=None, bounds=(2.0, 48.0, 2.01, 48.01), crs="EPSG:4326"):
    """A GeoTIFF of (C, H, W)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = pixels.shape
    where = {} if crs is None else {"crs": crs, "transform": from_bounds(*bounds, width, height)}
    described = {"count": count, "height": height, "width": width, "dtype": pixels.dtype, **where}
    with rasterio.open(path, "w", driver="PNG" if path.suffix == ".png" else "GTiff", **described) as target:
        target.write(pixels)
        if names:
            target.descriptions = names


def write_official(root, name, pixels, change, *, labels=None, suffix="", bands=("B02", "B03", "B04", "B08")):
    """A city of the official download: imgs_1, imgs_2, and its change map below ``labels``."""
    for date, scene in enumerate(pixels, 1):
        for band, image in zip(bands, scene, strict=True):
            stem = band if suffix else f"S2A_OPER_{_SUFFIX}{band}"
            write_tif(root / name / f"imgs_{date}{suffix}" / f"{stem}.tif", image[None])
    if change is not None:
        write_tif((labels or root) / name / "cm" / "cm.png", change[None] * np.uint8(255), crs=None)
