"""Truth of the simulated world as arrays: what a labelled cube adds, and the dataset of all that is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.places import Place
from seco_lab.world.landcover import EUROSAT_CLASSES, LAND_COVER
from seco_lab.world.truth import Truth, boxes_of


def labels_of(truths: list[Truth]) -> dict[str, object]:
    """What a labelled cube adds, as :func:`seco_lab.cube.make_cube` takes it; one truth a patch."""
    return {
        "label": np.array([t.dominant for t in truths], np.int64),
        "labels": np.stack([t.labels for t in truths]),
        "mask": np.stack([t.land_cover for t in truths]),
        "boxes": _stacked_boxes(truths),
        "class_names": EUROSAT_CLASSES,
    }


def _stacked_boxes(truths: list[Truth]) -> NDArray[np.float32]:
    boxes = [boxes_of(t.buildings) for t in truths]
    stacked = np.full((len(boxes), max(1, *(len(b) for b in boxes), 1), 5), -1, np.float32)
    for row, found in enumerate(boxes):
        stacked[row, : len(found)] = found
    return stacked


def truth_dataset(places: Sequence[Place], rows: list[list[Truth]]) -> xr.Dataset:
    """The truths of each place on each date as a dataset; ``SimulatedSource.truth`` names its variables."""
    first = [row[0] for row in rows]
    return xr.Dataset(
        {
            "land_cover": (
                ("patch", "season", "y", "x"),
                np.array([[t.land_cover for t in row] for row in rows]),
            ),
            "buildings": (
                ("patch", "season", "y", "x"),
                np.array([[t.buildings for t in row] for row in rows]),
            ),
            "dominant": ("patch", np.array([t.dominant for t in first])),
            "purity": ("patch", np.array([t.purity for t in first])),
            "labels": (("patch", "class"), np.stack([t.labels for t in first])),
            "boxes": (("patch", "box", "field"), _stacked_boxes(first)),
        },
        {"patch": [place.name for place in places], "class": list(EUROSAT_CLASSES)},
        {"land_cover_names": list(LAND_COVER), "class_names": list(EUROSAT_CLASSES)},
    )
