"""Several labels an image: how every such task is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.downstream.classification import ProbeSettings
from seco_lab.downstream.cube_protocol import cube_protocol, input_notes
from seco_lab.downstream.features import extract, extract_both
from seco_lab.downstream.finetune import Supervision, finetuned_scores
from seco_lab.downstream.floors import unlearnt_features
from seco_lab.downstream.logistic import VALIDATION_SHARE, ProbeOutcome
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
from seco_lab.downstream.official_multilabel import drawn_with_replacement, official_scores
from seco_lab.downstream.result import Protocol, Result, Score
from seco_lab.downstream.splits import SplitCubes, of_all, split_cubes
from seco_lab.input_spec import InputSpec


@dataclass(frozen=True)
class MultilabelTask:
    """Training and test patches with their labels.

    Attributes:
        name: Of the task, such as "bigearthnet".
        cubes: Training patches whose labels are used, and test patches.
        classes: Names of the classes.
        whole: All training patches, of which the official protocol draws its own share.
        share: Part of the training patches whose labels are used.
    """

    name: str
    cubes: SplitCubes
    classes: tuple[str, ...]
    whole: xr.Dataset
    share: float = 1.0

    @classmethod
    def of(
        cls,
        name: str,
        train_cube: xr.Dataset,
        test_cube: xr.Dataset | None = None,
        *,
        share: float = 1.0,
        seed: int = 0,
    ) -> MultilabelTask:
        """The task of labelled cubes; without test patches the cube's split, or a held-out fifth.

        Raises:
            ValueError: Lists that cannot be learnt from, or a share that is not in (0, 1].
            LookupError: Both cubes name their classes differently.
        """
        cubes, names = _cubes(train_cube, test_cube, seed), multilabel_names(train_cube)
        rows = label_subset(cubes.train.sizes["patch"], share, seed=seed)
        train = cubes.train if share == 1 else cubes.train.isel(patch=rows)
        check_multilabel(multilabels_of(train), multilabels_of(cubes.test), names)
        return cls(name, SplitCubes(train, cubes.test, cubes.how), names, cubes.train, share)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Shape (N, C), of the training patches."""
        return multilabels_of(self.cubes.train)

    @property
    def truth(self) -> NDArray[np.uint8]:
        """Shape (M, C), of the test patches."""
        return multilabels_of(self.cubes.test)


def evaluate_multilabels(
    task: MultilabelTask,
    encoder: nn.Module,
    spec: InputSpec,
    settings: ProbeSettings | None = None,
    *,
    mlp_epochs: int = 0,
    name: str = "encoder",
) -> Result:
    """Linear probe of several labels on frozen features, beside what has learnt nothing.

    Encoder in eval mode, features once, strength chosen on a fifth of the training patches, every test patch
    counted.

    Args:
        task: The patches and their labels.
        encoder: Maps (B, C, H, W) to (B, D).
        spec: Its input contract.
        settings: How it is asked.
        mlp_epochs: Train a layer of 1024 hidden units on the features as well, for at most so many epochs.
        name: Whose result it is.

    Returns:
        Scores "micro_ap" (the main one), "macro_ap" and "batch_ap", see ``multilabel_scores``; as asked the
        same three of the other heads, "mlp_micro_ap", ..., "finetune_micro_ap", ..., "official_micro_ap", ...
        Baselines, by micro average precision: "floor" (colour statistics), "untrained" (same architecture and
        contract), "random_features", "prior" (how common each class is, for every patch alike); their macro
        values stand in ``protocol.settings``. Per class: average precision.

    Raises:
        ValueError: NaN in features, or no conversion of units is known.
        LookupError: A band is missing.
    """
    settings = settings or ProbeSettings()
    spec, seed = settings.spec(spec), settings.seed
    features = extract_both(encoder, task.cubes, spec, settings.features)
    found = _probe(task, features, settings)
    answers, told = _other_heads(task, encoder, spec, features, settings, mlp_epochs)
    scores = multilabel_scores(found.scores, task.truth, seed=seed)
    for how, answer in answers.items():
        own = multilabel_scores(answer, task.truth, seed=seed)
        scores |= {f"{how}_{measure}": score for measure, score in own.items()}
    others = _baselines(task, encoder, spec, settings) if settings.baselines else {}
    told = _settings(task, found, settings, spec) | told
    told["baseline_macro_ap"] = {who: both["macro_ap"].value for who, both in others.items()}
    return Result(
        name,
        "micro average precision",
        scores,
        {who: both["micro_ap"] for who, both in others.items()},
        per_class_precision(found.scores, task.truth, task.classes),
        _protocol(task, encoder, spec, told, seed),
    )


def _cubes(cube: xr.Dataset, test: xr.Dataset | None, seed: int) -> SplitCubes:
    """Training and test patches: a cube of its own, else the cube's split, else a fifth held out."""
    if test is not None and multilabel_names(test) != multilabel_names(cube):
        raise LookupError(
            f"the classes of both cubes differ: {', '.join(multilabel_names(cube))} for training, "
            f"{', '.join(multilabel_names(test))} for the test"
        )
    return split_cubes(cube, test, seed=seed, held_out=of_all, what="patches")


def _probe(task: MultilabelTask, features: tuple[NDArray, NDArray], settings: ProbeSettings) -> ProbeOutcome:
    return multilabel_probe(
        features[0], task.labels, features[1],
        strengths=settings.strengths, seed=settings.seed, device=settings.features.device,
    )  # fmt: skip


def _other_heads(
    task: MultilabelTask,
    encoder: nn.Module,
    spec: InputSpec,
    features: tuple[NDArray, NDArray],
    settings: ProbeSettings,
    mlp_epochs: int,
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Answers of a hidden layer, of fine-tuning and of the official head, as asked, and how they came."""
    answers, told, options = {}, {}, settings.features
    if mlp_epochs:
        mlp = mlp_probe(
            features[0], task.labels, features[1],
            epochs=mlp_epochs, seed=settings.seed, device=options.device,
        )  # fmt: skip
        answers["mlp"], told["mlp"] = mlp.scores, {"hidden": mlp.hidden, "epochs": mlp.epochs}
    if settings.finetune is not None:
        wanted = torch.as_tensor(task.labels, dtype=torch.float32)
        supervision = Supervision(wanted, len(task.classes), F.binary_cross_entropy_with_logits)
        answers["finetune"] = finetuned_scores(
            encoder, spec, task.cubes.train, task.cubes.test, supervision, settings.finetune,
            device=options.device, progress=options.progress,
        )  # fmt: skip
        told["finetune"] = vars(settings.finetune)
    if settings.official_epochs:
        answers["official"], told["official"] = _official(task, encoder, spec, features, settings)
    return answers, told


def _official(
    task: MultilabelTask,
    encoder: nn.Module,
    spec: InputSpec,
    features: tuple[NDArray, NDArray],
    settings: ProbeSettings,
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """The answers of SeCo's own linear head, on the patches that its code draws."""
    own, labels, options = features[0], task.labels, settings.features
    if task.share < 1:
        rows = drawn_with_replacement(task.whole.sizes["patch"], task.share)
        kept, back = np.unique(rows, return_inverse=True)
        drawn = task.whole.isel(patch=kept)
        own = extract(encoder, drawn, spec, **vars(options))[back]
        labels = multilabels_of(drawn)[back]
    scores = official_scores(
        own, labels, features[1], epochs=settings.official_epochs, seed=settings.seed, device=options.device
    )
    quirks = "share drawn with replacement, features not standardised, nothing chosen, last epoch taken"
    return scores, {"epochs": settings.official_epochs, "lr": 1e-3, "patches": len(own), "quirks": quirks}


def _baselines(
    task: MultilabelTask, encoder: nn.Module, spec: InputSpec, settings: ProbeSettings
) -> dict[str, dict[str, Score]]:
    """Scores of what has learnt nothing from images."""
    parts = unlearnt_features(encoder, task.cubes, spec, settings.features, seed=settings.seed)
    found = {
        who: settings.kept_scores("labels", features, task.labels, lambda own: _probe(task, own, settings))
        for who, features in parts.items()
    }
    found["prior"] = np.broadcast_to(task.labels.mean(0), task.truth.shape)
    return {who: multilabel_scores(scores, task.truth, seed=settings.seed) for who, scores in found.items()}


def _settings(
    task: MultilabelTask, found: ProbeOutcome, settings: ProbeSettings, spec: InputSpec
) -> dict[str, Any]:
    return {
        "linear": {
            "method": "logistic regression a class, standardised features, L-BFGS",
            **found.chosen(settings.strengths),
        },
        "share": task.share,
        "batch_ap": f"mean over whole batches of {OFFICIAL_BATCH}, as the official code reports",
        "precision": settings.features.precision,
        "size_px": spec.size_px,
    }


def _protocol(
    task: MultilabelTask, encoder: nn.Module, spec: InputSpec, settings: dict[str, Any], seed: int
) -> Protocol:
    train = len(task.labels)
    held = round(VALIDATION_SHARE * train) if settings["linear"]["validation"] else 0
    return cube_protocol(
        encoder, spec, task.cubes, task=task.name, sizes=(train, held, len(task.truth)),
        classes=task.classes, settings=settings, notes=_notes(task, spec), seed=seed,
    )  # fmt: skip


def _notes(task: MultilabelTask, spec: InputSpec) -> list[str]:
    """What a reader of the number should know."""
    notes = input_notes(spec, task.cubes, what="patches")
    if "snow_and_cloud" in task.whole.attrs:
        notes.append(f"patches of snow and cloud: {task.whole.attrs['snow_and_cloud']}")
    for part, what in ((task.labels, "training"), (task.truth, "test")):
        absent = [n for n, shown in zip(task.classes, part.sum(0), strict=True) if not shown]
        if absent:
            notes.append(f"no {what} patch shows {', '.join(absent)}")
        bare = int((part.sum(1) == 0).sum())
        if bare:
            notes.append(f"{bare} {what} patches show none of the {len(task.classes)} classes")
    return notes
