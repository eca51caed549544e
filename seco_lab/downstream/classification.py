"""One label an image: how every such task is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.cube import join_cubes
from seco_lab.downstream.cube_protocol import cube_protocol, input_notes
from seco_lab.downstream.features import FeatureOptions, extract_both
from seco_lab.downstream.finetune import FinetuneConfig, Supervision, finetuned_scores
from seco_lab.downstream.floors import nearest_by_coordinates, unlearnt_features
from seco_lab.downstream.keeping import kept
from seco_lab.downstream.knn import knn_probe
from seco_lab.downstream.labels import check_learnable, class_names_of, holdout, labels_under
from seco_lab.downstream.linear_probe import linear_probe
from seco_lab.downstream.logistic import STRENGTHS, VALIDATION_SHARE, ProbeOutcome
from seco_lab.downstream.metrics import correct, macro_f1, per_class_accuracy
from seco_lab.downstream.result import Protocol as Told
from seco_lab.downstream.result import Result, Score
from seco_lab.downstream.splits import SplitCubes, split_cubes
from seco_lab.input_spec import InputSpec

TOP = 5


@dataclass(frozen=True)
class ProbeSettings:
    """How an encoder is asked; nothing of it is chosen on the test images.

    Attributes:
        size_px: Resize images to this side; by default the contract's own.
        baselines: Whether to compute what the score must be held against.
        finetune: Fine-tune as well, on this schedule.
        official_epochs: Run the paper's own protocol as well, for so many epochs (100 in the papers).
        strengths: Penalties of the logistic regression to choose from.
        seed: Seed of all draws.
        features: Batch size, device, precision, cache and bars.
    """

    size_px: int | None = None
    baselines: bool = True
    finetune: FinetuneConfig | None = None
    official_epochs: int = 0
    strengths: tuple[float, ...] = STRENGTHS
    seed: int = 0
    features: FeatureOptions = field(default_factory=FeatureOptions)

    def spec(self, spec: InputSpec) -> InputSpec:
        """The contract at the size asked for."""
        return spec if self.size_px is None else replace(spec, size_px=self.size_px)

    def kept_scores(
        self,
        how: str,
        features: tuple[NDArray, NDArray],
        labels: NDArray,
        probe: Callable[[tuple[NDArray, NDArray]], ProbeOutcome],
    ) -> NDArray[np.float32]:
        """Scores (M, C) of a probe on features, or those that it gave when it was asked the same before.

        Args:
            how: Name of the probe.
            features: Of the training (N, D) and of the test images (M, D).
            labels: Shape (N, ...), of the training images.
            probe: Fits and answers.
        """
        made_from = [how, *features, labels, str(self.strengths), str(self.seed)]
        return kept(self.features.cache, made_from, lambda: probe(features).scores)


class OfficialProtocol(Protocol):
    """A paper's own way to judge an encoder, quirks included."""

    def __call__(
        self,
        task: ClassTask,
        encoder: nn.Module,
        spec: InputSpec,
        features: tuple[NDArray, NDArray],
        settings: ProbeSettings,
    ) -> tuple[NDArray, dict[str, Any]]:
        """Scores (M, C) of the test images, and what was done, for the protocol of the result."""
        ...


@dataclass(frozen=True)
class ClassTask:
    """Training and test images with their labels, and what is measured on them.

    Attributes:
        name: Of the task, such as "eurosat".
        cubes: Training and test images.
        labels: Shape (N,), of the training images.
        truth: Shape (M,), of the test images, numbered alike.
        classes: Names of the classes.
        measures: What is told beside accuracy: "f1" (mean over the classes), "top5".
        official: The paper's own protocol.
    """

    name: str
    cubes: SplitCubes
    labels: NDArray[np.int64]
    truth: NDArray[np.int64]
    classes: tuple[str, ...]
    measures: tuple[str, ...] = ()
    official: OfficialProtocol | None = None

    @classmethod
    def of(
        cls,
        name: str,
        train_cube: xr.Dataset,
        test_cube: xr.Dataset | None = None,
        *,
        measures: tuple[str, ...] = (),
        official: OfficialProtocol | None = None,
        seed: int = 0,
    ) -> ClassTask:
        """The task of labelled cubes as ``on``; without test images the cube's split, or a held-out fifth."""
        cubes = split_cubes(train_cube, test_cube, seed=seed)
        return cls.on(name, cubes, measures=measures, official=official)

    @classmethod
    def on(
        cls,
        name: str,
        cubes: SplitCubes,
        *,
        measures: tuple[str, ...] = (),
        official: OfficialProtocol | None = None,
    ) -> ClassTask:
        """The task of two lists.

        Raises:
            ValueError: Lists that cannot be learnt from.
            LookupError: A test class is not known in training.
        """
        names = class_names_of(cubes.train)
        labels, truth = labels_under(cubes.train, names), labels_under(cubes.test, names)
        check_learnable(labels, truth, names)
        return cls(name, cubes, labels, truth, names, measures, official)

    def joined(self) -> xr.Dataset:
        """All images as one labelled cube, to be parted in another way; those of both lists come once."""
        parts = []
        for cube, labels in ((self.cubes.train, self.labels), (self.cubes.test, self.truth)):
            part = cube.assign_coords(label=("patch", labels)).drop_vars("split", errors="ignore")
            parts.append(part.assign_attrs(class_names=list(self.classes)))
        new = ~np.isin(parts[1]["patch"].values.astype(str), parts[0]["patch"].values.astype(str))
        return join_cubes([parts[0], parts[1].isel(patch=np.flatnonzero(new))])

    def scored(self, how: str, scores: NDArray, *, seed: int = 0) -> dict[str, Score]:
        """Everything that is measured of logits (M, C), by name: ``how``, ``how_f1``, ``how_top5``."""
        found = self.answered(how, scores.argmax(1), seed=seed)
        if "top5" in self.measures:
            best = np.argpartition(-scores, min(TOP, scores.shape[1]) - 1, axis=1)[:, :TOP]
            found[f"{how}_top5"] = Score.of((best == self.truth[:, None]).any(1), seed=seed)
        return found

    def answered(self, how: str, predicted: NDArray[np.int64], *, seed: int = 0) -> dict[str, Score]:
        """What is measured of class numbers (M,)."""
        if "f1" in self.measures:
            return accuracy_and_f1(how, predicted, self.truth, seed)
        return {how: Score.of(correct(predicted, self.truth), seed=seed)}


def accuracy_and_f1(
    how: str, predicted: NDArray[np.int64], truth: NDArray[np.int64], seed: int
) -> dict[str, Score]:
    """Share of answers (M,) that are right, as ``how``, and their mean F1 over the classes, ``how_f1``."""
    accuracy = Score.of(correct(predicted, truth), seed=seed)
    return {how: accuracy, f"{how}_f1": Score.drawn(*macro_f1(predicted, truth, seed=seed))}


def evaluate_classes(
    task: ClassTask,
    encoder: nn.Module,
    spec: InputSpec,
    settings: ProbeSettings | None = None,
    *,
    name: str = "encoder",
) -> Result:
    """Linear probe, kNN and, as asked, fine-tuning, beside what has learnt nothing.

    The sound protocol: encoder in eval mode, features once, everything chosen on a fifth of the training
    images, every test image counted.

    Args:
        task: The images and what is measured.
        encoder: Maps (B, C, H, W) to (B, D).
        spec: Its input contract.
        settings: How it is asked.
        name: Whose result it is.

    Returns:
        Scores "linear", "knn", "finetune" and "official", each with the further measures of the task.
        Baselines: "floor" (colour statistics), "untrained" (same architecture and contract),
        "random_features", and where places are known "coordinates" (the label of the nearest training image
        on the map).

    Raises:
        ValueError: NaN in features, or no conversion of units is known.
        LookupError: A band is missing.
    """
    settings = settings or ProbeSettings()
    spec, options = settings.spec(spec), settings.features
    features = extract_both(encoder, task.cubes, spec, options)
    linear = _linear(task, features, settings)
    voted, k, by_k = knn_probe(features[0], task.labels, features[1], seed=settings.seed)
    seed = settings.seed
    scores = task.scored("linear", linear.scores, seed=seed) | task.answered("knn", voted, seed=seed)
    told = {
        "linear": {
            "method": "multinomial logistic regression, standardised features, L-BFGS",
            **linear.chosen(settings.strengths),
        },
        "knn": {"k": k, "similarity": "cosine", "validation": {str(key): v for key, v in by_k.items()}},
    }
    if settings.finetune is not None:
        scores |= task.scored("finetune", _finetuned(task, encoder, spec, settings), seed=seed)
        told["finetune"] = vars(settings.finetune)
    if settings.official_epochs and task.official is not None:
        answer, told["official"] = task.official(task, encoder, spec, features, settings)
        scores |= task.scored("official", answer, seed=seed)
    others = _baselines(task, encoder, spec, settings) if settings.baselines else {}
    told |= {"precision": options.precision, "features": int(features[0].shape[1]), "size_px": spec.size_px}
    per_class = per_class_accuracy(linear.predicted, task.truth, task.classes)
    return Result(name, "accuracy", scores, others, per_class, _protocol(task, encoder, spec, told, seed))


def evaluate_cubes(
    task_of: Callable[..., ClassTask],
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset | None = None,
    settings: ProbeSettings | None = None,
    *,
    name: str = "encoder",
) -> Result:
    """Judge an encoder on the task that ``task_of``, such as ``fmow_task``, makes of labelled cubes."""
    settings = settings or ProbeSettings()
    task = task_of(train_cube, test_cube, seed=settings.seed)
    return evaluate_classes(task, encoder, spec, settings, name=name)


def _linear(task: ClassTask, features: Sequence[NDArray], settings: ProbeSettings) -> ProbeOutcome:
    return linear_probe(
        features[0], task.labels, features[1],
        strengths=settings.strengths, seed=settings.seed, device=settings.features.device,
    )  # fmt: skip


def _finetuned(
    task: ClassTask, encoder: nn.Module, spec: InputSpec, settings: ProbeSettings
) -> NDArray[np.float32]:
    wanted = Supervision(torch.as_tensor(task.labels), len(task.classes), F.cross_entropy)
    return finetuned_scores(
        encoder, spec, task.cubes.train, task.cubes.test, wanted, settings.finetune,
        device=settings.features.device, progress=settings.features.progress,
    )  # fmt: skip


def _baselines(
    task: ClassTask, encoder: nn.Module, spec: InputSpec, settings: ProbeSettings
) -> dict[str, Score]:
    """Scores of what has learnt nothing from images."""
    parts = unlearnt_features(encoder, task.cubes, spec, settings.features, seed=settings.seed)
    found: dict[str, Score] = {}
    for who, features in parts.items():
        answer = settings.kept_scores(
            "linear", features, task.labels, lambda own: _linear(task, own, settings)
        )
        found |= task.scored(who, answer, seed=settings.seed)
    near = nearest_by_coordinates(task.cubes, task.labels)
    return found if near is None else found | task.answered("coordinates", near, seed=settings.seed)


def _protocol(
    task: ClassTask, encoder: nn.Module, spec: InputSpec, settings: dict[str, Any], seed: int
) -> Told:
    held = int(holdout(task.labels, VALIDATION_SHARE, seed=seed).sum())
    absent = [n for i, n in enumerate(task.classes) if i not in task.truth]
    notes = [f"no test image shows {', '.join(absent)}"] if absent else []
    return cube_protocol(
        encoder, spec, task.cubes, task=task.name, sizes=(len(task.labels), held, len(task.truth)),
        classes=task.classes, settings=settings, notes=input_notes(spec, task.cubes) + notes, seed=seed,
    )  # fmt: skip
