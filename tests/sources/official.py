"""Writes small sets in the layouts of the real ones, with their traps."""

import json
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rasterio
import xarray as xr
import zarr
from PIL import Image
from rasterio.transform import Affine

SECO_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
_COARSE = {"B1": 6, "B9": 6} | dict.fromkeys(("B5", "B6", "B7", "B8A", "B11", "B12"), 2)
_TWENTY = ("B05", "B06", "B07", "B8A", "B11", "B12")
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


def write_ssl4eo(root, level="s2a", locations=3, *, dtype=np.uint16, size_px=48, add=None, seed=0):
    """SSL4EO-S12 v1: like SeCo's folder, seven digits, four dates, 16 bit; gaps among the numbers.

    Returns the values (location, day in order of time, band); the darkest band of each image is 40.
    """
    names = SECO_BANDS if level == "s2a" else (*SECO_BANDS[:10], "B10", *SECO_BANDS[10:])
    days, rng = DAYS[:4], np.random.default_rng(seed)
    limits = (1, 250) if dtype == np.uint8 else (300, 3000)
    truth = rng.integers(*limits, (locations, 4, len(names)))
    truth[:, :, 0] = 40
    for location in range(locations):
        for season, day in enumerate(sorted(days)):
            folder = root / level / f"{7 * location:07d}" / acquisition_name(day)
            extra = 1000 if (location, season) == add else 0
            for b, band in enumerate(names):
                factor = _COARSE.get(band, 6 if band == "B10" else 1)
                side, step = size_px // factor, 0.001 * factor
                write_tif(
                    folder / f"{band}.tif",
                    np.full((1, side, side), truth[location, season, b] + extra, dtype), crs="EPSG:4326",
                    transform=Affine(step, 0, 3 + location - step / 2, 0, -step, 45 + step / 2),
                    compress="lzw",
                )  # fmt: skip
    return truth


def write_ssl4eo_zarr(
    folder, samples=3, *, size_px=32, shift=1000, chunk=None, number=1, picture=False, without=()
):
    """SSL4EO-S12 v1.1: a zip of Zarr v2, signed counts that carry +1000, samples in no order.

    The first sample has a corner without data and one negative count, the second its dates unsorted.
    Returns the counts as they are without the shift.
    """
    rng = np.random.default_rng(number)
    bands = ["B04", "B03", "B02"] if picture else [f"B{b[1:]:0>2}" for b in SECO_BANDS]
    shape = (samples, 4, len(bands), size_px, size_px)
    truth = rng.integers(30, 250 if picture else 3000, shape)
    times = np.array(["2020-02-01", "2020-05-01", "2020-08-01", "2020-11-01"], "datetime64[ns]")
    time = np.tile(times, (samples, 1))
    time[1] = time[1][::-1]
    mask = np.zeros((samples, 4, size_px, size_px), np.uint8)
    mask[:, :, : size_px // 2] = np.array([0, 3, 4, 5])[:, None, None]
    mask[0, 0, :4, :4] = 6
    counts = truth + shift * (not picture)
    counts[0, 0, :, :4, :4] = 0
    counts[0, 1, 0, 0, 0] = -20 if not picture else 1
    ids = rng.integers(0, 9_999_999, samples)
    sample = np.array([f"{i:07d}" for i in ids])
    one = ("sample", "time")
    x = 700_005.0 + 10 * np.arange(size_px) + 30_000 * np.arange(samples)[:, None]
    data = xr.Dataset(
        {
            "bands": ((*one, "band", "y", "x"), counts.astype(np.uint8 if picture else np.int16)),
            "center_lat": ("sample", np.full(samples, 42.0)),
            "center_lon": ("sample", 125.0 + 0.3 * np.arange(samples)),
            "cloud_mask": ((*one, "y", "x"), mask),
            "crs": ("sample", np.full(samples, 32651)),
            "file_id": (one, np.array([[f"{s}_{t}" for t in range(4)] for s in sample])),
            "sample_id": (one, np.array([[f"{s}_{t}" for t in range(4)] for s in sample])),
            "time_": (one, time),
            "x_": (("sample", "x"), x),
            "y_": (("sample", "y"), np.tile(4_699_995.0 - 10 * np.arange(size_px), (samples, 1))),
        },
        {"band": bands, "sample": sample, "time": range(4), "x": range(size_px), "y": range(size_px)},
    )
    path = folder / f"ssl4eos12_val_seasonal_data_{number:06d}.zarr.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = {"bands": {"chunks": (chunk or samples, 1, len(bands), size_px, size_px)}}
    with zarr.storage.ZipStore(path, mode="w") as store, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name written twice, and fixed-length text in Zarr v2
        data.drop_vars(without).to_zarr(store, zarr_format=2, consolidated=True, encoding=encoding)
    return truth


def write_major_tom(root, cells=2, *, baselines=("0509", "0214"), level="S2L2A", number=1):
    """Major TOM Core: a row group a cell, GeoTIFF bytes of 1068 px at 10 m, fewer where a band is coarse.

    Value of band b in cell c: 2000 + 100 c + b, column of the 10 m pixel // 100 added; +1000 from 04.00.
    """
    names = [f"B{b[1:]:0>2}" for b in SECO_BANDS]
    names = names if level == "S2L2A" else [*names[:10], "B10", *names[10:]]
    path = root / "images" / f"part_{number:05d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for cell in range(cells):
        baseline = baselines[cell % len(baselines)]
        product = f"S2B_MSIL2A_20230415T18191{cell}_N{baseline}_R127_T12TVK_20230415T211527"
        row = {"product_id": product, "grid_cell": f"{451 + cell}U_946L", "thumbnail": b"png"}
        for b, name in enumerate(names):
            factor = {"B01": 6, "B09": 6, "B10": 6}.get(name, 2 if name in _TWENTY else 1)
            columns = np.arange(1068 // factor) * factor // 100
            value = 2000 + 100 * cell + b + 1000 * (baseline >= "0400")
            pixels = np.broadcast_to(value + columns, (1, 1068 // factor, 1068 // factor)).astype(np.uint16)
            step = 10 * factor
            file = write_tif(
                root / "band.tif", pixels, crs="EPSG:32612", compress="deflate",
                transform=Affine(step, 0, 400_000, 0, -step, 4_500_000),
            )  # fmt: skip
            row[name] = file.read_bytes()
            file.unlink()
        rows.append(row | {"cloud_mask": row["B02"]})
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=1)
    pq.write_table(pa.table({"grid_cell": ["451U_946L"]}), root / "metadata.parquet")
    return path


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
