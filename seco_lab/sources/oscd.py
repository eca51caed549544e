"""OSCD: pairs of Sentinel-2 scenes of cities, and where they differ (Daudt et al. 2018, arXiv:1810.08468)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.sensors import SENTINEL2_L1C
from seco_lab.sources.base import BadFileError
from seco_lab.sources.rasters import as_counts, date_in, place_of
from seco_lab.sources.scenes import splits_below

UNLABELLED = 255
OSCD_ATTRS = {
    "source": "OSCD (Daudt et al. 2018)",
    "licence": "imagery: Copernicus; change labels: CC BY-NC-SA",
    "attribution": "contains modified Copernicus Sentinel data; OSCD, Daudt et al. 2018",
}
_SINGLE = re.compile(r"(?:^|_)(B\d[\dA])$")
_STACKED = re.compile(r"_date([12])_(?:10|20|60)m$")


@dataclass(frozen=True)
class CityFiles:
    """Where one city lies.

    Attributes:
        name: Name of its folder.
        bands: For each of both dates the file of each band, and its band number in that file.
        label: File of the change map; None for a city without one.
        split: "train" or "test" where lists say so.
        dates: Days of both scenes as the files tell them; NaT where they do not.
    """

    name: str
    bands: tuple[dict[str, tuple[Path, int]], dict[str, tuple[Path, int]]]
    label: Path | None
    split: str | None
    dates: tuple[np.datetime64, np.datetime64]


@dataclass(frozen=True)
class CityScenes:
    """Both scenes of a city on the grid of the first, and the change map.

    Attributes:
        name: Name of the city.
        pixels: Shape (2, C, H, W), counts (L1C reflectance x 10000), 0 = no data.
        change: Shape (H, W), uint8: 0 unchanged, 1 changed; None for a city without labels.
        dates: Day of each scene, NaT where unknown.
        lon: Centre in degrees.
        lat: Centre in degrees.
        split: "train", "test" or None.
    """

    name: str
    pixels: NDArray[np.uint16]
    change: NDArray[np.uint8] | None
    dates: tuple[np.datetime64, np.datetime64]
    lon: float
    lat: float
    split: str | None


def find_cities(root: str | Path, *, rectified: bool = False) -> list[CityFiles]:
    """Cities below a folder, in the order of the alphabet.

    Known: the official download (folders of images and of labels side by side, ``imgs_1``, ``imgs_2`` and
    their ``_rect`` variants, ``cm``), all of it in one folder a city as the SeCo code wants it, and one
    GeoTIFF for each date and resolution (``bercy_date1_10m.tif``, ``bercy_change.tif``).

    Args:
        root: The folder.
        rectified: Take ``imgs_1_rect`` and ``imgs_2_rect``, registered and all on the 10 m grid.

    Raises:
        FileNotFoundError: Nothing is there.
        LookupError: No city in a known layout.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder at {root}; name the folder that holds the cities of OSCD")
    folders = sorted(p for p in [*root.glob("*"), *root.glob("*/*")] if p.is_dir())
    labels, splits = _labels_below(folders), splits_below(root)
    found = [city for folder in folders if (city := _city(folder, labels, splits, rectified)) is not None]
    if not found:
        wanted = "imgs_1_rect and imgs_2_rect" if rectified else "imgs_1 and imgs_2"
        raise LookupError(
            f"no city of OSCD below {root}: a city is a folder with {wanted}, or with files such as "
            "bercy_date1_10m.tif"
        )
    return sorted(found, key=lambda city: city.name)


def _city(folder: Path, labels: dict[str, Path], splits: dict[str, str], rectified: bool) -> CityFiles | None:
    suffix = "_rect" if rectified else ""
    parts = [folder / f"imgs_{number}{suffix}" for number in (1, 2)]
    if all(part.is_dir() for part in parts):
        first, second = (_single_bands(part) for part in parts)
        dates = _dates_of(folder, parts)
    else:
        first, second = _stacked_bands(folder)
        dates = _dates_of(folder, [])
        if rectified or not (first and second):
            return None
    name = folder.name
    return CityFiles(name, (first, second), labels.get(name), splits.get(name), dates)


def _single_bands(folder: Path) -> dict[str, tuple[Path, int]]:
    """Files of one band each: ``..._B04.tif``, ``B04.tif``."""
    found = {}
    for path in sorted(folder.glob("*.tif")):
        match = _SINGLE.search(path.stem)
        if match:
            found[match[1]] = (path, 1)
    return found


def _stacked_bands(folder: Path) -> list[dict[str, tuple[Path, int]]]:
    """Files of several bands with names in them: ``bercy_date1_20m.tif``."""
    import rasterio

    found: list[dict[str, tuple[Path, int]]] = [{}, {}]
    for path in sorted(folder.glob("*_date?_*m.tif")):
        match = _STACKED.search(path.stem)
        if match:
            with rasterio.open(path) as source:
                names = {str(name): (path, i) for i, name in enumerate(source.descriptions, 1)}
            found[int(match[1]) - 1] |= names
    return found


def _labels_below(folders: Sequence[Path]) -> dict[str, Path]:
    """Change map of each city. GeoTIFFs before pictures: some published pictures are coloured."""
    found: dict[str, Path] = {}
    for folder in folders:
        name = folder.name
        for pattern in ("cm/*-cm.tif", f"{name}_change.tif", "cm/cm.png"):
            path = next(iter(sorted(folder.glob(pattern))), None)
            if path is not None:
                found.setdefault(name, path)
                break
    return found


def _dates_of(folder: Path, parts: Sequence[Path]) -> tuple[np.datetime64, np.datetime64]:
    """Both days: from ``dates.txt``, else the table beside the folder, else the first file names."""
    found = [date_in(next((p.name for p in sorted(part.glob("*.tif"))), "")) for part in parts]
    table = folder.parent / "cities.csv"
    if (folder / "dates.txt").is_file():
        found = [date_in(line) for line in (folder / "dates.txt").read_text().splitlines()[:2]]
    elif table.is_file():
        rows = [line.split(",") for line in table.read_text().splitlines()]
        found = [date_in(text) for row in rows if row[0] == folder.name for text in row[1:3]]
    missing = np.datetime64("NaT", "ns")
    first, second = ([d if d is not None else missing for d in found] + [missing, missing])[:2]
    return first, second


def bands_of(city: CityFiles) -> tuple[str, ...]:
    """Bands that both dates have, in storage order."""
    both = set(city.bands[0]) & set(city.bands[1])
    return tuple(name for name in SENTINEL2_L1C.band_names if name in both)


def read_city(city: CityFiles, bands: Sequence[str]) -> CityScenes:
    """Both scenes of a city on the 10 m grid of the first date.

    A second date of another size has the same bounds, so it is resampled (bilinear); bands of 20 and 60 m are
    repeated.

    Raises:
        LookupError: A band is missing; the message names the city.
        ValueError: A file cannot be read, holds no data, or the change map has another size or other values
            than 0 and 1, 1 and 2, or 0 and 255.
    """
    missing = [name for name in bands if name not in bands_of(city)]
    if missing:
        raise LookupError(
            f"{city.name} lacks band {missing[0]}; it has {', '.join(bands_of(city)) or 'none'}"
        )
    path, _ = city.bands[0][_finest(city, bands)]
    crs, transform, size = _grid(path)
    pixels = np.stack([_scene(city.bands[date], bands, size) for date in (0, 1)])
    for date, scene in enumerate(pixels, 1):
        if not scene.any():
            raise ValueError(
                f"{city.name} holds no data at date {date}: leave the city out or fetch it again"
            )
    lon, lat = (np.nan, np.nan) if crs is None else place_of(crs, transform, size)[:2]
    change = None if city.label is None else read_change(city.label, size)
    return CityScenes(city.name, pixels, change, city.dates, lon, lat, city.split)


def _finest(city: CityFiles, bands: Sequence[str]) -> str:
    """A band on the 10 m grid: one of those wanted, or any that the city has."""
    known = [*bands, *bands_of(city)]
    return min(known, key=lambda name: SENTINEL2_L1C.band(name).resolution_m)


def _grid(path: Path) -> tuple[Any, tuple[float, ...], tuple[int, int]]:
    with _opened(path) as source:
        return source.crs, tuple(source.transform)[:6], source.shape


def _opened(path: Path) -> Any:
    """An open raster.

    Raises:
        ValueError: It cannot be opened; the message names the file.
    """
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path)
    except RasterioError as error:
        raise ValueError(f"{path} cannot be read, it may be truncated; fetch it again") from error


def _scene(files: dict[str, tuple[Path, int]], bands: Sequence[str], size: tuple[int, int]) -> NDArray:
    return np.stack([_band(*files[name], size) for name in bands])


def _band(path: Path, number: int, size: tuple[int, int]) -> NDArray[np.uint16]:
    from rasterio.enums import Resampling
    from rasterio.errors import RasterioError

    with _opened(path) as source:
        coarse = source.shape[0] < 0.9 * size[0]
        how = Resampling.nearest if coarse else Resampling.bilinear
        try:
            pixels = source.read(number, out_shape=size, resampling=how)
            return as_counts(pixels, source.nodata).astype(np.uint16)
        except (RasterioError, BadFileError) as error:
            raise ValueError(f"{path}: {error}; fetch the file again") from error


def read_change(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A change map as 0 and 1, shape (H, W).

    Raises:
        ValueError: Another size than that of the scene, or other values than a change map has.
    """
    with _opened(path) as source:
        values = source.read(1)
    if values.shape != tuple(size):
        raise ValueError(
            f"{path} is {values.shape[0]} x {values.shape[1]} px, the scene {size[0]} x {size[1]} px; "
            "take images and labels of the same variant (imgs_1 or imgs_1_rect)"
        )
    found = set(np.unique(values).tolist())
    for unchanged, changed in ((0, 1), (1, 2), (0, 255)):
        if found <= {unchanged, changed}:
            return (values == changed).astype(np.uint8)
    raise ValueError(
        f"{path} holds the values {sorted(found)[:6]}; a change map has 0 and 1, 1 and 2, or 0 and 255"
    )
