"""GeoImageNet: ImageNet's classes in photographs whose place is known (Ayush et al., arXiv:2011.09980)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seco_lab.sources.base import SPLITS, Reading, Refused, of_split
from seco_lab.sources.pictures import Picture, exactly, picture_reading, scaled

SIZE_PX = 224
TABLE = "metadata.csv"
COLUMNS = ("id", "lat", "lon")
_ENDINGS = (".jpg", ".jpeg", ".png")
_ATTRS = {
    "source": "GeoImageNet (Ayush et al. 2021)",
    "licence": "each photograph its own",
    "attribution": "the photographers, Flickr",
}


def is_geoimagenet(path: Path) -> bool:
    """Whether a table of coordinates lies beside folders of classes."""
    table = path / TABLE
    if not table.is_file():
        return False
    with table.open(encoding="utf-8-sig", errors="replace") as lines:
        return set(COLUMNS) <= {name.strip() for name in lines.readline().split(",")}


def find_geoimagenet(path: Path, *, split: str | None = None, size_px: int | None = None) -> Reading:
    """Reader of folders of classes with the place of each photograph: one season, 8 bits, with a label.

    Args:
        path: Folder with ``metadata.csv`` (id, lat, lon, ...), where id is the name of a picture without its
            ending, and a folder of pictures a class, or ``train`` and ``val`` with such folders.
        split: Only that split.
        size_px: Scale pictures of any size to this side; by default they must have 224 px, as the data set.

    Raises:
        FileNotFoundError: There is no table.
        ValueError: The table lacks a column, or there is no such split.
    """
    places = _places(path / TABLE)
    pictures: dict[str, Picture] = {}
    refused: list[Refused] = []
    for part, folder in _class_folders(path):
        for file in sorted(file for file in folder.iterdir() if file.suffix.lower() in _ENDINGS):
            name = "/".join([*([part] if part else []), folder.name, file.stem])
            if file.stem not in places:
                refused.append(
                    Refused(name, f"is not in {TABLE}, whose ids are like {next(iter(places), 'none')}")
                )
                continue
            if name in pictures:
                refused.append(Refused(name + file.suffix, f"is there as {pictures[name].file.name} as well"))
                continue
            lon, lat = places[file.stem]
            pictures[name] = Picture(file, name, folder.name, part, lon, lat)
    wanted = of_split(list(pictures.values()), split, path)
    fit = exactly(SIZE_PX, "GeoImageNet") if size_px is None else scaled(size_px)
    classes = sorted({folder.name for _, folder in _class_folders(path)})
    return picture_reading(path, wanted, classes=classes, fit=fit, attrs=_ATTRS, refused=refused)


def _class_folders(path: Path) -> list[tuple[str | None, Path]]:
    """Split, where there are some, and folder of each class."""
    splits = [path / name for name in SPLITS if (path / name).is_dir()]
    return [
        (root.name if splits else None, folder)
        for root in splits or [path]
        for folder in sorted(root.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
    ]


def _places(table: Path) -> dict[str, tuple[float, float]]:
    """Longitude and latitude by picture; NaN where the table has none, or one that is not on the Earth."""
    import pandas as pd

    if not table.is_file():
        raise FileNotFoundError(
            f"no {table}; GeoImageNet tells the place of each picture there (id, lat, lon)"
        )
    # Names of towns may be in any encoding; spreadsheets put spaces behind commas.
    rows = pd.read_csv(table, dtype={"id": str}, skipinitialspace=True, encoding_errors="replace")
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise ValueError(
            f"{table} lacks the column {missing[0]!r}; it has {', '.join(map(str, rows.columns))}"
        )
    lon, lat = (pd.to_numeric(rows[name], errors="coerce").to_numpy(float) for name in ("lon", "lat"))
    on_earth = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    lon, lat = (np.where(on_earth, axis, np.nan).tolist() for axis in (lon, lat))
    return dict(zip(rows["id"], zip(lon, lat, strict=True), strict=True))
