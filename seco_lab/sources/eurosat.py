"""EuroSAT: pictures (JPEG) or 13-band GeoTIFFs, as folders of classes, a zip, or a table with coordinates."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seco_lab.sensors import SENTINEL2_L1C
from seco_lab.sources.base import BadFileError, PatchRecord, Reading, Refused, of_split
from seco_lab.sources.pictures import decoded
from seco_lab.sources.rasters import as_counts, place_of, read_raster

if TYPE_CHECKING:
    import pandas as pd

EUROSAT_CLASSES = (
    "AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial",
    "Pasture", "PermanentCrop", "Residential", "River", "SeaLake",
)  # fmt: skip
# The 13-band files carry no band names, and B8A comes last in them, not after B08.
EUROSAT_MS_BANDS = (
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A",
)  # fmt: skip
_ATTRS = {
    "source": "EuroSAT (Helber et al. 2019)",
    "licence": "MIT",
    "attribution": "contains modified Copernicus Sentinel data; EuroSAT, Helber et al. 2019",
}
_COLUMNS = {"filename", "class"}


@dataclass(frozen=True)
class _Image:
    """One image: where it lies, its class, and what the table says of it."""

    name: str
    class_name: str
    split: str | None = None
    lon: float = np.nan
    lat: float = np.nan


def is_eurosat(path: Path) -> bool:
    """Whether a path is a EuroSAT zip, table or folder."""
    if path.suffix == ".zip":
        return zipfile.is_zipfile(path) and any(_class_in(name) for name in _names_in(path)[:2000])
    if path.suffix == ".csv":
        return _is_table(path)
    if not path.is_dir():
        return False
    return any(is_eurosat(p) for p in path.glob("*.zip")) or any(_class_in(n) for n in _names_in(path)[:2000])


def _is_table(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        return set(lines.readline().strip().split(",")) >= _COLUMNS


def _names_in(path: Path) -> list[str]:
    """Names of all images below a folder or in a zip, in order."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    else:
        below = [*path.glob("*"), *path.glob("*/*"), *path.glob("*/*/*")]
        names = [p.relative_to(path).as_posix() for p in below]
    return sorted(n for n in names if PurePosixPath(n).suffix.lower() in (".jpg", ".jpeg", ".tif"))


def _class_in(name: str) -> str | None:
    """Class of an image from its folder, or from its own name before the underscore."""
    path = PurePosixPath(name)
    for part in (path.parent.name, path.name.partition("_")[0]):
        if part in EUROSAT_CLASSES:
            return part
    return None


def find_eurosat(
    path: Path, *, csv: str | Path | None = None, split: str | None = None, limit: int | None = None
) -> Reading:
    """Reader of EuroSAT: one season, with a label, and where a table gives them also split and place.

    Pictures keep their 8-bit counts (unit ``eurosat_jpeg``: reflectance 0.275 is 255); 13-band files keep
    reflectance x 10000 and are put in the order of wavelengths.

    Args:
        path: Folder, zip, or table beside its images: a CSV with filename, class, and where known split,
            latitude and longitude.
        csv: The table, where it lies elsewhere.
        split: Only the images of that split of the table.
        limit: Only so many images, spread evenly over the list.

    Raises:
        FileNotFoundError: The table is not there.
        ValueError: A split was asked for and there is no table, or the split is not in it.
    """
    table = _table(path, csv)
    store = _image_store(path)
    names, refused = _names_in(store), []
    images = _images(names) if table is None else _images_of_table(names, table, refused)
    images = of_split(images, split, path)
    if limit is not None and limit < len(images):
        images = [images[i] for i in np.linspace(0, len(images) - 1, limit).astype(int)]
    if bool(images) and images[0].name.lower().endswith(".tif"):
        return _reading_13_bands(path, store, images, refused)
    return _reading_pictures(path, store, images, refused)


def _table(path: Path, csv: str | Path | None) -> pd.DataFrame | None:
    """The table that was named, that ``path`` is, or that lies beside the images."""
    import pandas as pd

    if csv is not None:
        if not Path(csv).is_file():
            raise FileNotFoundError(f"no table of images at {csv}")
        return pd.read_csv(csv)
    beside = sorted((path if path.is_dir() else path.parent).glob("*.csv"))
    tables = [path] if path.suffix == ".csv" else [p for p in beside if _is_table(p)]
    if len(tables) > 1:
        raise ValueError(f"{path} has {len(tables)} tables beside it; name the right one with csv=...")
    return pd.read_csv(tables[0]) if tables else None


def _image_store(path: Path) -> Path:
    """The folder or zip that holds the images."""
    folder = path.parent if path.suffix == ".csv" else path
    if folder.is_dir() and not any(_class_in(n) for n in _names_in(folder)):
        zips = [p for p in sorted(folder.glob("*.zip")) if is_eurosat(p)]
        return zips[0] if zips else folder
    return folder


def _images(names: Sequence[str]) -> list[_Image]:
    return [_Image(name, found) for name in names if (found := _class_in(name))]


def _images_of_table(names: Sequence[str], table: pd.DataFrame, refused: list[Refused]) -> list[_Image]:
    """The images of a table, in its order; those that are not there are refused."""
    known = {PurePosixPath(name).name: name for name in names}
    images = []
    for row in table.to_dict("records"):
        name = known.get(PurePosixPath(str(row["filename"])).name)
        if name is None:
            refused.append(Refused(str(row["filename"]), "is in the table, but there is no such image"))
            continue
        lon, lat = (float(row.get(key, np.nan)) for key in ("longitude", "latitude"))
        split = str(row["split"]) if "split" in row else None
        images.append(_Image(name, str(row["class"]), split, lon, lat))
    return images


def _class_names(images: Sequence[_Image]) -> tuple[str, ...]:
    """The ten official classes, or those found, in the order of the alphabet."""
    found = {image.class_name for image in images}
    return EUROSAT_CLASSES if found <= set(EUROSAT_CLASSES) else tuple(sorted(found))


def _reading_pictures(path: Path, store: Path, images: list[_Image], refused: list[Refused]) -> Reading:
    load, classes = _loader(store), _class_names(images)

    def read(image: _Image) -> PatchRecord:
        pixels = decoded(load(image.name))
        return _record(image, pixels, classes, image.lon, image.lat, None)

    return Reading(
        root=str(path), sensor=SENTINEL2_L1C, bands=SENTINEL2_L1C.rgb, unit="eurosat_jpeg", pixel_size_m=10.0,
        jobs=images, read=read, names=lambda image: image.name, attrs=_ATTRS, refused=tuple(refused),
        class_names=classes,
    )  # fmt: skip


def _reading_13_bands(path: Path, store: Path, images: list[_Image], refused: list[Refused]) -> Reading:
    if store.suffix == ".zip":
        raise ValueError(f"{store} holds GeoTIFFs: unpack it first, they are read from a folder")
    order = [EUROSAT_MS_BANDS.index(name) for name in SENTINEL2_L1C.band_names]
    classes = _class_names(images)

    def read(image: _Image) -> PatchRecord:
        raster = read_raster(store / image.name, bands=13)
        lon, lat, grid = place_of(raster.crs, raster.transform, raster.pixels.shape[1:])
        return _record(image, as_counts(raster.pixels, raster.nodata)[order], classes, lon, lat, grid)

    return Reading(
        root=str(path), sensor=SENTINEL2_L1C, bands=SENTINEL2_L1C.band_names, unit="dn", pixel_size_m=10.0,
        jobs=images, read=read, names=lambda image: image.name, attrs=_ATTRS, refused=tuple(refused),
        class_names=classes,
    )  # fmt: skip


def _record(
    image: _Image, pixels: NDArray, classes: Sequence[str], lon: float, lat: float,
    grid: tuple[int, float, float] | None,
) -> PatchRecord:  # fmt: skip
    if pixels.shape[-2:] != (64, 64):
        raise BadFileError(f"is {pixels.shape[-2]} x {pixels.shape[-1]} px, EuroSAT has 64 x 64")
    return PatchRecord(
        patch=PurePosixPath(image.name).stem,
        pixels=pixels[None],
        time=np.array(["NaT"], "datetime64[ns]"),
        lon=lon,
        lat=lat,
        grid=grid,
        label=classes.index(image.class_name),
        split=image.split,
    )


def _loader(store: Path):  # noqa: ANN202
    """A function name -> bytes; a zip is read by one thread at a time, decoding is not."""
    if store.suffix != ".zip":
        return lambda name: (store / name).read_bytes()
    archive, lock = zipfile.ZipFile(store), Lock()

    def load(name: str) -> bytes:
        try:
            with lock:
                return archive.read(name)
        except zipfile.BadZipFile as error:
            raise BadFileError(f"cannot be unpacked ({error})") from error

    return load
