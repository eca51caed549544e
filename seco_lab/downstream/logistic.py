"""What every logistic regression on frozen features shares: scaling, one L-BFGS fit, what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seco_lab.downstream.labels import check_finite

# Weight of the penalty ||W||^2 / 2 beside the mean loss.
STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
VALIDATION_SHARE = 0.2
_EVALUATIONS = 150


def check_probe(features: NDArray, test_features: NDArray, strengths: Sequence[float]) -> None:
    """Refuse what no logistic regression can be fitted to.

    Raises:
        ValueError: NaN in the features, no strength, or a negative one.
    """
    if not strengths or min(strengths) < 0:
        raise ValueError(f"strengths must be one or more numbers of 0 or above, got {tuple(strengths)}")
    check_finite(features, "training")
    check_finite(test_features, "test")


def standardised(features: NDArray, others: NDArray) -> tuple[Tensor, Tensor]:
    """Features (N, D) and others (M, D), both scaled by mean and spread of the first; constant columns: 0."""
    mean, std = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    # What varies by less than float32 resolves is a constant with rounding errors.
    alive = std > 1e-6 * np.abs(mean) + 1e-30
    scale = np.where(alive, 1 / np.where(alive, std, 1), 0)
    first, second = ((part - mean) * scale for part in (features, others))
    return torch.as_tensor(first, dtype=torch.float32), torch.as_tensor(second, dtype=torch.float32)


def fit_scores(
    x: Tensor,
    classes: int,
    objective: Callable[[Tensor], Tensor],
    strength: float,
    *,
    start: Tensor | None = None,
) -> tuple[Tensor, bool]:
    """Weights of linear scores that minimise an objective, by L-BFGS on the whole set.

    Args:
        x: Shape (N, D), standardised.
        classes: Number of classes C.
        objective: From scores (C, N) to a scalar, the mean loss.
        strength: Weight of ``||W||^2 / 2`` beside it; the bias is free.
        start: Weights to start from, shape (C, D + 1).

    Returns:
        Weights (C, D + 1), the bias in the last column, and whether they converged.
    """
    # Ten classes make thin matrices: with images along the last axis both products run four times faster.
    columns = x.T.contiguous()
    weights = torch.zeros(classes, x.shape[1] + 1, device=x.device) if start is None else start.clone()
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
        penalty = 0.5 * strength * weights[:, :-1].square().sum()
        value = objective(weights[:, :-1] @ columns + weights[:, -1:]) + penalty
        value.backward()
        return value

    optimiser.step(loss)
    return weights.detach(), optimiser.state[weights]["func_evals"] < _EVALUATIONS


def scores_of(x: Tensor, weights: Tensor) -> Tensor:
    """Scores (M, C) of standardised features (M, D) under weights (C, D + 1)."""
    return F.linear(x, weights[:, :-1], weights[:, -1])
