"""GeoImageNet: ImageNet's classes in photographs whose place is known (arXiv:2011.09980)."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from torch import nn

from seco_lab.downstream.classification import ClassTask, ProbeSettings, evaluate_cubes
from seco_lab.downstream.gassl_protocol import gassl_protocol
from seco_lab.downstream.labels import labels_of
from seco_lab.downstream.reading import read_labelled
from seco_lab.downstream.result import Result
from seco_lab.input_spec import InputSpec


def load_geoimagenet(
    root: str | Path,
    *,
    size_px: int | None = None,
    split: str | None = None,
    limit: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """GeoImageNet as a labelled cube of one season.

    Args:
        root: Folder of classes with ``metadata.csv``, or a Zarr cube made of one (for more pictures than fit
            into memory: ``seco_lab.sources.import_cube``).
        size_px: Scale pictures of any size to this side; by default they must have 224 px.
        split: Only that split, such as "train".
        limit: Only so many photographs, spread over the list.
        progress: Show a bar where reading takes long.

    Raises:
        FileNotFoundError: Nothing is there, or no labels.
        LookupError: Another layout.
        ValueError: Nothing readable, or a cube without labels.
    """
    cube = read_labelled(root, ("geoimagenet",), size_px=size_px, split=split, limit=limit, progress=progress)
    labels_of(cube)
    return cube


def geoimagenet_task(
    train_cube: xr.Dataset, test_cube: xr.Dataset | None = None, *, seed: int = 0
) -> ClassTask:
    """GeoImageNet for ``evaluate_classes``; see ``ClassTask.of``."""
    return ClassTask.of(
        "geoimagenet", train_cube, test_cube, measures=("top5",), official=gassl_protocol, seed=seed
    )


def evaluate_geoimagenet(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset | None = None,
    settings: ProbeSettings | None = None,
    *,
    name: str = "encoder",
) -> Result:
    """Top-1 and top-5 accuracy, beside the nearest training picture on the map; see ``evaluate_classes``."""
    return evaluate_cubes(geoimagenet_task, encoder, spec, train_cube, test_cube, settings, name=name)
