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
from seco_lab.sources.base import NO_SPLIT, BadFileError, PatchRecord, Reading, Refused, of_split
from seco_lab.sources.bigearthnet_classes import CLASSES_19, CLASSES_43, multi_hot
from seco_lab.sources.rasters import as_counts, date_in, place_of, read_raster, to_grid

SIZE_PX = 120
_NAME = re.compile(r"^S2[A-Z]_MSIL2A_\d{8}T\d+(_\w+)?_\d+_\d+$")
_ATTRS = {
    "source": "BigEarthNet (Sumbul et al. 2019; v2: Clasen et al. 2024)",
    "licence": "CDLA-Permissive-1.0",
    "attribution": "contains modified Copernicus Sentinel data; BigEarthNet",
}
_TABLE = "metadata.parquet"
# What the table of v2 leaves out has one of its own, as published.
_UNCLEAR_TABLE = "metadata_for_patches_with_snow_cloud_or_shadow.parquet"
_COLUMNS = ("patch_id", "labels")
_LISTS = ("*snow*.csv", "*cloud*.csv")
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
    classes: int = len(CLASSES_19),
    cloudy: bool = False,
) -> Reading:
    """Reader of BigEarthNet: one season of 120 px with several labels.

    Bands of 20 and 60 m are repeated onto the 10 m grid. v1: labels from each patch's JSON, splits from
    ``train.txt``, ``val.txt`` and ``test.txt`` and lists of snow and cloud (``*snow*.csv``, ``*cloud*.csv``)
    where they lie in the folder or beside it. v2: ``metadata.parquet``, which leaves snow and cloud out.

    Args:
        path: Folder of the patches, or the one that holds it.
        bands: Names, "rgb" or "all" (12).
        split: Only that split: "train", "val" or "test".
        classes: How many classes are told apart: 19, or the 43 of v1.
        cloudy: Keep patches of snow, cloud and shadow: those of the lists (v1), those of the table
            ``metadata_for_patches_with_snow_cloud_or_shadow.parquet`` (v2).

    Raises:
        FileNotFoundError: The table of snow and cloud is not beside that of v2.
        LookupError: No such band.
        ValueError: A split was asked for and no list has it, or 43 classes of v2.
    """
    if classes not in (len(CLASSES_19), len(CLASSES_43)):
        raise ValueError(f"BigEarthNet tells 19 or 43 classes apart, got {classes}")
    names, root = SENTINEL2_L2A.subset(bands), _patch_root(path)
    around = list(dict.fromkeys([path, root, root.parent]))
    table = next((folder / _TABLE for folder in around if (folder / _TABLE).is_file()), None)
    refused: list[Refused] = []
    if table is None:
        found, clear = _first_version(root, around, cloudy)
    else:
        _refuse_43(table, classes)
        found, clear = _second_version(root, table, cloudy, refused)
    patches = of_split(sorted(found, key=lambda patch: patch.name), split, path)

    def read(patch: _Patch) -> PatchRecord:
        return _read(patch, names, classes)

    return Reading(
        root=str(path),
        sensor=SENTINEL2_L2A,
        bands=names,
        unit="dn",
        pixel_size_m=10.0,
        jobs=patches,
        read=read,
        names=lambda patch: str(patch.folder.relative_to(root)),
        attrs=_ATTRS | {"version": "v1" if table is None else "v2", "snow_and_cloud": clear},
        refused=tuple(refused),
        class_names=CLASSES_19 if classes == len(CLASSES_19) else CLASSES_43,
    )


def _refuse_43(table: Path, classes: int) -> None:
    if classes != len(CLASSES_19):
        raise ValueError(
            f"{table.name} of v2 tells the {len(CLASSES_19)} classes only; the {len(CLASSES_43)} stand in "
            "the JSON files of v1"
        )


def _first_version(root: Path, around: Sequence[Path], cloudy: bool) -> tuple[list[_Patch], str]:
    """Patches without a table, whose labels are in their JSON, and what became of snow and cloud."""
    listed = _names_in(around, _LISTS)
    unwanted = set() if cloudy else listed
    splits = {
        name: split for split in ("train", "val", "test") for name in _names_in(around, (f"{split}.*",))
    }
    # A patch that no list has is in no split; where there are no lists at all, nothing is.
    missing = NO_SPLIT if splits else None
    patches = [
        _Patch(folder.name, folder, None, splits.get(folder.name, missing))
        for folder in _patch_folders(root)
        if folder.name not in unwanted
    ]
    if not listed:
        return patches, "not told: there are no lists of snow and cloud"
    return patches, "kept" if cloudy else f"left out: {len(listed)} patches that the lists name"


def _names_in(around: Sequence[Path], patterns: Sequence[str]) -> set[str]:
    """Patches in the first column of all lists of these names; lists of other data sets hold none."""
    paths = {p for folder in around for pattern in patterns for p in folder.glob(pattern)}
    lists = [p for p in paths if p.suffix in (".txt", ".csv") and p.is_file()]
    firsts = (line.split(",")[0].strip() for p in lists for line in p.read_text().splitlines())
    return {name for name in firsts if _NAME.match(name)}


def _second_version(
    root: Path, table: Path, cloudy: bool, refused: list[Refused]
) -> tuple[list[_Patch], str]:
    """Patches of a table, and what became of snow and cloud; a folder that it does not list is refused."""
    unclear = table.with_name(_UNCLEAR_TABLE)
    if cloudy and not unclear.is_file():
        raise FileNotFoundError(
            f"no {unclear}: labels of patches with snow and cloud stand there; without it they stay out"
        )
    known = {name: row for path in (table, *([unclear] if cloudy else [])) for name, row in _rows_of(path)}
    patches = []
    for folder in _patch_folders(root):
        if folder.name not in known:
            refused.append(Refused(folder.name, f"is not in {table.name} (snow, cloud or shadow)"))
            continue
        classes, split = known[folder.name]
        patches.append(_Patch(folder.name, folder, classes, _SPLITS.get(str(split), str(split))))
    return patches, "kept" if cloudy else f"left out: {table.name} names clear patches only"


def _rows_of(table: Path) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    """Name of each patch of a table, with its classes and its split.

    Raises:
        ValueError: The table lacks a column.
    """
    import pandas as pd

    rows = pd.read_parquet(table)
    missing = [name for name in _COLUMNS if name not in rows.columns]
    if missing:
        raise ValueError(f"{table} lacks the column {missing[0]!r}; BigEarthNet v2 has it, so unpack it anew")
    splits = rows["split"] if "split" in rows.columns else [NO_SPLIT] * len(rows)
    for name, labels, split in zip(rows["patch_id"], rows["labels"], splits, strict=True):
        yield name, (tuple(labels), split)


def _patch_folders(root: Path) -> Iterator[Path]:
    """Folders of patches, in the folder itself or in its folders of tiles."""
    for folder in _folders(root):
        if _NAME.match(folder.name):
            yield folder
        else:
            yield from (inner for inner in _folders(folder) if _NAME.match(inner.name))


def _read(patch: _Patch, bands: Sequence[str], classes: int) -> PatchRecord:
    labels = _labels_of(patch, classes)
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


def _labels_of(patch: _Patch, classes: int) -> NDArray[np.uint8]:
    shown = patch.classes
    if shown is None:
        path = patch.folder / f"{patch.name}_labels_metadata.json"
        try:
            shown = tuple(json.loads(path.read_text())["labels"])
        except FileNotFoundError as error:
            raise BadFileError(f"lacks {path.name}, so its labels are unknown; unpack it again") from error
        except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise BadFileError(f"has a {path.name} that cannot be read; unpack it again") from error
    try:
        return multi_hot(shown, classes=classes)
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
