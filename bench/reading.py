"""Random reads of (location, 3 seasons, RGB, random crop): our store against one GeoTIFF per band.

The store is the one that plain ``xr.open_zarr`` opens; its pixels are compared with the files' first.
Run: python bench/reading.py [--locations 120] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from rasterio.transform import Affine
from rasterio.windows import Window

from seco_lab.sources import read_cube
from seco_lab.store import MappedCube, save_cube

SIZE_PX, CROP_PX, SEASONS, BANDS = 264, 224, 5, ("B4", "B3", "B2")
DAYS = ("20190103", "20190403", "20190703", "20191003", "20200103")


def texture(rng: np.random.Generator) -> np.ndarray:
    """An image with the spectrum of natural scenes, so that compression has neither feast nor famine."""
    fy, fx = np.fft.fftfreq(SIZE_PX)[:, None], np.fft.rfftfreq(SIZE_PX)[None]
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1 / SIZE_PX)
    phase = np.exp(2j * np.pi * rng.random(amplitude.shape))
    image = np.fft.irfft2(amplitude * phase, s=(SIZE_PX, SIZE_PX))
    return np.clip(40 + 18 * (image - image.mean()) / image.std(), 1, 255).astype(np.uint8)


def write_official(root: Path, locations: int, **creation: str) -> None:
    """Files as the SeCo authors publish them: location / acquisition / band, one band a file."""
    rng = np.random.default_rng(0)
    images = [texture(rng) for _ in range(24)]
    place = Affine(1e-4, 0, 2.8, 0, -1e-4, 42.3)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": SIZE_PX, "width": SIZE_PX}
    for location in range(locations):
        for day in DAYS:
            folder = root / f"{location:06d}" / f"{day}T100000_{day}T100000_T31TDG"
            folder.mkdir(parents=True)
            for band in BANDS:
                with rasterio.open(
                    folder / f"{band}.tif", "w", crs="EPSG:4326", transform=place, **profile, **creation
                ) as file:
                    file.write(images[rng.integers(len(images))], 1)


def draws(count: int, locations: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Rows, three different seasons of each, and corners of crops."""
    seasons = rng.permuted(np.tile(np.arange(SEASONS), (count, 1)), axis=1)[:, :3]
    top, left = rng.integers(0, SIZE_PX - CROP_PX + 1, (2, count))
    return rng.integers(0, locations, count), seasons, top, left


def read_files(folders: list[list[Path]], rows, seasons, top, left) -> np.ndarray:
    """The same crops from the files, by rasterio."""
    out = np.empty((len(rows), 3, 3, CROP_PX, CROP_PX), np.uint8)
    for i, row in enumerate(rows):
        window = Window(left[i], top[i], CROP_PX, CROP_PX)
        for t, season in enumerate(seasons[i]):
            for c, band in enumerate(BANDS):
                with rasterio.open(folders[row][season] / f"{band}.tif") as file:
                    out[i, t, c] = file.read(1, window=window)
    return out


def rate(read, count: int, *arguments) -> float:
    start = time.perf_counter()
    read(*arguments)
    return count / (time.perf_counter() - start)


def measure(folder: Path, locations: int, rounds: int) -> list[dict]:
    """Locations a second of each way to read, medians over interleaved rounds."""
    stores, rng = {}, np.random.default_rng(1)
    for name, creation in {"8-bit JPEG": {"compress": "jpeg"}, "deflate": {"compress": "deflate"}}.items():
        root = folder / name
        write_official(root, locations, **creation)
        cube = read_cube(root, bands="rgb", progress=False)
        save_cube(cube, folder / f"{name}.zarr")
        folders = [sorted(p for p in place.iterdir()) for place in sorted(root.iterdir())]
        stores[name] = folders, MappedCube(folder / f"{name}.zarr")
        check_equal(folder / f"{name}.zarr", *stores[name], locations, rng)
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (folders, mapped) in stores.items():
            few, many = draws(48, locations, rng), draws(32, locations, rng)
            rates.setdefault(f"{name} GeoTIFF per band, rasterio", []).append(
                rate(read_files, 48, folders, *few)
            )
            rates.setdefault(f"our store ({name} pixels)", []).append(
                rate_of_store(mapped, locations, rng, many)
            )
    return [{"reader": name, "locations_per_s": float(np.median(values))} for name, values in rates.items()]


def rate_of_store(mapped: MappedCube, locations: int, rng: np.random.Generator, first: tuple) -> float:
    """Batches of 32 into the reader's own buffer, for 4,096 locations."""
    batches = [first] + [draws(32, locations, rng) for _ in range(127)]

    def read_batches() -> None:
        for rows, seasons, top, left in batches:
            mapped.read(rows, seasons, (0, 1, 2), top=top, left=left, size_px=CROP_PX)

    return rate(read_batches, 32 * len(batches))


def check_equal(store: Path, folders, mapped: MappedCube, locations: int, rng: np.random.Generator) -> None:
    """The files, the memory map and plain xarray give the same pixels."""
    rows, seasons, top, left = draws(6, locations, rng)
    files = read_files(folders, rows, seasons, top, left)
    ours = mapped.read(rows, seasons, (0, 1, 2), top=top, left=left, size_px=CROP_PX)
    plain = xr.open_zarr(store)["reflectance"]
    assert plain.coords["band"].values.tolist() == ["B04", "B03", "B02"]
    np.testing.assert_array_equal(ours, files)
    for i, row in enumerate(rows):
        crop = plain[row, :, :, top[i] : top[i] + CROP_PX, left[i] : left[i] + CROP_PX].values
        np.testing.assert_array_equal(crop[seasons[i]], files[i])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--locations", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), options.locations, options.rounds)
    speed = {row["reader"]: row["locations_per_s"] for row in rows}
    ratio = min(
        speed[f"our store ({name} pixels)"] / speed[f"{name} GeoTIFF per band, rasterio"]
        for name in ("8-bit JPEG", "deflate")
    )
    print("location, 3 seasons, RGB, random crop of 224 px from 264 px, uint8, one process")
    for row in rows:
        print(f"{row['locations_per_s']:>10,.0f} locations/s  {row['reader']}")
    print(f"{ratio:>10.0f} times faster, the smaller of both ratios (wanted: 50)")
    if options.json:
        command, target = "python bench/reading.py", "50 times as many as from GeoTIFFs with rasterio"
        result = {"name": "Reading", "rows": rows, "ratio": ratio, "target": target, "command": command}
        options.json.write_text(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
