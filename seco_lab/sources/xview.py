"""xView: objects in pictures of 0.3 m, GeoJSON boxes beside GeoTIFFs (Lam et al. 2018, arXiv:1802.07856)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.sensors import RGB8
from seco_lab.sources.base import BadFileError
from seco_lab.sources.rasters import RasterMeta, describe_raster
from seco_lab.sources.scenes import Scenes, scene_cube, splits_below
from seco_lab.sources.xview_classes import XVIEW_CLASSES

if TYPE_CHECKING:
    import pandas as pd

XVIEW_ATTRS = {
    "source": "xView (Lam et al. 2018)",
    "licence": "CC BY-NC-SA 4.0",
    "attribution": "xView, DIUx; DigitalGlobe imagery",
}
_COLUMNS = ("image_id", "type_id", "bounds_imcoords")
_NAMES = tuple(XVIEW_CLASSES.values())


@dataclass(frozen=True)
class _Boxes:
    """Boxes of all pictures, and what was left out.

    Attributes:
        by_image: File name of a picture to (N, 5): class, left, top, right, bottom, as the file has them.
        notes: What was left out, in sentences.
    """

    by_image: dict[str, NDArray[np.float32]]
    notes: tuple[str, ...]


def find_xview(root: str | Path, *, labels: str | Path | None = None, limit: int | None = None) -> Scenes:
    """Scenes of xView, each with the boxes that lie in it.

    Left out and told in ``notes``: class ids that xView does not name (75 and 82 are in the official file),
    boxes whose coordinates cannot be read, or that lie outside their picture, pictures that are listed and
    not there, that cannot be read or that are in no list. Boxes that hang over an edge are cut there.

    Args:
        root: Folder with ``train_images`` and ``xView_train.geojson``, or with the pictures themselves.
        labels: The GeoJSON, where it lies elsewhere.
        limit: Only so many pictures, those with the first names.

    Raises:
        FileNotFoundError: No folder or no GeoJSON.
        LookupError: No picture of the list is there.
        ValueError: The GeoJSON cannot be read or lacks a field.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder at {root}; name the folder that holds train_images of xView")
    read = _read_boxes(_labels_at(root, labels))
    files = {path.name: path for pattern in ("*.tif", "*/*.tif") for path in sorted(root.glob(pattern))}
    files = {name: path for name, path in files.items() if not name.startswith("._")}
    wanted = sorted(set(read.by_image) & set(files), key=_natural)[:limit]
    if not wanted:
        raise LookupError(
            f"none of the {len(read.by_image)} pictures of the list lies below {root}; put the .tif files of "
            "train_images there"
        )
    metas, broken = _described(wanted, files)
    notes = [*read.notes, *_absent(set(read.by_image), set(files)), *broken]
    kept, outside = {}, 0
    for name, meta in metas.items():
        kept[name] = boxes_within(read.by_image[name], meta.shape)
        outside += len(read.by_image[name]) - len(kept[name])
    if outside:
        notes.append(f"{outside} boxes lie outside their picture and were left out")
    splits = splits_below(root)

    def open_picture(stem: str) -> xr.Dataset:
        name = f"{stem}.tif"
        return scene_cube(
            files[name], metas[name], name=stem, sensor=RGB8, bands=RGB8.band_names, positions=(0, 1, 2),
            boxes=kept[name], split=splits.get(stem), class_names=_NAMES, attrs=XVIEW_ATTRS,
        )  # fmt: skip

    return Scenes([Path(name).stem for name in metas], open_picture, class_names=_NAMES, notes=notes)


def _labels_at(root: Path, labels: str | Path | None) -> Path:
    if labels is not None:
        found = [Path(labels)]
    else:
        found = [*sorted(root.glob("*.geojson")), *sorted(root.glob("*/*.geojson"))]
        found = [path for path in found if not path.name.startswith("._")]
    if not found or not found[0].is_file():
        raise FileNotFoundError(
            f"no file of boxes at {labels or root}; xView has them in xView_train.geojson, put it there"
        )
    return found[0]


def _read_boxes(path: Path) -> _Boxes:
    """Boxes by picture; only three fields of the file are read: it has a million entries."""
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        table = pyogrio.read_dataframe(path, columns=list(_COLUMNS), read_geometry=False)
    except DataSourceError as error:
        raise ValueError(f"{path} cannot be read, it may be truncated ({error}); fetch it again") from error
    missing = [name for name in _COLUMNS if name not in table]
    if missing:
        raise ValueError(f"{path} lacks the field {missing[0]!r}; a box of xView has {', '.join(_COLUMNS)}")
    return _grouped(table)


def _grouped(table: pd.DataFrame) -> _Boxes:
    numbers = {type_id: number for number, type_id in enumerate(XVIEW_CLASSES)}
    classes = table["type_id"].map(numbers)
    corners, sound = _corners(table["bounds_imcoords"])
    notes = []
    unknown = table["type_id"][classes.isna()]
    if len(unknown):
        ids = ", ".join(str(i) for i in sorted(unknown.dropna().astype(int).unique())[:6]) or "none given"
        notes.append(f"{len(unknown)} boxes of classes that xView does not name ({ids}) were left out")
    if (~sound).any():
        notes.append(f"{int((~sound).sum())} boxes have coordinates that cannot be read and were left out")
    kept = sound & classes.notna().to_numpy()
    rows = np.column_stack([classes.fillna(-1).to_numpy(), corners]).astype(np.float32)
    images = table["image_id"].astype(str)
    by_image = {name: rows[index][kept[index]] for name, index in images.groupby(images).indices.items()}
    return _Boxes(by_image, tuple(notes))


def _corners(texts: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Corners (N, 4) of texts such as "2712,1145,2746,1177", and which of them are boxes with an area."""
    import pandas as pd

    parts = texts.astype("string").str.split(",", expand=True).reindex(columns=range(5))
    corners = np.column_stack([pd.to_numeric(parts[i], errors="coerce").to_numpy(float) for i in range(4)])
    sound = np.isfinite(corners).all(1) & parts[4].isna().to_numpy()
    sound &= (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
    return np.where(sound[:, None], corners, 0), sound


def boxes_within(boxes: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Boxes (N, 5) cut at the edges of a picture (height, width); those that keep less than a pixel go."""
    cut = boxes.copy()
    cut[:, 1::2] = cut[:, 1::2].clip(0, shape[1])
    cut[:, 2::2] = cut[:, 2::2].clip(0, shape[0])
    return cut[((cut[:, 3] - cut[:, 1]) >= 1) & ((cut[:, 4] - cut[:, 2]) >= 1)]


def _described(names: Sequence[str], files: dict[str, Path]) -> tuple[dict[str, RasterMeta], list[str]]:
    """What the pictures say of themselves; those that cannot be used as sentences."""
    metas, notes = {}, []
    for name in names:
        try:
            meta = describe_raster(files[name])
            if meta.count < 3 or meta.dtype != "uint8":
                raise BadFileError(f"has {meta.count} bands of {meta.dtype}, wanted 3 of uint8")
            metas[name] = meta
        except BadFileError as bad:
            notes.append(f"{name} {bad} and was left out")
    if not metas:
        raise LookupError(f"no picture can be used: {notes[0]}")
    return metas, notes


def _absent(listed: set[str], there: set[str]) -> list[str]:
    notes = []
    if listed - there:
        first = ", ".join(sorted(listed - there, key=_natural)[:3])
        notes.append(f"{len(listed - there)} pictures have boxes and are not there ({first})")
    if there - listed:
        first = ", ".join(sorted(there - listed, key=_natural)[:3])
        notes.append(f"{len(there - listed)} pictures are in no list of boxes and were left out ({first})")
    return notes


def _natural(name: str) -> tuple[int, str]:
    """5.tif before 1395.tif."""
    digits = Path(name).stem
    return (int(digits) if digits.isdigit() else 0, name)
