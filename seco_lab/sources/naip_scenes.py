"""NAIP scenes beside a raster of land cover, cut into tiles of one class each."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.sensors import NAIP
from seco_lab.sources.base import NO_SPLIT, SPLITS, BadFileError, PatchRecord, Reading, Refused, of_split
from seco_lab.sources.naip import NAIP_ATTRS, by_number, eight_bits
from seco_lab.sources.rasters import (
    RasterMeta,
    as_counts,
    date_in,
    describe_raster,
    metres_per_pixel,
    place_of,
    unreadable,
)

TILE_PX = 64
_LABELS = re.compile(r"^(labels|cdl)([_.-].*)?\.tif$", re.IGNORECASE)
_LEAST_SHARE = 0.5  # of a tile that its class must cover


@dataclass(frozen=True)
class _Tile:
    scene: Path
    meta: RasterMeta
    corner: tuple[int, int]
    code: int
    split: str | None


class _Opened(threading.local):
    """The scene that a thread has open: tiles of one scene follow one another, and GDAL keeps its blocks."""

    scene: Path | None = None
    source: Any = None

    def tile(self, scene: Path, top: int, left: int, side: int) -> NDArray[Any]:
        """Pixels (C, side, side) of a scene.

        Raises:
            BadFileError: They cannot be read.
        """
        import rasterio
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        try:
            if scene != self.scene:
                self.scene, self.source = scene, rasterio.open(scene)
            return self.source.read(window=Window(left, top, side, side))
        except (RasterioError, OSError) as error:
            raise unreadable(error) from error


def is_naip_scenes(path: Path) -> bool:
    """Whether GeoTIFF scenes lie beside one raster of classes."""
    return path.is_dir() and bool(_rasters_of_classes(path)) and bool(_scenes(path))


def _rasters_of_classes(path: Path) -> list[Path]:
    return sorted(p for p in path.glob("*.tif") if _LABELS.match(p.name))


def _scenes(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*.tif") if not _LABELS.match(p.name))


def _with_splits(path: Path) -> list[tuple[Path, str | None]]:
    """Scenes with the split that a folder names; without such folders nobody knows."""
    parts = {scene: scene.relative_to(path).parts[:-1] for scene in _scenes(path)}
    missing = NO_SPLIT if any(set(SPLITS) & set(folders) for folders in parts.values()) else None
    return [
        (scene, next((name for name in folders if name in SPLITS), missing))
        for scene, folders in parts.items()
    ]


def find_naip_scenes(path: Path, *, split: str | None = None, size_px: int | None = None) -> Reading:
    """Reader of NAIP scenes: tiles without overlap, each labelled with the class that covers half of it.

    The raster of classes may have another grid, pixel size and CRS, such as the Cropland Data Layer; it is
    laid over each scene by nearest neighbour.

    Args:
        path: A folder of GeoTIFF scenes of four bands with ``labels.tif`` or ``CDL_....tif``, whose counts
            are class numbers; 0 and its fill value are no class. Folders ``train``, ``val`` and ``test``
            of scenes are the split of their tiles.
        split: Only that split.
        size_px: Side of a tile; 64 if left out.

    Raises:
        FileNotFoundError: There is not exactly one raster of classes.
        ValueError: A size below 1, a raster of classes that cannot be used, no tile of any scene has a class,
            or there is no such split.
    """
    labels, side = _rasters_of_classes(path), TILE_PX if size_px is None else size_px
    if len(labels) != 1:
        raise FileNotFoundError(
            f"{path} needs one raster of classes, labels.tif or CDL_....tif; it has {len(labels)}"
        )
    if side < 1:
        raise ValueError(f"size_px must be 1 or more, got {side}")
    _check_classes(labels[0])
    tiles: list[_Tile] = []
    refused: list[Refused] = []
    for scene, part in _with_splits(path):
        try:
            found = list(_labelled(scene, part, labels[0], side))
        except BadFileError as error:
            refused.append(Refused(scene.relative_to(path).as_posix(), str(error)))
            continue
        tiles += found
    if not tiles:
        why = refused[0].reason if refused else f"none is covered by {labels[0].name}"
        raise ValueError(f"no tile of {side} x {side} px of the scenes in {path} has a class: {why}")
    return _reading(path, of_split(tiles, split, path), side, refused)


def _reading(path: Path, tiles: Sequence[_Tile], side: int, refused: list[Refused]) -> Reading:
    classes = sorted({str(tile.code) for tile in tiles}, key=by_number)
    first, opened = tiles[0], _Opened()
    lat = place_of(first.meta.crs, first.meta.transform, first.meta.shape)[1]

    def record(tile: _Tile) -> PatchRecord:
        label = classes.index(str(tile.code))
        return _record(tile, opened.tile(tile.scene, *tile.corner, side), _name(tile, path), label)

    return Reading(
        root=str(path), sensor=NAIP, bands=NAIP.band_names, unit="uint8", jobs=tiles, read=record,
        pixel_size_m=metres_per_pixel(first.meta.crs, first.meta.transform, lat),
        names=lambda tile: _name(tile, path), attrs=NAIP_ATTRS, refused=tuple(refused),
        class_names=tuple(classes),
    )  # fmt: skip


def _name(tile: _Tile, path: Path) -> str:
    scene = tile.scene.relative_to(path).with_suffix("").as_posix()
    return f"{scene}-{tile.corner[0]:05d}-{tile.corner[1]:05d}"


def _record(tile: _Tile, pixels: NDArray[Any], name: str, label: int) -> PatchRecord:
    (top, left), (a, b, c, d, e, f) = tile.corner, tile.meta.transform
    moved = (a, b, c + a * left + b * top, d, e, f + d * left + e * top)
    lon, lat, grid = place_of(tile.meta.crs, moved, pixels.shape[1:])
    day = date_in(tile.scene.name)
    time = np.array(["NaT" if day is None else day], "datetime64[ns]")
    counts = eight_bits(as_counts(pixels, tile.meta.nodata))[None]
    return PatchRecord(name, counts, time, lon, lat, grid, label, split=tile.split)


def _labelled(scene: Path, split: str | None, labels: Path, side: int) -> Iterator[_Tile]:
    """The whole tiles of a scene of which one class covers half.

    Raises:
        BadFileError: The scene cannot be read, has other bands than NAIP, or nobody knows where it lies.
    """
    meta = describe_raster(scene)
    if min(meta.shape) < side:
        raise BadFileError(
            f"is {meta.shape[1]} x {meta.shape[0]} px, smaller than a tile of {side} (--tile-px)"
        )
    if meta.count != len(NAIP.bands):
        raise BadFileError(f"has {meta.count} bands, NAIP has {len(NAIP.bands)}")
    if meta.crs is None:
        raise BadFileError("has no CRS: nobody knows where it lies")
    for top, strip in _strips(meta, labels, side):
        for left in range(0, meta.shape[1] - side + 1, side):
            codes, counts = np.unique(strip[:, left : left + side], return_counts=True)
            counts = np.where(codes == 0, 0, counts)
            if counts.max() >= _LEAST_SHARE * side**2:
                yield _Tile(scene, meta, (top, left), int(codes[counts.argmax()]), split)


def _check_classes(labels: Path) -> None:
    """Refuse a raster of classes that is none."""
    try:
        meta = describe_raster(labels)
    except BadFileError as error:
        raise ValueError(f"{labels} {error}") from error
    if meta.count != 1 or np.dtype(meta.dtype).kind not in "ui" or meta.crs is None:
        raise ValueError(
            f"{labels} must have one band of whole numbers and a CRS, it has {meta.count} of {meta.dtype} "
            f"and {meta.crs or 'no CRS'}"
        )


def _strips(meta: RasterMeta, labels: Path, side: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Classes (side, W) of each row of tiles on the grid of a scene, 0 where there is none."""
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.vrt import WarpedVRT
    from rasterio.windows import Window

    height, width = meta.shape
    grid = {"crs": meta.crs, "transform": rasterio.Affine(*meta.transform), "width": width, "height": height}
    try:
        with rasterio.open(labels) as source, WarpedVRT(source, **grid) as laid:
            for top in range(0, height - side + 1, side):
                strip = laid.read(1, window=Window(0, top, width, side))
                yield top, np.where(strip == (source.nodata or 0), 0, np.maximum(strip, 0))
    except (RasterioError, OSError) as error:
        raise ValueError(f"{labels} {unreadable(error)}") from error
