"""Multinomial logistic regression on frozen features, its strength chosen on a part of the training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seco_lab.downstream.labels import check_finite, holdout
from seco_lab.nn.devices import choose_device

# Weight of the penalty ||W||^2 / 2 beside the mean loss.
STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
VALIDATION_SHARE = 0.2
_EVALUATIONS = 150


@dataclass(frozen=True)
class ProbeOutcome:
    """What a probe chose and answered.

    Attributes:
        predicted: Shape (M,), class of each test row.
        strength: The strength chosen.
        validation: Accuracy on the validation part by strength; empty where the data were too few for one.
        converged: Whether the last fit reached its optimum within its budget of evaluations.
    """

    predicted: NDArray[np.int64]
    strength: float
    validation: dict[float, float]
    converged: bool


def standardised(features: NDArray, others: NDArray) -> tuple[Tensor, Tensor]:
    """Features (N, D) and others (M, D), both scaled by mean and spread of the first; constant columns: 0."""
    mean, std = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    # What varies by less than float32 resolves is a constant with rounding errors.
    alive = std > 1e-6 * np.abs(mean) + 1e-30
    scale = np.where(alive, 1 / np.where(alive, std, 1), 0)
    first, second = ((part - mean) * scale for part in (features, others))
    return torch.as_tensor(first, dtype=torch.float32), torch.as_tensor(second, dtype=torch.float32)


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
    # Ten classes make thin matrices: with images along the last axis both products run four times faster.
    columns, target = x.T.contiguous(), y[None]
    shape = (classes, x.shape[1] + 1)
    weights = torch.zeros(shape, device=x.device) if start is None else start.clone()
    weights.requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [weights],
        max_iter=_EVALUATIONS,
        max_eval=_EVALUATIONS,
        tolerance_grad=1e-5,
        tolerance_change=1e-7,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        scores = weights[:, :-1] @ columns + weights[:, -1:]
        penalty = 0.5 * strength * weights[:, :-1].square().sum()
        value = F.cross_entropy(scores[None], target) + penalty
        value.backward()
        return value

    optimiser.step(loss)
    evaluations = optimiser.state[weights]["func_evals"]
    return weights.detach(), evaluations < _EVALUATIONS


def predict_logistic(x: Tensor, weights: Tensor) -> Tensor:
    """Class numbers (M,) of standardised features (M, D)."""
    return F.linear(x, weights[:, :-1], weights[:, -1]).argmax(1)


def linear_probe(
    features: NDArray,
    labels: NDArray[np.int64],
    test_features: NDArray,
    *,
    strengths: Sequence[float] = STRENGTHS,
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
        seed: Seed of the validation part.
        device: Where to fit; by default on a GPU if there is one.

    Raises:
        ValueError: NaN in the features, or no strength.
    """
    if not strengths or min(strengths) < 0:
        raise ValueError(f"strengths must be one or more numbers of 0 or above, got {tuple(strengths)}")
    check_finite(features, "training")
    check_finite(test_features, "test")
    where, classes = choose_device(device), int(labels.max()) + 1
    held = holdout(labels, VALIDATION_SHARE, seed=seed)
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
    return ProbeOutcome(predict_logistic(test, weights).cpu().numpy(), strength, validation, converged)


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
