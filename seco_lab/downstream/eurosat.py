"""EuroSAT: ten kinds of land cover, one label a picture (Helber et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.data import input_spec_for
from seco_lab.downstream.features import FeatureOptions, encoder_entry, extract_both
from seco_lab.downstream.finetune import FinetuneConfig, finetune
from seco_lab.downstream.floors import unlearnt_features
from seco_lab.downstream.knn import knn_probe
from seco_lab.downstream.labels import check_learnable, class_names_of, holdout, labels_of, labels_under
from seco_lab.downstream.linear_probe import ProbeOutcome, linear_probe
from seco_lab.downstream.logistic import STRENGTHS, VALIDATION_SHARE
from seco_lab.downstream.metrics import correct, per_class_accuracy
from seco_lab.downstream.official import official_probe
from seco_lab.downstream.result import Protocol, Result, Score
from seco_lab.downstream.splits import SplitCubes, split_cubes
from seco_lab.embeddings import cube_hash
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import encoder_named
from seco_lab.sources import read_cube

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
        LookupError: No known layout or band.
        ValueError: No readable image, or a cube without labels.
    """
    cube = read_cube(root, bands=bands, csv=split_csv, limit=limit, progress=progress)
    labels_of(cube)
    return cube


def random_weights(
    cube: xr.Dataset,
    encoder: str = "resnet18",
    *,
    bands: str = "rgb",
    size_px: int | None = None,
    seed: int = 0,
) -> tuple[nn.Module, InputSpec]:
    """An untrained encoder with an input contract measured on a cube, for ``--weights random``.

    Args:
        cube: The data that it will see.
        encoder: Name of the architecture.
        bands: "rgb", "all" or names.
        size_px: Side of its input; the cube's own if left out.
        seed: Seed of the weights.
    """
    spec = measured_spec(cube, bands=bands, size_px=size_px or cube.sizes["x"], seed=seed)
    return encoder_named(encoder, len(spec.bands), seed=seed).eval(), spec


def measured_spec(cube: xr.Dataset, *, bands: str | Sequence[str], size_px: int, seed: int = 0) -> InputSpec:
    """An input contract measured on the training pictures, without their labels.

    For an encoder that has learned from another kind of imagery, where light and haze differ.

    Args:
        cube: Measured on its training split, if it has one.
        bands: "rgb", "all" or names, in the order of the encoder's input.
        size_px: Side of the input.
        seed: Seed of the sample that is measured.
    """
    rows = None
    if "split" in cube.variables:
        train = np.flatnonzero(cube["split"].values.astype(str) == "train")
        rows = train if train.size else None
    return input_spec_for(cube, bands=bands, size_px=size_px, rows=rows, seed=seed)


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
        Scores "linear" and "knn", as asked "finetune" and "official"; baselines "floor" (colour statistics),
        "untrained" (same architecture and contract) and "random_features".

    Raises:
        ValueError: Lists that cannot be learnt from, NaN in features, or no conversion of units is known.
        LookupError: A band or class is missing.
    """
    spec = spec if size_px is None else replace(spec, size_px=size_px)
    cubes = split_cubes(train_cube, test_cube, seed=seed)
    names = class_names_of(cubes.train)
    task = _Task(
        cubes, labels_under(cubes.train, names), labels_under(cubes.test, names), names, seed, device
    )
    check_learnable(task.labels, task.truth, names)
    options = FeatureOptions(batch_size, device, precision, cache, progress)
    features = extract_both(encoder, cubes, spec, options)
    scores, settings, per_class = task.probe(*features, strengths)
    if finetune_config is not None:
        scores["finetune"] = task.score(
            finetune(
                encoder, spec, cubes.train, cubes.test, finetune_config, device=device, progress=progress
            )
        )
        settings["finetune"] = vars(finetune_config)
    if official_epochs:
        settings["official"], scores["official"] = task.official(encoder, spec, official_epochs, progress)
    others = task.baselines(encoder, spec, options) if baselines else {}
    settings |= {"precision": precision, "features": int(features[0].shape[1]), "size_px": spec.size_px}
    return Result(name, "accuracy", scores, others, per_class, task.protocol(encoder, spec, settings))


@dataclass(frozen=True)
class _Task:
    """Both lists with their labels, and the steps of an evaluation on them."""

    cubes: SplitCubes
    labels: NDArray[np.int64]
    truth: NDArray[np.int64]
    names: tuple[str, ...]
    seed: int
    device: str

    def score(self, predicted: NDArray) -> Score:
        return Score.of(correct(predicted, self.truth), seed=self.seed)

    def linear(self, train: NDArray, test: NDArray, strengths: tuple[float, ...] = STRENGTHS) -> ProbeOutcome:
        return linear_probe(train, self.labels, test, strengths=strengths, seed=self.seed, device=self.device)

    def probe(
        self, train: NDArray, test: NDArray, strengths: tuple[float, ...]
    ) -> tuple[dict[str, Score], dict[str, Any], dict[str, float | None]]:
        """Linear and kNN scores, what they chose, and the linear score of each class."""
        linear = self.linear(train, test, strengths)
        voted, k, by_k = knn_probe(train, self.labels, test, seed=self.seed)
        settings = {
            "linear": {
                "method": "multinomial logistic regression, standardised features, L-BFGS",
                "strengths": list(strengths),
                "strength": linear.strength,
                "validation_share": VALIDATION_SHARE,
                "validation": {str(key): value for key, value in linear.validation.items()},
                "converged": linear.converged,
            },
            "knn": {"k": k, "similarity": "cosine", "validation": {str(key): v for key, v in by_k.items()}},
        }
        scores = {"linear": self.score(linear.predicted), "knn": self.score(voted)}
        return scores, settings, per_class_accuracy(linear.predicted, self.truth, self.names)

    def official(
        self, encoder: nn.Module, spec: InputSpec, epochs: int, progress: bool
    ) -> tuple[dict[str, Any], Score]:
        found = official_probe(
            encoder, spec, self.cubes.train, self.cubes.test,
            epochs=epochs, milestones=(epochs * 6 // 10, epochs * 8 // 10),
            seed=self.seed, device=self.device, progress=progress,
        )  # fmt: skip
        settings = {
            "epochs": epochs,
            "batch_mean_accuracy": found.official_accuracy,
            "images_in_batch_mean": found.counted,
            "quirks": "BatchNorm in train mode, input only scaled to 0..1, batch mean without the last batch",
        }
        return settings, self.score(found.predicted)

    def baselines(self, encoder: nn.Module, spec: InputSpec, options: FeatureOptions) -> dict[str, Score]:
        """Linear probes on what has learnt nothing from images."""
        found = unlearnt_features(encoder, self.cubes, spec, options, seed=self.seed)
        return {name: self.score(self.linear(*parts).predicted) for name, parts in found.items()}

    def protocol(self, encoder: nn.Module, spec: InputSpec, settings: dict[str, Any]) -> Protocol:
        held = int(holdout(self.labels, VALIDATION_SHARE, seed=self.seed).sum())
        return Protocol(
            task="eurosat",
            kind="sound",
            split=self.cubes.how,
            train_hash=cube_hash(self.cubes.train),
            test_hash=cube_hash(self.cubes.test),
            sizes={"train": len(self.labels), "validation": held, "test": len(self.truth)},
            classes=self.names,
            seed=self.seed,
            settings=settings,
            encoder=encoder_entry(encoder),
            input_spec=spec.to_dict(),
            notes=tuple(self._notes(spec)),
        )

    def _notes(self, spec: InputSpec) -> list[str]:
        """What a reader of the number should know."""
        notes = []
        sensor, size = self.cubes.train.attrs["sensor"], int(self.cubes.train.sizes["x"])
        if sensor != spec.sensor:
            notes.append(f"the encoder's contract is for {spec.sensor}, the images are {sensor}")
        if size != spec.size_px:
            notes.append(f"images of {size} px were resized to {spec.size_px} px, bilinear")
        refused = [self.cubes.train.attrs.get("refused", ()), self.cubes.test.attrs.get("refused", ())]
        if any(len(part) for part in refused):
            notes.append(f"{max(map(len, refused))} files could not be read and were left out")
        absent = [n for i, n in enumerate(self.names) if i not in self.truth]
        if absent:
            notes.append(f"no test image shows {', '.join(absent)}")
        return notes
