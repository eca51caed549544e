"""EuroSAT: ten kinds of land cover, one label a picture (Helber et al. 2019)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.downstream.classification import ClassTask, ProbeSettings, evaluate_cubes
from seco_lab.downstream.heads import falls
from seco_lab.downstream.labels import labels_of
from seco_lab.downstream.official import official_probe
from seco_lab.downstream.reading import read_labelled
from seco_lab.downstream.result import Result
from seco_lab.input_spec import InputSpec

# Pictures of 64 px leave 2 x 2 cells in the last map of a ResNet (docs/decisions/0066-eurosat-at-128-px.md).
PROBE_PX = 128


def load_eurosat(
    root: str | Path,
    *,
    split_csv: str | Path | None = None,
    bands: str | None = None,
    limit: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """EuroSAT as a labelled cube of one season.

    Args:
        root: Folder of class folders, zip, table, or a Zarr cube with labels.
        split_csv: Table of filename, class and, where known, split and coordinates; needed only where it does
            not lie beside the images.
        bands: "rgb", "all" or names; all if left out.
        limit: Only so many images, spread over the list.
        progress: Show a bar where reading takes long.

    Raises:
        FileNotFoundError: Nothing is there.
        LookupError: Another layout, or no such band.
        ValueError: No readable image, or a cube without labels.
    """
    cube = read_labelled(root, ("eurosat",), bands=bands, csv=split_csv, limit=limit, progress=progress)
    labels_of(cube)
    return cube


def evaluate_eurosat(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset | None = None,
    settings: ProbeSettings | None = None,
    *,
    name: str = "encoder",
) -> Result:
    """Accuracy over ten kinds of land cover; any cube with ``label`` will do; see ``evaluate_classes``."""
    return evaluate_cubes(eurosat_task, encoder, spec, train_cube, test_cube, settings, name=name)


def eurosat_task(train_cube: xr.Dataset, test_cube: xr.Dataset | None = None, *, seed: int = 0) -> ClassTask:
    """EuroSAT for ``evaluate_classes``; see ``ClassTask.of``."""
    return ClassTask.of("eurosat", train_cube, test_cube, official=seco_protocol, seed=seed)


def seco_protocol(
    task: ClassTask,
    encoder: nn.Module,
    spec: InputSpec,
    features: tuple[NDArray, NDArray],
    settings: ProbeSettings,
) -> tuple[NDArray, dict[str, Any]]:
    """SeCo's own EuroSAT script as an ``OfficialProtocol``; it looks at pixels anew, not at features."""
    epochs = settings.official_epochs
    found = official_probe(
        encoder, spec, task.cubes.train, task.cubes.test,
        epochs=epochs, milestones=falls(epochs),
        seed=settings.seed, device=settings.features.device, progress=settings.features.progress,
    )  # fmt: skip
    told = {
        "epochs": epochs,
        "batch_mean_accuracy": found.official_accuracy,
        "images_in_batch_mean": found.counted,
        "quirks": "BatchNorm in train mode, input only scaled to 0..1, batch mean without the last batch",
    }
    return found.scores, told
