"""fMoW: places of 62 kinds, seen several times from space (Christie et al. 2018, arXiv:1711.07846)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from seco_lab.sources.base import SPLITS, BadFileError, Reading, Refused, of_split
from seco_lab.sources.pictures import Picture, picture_reading, relative, scaled

FMOW_CLASSES = tuple(
    """airport airport_hangar airport_terminal amusement_park aquaculture archaeological_site barn
    border_checkpoint burial_site car_dealership construction_site crop_field dam debris_or_rubble
    educational_institution electric_substation factory_or_powerplant fire_station flooded_road fountain
    gas_station golf_course ground_transportation_station helipad hospital impoverished_settlement interchange
    lake_or_pond lighthouse military_facility multi-unit_residential nuclear_powerplant office_building
    oil_or_gas_facility park parking_lot_or_garage place_of_worship police_station port prison race_track
    railway_bridge recreational_facility road_bridge runway shipyard shopping_mall single-unit_residential
    smokestack solar_farm space_facility stadium storage_tank surface_mine swimming_pool toll_booth tower
    tunnel_opening waste_disposal water_treatment_facility wind_farm zoo""".split()
)
SIZE_PX = 224
# airport_hangar_12_3_rgb.jpg: class, number of the place, number of the date; crops end in _crop_0.
_NAME = re.compile(r"^(?P<kind>.+)_(?P<place>\d+)_(?P<date>\d+)_rgb(?P<crop>_crop_\d+)?$")
_NOT_A_CLASS = "false_detection"
_DEEPEST = 4
_ATTRS = {
    "source": "fMoW (Christie et al. 2018)",
    "licence": "see the data set",
    "attribution": "fMoW, IARPA",
}


def is_fmow(path: Path) -> bool:
    """Whether pictures with names as in fMoW lie in a folder, or are named by a table in it."""
    if not path.is_dir():
        return False
    for depth in range(1, _DEEPEST + 1):
        first = next(path.glob("/".join(["*"] * (depth - 1) + ["*_rgb*.jpg"])), None)
        if first is not None:
            return bool(_NAME.match(first.stem))
    return False


def sequence_of(patch: str) -> str:
    """The place of a patch: patches of one place differ in their date alone.

    Raises:
        LookupError: Not the name of an fMoW patch.
    """
    found = _NAME.match(PurePosixPath(patch).name)
    if found is None:
        raise LookupError(f"{patch!r} is not named as in fMoW, such as airport_0_3_rgb")
    folder = PurePosixPath(patch).parent
    return (folder / f"{found['kind']}_{found['place']}{found['crop'] or ''}").as_posix()


def find_fmow(
    path: Path, *, csv: str | Path | None = None, split: str | None = None, size_px: int = SIZE_PX
) -> Reading:
    """Reader of fMoW-rgb: one season of red, green and blue, 8 bits, with a label.

    Original pictures are cut to the box in the JSON beside them, crops (``..._rgb_crop_0.jpg``, as GASSL uses
    them) are taken whole; of both the short side is scaled to ``size_px`` and the middle kept. ``_msrgb``
    pictures show the same acquisitions again and are passed over, so is ``false_detection``. Tables
    (``train_62classes.csv``: label, path) say which pictures count; without one, all that are there.

    Args:
        path: Folder with the folders of splits or classes.
        csv: A table, where it does not lie in the folder.
        split: Only that split: of the folder's or table's name.
        size_px: Side of the patches.

    Raises:
        FileNotFoundError: The table is not there.
        ValueError: The table holds no labels or contradicts the names, or there is no such split.
    """
    if csv is not None and not Path(csv).is_file():
        raise FileNotFoundError(f"no table of images at {csv}")
    tables = [Path(csv)] if csv is not None else sorted(path.glob("*.csv"))
    refused: list[Refused] = []
    pictures = (
        [p for table in tables for p in _of_table(path, table, refused)] if tables else _of_folder(path)
    )
    pictures = [p for p in pictures if p.class_name != _NOT_A_CLASS]
    pictures = of_split(pictures, split, path)
    return picture_reading(
        path, pictures, classes=FMOW_CLASSES, fit=scaled(size_px), complete=_completed, attrs=_ATTRS,
        refused=refused,
    )  # fmt: skip


def _of_folder(path: Path) -> list[Picture]:
    return [picture for file in _files(path) if (picture := _picture(file, path, None)) is not None]


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(file for file in path.rglob("*_rgb*.jpg") if _NAME.match(file.stem))


def _picture(file: Path, root: Path, split: str | None) -> Picture | None:
    """A picture of what its name and folders say."""
    found = _NAME.match(file.stem)
    if found is None:
        return None
    folders = file.relative_to(root).parts[:-1] if file.is_relative_to(root) else ()
    split = split or next((part for part in folders if part in SPLITS), None)
    # Places are numbered anew in each split, so the split belongs to the name.
    name = file.stem if split is None else f"{split}/{file.stem}"
    return Picture(file, name, found["kind"], split)


def _of_table(root: Path, table: Path, refused: list[Refused]) -> list[Picture]:
    """Pictures of a table of labels and paths, in its order."""
    import pandas as pd

    rows = pd.read_csv(table, dtype=str)
    if rows.shape[1] < 2:
        raise ValueError(f"{table} needs a label and a path in its first two columns, it has {rows.shape[1]}")
    split = next((name for name in SPLITS if table.stem.startswith(name)), None)
    kinds: dict[str, str] = {}
    pictures = []
    for label, given in rows.iloc[:, :2].itertuples(index=False):
        file = _found(root, str(given))
        picture = None if file is None else _picture(file, root, split)
        if picture is None:
            why = "there is no such image" if file is None else "its name is not one of fMoW"
            refused.append(Refused(str(given), f"is in {table.name}, but {why}"))
            continue
        if kinds.setdefault(str(label), picture.class_name) != picture.class_name:
            raise ValueError(
                f"{table}: label {label} stands for {kinds[str(label)]} and for {picture.class_name} "
                f"({relative(picture.file, root)}); the table belongs to other images"
            )
        pictures.append(picture)
    return pictures


def _found(root: Path, given: str) -> Path | None:
    """The file that a path of a table means: the tables that go round start with folders of their authors."""
    parts = PurePosixPath(given).parts
    for start in range(len(parts)):
        file = root.joinpath(*[part for part in parts[start:] if part != "/"])
        if file.is_file():
            return file
    return None


def _completed(picture: Picture) -> Picture:
    """Place, date and box, from the JSON beside the picture."""
    found = _NAME.match(picture.file.stem)
    crop = found["crop"] or ""
    beside = picture.file.with_name(picture.file.stem.removesuffix(crop) + ".json")
    if not beside.is_file():
        if crop:
            return picture
        raise BadFileError(f"lacks {beside.name}, so nobody knows which part of it shows the class")
    try:
        told = json.loads(beside.read_text())
        lon, lat = _centre(told.get("raw_location"))
        time = (
            np.datetime64(str(told["timestamp"]).rstrip("Z"), "ns") if "timestamp" in told else picture.time
        )
        box = None if crop else _box(told, picture)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFileError(f"has a {beside.name} that cannot be read ({error}); unpack it again") from error
    return replace(picture, lon=lon, lat=lat, time=time, box=box)


def _box(told: dict, picture: Picture) -> tuple[float, float, float, float]:
    """The first box of the picture's class."""
    boxes = [b for b in told["bounding_boxes"] if b.get("category", picture.class_name) == picture.class_name]
    if not boxes:
        raise ValueError(f"no box of class {picture.class_name}")
    left, top, width, height = (float(number) for number in boxes[0]["box"])
    return left, top, width, height


def _centre(polygon: str | None) -> Sequence[float]:
    """Longitude and latitude in the middle of a footprint in WKT; NaN where none is given."""
    if not polygon:
        return np.nan, np.nan
    from shapely import from_wkt

    point = from_wkt(polygon).centroid
    return point.x, point.y
