"""Multinomial logistic regression on frozen features, its strength chosen on a part of the training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seco_lab.downstream.labels import holdout
from seco_lab.downstream.logistic import (
    STRENGTHS,
    VALIDATION_SHARE,
    ProbeOutcome,
    chosen_probe,
    fit_scores,
    scores_of,
)


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
    classes = int(labels.max()) + 1

    def fit(x: Tensor, y: Tensor, strength: float, start: Tensor | None) -> tuple[Tensor, bool]:
        return fit_logistic(x, y, classes, strength, start=start)

    def accuracy(scores: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
        return float((scores.argmax(1) == truth).mean())

    return chosen_probe(
        features, labels, test_features, fit=fit, judge=accuracy, strengths=strengths, device=device,
        held=holdout(labels, VALIDATION_SHARE, seed=seed) if held is None else held,
    )  # fmt: skip
