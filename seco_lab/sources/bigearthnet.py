"""BigEarthNet: patches of 1.2 km with several labels, v1 (a JSON a patch) and v2 (one Parquet table)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.sources.base import BadFileError, PatchRecord, Reading, Refused
from seco_lab.sources.bigearthnet_classes import CLASSES_19, multi_hot
from seco_lab.sources.rasters import as_counts, date_in, place_of, read_raster, to_grid

SIZE_PX = 120
_NAME = re.compile(r"^S2[A-Z]_MSIL2A_\d{8}T\d+(_\w+)?_\d+_\d+$")
_ATTRS = {
    "source": "BigEarthNet (Sumbul et al. 2019; v2: Clasen et al. 2024)",
    "licence": "CDLA-Permissive-1.0",
    "attribution": "contains modified Copernicus Sentinel data; BigEarthNet",
}
_TABLE = "metadata.parquet"
_LISTS = ("*snow*.csv", "*cloud*.csv")
_NO_SPLIT = "none"
_SPLITS = {"train": "train", "val": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class _Patch:
    """One patch: its folder, and what a table says of it."""

    name: str
    folder: Path
    classes: tuple[str, ...] | None = None
    split: str | None = None


def is_bigearthnet(path: Path) -> bool:
    """Whether patch folders of BigEarthNet lie in a folder (v1) or in folders of tiles within it (v2)."""
    if not path.is_dir():
        return False
    first = [entry for entry, _ in zip(_folders(_patch_root(path)), range(20), strict=False)]
    return any(_is_patch(f) or any(_is_patch(inner) for inner in _folders(f)) for f in first[:20])


def _is_patch(folder: Path) -> bool:
    return bool(_NAME.match(folder.name)) and any(folder.glob(f"{folder.name}_B*.tif"))


def _folders(path: Path) -> Iterator[Path]:
    with os.scandir(path) as entries:
        yield from (Path(entry.path) for entry in entries if entry.is_dir())


def _patch_root(path: Path) -> Path:
    """The folder itself, or the one of images in it: BigEarthNet-S2, BigEarthNet-v1.0."""
    inner = [path / name for name in ("BigEarthNet-S2", "BigEarthNet-v1.0") if (path / name).is_dir()]
    return inner[0] if inner else path


def find_bigearthnet(
    path: Path,
    *,
    bands: str | Sequence[str] = "all",
    split: str | None = None,
    cloudy: bool = False,
) -> Reading:
    """Reader of BigEarthNet: one season of 120 px, labels of the 19 classes.

    Bands of 20 and 60 m are repeated onto the 10 m grid. v1: labels from each patch's JSON, splits from
    ``train.txt``, ``val.txt`` and ``test.txt`` and lists of snow and cloud (``*snow*.csv``, ``*cloud*.csv``)
    where they lie in the folder or beside it. v2: ``metadata.parquet``, which leaves snow and cloud out.

    Args:
        path: Folder of the patches, or the one that holds it.
        bands: Names, "rgb" or "all" (12).
        split: Only that split: "train", "val" or "test".
        cloudy: Keep the patches of the snow and cloud lists (v1).

    Raises:
        LookupError: No such band.
        ValueError: A split was asked for and no list has it.
    """
    names, root = SENTINEL2_L2A.subset(bands), _patch_root(path)
    around = list(dict.fromkeys([path, root, root.parent]))
    table = next((folder / _TABLE for folder in around if (folder / _TABLE).is_file()), None)
    refused: list[Refused] = []
    found = _first_version(root, around, cloudy) if table is None else _second_version(root, table, refused)
    patches = sorted(found, key=lambda patch: patch.name)
    patches = _of_split(patches, split)

    def read(patch: _Patch) -> PatchRecord:
        return _read(patch, names)

    return Reading(
        root=str(path),
        sensor=SENTINEL2_L2A,
        bands=names,
        unit="dn",
        pixel_size_m=10.0,
        jobs=patches,
        read=read,
        names=lambda patch: str(patch.folder.relative_to(root)),
        attrs=_ATTRS
        | {"snow_and_cloud": "kept" if cloudy and table is None else "left out where lists say so"},
        refused=tuple(refused),
        class_names=CLASSES_19,
    )


def _first_version(root: Path, around: Sequence[Path], cloudy: bool) -> list[_Patch]:
    """Patches without a table: labels come from their JSON when they are read."""
    unwanted = set() if cloudy else _names_in(around, _LISTS)
    splits = {
        name: split for split in ("train", "val", "test") for name in _names_in(around, (f"{split}.*",))
    }
    # A patch that no list has is in no split; where there are no lists at all, nothing is.
    missing = _NO_SPLIT if splits else None
    return [
        _Patch(folder.name, folder, None, splits.get(folder.name, missing))
        for folder in _patch_folders(root)
        if folder.name not in unwanted
    ]


def _names_in(around: Sequence[Path], patterns: Sequence[str]) -> set[str]:
    """Patches in the first column of all lists of these names; lists of other data sets hold none."""
    paths = {p for folder in around for pattern in patterns for p in folder.glob(pattern)}
    lists = [p for p in paths if p.suffix in (".txt", ".csv") and p.is_file()]
    firsts = (line.split(",")[0].strip() for p in lists for line in p.read_text().splitlines())
    return {name for name in firsts if _NAME.match(name)}


def _second_version(root: Path, table: Path, refused: list[Refused]) -> list[_Patch]:
    """Patches of a table; a folder that it does not list is refused."""
    import pandas as pd

    rows = pd.read_parquet(table, columns=["patch_id", "labels", "split"])
    known = {name: (tuple(labels), split) for name, labels, split in rows.itertuples(index=False)}
    patches = []
    for folder in _patch_folders(root):
        if folder.name not in known:
            refused.append(Refused(folder.name, f"is not in {table.name} (snow, cloud or shadow)"))
            continue
        classes, split = known[folder.name]
        patches.append(_Patch(folder.name, folder, classes, _SPLITS.get(str(split), str(split))))
    return patches


def _patch_folders(root: Path) -> Iterator[Path]:
    """Folders of patches, in the folder itself or in its folders of tiles."""
    for folder in _folders(root):
        if _NAME.match(folder.name):
            yield folder
        else:
            yield from (inner for inner in _folders(folder) if _NAME.match(inner.name))


def _of_split(patches: list[_Patch], split: str | None) -> list[_Patch]:
    if split is None:
        return patches
    known = sorted({patch.split for patch in patches if patch.split not in (None, _NO_SPLIT)})
    if split not in known:
        raise ValueError(f"no split {split!r}: the lists have {', '.join(known) or 'no splits'}")
    return [patch for patch in patches if patch.split == split]


def _read(patch: _Patch, bands: Sequence[str]) -> PatchRecord:
    labels = _labels_of(patch)
    pixels, crs, transform = _pixels_of(patch, bands)
    lon, lat, grid = place_of(crs, transform, (SIZE_PX, SIZE_PX))
    day = date_in(patch.name) or np.datetime64("NaT")
    return PatchRecord(
        patch=patch.name,
        pixels=pixels[None],
        time=np.array([day], "datetime64[ns]"),
        lon=lon,
        lat=lat,
        grid=grid,
        labels=labels,
        split=patch.split,
    )


def _labels_of(patch: _Patch) -> NDArray[np.uint8]:
    classes = patch.classes
    if classes is None:
        path = patch.folder / f"{patch.name}_labels_metadata.json"
        try:
            classes = tuple(json.loads(path.read_text())["labels"])
        except FileNotFoundError as error:
            raise BadFileError(f"lacks {path.name}, so its labels are unknown; unpack it again") from error
        except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise BadFileError(f"has a {path.name} that cannot be read; unpack it again") from error
    try:
        return multi_hot(classes)
    except LookupError as error:
        raise BadFileError(f"has an unknown label: {error.args[0]}") from error


def _pixels_of(patch: _Patch, bands: Sequence[str]) -> tuple[NDArray, Any, tuple[float, ...]]:
    """Counts (C, 120, 120), coordinate system and transform of the 10 m grid."""
    found, where = [], None
    for name in bands:
        path = patch.folder / f"{patch.name}_{name}.tif"
        if not path.is_file():
            raise BadFileError(f"lacks {path.name}; unpack it again")
        raster = read_raster(path, bands=1)
        side = round(SIZE_PX * 10 / SENTINEL2_L2A.band(name).resolution_m)
        if raster.pixels.shape[1:] != (side, side):
            height, width = raster.pixels.shape[1:]
            raise BadFileError(f"has {name} of {height} x {width} px, BigEarthNet has {side} x {side}")
        found.append(to_grid(as_counts(raster.pixels[0], raster.nodata), (SIZE_PX, SIZE_PX)))
        a, b, c, d, e, f = raster.transform
        scale = side / SIZE_PX
        where = where or (raster.crs, (a * scale, b * scale, c, d * scale, e * scale, f))
    return np.stack(found), *where
