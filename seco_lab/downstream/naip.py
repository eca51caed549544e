"""NAIP land cover: one kind an aerial image, in red, green, blue and near infrared (arXiv:2011.09980)."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from torch import nn

from seco_lab.downstream.classification import ClassTask, ProbeSettings, evaluate_cubes
from seco_lab.downstream.gassl_protocol import gassl_protocol
from seco_lab.downstream.labels import labels_of
from seco_lab.downstream.reading import read_labelled
from seco_lab.downstream.result import Result
from seco_lab.downstream.splits import of_known_classes, split_cubes
from seco_lab.input_spec import InputSpec


def load_naip(
    root: str | Path,
    *,
    bands: str | None = None,
    split: str | None = None,
    size_px: int | None = None,
    limit: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """NAIP land cover as a labelled cube of one season.

    Args:
        root: Folder of GeoTIFF tiles with ``labels.csv``, of numbered arrays with ``y.npy``, of whole scenes
            with a raster of classes (``labels.tif``, ``CDL_....tif``; scenes in folders ``train``, ``val``,
            ``test`` if some are held out), or a Zarr cube made of one.
        bands: "rgb", "all" or names; all if left out.
        split: Only that split, such as "train".
        size_px: Side of the tiles that whole scenes are cut into; 64 by default.
        limit: Only so many tiles, spread over the list.
        progress: Show a bar where reading takes long.

    Raises:
        FileNotFoundError: Nothing is there, or no labels.
        LookupError: Another layout, or no such band.
        ValueError: Nothing readable, or a cube without labels.
    """
    cube = read_labelled(
        root,
        ("naip", "naip-scenes"),
        bands=bands,
        split=split,
        size_px=size_px,
        limit=limit,
        progress=progress,
    )
    labels_of(cube)
    return cube


def naip_task(train_cube: xr.Dataset, test_cube: xr.Dataset | None = None, *, seed: int = 0) -> ClassTask:
    """NAIP land cover for ``evaluate_classes``; see ``ClassTask.of``.

    Rasters of classes have rare ones, which may lie in scenes of the test list alone: their tiles are left
    out, and the result says so.
    """
    cubes = of_known_classes(split_cubes(train_cube, test_cube, seed=seed))
    return ClassTask.on("naip", cubes, measures=("f1",), official=gassl_protocol)


def evaluate_naip(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset | None = None,
    settings: ProbeSettings | None = None,
    *,
    name: str = "encoder",
) -> Result:
    """Accuracy and mean F1 over the kinds of land cover; see ``evaluate_classes``."""
    return evaluate_cubes(naip_task, encoder, spec, train_cube, test_cube, settings, name=name)
