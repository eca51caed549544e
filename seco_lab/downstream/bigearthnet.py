"""BigEarthNet: several of 19 kinds of land cover a patch (Sumbul et al. 2019, arXiv:1902.06148)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.downstream.cube_protocol import cube_protocol, input_notes
from seco_lab.downstream.features import FeatureOptions, extract_both
from seco_lab.downstream.finetune import FinetuneConfig, Supervision, finetuned_scores
from seco_lab.downstream.floors import unlearnt_features
from seco_lab.downstream.logistic import STRENGTHS, VALIDATION_SHARE, ProbeOutcome
from seco_lab.downstream.mlp import mlp_probe
from seco_lab.downstream.multilabel import (
    OFFICIAL_BATCH,
    check_multilabel,
    label_subset,
    multilabel_names,
    multilabel_probe,
    multilabel_scores,
    multilabels_of,
    per_class_precision,
)
from seco_lab.downstream.result import Protocol, Result, Score
from seco_lab.downstream.splits import HOLDOUT_SHARE, SplitCubes, split_cubes
from seco_lab.input_spec import InputSpec
from seco_lab.sources import read_cube


def load_bigearthnet(
    root: str | Path,
    *,
    bands: str | None = None,
    limit: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """BigEarthNet as a cube of one season with ``labels(patch, class)`` of the 19 classes.

    Args:
        root: Folder of v1 or v2, or a Zarr cube with labels (for more patches than fit into memory:
            ``seco_lab.sources.import_cube``).
        bands: "rgb", "all" or names; all if left out.
        limit: Only so many patches, spread over the list.
        progress: Show a bar where reading takes long.

    Raises:
        FileNotFoundError: Nothing is there.
        LookupError: No known layout or band.
        ValueError: No readable patch, or a cube without labels.
    """
    cube = read_cube(root, bands=bands, limit=limit, progress=progress)
    multilabels_of(cube)
    return cube


def evaluate_bigearthnet(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset | None = None,
    *,
    share: float = 1.0,
    name: str = "encoder",
    size_px: int | None = None,
    baselines: bool = True,
    mlp_epochs: int = 0,
    finetune_config: FinetuneConfig | None = None,
    strengths: tuple[float, ...] = STRENGTHS,
    seed: int = 0,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 256,
    cache: str | Path | None = None,
    progress: bool = False,
) -> Result:
    """Linear probe of several labels on frozen features, beside what has learnt nothing.

    Encoder in eval mode, features once, strength chosen on a fifth of the training patches, every test patch
    counted. Any cube with ``labels`` will do.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        spec: Its input contract; ``official_spec()`` for SeCo's own.
        train_cube: Cube with labels; its first season is used.
        test_cube: Test patches; without them the split of ``train_cube`` or a held-out fifth.
        share: Part of the training patches whose labels are used: 0.01, 0.1 and 1 in the papers.
        name: Whose result it is.
        size_px: Resize patches to this side; by default the contract's own.
        baselines: Whether to compute what the score must be held against.
        mlp_epochs: Train a layer of 1024 hidden units on the features as well, for at most so many epochs.
        finetune_config: Fine-tune as well, on this schedule.
        strengths: Penalties of the logistic regression to choose from.
        seed: Seed of all draws.
        device: "auto", "cpu", "cuda" or "mps".
        precision: Of the feature extraction: "float32", "bf16" or "auto".
        batch_size: Patches in one forward pass.
        cache: Folder that keeps features.
        progress: Whether to show bars.

    Returns:
        Scores "micro_ap" (the main one), "macro_ap" and "batch_ap", see ``multilabel_scores``; as asked the
        same three of the other heads, "mlp_micro_ap", ..., "finetune_micro_ap", ... Baselines, by
        micro average precision: "floor" (colour statistics), "untrained" (same architecture and contract),
        "random_features", "prior" (how common each class is, for every patch alike); their macro values stand
        in ``protocol.settings``. Per class: average precision.

    Raises:
        ValueError: Lists that cannot be learnt from, NaN in features, or no conversion of units is known.
        LookupError: A band is missing, or both cubes name their classes differently.
    """
    spec = spec if size_px is None else replace(spec, size_px=size_px)
    cubes, names = _cubes(train_cube, test_cube, seed), multilabel_names(train_cube)
    rows = label_subset(cubes.train.sizes["patch"], share, seed=seed)
    train = cubes.train if share == 1 else cubes.train.isel(patch=rows)
    task = _Task(SplitCubes(train, cubes.test, cubes.how), names, strengths, seed, device)
    check_multilabel(task.labels, task.truth, names)
    options = FeatureOptions(batch_size, device, precision, cache, progress)
    features = extract_both(encoder, task.cubes, spec, options)
    found = task.probe(*features)
    scores, told = task.other_heads(encoder, spec, features, mlp_epochs, finetune_config, progress)
    others = task.baselines(encoder, spec, options) if baselines else {}
    macro = {who: both["macro_ap"].value for who, both in others.items()}
    settings = _settings(found, share, precision, spec) | {"baseline_macro_ap": macro} | told
    return Result(
        name,
        "micro average precision",
        multilabel_scores(found.scores, task.truth, seed=seed) | scores,
        {who: both["micro_ap"] for who, both in others.items()},
        per_class_precision(found.scores, task.truth, names),
        task.protocol(encoder, spec, settings),
    )


def _cubes(cube: xr.Dataset, test: xr.Dataset | None, seed: int) -> SplitCubes:
    """Training and test patches: a cube of its own, else the cube's split, else a fifth held out."""
    if test is not None and multilabel_names(test) != multilabel_names(cube):
        raise LookupError(
            f"the classes of both cubes differ: {', '.join(multilabel_names(cube))} for training, "
            f"{', '.join(multilabel_names(test))} for the test"
        )
    if test is not None or ("split" in cube.variables and len(set(cube["split"].values.astype(str))) > 1):
        return split_cubes(cube, test, seed=seed)
    count = cube.sizes["patch"]
    held = np.zeros(count, bool)
    held[np.random.default_rng(seed).permutation(count)[: round(HOLDOUT_SHARE * count)]] = True
    parts = [cube.isel(patch=np.flatnonzero(mask)) for mask in (~held, held)]
    return SplitCubes(*parts, f"no test list: {HOLDOUT_SHARE:.0%} of the patches held out, seed {seed}")


def _settings(found: ProbeOutcome, share: float, precision: str, spec: InputSpec) -> dict[str, Any]:
    return {
        "linear": {
            "method": "logistic regression a class, standardised features, L-BFGS",
            "strength": found.strength,
            "validation_share": VALIDATION_SHARE,
            "validation": {str(key): value for key, value in found.validation.items()},
            "converged": found.converged,
        },
        "share": share,
        "batch_ap": f"mean over whole batches of {OFFICIAL_BATCH}, as the official code reports",
        "precision": precision,
        "size_px": spec.size_px,
    }


@dataclass(frozen=True)
class _Task:
    """Both lists with their labels, and the steps of an evaluation on them."""

    cubes: SplitCubes
    names: tuple[str, ...]
    strengths: tuple[float, ...]
    seed: int
    device: str

    @property
    def labels(self) -> NDArray[np.uint8]:
        return multilabels_of(self.cubes.train)

    @property
    def truth(self) -> NDArray[np.uint8]:
        return multilabels_of(self.cubes.test)

    def probe(self, train: NDArray, test: NDArray) -> ProbeOutcome:
        options = {"strengths": self.strengths, "seed": self.seed, "device": self.device}
        return multilabel_probe(train, self.labels, test, **options)

    def other_heads(
        self,
        encoder: nn.Module,
        spec: InputSpec,
        features: tuple[NDArray, NDArray],
        mlp_epochs: int,
        config: FinetuneConfig | None,
        progress: bool,
    ) -> tuple[dict[str, Score], dict[str, Any]]:
        """Scores of a hidden layer on the features and of fine-tuning, where asked for, and how they came."""
        answers, told = {}, {}
        if mlp_epochs:
            mlp = mlp_probe(
                features[0], self.labels, features[1], epochs=mlp_epochs, seed=self.seed, device=self.device
            )
            answers["mlp"], told["mlp"] = mlp.scores, {"hidden": mlp.hidden, "epochs": mlp.epochs}
        if config is not None:
            wanted = torch.as_tensor(self.labels, dtype=torch.float32)
            task = Supervision(wanted, len(self.names), F.binary_cross_entropy_with_logits)
            answers["finetune"] = finetuned_scores(
                encoder, spec, self.cubes.train, self.cubes.test, task, config,
                device=self.device, progress=progress,
            )  # fmt: skip
            told["finetune"] = vars(config)
        scores = {
            f"{how}_{name}": score
            for how, found in answers.items()
            for name, score in multilabel_scores(found, self.truth, seed=self.seed).items()
        }
        return scores, told

    def baselines(
        self, encoder: nn.Module, spec: InputSpec, options: FeatureOptions
    ) -> dict[str, dict[str, Score]]:
        """Scores of what has learnt nothing from images."""
        parts = unlearnt_features(encoder, self.cubes, spec, options, seed=self.seed)
        found = {who: self.probe(*features).scores for who, features in parts.items()}
        found["prior"] = np.broadcast_to(self.labels.mean(0), self.truth.shape)
        return {who: multilabel_scores(scores, self.truth, seed=self.seed) for who, scores in found.items()}

    def protocol(self, encoder: nn.Module, spec: InputSpec, settings: dict[str, Any]) -> Protocol:
        train = len(self.labels)
        held = round(VALIDATION_SHARE * train) if settings["linear"]["validation"] else 0
        return cube_protocol(
            encoder, spec, self.cubes, task="bigearthnet", sizes=(train, held, len(self.truth)),
            classes=self.names, settings=settings, notes=self._notes(spec), seed=self.seed,
        )  # fmt: skip

    def _notes(self, spec: InputSpec) -> list[str]:
        """What a reader of the number should know."""
        notes = input_notes(spec, self.cubes, what="patches")
        for part, what in ((self.labels, "training"), (self.truth, "test")):
            absent = [n for n, shown in zip(self.names, part.sum(0), strict=True) if not shown]
            if absent:
                notes.append(f"no {what} patch shows {', '.join(absent)}")
            bare = int((part.sum(1) == 0).sum())
            if bare:
                notes.append(f"{bare} {what} patches show none of the {len(self.names)} classes")
        return notes
