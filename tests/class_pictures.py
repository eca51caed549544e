"""Writes small sets of labelled pictures in the layouts of the real ones, with their traps."""

import json

import numpy as np
from change_pairs import write_tif
from PIL import Image

KINDS = ("airport", "car_dealership", "multi-unit_residential")
COLOURS = {"airport": (200, 60, 60), "car_dealership": (60, 200, 60), "multi-unit_residential": (60, 60, 200)}


def picture(kind, size=(48, 40), box=None, *, seed=0, grey=False):
    """The class's colour within the box (left, top, width, height), grey noise around it."""
    chance = np.random.default_rng(seed)
    width, height = size
    pixels = np.repeat(chance.integers(0, 255, (height, width, 1)), 3, axis=2)
    left, top, wide, high = box or (0, 0, width, height)
    tint = np.array(COLOURS[kind]) + chance.normal(0, 25, 3)
    part = (slice(top, top + high), slice(left, left + wide))
    pixels[part] = (tint + chance.normal(0, 12, (high, wide, 3))).clip(1, 255)
    image = Image.fromarray(pixels.astype(np.uint8))
    return image.convert("L") if grey else image


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=95, **options)


def write_fmow(root, split, places=4, dates=3, *, crops=False, seed=0):
    """fMoW-rgb: <split>/<class>/<class>_<place>/<class>_<place>_<date>_rgb.jpg and .json, beside ``_msrgb``.

    Pictures have several sizes, the class fills a box only, places count from 0 in each split.
    """
    names = []
    for number, kind in enumerate(KINDS):
        for place in range(places):
            for date in range(dates):
                stem = f"{kind}_{place}_{date}_rgb"
                folder = root / split / kind / f"{kind}_{place}"
                size, box = (44 + 4 * date, 40 + 3 * place), (6, 5, 20, 24)
                code = seed + 1000 * number + 10 * place + date
                image = picture(kind, size, box, seed=code)
                if crops:
                    image, stem = image.crop((6, 5, 26, 29)), f"{stem}_crop_0"
                else:
                    save(image, folder / f"{kind}_{place}_{date}_msrgb.jpg")
                    tell(folder / f"{stem}.json", kind, box, lon=10 + number + 0.01 * place, date=date)
                save(image, folder / f"{stem}.jpg")
                names.append(f"{split}/{kind}/{kind}_{place}/{stem}.jpg")
    return names


def tell(path, kind, box, *, lon=10.0, lat=45.0, date=0):
    """Metadata as fMoW has them: a footprint in WKT, a time, a box of the class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    e = 0.01
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    corners = [(lon + e * x, lat + e * y) for x, y in signs]
    ring = ", ".join(f"{x} {y}" for x, y in corners)
    told = {
        "timestamp": f"2016-0{date + 1}-05T11:22:33Z",
        "raw_location": f"POLYGON (({ring}))",
        "gsd": 0.5,
        "bounding_boxes": [{"ID": 0, "category": kind, "box": list(box)}],
    }
    path.write_text(json.dumps(told))


def write_table(path, names, labels, prefix=""):
    """A CSV as GASSL's: the label in the first column, the path in the second."""
    rows = [f"{label},{prefix}{name}" for name, label in zip(names, labels, strict=True)]
    path.write_text("\n".join(["label,image_path", *rows]) + "\n")


def write_geoimagenet(root, each=6, *, size=(224, 224), splits=("train", "val")):
    """Folders of classes within folders of splits, and the places of all photographs in one table."""
    rows = ["id,lat,lon,locality,country,region,county"]
    for split in splits:
        for number, kind in enumerate(KINDS):
            for i in range(each):
                name = f"{split[0]}{number}{i:03d}"
                image = picture(kind, size, seed=1000 * splits.index(split) + 100 * number + i)
                save(image, root / split / f"n0{number}" / f"{name}.jpg")
                rows.append(f"{name},{40.25 + number},{-70.5 - i},Town,Country,Region,County")
    (root / "metadata.csv").write_text("\n".join(rows) + "\n")
    return rows


def naip_pixels(kind, *, size_px=20, seed=0):
    """Red, green, blue and near infrared (4, H, W): bright near infrared is a crop."""
    chance = np.random.default_rng(seed)
    means = {"corn": (70, 90, 60, 190), "water": (30, 40, 60, 20), "1": (120, 110, 100, 90)}[kind]
    tint = np.array(means)[:, None, None] + chance.normal(0, 8, (4, 1, 1))
    return (tint + chance.normal(0, 10, (4, size_px, size_px))).clip(1, 255).astype(np.uint8)


def write_naip(root, each=8, kinds=("corn", "water", "1")):
    """GeoTIFF tiles and labels.csv."""
    rows = ["filename,class,split"]
    for number, kind in enumerate(kinds):
        for i in range(each):
            name = f"tiles/m_{number}{i:03d}_20180716.tif"
            write_tif(root / name, naip_pixels(kind, seed=100 * number + i))
            rows.append(f"{name},{kind},{'test' if i % 4 == 3 else 'train'}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return rows


def write_naip_arrays(root, each=6):
    """``1tile.npy`` ... of (H, W, 5), whose last layer is the land cover itself, and y.npy."""
    root.mkdir(parents=True, exist_ok=True)
    codes = np.tile([1, 111], each)
    for number, code in enumerate(codes, 1):
        tile = naip_pixels("corn" if code == 1 else "water", seed=number).transpose(1, 2, 0)
        cover = np.full((*tile.shape[:2], 1), code, np.uint8)
        np.save(root / f"{number}tile.npy", np.concatenate([tile, cover], axis=2))
    np.save(root / "y.npy", codes)
