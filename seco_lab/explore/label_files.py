"""Labels of places by patch name, matched with the embeddings at hand, and kept in a small file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.whole import whole_file

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

LABELS_MARK = "seco_lab labels"
_SUFFIXES = (".json", ".parquet")


@dataclass(frozen=True)
class PlacedLabels:
    """Labels, matched with places.

    Attributes:
        here: Number of a place -> its class, as ``Labeller.learn`` takes them.
        absent: Patch name -> class of those that are not among the places.
    """

    here: dict[int, str]
    absent: dict[str, str]

    def report(self) -> str:
        """A sentence about labels that fit no place; empty where all do."""
        if not self.absent:
            return ""
        shown = ", ".join(list(self.absent)[:3])
        total = len(self.here) + len(self.absent)
        return (
            f"{len(self.absent)} of {total} labels are of patches that these embeddings lack ({shown}"
            f"{', ...' if len(self.absent) > 3 else ''}): they teach nothing here and stay in the file"
        )


@dataclass(frozen=True)
class LabelFile:
    """What a file of labels holds.

    Attributes:
        labels: Patch name -> class.
        classes: Class -> its colour, in their order; empty where the file tells none.
    """

    labels: dict[str, str]
    classes: dict[str, str]


def place_labels(labels: Mapping[str, str], patches: Sequence[str] | NDArray) -> PlacedLabels:
    """Find labelled patches among places.

    Args:
        labels: Patch name -> class.
        patches: Patch names (P,) of the places, in their order.
    """
    number = {str(name): row for row, name in enumerate(np.asarray(patches).tolist()) if str(name) in labels}
    here = {number[name]: label for name, label in labels.items() if name in number}
    return PlacedLabels(here, {name: label for name, label in labels.items() if name not in number})


def save_labels(
    labels: Mapping[str, str],
    path: str | Path,
    *,
    patches: Sequence[str] | NDArray = (),
    lonlat: ArrayLike | None = None,
    classes: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write labels, whole or not at all; an older file of that name is replaced.

    Args:
        labels: Patch name -> class; all are written, known to ``patches`` or not.
        path: Target; .parquet is GeoParquet with columns patch and label, .json plain text.
        patches: Patch names (P,) whose positions are known.
        lonlat: Their positions (P, 2) in degrees; GeoParquet gets them as points.
        classes: Class -> its colour as ``#rrggbb``, in their order; JSON keeps those without a label as well.

    Raises:
        ValueError: Another ending.
        FileNotFoundError: The folder does not exist.
    """
    path = _checked(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent} to save labels in")
    plain = {str(patch): str(label) for patch, label in labels.items()}
    with whole_file(path) as partial:
        if path.suffix == ".json":
            content = {"format": LABELS_MARK, "classes": dict(classes), "labels": plain}
            text = json.dumps(content, ensure_ascii=False, indent=1)
            partial.write_text(text + "\n", encoding="utf-8")
        else:
            table = _table(plain, patches, lonlat)
            colours = {"colour": table["label"].map(classes)} if classes else {}
            table.assign(**colours).to_parquet(partial, index=False)
    return path


def open_labels(path: str | Path) -> dict[str, str]:
    """Labels of a file that ``save_labels`` wrote, or of any Parquet table with columns patch and label.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Not a file of labels, or one that labels a patch in two ways; the message names it.
    """
    return open_label_file(path).labels


def open_label_file(path: str | Path) -> LabelFile:
    """Labels and the colours of their classes, read once.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Not a file of labels, or one that labels a patch in two ways; the message names it.
    """
    path = _checked(path)
    if not path.is_file():
        raise FileNotFoundError(f"no labels at {path}")
    pairs, classes = _from_json(path) if path.suffix == ".json" else _from_parquet(path)
    labels: dict[str, str] = {}
    for patch, label in pairs:
        if labels.setdefault(patch, label) != label:
            raise ValueError(f"{path} labels patch {patch!r} twice, as {labels[patch]!r} and as {label!r}")
    return LabelFile(labels, classes)


def _checked(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix not in _SUFFIXES:
        raise ValueError(f"labels are kept as {' or '.join(_SUFFIXES)}, got {path.name}")
    return path


def _table(
    labels: Mapping[str, str], patches: Sequence[str] | NDArray, lonlat: ArrayLike | None
) -> GeoDataFrame:
    """Patch, label and, where the position is known, a point."""
    import geopandas as gpd

    where = np.empty((0, 2)) if lonlat is None else np.asarray(lonlat, np.float64)
    found = place_labels(labels, np.asarray(patches)[: len(where)])
    number = {str(patches[row]): row for row in found.here}
    at = np.array([where[number[name]] if name in number else (np.nan, np.nan) for name in labels])
    at = at.reshape(-1, 2)
    points = gpd.points_from_xy(at[:, 0], at[:, 1])
    points[~np.isfinite(at).all(1)] = None
    columns = {"patch": list(labels), "label": list(labels.values())}
    return gpd.GeoDataFrame(columns, geometry=points, crs=4326)


def _from_json(path: Path) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Pairs of patch and class, and the colours of the classes."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not a file of labels: it is no JSON text ({error})") from error
    if not isinstance(content, dict) or not isinstance(content.get("labels"), dict):
        raise ValueError(f'{path} is not a file of labels: wanted {{"labels": {{patch: class, ...}}}}')
    pairs = [(str(patch), str(label)) for patch, label in content["labels"].items()]
    told = content.get("classes")
    colours = told if isinstance(told, dict) else {}
    return pairs, {str(name): str(colour) for name, colour in colours.items()}


def _from_parquet(path: Path) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Pairs of patch and class, and the colours of the classes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is not a file of labels: it is no whole Parquet file ({error})") from error
    missing = [name for name in ("patch", "label") if name not in table.column_names]
    if missing:
        raise ValueError(f"{path} is not a file of labels: it lacks the columns {', '.join(missing)}")
    columns = {
        name: table[name].to_pylist() for name in ("patch", "label", "colour") if name in table.column_names
    }
    pairs = zip(columns["patch"], columns["label"], strict=True)
    tints = zip(columns["label"], columns.get("colour", []), strict=False)
    return (
        [(str(patch), str(label)) for patch, label in pairs if label is not None],
        {str(name): str(tint) for name, tint in tints if name is not None and tint is not None},
    )
