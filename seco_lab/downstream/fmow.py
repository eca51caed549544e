"""fMoW: 62 kinds of places, each picture by itself or all pictures of a place together (arXiv:1711.07846)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from torch import nn

from seco_lab.downstream.classification import ClassTask, ProbeSettings, evaluate_cubes
from seco_lab.downstream.gassl_protocol import gassl_protocol
from seco_lab.downstream.labels import labels_of
from seco_lab.downstream.reading import read_labelled
from seco_lab.downstream.result import Result
from seco_lab.downstream.sequences import evaluate_sequences
from seco_lab.input_spec import InputSpec
from seco_lab.sources.fmow import sequence_of


def load_fmow(
    root: str | Path,
    *,
    csv: str | Path | None = None,
    split: str | None = None,
    size_px: int | None = None,
    limit: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """FMoW as a labelled cube of one season, with the place of each picture as coordinate ``sequence``.

    Args:
        root: Folder of fMoW-rgb or of its crops, or a Zarr cube made of one (for more pictures than fit into
            memory: ``seco_lab.sources.import_cube``).
        csv: Table of labels and paths, where it does not lie in the folder.
        split: Only "train", "val" or "test".
        size_px: Side of the patches; 224 by default.
        limit: Only so many pictures, spread over the list.
        progress: Show a bar where reading takes long.

    Raises:
        FileNotFoundError: Nothing is there, or no such table.
        LookupError: Another layout.
        ValueError: No readable picture, a cube without labels, or a table that contradicts the names.
    """
    cube = read_labelled(
        root, ("fmow",), csv=csv, split=split, size_px=size_px, limit=limit, progress=progress
    )
    labels_of(cube)
    names = [sequence_of(str(patch)) for patch in cube["patch"].values]
    return cube.assign_coords(sequence=("patch", np.array(names, object)))


def fmow_task(train_cube: xr.Dataset, test_cube: xr.Dataset | None = None, *, seed: int = 0) -> ClassTask:
    """fMoW, each picture by itself, for ``evaluate_classes``; see ``ClassTask.of``."""
    return ClassTask.of("fmow", train_cube, test_cube, measures=("f1",), official=gassl_protocol, seed=seed)


def evaluate_fmow(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset | None = None,
    settings: ProbeSettings | None = None,
    *,
    name: str = "encoder",
) -> Result:
    """Accuracy and mean F1 over the classes on single pictures; see ``evaluate_classes``."""
    return evaluate_cubes(fmow_task, encoder, spec, train_cube, test_cube, settings, name=name)


def evaluate_fmow_temporal(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset | None = None,
    settings: ProbeSettings | None = None,
    *,
    name: str = "encoder",
) -> Result:
    """Accuracy and mean F1 where all pictures of a place give one answer; see ``evaluate_sequences``."""
    return evaluate_sequences(encoder, spec, train_cube, test_cube, settings, task="fmow-temporal", name=name)
