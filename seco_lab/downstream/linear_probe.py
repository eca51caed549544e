"""Multinomial logistic regression on frozen features, its strength chosen on a part of the training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seco_lab.downstream.labels import holdout
from seco_lab.downstream.logistic import (
    STRENGTHS,
    VALIDATION_SHARE,
    check_probe,
    fit_scores,
    scores_of,
    standardised,
)
from seco_lab.nn.devices import choose_device


@dataclass(frozen=True)
class ProbeOutcome:
    """What a probe chose and answered.

    Attributes:
        scores: Shape (M, C), logits of each test row; the highest is the answer.
        strength: The strength chosen.
        validation: Accuracy on the validation part by strength; empty where the data were too few for one.
        converged: Whether the last fit reached its optimum within its budget of evaluations.
    """

    scores: NDArray[np.float32]
    strength: float
    validation: dict[float, float]
    converged: bool

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Class of each test row, shape (M,)."""
        return self.scores.argmax(1)


def fit_logistic(
    x: Tensor, y: Tensor, classes: int, strength: float, *, start: Tensor | None = None
) -> tuple[Tensor, bool]:
    """Weights of a multinomial logistic regression by L-BFGS on the whole set.

    Args:
        x: Shape (N, D), standardised.
        y: Shape (N,), int64 class numbers.
        classes: Number of classes C.
        strength: Weight of ``||W||^2 / 2`` beside the mean cross-entropy; the bias is free.
        start: Weights to start from, shape (C, D + 1).

    Returns:
        Weights (C, D + 1), the bias in the last column, and whether they converged.
    """
    target = y[None]

    def objective(scores: Tensor) -> Tensor:
        return F.cross_entropy(scores[None], target)

    return fit_scores(x, classes, objective, strength, start=start)


def predict_logistic(x: Tensor, weights: Tensor) -> Tensor:
    """Class numbers (M,) of standardised features (M, D)."""
    return scores_of(x, weights).argmax(1)


def linear_probe(
    features: NDArray,
    labels: NDArray[np.int64],
    test_features: NDArray,
    *,
    strengths: Sequence[float] = STRENGTHS,
    held: NDArray[np.bool_] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> ProbeOutcome:
    """Choose the strength on a fifth of the training rows, fit again on all of them, answer the test rows.

    The test rows are never looked at before the answer.

    Args:
        features: Shape (N, D).
        labels: Shape (N,), class numbers from 0.
        test_features: Shape (M, D).
        strengths: Penalties to try.
        held: Shape (N,), the rows to choose the strength on; by default a stratified fifth.
        seed: Seed of the validation part.
        device: Where to fit; by default on a GPU if there is one.

    Raises:
        ValueError: NaN in the features, or no strength.
    """
    check_probe(features, test_features, strengths)
    where, classes = choose_device(device), int(labels.max()) + 1
    held = holdout(labels, VALIDATION_SHARE, seed=seed) if held is None else held
    if held.any():
        validation, start = _path(features, labels, held, strengths, classes, where)
        # The first of equals is the strongest, the most careful one.
        strength = max(validation, key=lambda value: (validation[value], value))
        start = start[strength]
    else:
        validation, start = {}, None
        strength = sorted(strengths)[len(strengths) // 2]
    x, test = (part.to(where) for part in standardised(features, test_features))
    weights, converged = fit_logistic(x, torch.as_tensor(labels).to(where), classes, strength, start=start)
    return ProbeOutcome(scores_of(test, weights).cpu().numpy(), strength, validation, converged)


def _path(
    features: NDArray,
    labels: NDArray[np.int64],
    held: NDArray[np.bool_],
    strengths: Sequence[float],
    classes: int,
    device: torch.device,
) -> tuple[dict[float, float], dict[float, Tensor]]:
    """Validation accuracy and weights by strength, strong to weak, each starting where the last ended."""
    x, val = (part.to(device) for part in standardised(features[~held], features[held]))
    y, truth = (torch.as_tensor(labels[part]).to(device) for part in (~held, held))
    accuracy, weights, current = {}, {}, None
    for strength in sorted(strengths, reverse=True):
        current, _ = fit_logistic(x, y, classes, strength, start=current)
        weights[strength] = current
        accuracy[strength] = float((predict_logistic(val, current) == truth).float().mean())
    return accuracy, weights
