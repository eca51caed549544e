"""NAIP aerial images with a kind of land cover each: GeoTIFF tiles and a table, or arrays as in tile2vec."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.sensors import NAIP
from seco_lab.sources.base import BadFileError, PatchRecord, Reading, Refused, of_split
from seco_lab.sources.rasters import as_counts, date_in, place_of, read_raster

LABELS = "labels.csv"
_COLUMNS = ("filename", "class")
_ARRAY = re.compile(r"^(\d+)tile\.npy$")
_BANDS = len(NAIP.bands)
NAIP_ATTRS = {
    "source": "NAIP",
    "licence": "public domain",
    "attribution": "USDA National Agriculture Imagery Program",
}


@dataclass(frozen=True)
class _Tile:
    file: Path
    class_name: str
    split: str | None = None


def is_naip(path: Path) -> bool:
    """Whether GeoTIFF tiles lie beside a table of classes, or numbered arrays beside their labels."""
    if not path.is_dir():
        return False
    return _has_arrays(path) or (_is_table(path / LABELS) and any(path.rglob("*.tif")))


def _has_arrays(path: Path) -> bool:
    return any(_ARRAY.match(p.name) for p in path.glob("*tile.npy")) and any(path.glob("y*.npy"))


def _is_table(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        return set(_COLUMNS) <= {name.strip() for name in lines.readline().split(",")}


def find_naip(path: Path, *, split: str | None = None) -> Reading:
    """Reader of NAIP tiles: one season of red, green, blue and near infrared, 8 bits, with a label.

    Args:
        path: A folder of GeoTIFF tiles with ``labels.csv`` (filename, class and, where known, split); or one
            of arrays ``1tile.npy``, ``2tile.npy``, ... of shape (H, W, 4 or more), with ``y.npy``, whose
            first entry belongs to ``1tile.npy``. Its numbers are codes of the Cropland Data Layer.
        split: Only that split of the table.

    Raises:
        FileNotFoundError: There are no labels.
        ValueError: The labels do not fit the tiles, or there is no such split.
    """
    refused: list[Refused] = []
    if any(_ARRAY.match(p.name) for p in path.glob("*tile.npy")):
        tiles, read = _of_arrays(path), _read_array
    else:
        tiles, read = _of_table(path, refused), _read_tif
    return _reading(path, of_split(tiles, split, path), read, refused)


def _reading(
    path: Path, tiles: Sequence[_Tile], read: Callable[[Path], dict[str, Any]], refused: Sequence[Refused]
) -> Reading:
    classes = sorted({tile.class_name for tile in tiles}, key=by_number)
    numbers = {name: number for number, name in enumerate(classes)}

    def record(tile: _Tile) -> PatchRecord:
        found = read(tile.file)
        if len(found["pixels"]) != _BANDS:
            raise BadFileError(f"has {len(found['pixels'])} bands, NAIP has {_BANDS}")
        pixels = found.pop("pixels")[None]
        name = tile.file.relative_to(path).with_suffix("").as_posix()
        return PatchRecord(name, pixels, label=numbers[tile.class_name], split=tile.split, **found)

    return Reading(
        root=str(path), sensor=NAIP, bands=NAIP.band_names, unit="uint8", pixel_size_m=1.0, jobs=list(tiles),
        read=record, names=lambda tile: tile.file.relative_to(path).as_posix(), attrs=NAIP_ATTRS,
        refused=tuple(refused), class_names=tuple(classes),
    )  # fmt: skip


def by_number(name: str) -> tuple[int, str]:
    """Codes in the order of their numbers, names in that of the alphabet."""
    return (int(name), "") if name.isdigit() else (0, name)


def _of_table(path: Path, refused: list[Refused]) -> list[_Tile]:
    import pandas as pd

    if not _is_table(path / LABELS):
        raise FileNotFoundError(
            f"no {path / LABELS} with the columns filename and class, so no tile has a label"
        )
    tiles = []
    for row in pd.read_csv(path / LABELS, dtype=str, skipinitialspace=True).to_dict("records"):
        file, kind = path / str(row["filename"]), row["class"]
        if not file.is_file():
            refused.append(Refused(str(row["filename"]), f"is in {LABELS}, but there is no such tile"))
        elif not isinstance(kind, str):
            refused.append(Refused(str(row["filename"]), f"has no class in {LABELS}"))
        else:
            split = row.get("split")
            tiles.append(_Tile(file, kind, split if isinstance(split, str) else None))
    return tiles


def _of_arrays(path: Path) -> list[_Tile]:
    found = sorted(path.glob("y*.npy"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"{path} needs one file y*.npy with the labels of its tiles, it has {len(found)}"
        )
    labels = np.load(found[0], allow_pickle=False).ravel()
    files = {int(_ARRAY.match(p.name)[1]): p for p in path.glob("*tile.npy") if _ARRAY.match(p.name)}
    beyond = sorted(number for number in files if not 1 <= number <= len(labels))
    if beyond:
        raise ValueError(
            f"{found[0]} has {len(labels)} labels, so none for {files[beyond[0]].name}; tiles count from 1"
        )
    return [_Tile(files[number], str(int(labels[number - 1]))) for number in sorted(files)]


def _read_array(file: Path) -> dict[str, Any]:
    try:
        tile = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadFileError(f"cannot be read, it may be truncated ({error})") from error
    if tile.ndim != 3 or tile.shape[2] < _BANDS:
        raise BadFileError(f"has shape {tile.shape}, wanted (height, width, {_BANDS} bands or more)")
    return {
        "pixels": eight_bits(tile[:, :, :_BANDS].transpose(2, 0, 1)),
        "time": np.array(["NaT"], "M8[ns]"),
    }


def eight_bits(pixels: NDArray) -> NDArray[np.uint8]:
    """Counts 0 to 255, which some tools write as wider numbers."""
    if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 255:
        raise BadFileError(f"holds values from {pixels.min():g} to {pixels.max():g}, NAIP has 0 to 255")
    return pixels.astype(np.uint8)


def _read_tif(file: Path) -> dict[str, Any]:
    raster = read_raster(file)
    lon, lat, grid = place_of(raster.crs, raster.transform, raster.pixels.shape[1:])
    day = date_in(file.name)
    return {
        "pixels": eight_bits(as_counts(raster.pixels, raster.nodata)),
        "time": np.array(["NaT" if day is None else day], "datetime64[ns]"),
        "lon": lon,
        "lat": lat,
        "grid": grid,
    }
