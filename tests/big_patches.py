"""Small data sets in the layouts of BigEarthNet: generated pixels, official names and files."""

import json

import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import from_origin

SIZES = {
    "B01": 20, "B02": 120, "B03": 120, "B04": 120, "B05": 60, "B06": 60, "B07": 60, "B08": 120, "B8A": 60,
    "B09": 20, "B11": 60, "B12": 60,
}  # fmt: skip
RGB = ("B04", "B03", "B02")
# Old names of v1: a forest, a field, a town, the sea; each has its brightness in red, green and blue.
KINDS = {
    "Coniferous forest": (300, 500, 300),
    "Non-irrigated arable land": (1500, 1200, 900),
    "Discontinuous urban fabric": (1900, 1800, 1700),
    "Sea and ocean": (100, 300, 900),
}
NEW_NAMES = {
    "Coniferous forest": "Coniferous forest",
    "Non-irrigated arable land": "Arable land",
    "Discontinuous urban fabric": "Urban fabric",
    "Sea and ocean": "Marine waters",
}


def patch_name(number):
    return f"S2A_MSIL2A_20170{1 + number % 9}11T112501_{number}_7"


def write_band(folder, band, pixels, number=0, crs="EPSG:32629"):
    folder.mkdir(parents=True, exist_ok=True)
    side = pixels.shape[0]
    where = from_origin(600_000 + 1200 * number, 5_900_000, 1200 / side, 1200 / side)
    with rasterio.open(
        folder / f"{folder.name}_{band}.tif", "w", driver="GTiff", count=1, height=side, width=side,
        dtype=pixels.dtype, crs=crs, transform=where,
    ) as target:  # fmt: skip
        target.write(pixels[None])


def write_patch(folder, labels, *, bands=RGB, number=0, seed=0):
    """Bands of a patch: stripes of its kinds."""
    chance = np.random.default_rng([seed, number])
    for band in bands:
        side = SIZES[band]
        place = RGB.index(band) if band in RGB else 0
        levels = [KINDS.get(name, (800,) * 3)[place] for name in labels] or [700]
        columns = np.repeat(levels, -(-side // len(levels)))[:side]
        pixels = columns[None].repeat(side, 0) * chance.normal(1, 0.08, (side, side))
        write_band(folder, band, pixels.clip(1, 9000).astype(np.uint16), number)


def write_json(folder, labels):
    folder.mkdir(parents=True, exist_ok=True)
    content = {"labels": list(labels), "acquisition_date": "2017-01-11 11:25:01"}
    (folder / f"{folder.name}_labels_metadata.json").write_text(json.dumps(content))


def draw_labels(count, seed=0):
    """One to three kinds a patch."""
    chance = np.random.default_rng(seed)
    kinds = list(KINDS)
    return [[kinds[k] for k in chance.permutation(4)[: chance.integers(1, 4)]] for _ in range(count)]


def write_v1(root, labels, *, bands=RGB, seed=0):
    """v1: ``BigEarthNet-v1.0/<patch>/`` with a JSON a patch. Names of the patches."""
    names = [patch_name(number) for number in range(len(labels))]
    for number, (name, own) in enumerate(zip(names, labels, strict=True)):
        folder = root / "BigEarthNet-v1.0" / name
        write_patch(folder, own, bands=bands, number=number, seed=seed)
        write_json(folder, own)
    return names


def write_v2(root, labels, splits, *, bands=RGB):
    """v2: ``BigEarthNet-S2/<tile>/<patch>/`` and ``metadata.parquet``. Names of the patches."""
    rows = []
    for number, (own, split) in enumerate(zip(labels, splits, strict=True)):
        tile = f"S2A_MSIL2A_20170613T101031_N9999_R022_T33UU{'PQ'[number % 2]}"
        name = f"{tile}_{number:02d}_57"
        write_patch(root / "BigEarthNet-S2" / tile / name, own, bands=bands, number=number)
        rows.append({"patch_id": name, "labels": [NEW_NAMES[k] for k in own], "split": split, "country": "X"})
    pd.DataFrame(rows).to_parquet(root / "metadata.parquet")
    return [row["patch_id"] for row in rows]
