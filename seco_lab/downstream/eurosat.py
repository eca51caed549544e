"""EuroSAT: ten kinds of land cover, one label a picture (Helber et al. 2019)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.downstream.classification import ClassTask, ProbeSettings, evaluate_cubes
from seco_lab.downstream.features import FeatureOptions
from seco_lab.downstream.finetune import FinetuneConfig
from seco_lab.downstream.heads import falls
from seco_lab.downstream.labels import labels_of
from seco_lab.downstream.logistic import STRENGTHS
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
    *,
    name: str = "encoder",
    size_px: int | None = None,
    baselines: bool = True,
    finetune_config: FinetuneConfig | None = None,
    official_epochs: int = 0,
    strengths: tuple[float, ...] = STRENGTHS,
    seed: int = 0,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 256,
    cache: str | Path | None = None,
    progress: bool = False,
) -> Result:
    """Linear probe and kNN on frozen features, beside what has learnt nothing.

    The sound protocol: encoder in eval mode, features once, everything chosen on a fifth of the training
    images, every test image counted.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        spec: Its input contract.
        train_cube: Labelled cube; its first season is used.
        test_cube: Labelled test images; without them the split of ``train_cube`` or a held-out fifth.
        name: Whose result it is.
        size_px: Resize images to this side; by default the contract's own.
        baselines: Whether to compute what the score must be held against.
        finetune_config: Fine-tune as well, on this schedule.
        official_epochs: Run SeCo's own protocol as well, for so many epochs (100 in the paper).
        strengths: Penalties of the logistic regression to choose from.
        seed: Seed of all draws.
        device: "auto", "cpu", "cuda" or "mps".
        precision: Of the feature extraction: "float32", "bf16" or "auto".
        batch_size: Images in one forward pass.
        cache: Folder that keeps features.
        progress: Whether to show bars.

    Returns:
        Scores "linear" and "knn", as asked "finetune" and "official"; baselines as ``evaluate_classes`` has
        them.

    Raises:
        ValueError: Lists that cannot be learnt from, NaN in features, or no conversion of units is known.
        LookupError: A band or class is missing.
    """
    options = FeatureOptions(batch_size, device, precision, cache, progress)
    settings = ProbeSettings(size_px, baselines, finetune_config, official_epochs, strengths, seed, options)
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
