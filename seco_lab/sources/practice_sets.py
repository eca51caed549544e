"""Practice data sets: places of the simulated world in the layout of NAIP scenes and of GeoImageNet."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm.auto import tqdm

from seco_lab.cube import utm_epsg
from seco_lab.places import Place
from seco_lab.sources.base import SPLITS
from seco_lab.sources.geoimagenet import COLUMNS, TABLE
from seco_lab.sources.geoimagenet import SIZE_PX as PICTURE_PX
from seco_lab.sources.simulated import SimulatedSource
from seco_lab.store.files import put_in_place
from seco_lab.whole import hidden, remove_leftovers

PIXEL_M = 10.0
_BANDS = ("B04", "B03", "B02", "B08")  # what the simulated world shows for R, G, B, N
# Counts (reflectance x 10000) that are written as 255: bright roofs in a picture, fresh leaves in infrared.
_WHITE, _WHITE_AERIAL = 3000, 5000
_DAY = np.datetime64("2022-06-15", "D")
_BLOCK_PX = 512  # few of them, as most lie between the scenes and hold nothing


def write_practice_naip(
    folder: str | Path,
    lists: Mapping[str, Sequence[Place]],
    *,
    day: np.datetime64 = _DAY,
    scene_px: int = 192,
    seed: int = 0,
    progress: bool = True,
) -> Path:
    """Scenes of the simulated world as people keep NAIP: four bands of 8 bits beside a raster of classes.

    ``labels.tif`` covers all scenes on one UTM grid, so all places lie in one zone; its numbers are positions
    in ``seco_lab.world.LAND_COVER`` plus 1. Pixels have the world's 10 m, not the 1 m of NAIP. Scenes of each
    list lie in a folder of its name, which ``load_naip`` takes as their split.

    Args:
        folder: Made; it is there whole or not at all.
        lists: Centres of the scenes of "train", "val" and "test", or of some of these.
        day: When they are seen, without clouds.
        scene_px: Side of a scene in pixels of 10 m.
        seed: Which world.
        progress: Show a bar.

    Raises:
        FileExistsError: Something is in the folder.
        ValueError: Lists of other names, without places, or of several UTM zones.
        OSError: The disk is full.
    """
    names, places = _flat(lists)
    zones = np.unique(utm_epsg([place.lon for place in places], [place.lat for place in places]))
    if len(zones) > 1:
        raise ValueError(
            f"one raster of classes lies in one UTM zone, the places lie in {len(zones)} "
            f"({', '.join(map(str, zones[:4]))}{', ...' if len(zones) > 4 else ''}); choose places of one"
        )
    with _whole_folder(Path(folder)) as partial:
        cube = SimulatedSource(seed, clouds=False).labelled(places, np.array([day]), scene_px, _BANDS)
        stamp = str(day).replace("-", "")
        pixels = eight_bits(cube["reflectance"].values[:, 0], _WHITE_AERIAL)
        for row in tqdm(range(len(places)), desc="writing scenes", disable=not progress, delay=2):
            path = partial / names[row] / f"m_{row:05d}_{stamp}.tif"
            path.parent.mkdir(exist_ok=True)
            where = _at(cube, cube["x0"][row], cube["y0"][row]) | {"width": scene_px, "height": scene_px}
            _write_tif(path, [(0, 0, pixels[row])], count=len(_BANDS), **where)
        _write_classes(partial / "labels.tif", cube)
    return Path(folder)


def write_practice_geoimagenet(
    folder: str | Path,
    lists: Mapping[str, Sequence[Place]],
    *,
    day: np.datetime64 = _DAY,
    patch_px: int = 64,
    seed: int = 0,
    progress: bool = True,
) -> Path:
    """Pictures of the simulated world laid out as GeoImageNet: folders of classes and a table of coordinates.

    True colour as a JPEG of 224 px, as the data set has them; the class is the land cover that names the
    patch, one of ``seco_lab.world.EUROSAT_CLASSES``.

    Args:
        folder: Made; it is there whole or not at all.
        lists: Places of "train", "val" and "test", or of some of these.
        day: When they are seen, without clouds.
        patch_px: Side of a place in pixels of 10 m, before it is scaled.
        seed: Which world.
        progress: Show a bar.

    Raises:
        FileExistsError: Something is in the folder.
        ValueError: Lists of other names or without places.
        OSError: The disk is full.
    """
    from PIL import Image

    names, places = _flat(lists)
    with _whole_folder(Path(folder)) as partial:
        cube = SimulatedSource(seed, clouds=False).labelled(places, np.array([day]), patch_px, "rgb")
        pixels = eight_bits(cube["reflectance"].values[:, 0], _WHITE).transpose(0, 2, 3, 1)
        rows = [",".join(COLUMNS)]
        for row, place in enumerate(tqdm(places, desc="writing pictures", disable=not progress, delay=2)):
            kind = cube.attrs["class_names"][int(cube["label"][row])]
            path = partial / names[row] / kind / f"{row:06d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(np.ascontiguousarray(pixels[row]))
            picture.resize((PICTURE_PX, PICTURE_PX), Image.Resampling.BICUBIC).save(path, quality=95)
            rows.append(f"{row:06d},{place.lat:.6f},{place.lon:.6f}")
        (partial / TABLE).write_text("\n".join(rows) + "\n")
    return Path(folder)


def eight_bits(counts: NDArray[np.uint16], white: int) -> NDArray[np.uint8]:
    """Counts as 1 to 255, where 255 is ``white`` and brighter; 0 would be no data."""
    return np.clip(np.rint(counts * (255 / white)), 1, 255).astype(np.uint8)


def _flat(lists: Mapping[str, Sequence[Place]]) -> tuple[list[str], list[Place]]:
    """The list of each place, and all places."""
    odd = [name for name in lists if name not in SPLITS]
    if odd or not any(lists.values()):
        came = ", ".join(odd) or (f"{', '.join(lists)} without places" if lists else "no list")
        raise ValueError(f"wanted places of {', '.join(SPLITS)} or of some of these, got {came}")
    names = [name for name, places in lists.items() for _ in places]
    return names, [place for places in lists.values() for place in places]


def _write_classes(path: Path, cube: xr.Dataset) -> None:
    """Land cover below all scenes on one grid; the blocks between them take no room."""
    side, (x0, y0) = cube.sizes["x"], (cube[name].values for name in ("x0", "y0"))
    left, top = np.rint((x0 - x0.min()) / PIXEL_M).astype(int), np.rint((y0.max() - y0) / PIXEL_M).astype(int)
    where = _at(cube, x0.min(), y0.max()) | {
        "count": 1,
        "width": int(left.max()) + side,
        "height": int(top.max()) + side,
    }
    how = {"tiled": True, "blockxsize": _BLOCK_PX, "blockysize": _BLOCK_PX, "sparse_ok": True, "nodata": 0}
    classes = cube["mask"].values[:, None] + np.uint8(1)
    _write_tif(path, zip(left.tolist(), top.tolist(), classes, strict=True), **where, **how)


def _at(cube: xr.Dataset, x0: float, y0: float) -> dict[str, Any]:
    """Where a raster of the world lies, as rasterio wants it."""
    import rasterio

    return {
        "crs": f"EPSG:{int(cube['epsg'][0])}",
        "transform": rasterio.Affine(PIXEL_M, 0, float(x0), 0, -PIXEL_M, float(y0)),
    }


def _write_tif(path: Path, parts: Iterable[tuple[int, int, NDArray[np.uint8]]], **form: Any) -> None:
    """A GeoTIFF of parts (left, top, pixels); made in memory, as GDAL passes over a disk that is full."""
    from rasterio.io import MemoryFile
    from rasterio.windows import Window

    with MemoryFile() as memory:
        with memory.open(driver="GTiff", dtype="uint8", compress="deflate", **form) as target:
            for left, top, pixels in parts:
                target.write(pixels, window=Window(left, top, pixels.shape[2], pixels.shape[1]))
        path.write_bytes(memory.read())


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder to write to, which takes its place when all is written."""
    remove_leftovers(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is there and not empty; name another folder, or remove it")
    partial = hidden(folder, "partial")
    partial.mkdir(parents=True)
    try:
        yield partial
        put_in_place(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
