"""Writes small sets in the layouts of the real ones, with their traps."""

import json

import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import Affine

SECO_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
_COARSE = {"B1": 6, "B9": 6} | dict.fromkeys(("B5", "B6", "B7", "B8A", "B11", "B12"), 2)
DAYS = ("20200704", "20190803", "20200107", "20191001", "20200401")  # not in order of time


def write_tif(path, pixels, *, crs="EPSG:32631", transform=None, descriptions=None, **creation):
    pixels = np.asarray(pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", count=pixels.shape[0], height=pixels.shape[1], width=pixels.shape[2],
        dtype=pixels.dtype, crs=crs, transform=transform or Affine(10, 0, 500_000, 0, -10, 4_700_000),
        **creation,
    ) as file:  # fmt: skip
        file.write(pixels)
        for number, name in enumerate(descriptions or (), 1):
            file.set_band_description(number, name)
    return path


def acquisition_name(day):
    return f"{day}T154559_{day}T154611_T31TDG"


def write_seco(root, locations=3, *, bands=SECO_BANDS, days=DAYS, size_px=48, previews=True, seed=0):
    """The authors' folder: 8-bit, JPEG-compressed, degrees, previews beside the folders.

    Images are flat, so that JPEG keeps them. Returns the values (location, day in order of time, band).
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 250, (locations, len(days), len(bands))).astype(np.uint8)
    res = 0.001
    for location in range(locations):
        place = root / f"{location:06d}"
        for day in days:
            name = acquisition_name(day)
            for b, band in enumerate(bands):
                side = size_px // _COARSE.get(band, 1)
                value = truth[location, sorted(days).index(day), b]
                step = res * _COARSE.get(band, 1)
                write_tif(
                    place / name / f"{band}.tif", np.full((1, side, side), value, np.uint8), crs="EPSG:4326",
                    # Half a pixel to the north-west of the true corner, as the official script writes it.
                    transform=Affine(step, 0, 3 + location - step / 2, 0, -step, 45 + step / 2),
                    compress="jpeg",
                )  # fmt: skip
            (place / name / "metadata.json").write_text(json.dumps({"CLOUDY_PIXEL_PERCENTAGE": 1.0}))
            if previews:
                write_tif(place / f"{name}.tif", np.zeros((3, size_px, size_px), np.uint8), crs="EPSG:4326")
    return truth


def write_eurosat(root, classes=("Forest", "River", "AnnualCrop"), count=2):
    """Pictures in folders of classes; each class has a colour of its own."""
    for c, name in enumerate(classes):
        for number in range(1, count + 1):
            path = root / "EuroSAT_RGB" / name / f"{name}_{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((64, 64, 3), (10 + 40 * c, 60, 200), np.uint8)).save(path, quality=95)
    return root / "EuroSAT_RGB"


def write_series(root, days, *, bands=12, size_px=(20, 33), cloudy=(), descriptions=None, crs="EPSG:32631"):
    """One GeoTIFF per day; band k of day d is 100 + 10 k + d, and bright where it is cloudy."""
    for d, day in enumerate(days):
        pixels = 100 + 10 * np.arange(bands)[:, None, None] + d + np.zeros((bands, *size_px), int)
        if day in cloudy:
            pixels[:, :16, :16] = 3000
        transform = Affine(10, 0, 500_000, 0, -10, 4_700_000)
        write_tif(
            root / f"place_{day}.tif", pixels.astype(np.int16), crs=crs, transform=transform,
            descriptions=descriptions,
        )  # fmt: skip
