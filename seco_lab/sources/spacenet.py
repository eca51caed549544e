"""SpaceNet buildings: chips of commercial satellites and footprints as GeoJSON (arXiv:1807.01232)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.sensors import RGB8, WORLDVIEW, Sensor
from seco_lab.sources.base import BadFileError
from seco_lab.sources.rasters import RasterMeta, describe_raster
from seco_lab.sources.scenes import Scenes, scene_cube, splits_below

SPACENET_ATTRS = {
    "source": "SpaceNet buildings (Van Etten et al. 2018)",
    "licence": "CC BY-SA 4.0",
    "attribution": "SpaceNet on AWS; imagery: Maxar",
}
CLASS_NAMES = ("background", "building")
# Folders of images in all rounds of SpaceNet, by what they hold.
VARIANTS = {
    "rgb": ("3band", "RGB-PanSharpen", "PS-RGB"),
    "8band": ("8band", "MUL-PanSharpen", "Pan-Sharpen", "PS-MS", "MUL"),
    "pan": ("PAN",),
}
_IMAGE, _TILE = re.compile(r"AOI_\d+_[A-Za-z]+_(?:chip|img)\d+"), re.compile(r"\d{5,}_\d{6,}(?=$|_)")


@dataclass(frozen=True)
class ChipFiles:
    """One chip.

    Attributes:
        name: What its image and its footprints share, such as ``AOI_1_RIO_img42``.
        image: GeoTIFF.
        footprints: GeoJSON.
    """

    name: str
    image: Path
    footprints: Path


def find_spacenet(
    root: str | Path, *, variant: str = "rgb", bands: str | Sequence[str] = "all", limit: int | None = None
) -> Scenes:
    """Chips of SpaceNet with their footprints as masks.

    Known: a folder of images (``3band``, ``8band``, ``RGB-PanSharpen``, ``MUL-PanSharpen``, ``MUL``, ``PAN``,
    ...) and one of GeoJSON (``geojson``, ``geojson/buildings``, ...) anywhere below the root, paired by
    ``AOI_2_Vegas_img42`` or ``743501_3736689`` in their names, and any folder where image and GeoJSON share
    one name.

    Args:
        root: Folder of one or more areas.
        variant: "rgb", "8band" or "pan": which folder of images is read.
        bands: Names of the bands wanted; all of the file if left out.
        limit: Only so many chips, those with the first names.

    Raises:
        FileNotFoundError: No folder.
        LookupError: No chip, an unknown variant or a band that the files lack.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder at {root}; name the folder that holds the chips of SpaceNet")
    if variant not in VARIANTS:
        raise LookupError(f"unknown variant {variant!r}; known are {', '.join(VARIANTS)}")
    chips, notes = _paired(root, variant)
    if not chips:
        raise LookupError(
            f"no chip of SpaceNet below {root}: wanted images in a folder {' or '.join(VARIANTS[variant])} "
            "and GeoJSON of the same names, or image and GeoJSON side by side"
        )
    kept, broken = _described(chips[:limit])
    sensor, names = sensor_and_bands(next(iter(kept.values()))[1])
    wanted = names if bands == "all" else sensor.subset(bands)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise LookupError(f"the chips below {root} lack band {missing[0]}; they have {', '.join(names)}")
    positions, splits = [names.index(name) for name in wanted], splits_below(root)

    def open_chip(name: str) -> xr.Dataset:
        files, meta = kept[name]
        return scene_cube(
            files.image, meta, name=name, sensor=sensor, bands=wanted, positions=positions,
            mask=lazy_mask(files.footprints, meta), split=splits.get(name), class_names=CLASS_NAMES,
            attrs=SPACENET_ATTRS,
        )  # fmt: skip

    return Scenes(list(kept), open_chip, class_names=CLASS_NAMES, notes=[*notes, *broken])


def _paired(root: Path, variant: str) -> tuple[list[ChipFiles], list[str]]:
    """Chips with image and footprints, in the order of their names, and what has only one of both."""
    images = {key_of(p): p for p in _below(root, "*.tif") if _is_variant(p, root, variant)}
    footprints = {key_of(p): p for p in _below(root, "*.geojson")}
    both = sorted(set(images) & set(footprints))
    notes = []
    for lone, what in ((set(images) - set(both), "GeoJSON"), (set(footprints) - set(both), "image")):
        if lone and both:
            first = ", ".join(sorted(lone)[:3])
            notes.append(f"{len(lone)} chips have no {what} and were left out ({first})")
    return [ChipFiles(key, images[key], footprints[key]) for key in both], notes


def _below(root: Path, pattern: str) -> Iterable[Path]:
    return (path for path in sorted(root.rglob(pattern)) if not path.name.startswith("._"))


def _is_variant(image: Path, root: Path, variant: str) -> bool:
    """Whether an image lies in a folder of that variant, or in a folder that is of none."""
    folders = set(image.relative_to(root).parts[:-1])
    if folders & set(VARIANTS[variant]):
        return True
    return not any(folders & set(known) for known in VARIANTS.values())


def key_of(path: Path) -> str:
    """What image and footprints of one chip share; the whole name where it has none of the known forms."""
    found = _IMAGE.search(path.stem) or _TILE.search(path.stem)
    return path.stem if found is None else found[0]


def _described(chips: Sequence[ChipFiles]) -> tuple[dict[str, tuple[ChipFiles, RasterMeta]], list[str]]:
    """Chips that can be used, all of the kind of the first; the others as sentences."""
    kept: dict[str, tuple[ChipFiles, RasterMeta]] = {}
    notes, kind = [], None
    for chip in chips:
        try:
            meta = describe_raster(chip.image)
            kind = kind or (meta.count, meta.dtype)
            if (meta.count, meta.dtype) != kind:
                raise BadFileError(
                    f"has {meta.count} bands of {meta.dtype}, the others {kind[0]} of {kind[1]}"
                )
            sensor_and_bands(meta)
            if meta.crs is None:
                raise BadFileError("has no CRS: its footprints cannot be placed")
            _check_geojson(chip.footprints)
            kept[chip.name] = (chip, meta)
        except BadFileError as bad:
            notes.append(f"{chip.name} {bad} and was left out")
    if not kept:
        raise LookupError(f"no chip can be used: {notes[0]}")
    return kept, notes


def _check_geojson(path: Path) -> None:
    """Refuse what is no list of features, before hours of training rather than within.

    Raises:
        BadFileError: Not JSON, or not a list of features.
    """
    try:
        features = json.loads(path.read_text()).get("features")
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise BadFileError(f"has footprints that cannot be read ({path.name}: {error})") from error
    if not isinstance(features, list):
        raise BadFileError(f"has a file of footprints without features ({path.name})")


def sensor_and_bands(meta: RasterMeta) -> tuple[Sensor, tuple[str, ...]]:
    """What the bands of a chip are, by their number.

    Raises:
        BadFileError: No chip of SpaceNet has so many.
    """
    known = {
        1: ("PAN",),
        3: ("R", "G", "B"),
        4: ("B", "G", "R", "N1"),
        8: WORLDVIEW.band_names[:8],
    }
    if meta.count not in known:
        raise BadFileError(f"has {meta.count} bands; chips of SpaceNet have 1, 3, 4 or 8")
    names = known[meta.count]
    return (RGB8 if meta.count == 3 and meta.dtype == "uint8" else WORLDVIEW), names


def lazy_mask(footprints: Path, meta: RasterMeta) -> Any:
    """The mask of ``rasterised`` as a dask array (H, W)."""
    import dask
    import dask.array as da

    mask = dask.delayed(rasterised, pure=True)(footprints, meta)
    return da.from_delayed(mask, meta.shape, np.uint8)


def rasterised(footprints: Path, meta: RasterMeta) -> NDArray[np.uint8]:
    """1 for each pixel whose centre lies in a footprint, else 0, on the grid of a chip.

    Footprints in another coordinate system are reprojected; what is no area (points, lines, nothing) counts
    for nothing.

    Args:
        footprints: GeoJSON.
        meta: Of the chip; shape, transform and coordinate system.

    Returns:
        Shape (H, W).

    Raises:
        ValueError: The GeoJSON cannot be read.
    """
    import rasterio
    from rasterio.features import rasterize

    shapes = _areas(footprints, meta.crs)
    mask = np.zeros(meta.shape, np.uint8)
    if len(shapes):
        # all_touched=False is GDAL's rule of pixel centres.
        rasterize(
            [(shape, 1) for shape in shapes], out=mask, transform=rasterio.Affine(*meta.transform),
            all_touched=False,
        )  # fmt: skip
    return mask


def _areas(footprints: Path, crs: Any) -> list[Any]:
    """Polygons of a GeoJSON in the coordinates of a chip."""
    import geopandas
    from pyogrio.errors import DataSourceError

    try:
        table = geopandas.read_file(footprints)
    except (DataSourceError, ValueError) as error:
        raise ValueError(f"{footprints} cannot be read ({error}); fetch it again") from error
    if not len(table) or not isinstance(table, geopandas.GeoDataFrame):
        return []
    shapes = table.geometry
    # GeoJSON without a word on it is in degrees (RFC 7946).
    shapes = (shapes if shapes.crs else shapes.set_crs(4326)).to_crs(crs.to_wkt())
    shapes = shapes[~(shapes.isna() | shapes.is_empty)].make_valid().explode(index_parts=False)
    return list(shapes[shapes.geom_type == "Polygon"])
