"""Writes small sets in the layouts of xView and SpaceNet, with the traps of the real files."""

import json

import numpy as np
import rasterio
from rasterio.transform import from_origin

METRES = "EPSG:32616"


def write_scene(path, pixels, *, crs=METRES, pixel_m=0.5, origin=(733_600.0, 3_725_140.0)):
    """A GeoTIFF of (C, H, W)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    where = {} if crs is None else {"crs": crs, "transform": from_origin(*origin, pixel_m, pixel_m)}
    count, height, width = pixels.shape
    form = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with rasterio.open(path, "w", **form, **where) as target:
        target.write(pixels)
    return path


def picture(height, width, boxes=(), *, seed=0, level=60):
    """Noise with a bright rectangle for each box (left, top, right, bottom), (3, H, W) uint8."""
    pixels = np.random.default_rng(seed).integers(level - 20, level + 20, (3, height, width))
    for left, top, right, bottom in np.asarray(boxes, int).reshape(-1, 4):
        pixels[:, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 220
    return pixels.astype(np.uint8)


def xview_entry(image, type_id, bounds):
    """One entry of xView's list; bounds are four numbers, or a text as it stands."""
    text = bounds if bounds is None or isinstance(bounds, str) else ",".join(map(str, bounds))
    fields = {"bounds_imcoords": text, "image_id": image, "type_id": type_id, "feature_id": 7, "cat_id": "1"}
    ring = [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    return {"type": "Feature", "properties": fields, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def write_xview(root, scenes, *, more=(), size=(120, 150)):
    """Pictures ``train_images/5.tif`` with bright boxes, and their list.

    Args:
        root: Folder.
        scenes: Picture name to entries (type id, (left, top, right, bottom)).
        more: Further entries of the list, from ``xview_entry``.
        size: Height and width.
    """
    entries = []
    for number, (name, boxes) in enumerate(scenes.items()):
        pixels = picture(*size, [bounds for _, bounds in boxes], seed=number)
        write_scene(
            root / "train_images" / name, pixels, pixel_m=0.3, origin=(733_600.0 + 9000 * number, 3.7e6)
        )
        entries += [xview_entry(name, type_id, bounds) for type_id, bounds in boxes]
    table = {"type": "FeatureCollection", "features": [*entries, *more]}
    root.mkdir(parents=True, exist_ok=True)
    (root / "xView_train.geojson").write_text(json.dumps(table))
    return root


def square(left, top, side):
    """Ring of a square in map units, from its upper left corner."""
    right, bottom = left + side, top - side
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def write_footprints(path, rings, *, crs="urn:ogc:def:crs:EPSG::32616", geometries=()):
    """A GeoJSON of polygons, and of geometries as they stand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shapes = [{"type": "Polygon", "coordinates": [ring]} for ring in rings] + list(geometries)
    features = [{"type": "Feature", "properties": {"building": 1}, "geometry": shape} for shape in shapes]
    table = {"type": "FeatureCollection", "features": features}
    if crs is not None:
        table["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(table))
    return path


def write_spacenet(root, chips=6, *, size_px=64, dtype=np.uint8, empty=()):
    """Chips of the second round with one bright square each; ``empty`` ones have no footprint."""
    for number in range(chips):
        chance = np.random.default_rng(number)
        row, column = chance.integers(4, size_px - 28, 2)
        side, name = 20, f"AOI_2_Vegas_img{number}"
        boxes = [] if number in empty else [(column, row, column + side, row + side)]
        pixels = picture(size_px, size_px, boxes, seed=number).astype(dtype)
        origin = (733_600.0 + 5000 * number, 3_725_140.0)
        write_scene(root / "RGB-PanSharpen" / f"RGB-PanSharpen_{name}.tif", pixels, origin=origin)
        rings = [square(origin[0] + left * 0.5, origin[1] - top * 0.5, side * 0.5) for left, top, *_ in boxes]
        write_footprints(root / "geojson" / "buildings" / f"buildings_{name}.geojson", rings)
    return root
