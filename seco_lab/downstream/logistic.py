"""What every logistic regression on frozen features shares: scaling, one L-BFGS fit, a chosen strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seco_lab.downstream.labels import check_finite
from seco_lab.nn.devices import choose_device

# Weight of the penalty ||W||^2 / 2 beside the mean loss.
STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
VALIDATION_SHARE = 0.2
_EVALUATIONS = 150

# From standardised features (N, D), targets (N, ...), a strength and weights to start from (or None) to
# weights (C, D + 1) and whether they converged.
Fit = Callable[[Tensor, Tensor, float, Tensor | None], tuple[Tensor, bool]]


@dataclass(frozen=True)
class ProbeOutcome:
    """What a probe chose and answered.

    Attributes:
        scores: Shape (M, C), logits of each test row.
        strength: The strength chosen.
        validation: Score on the validation part by strength; empty where the data were too few for one.
        converged: Whether the last fit reached its optimum within its budget of evaluations.
    """

    scores: NDArray[np.float32]
    strength: float
    validation: dict[float, float]
    converged: bool

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Class of the highest score of each test row, shape (M,)."""
        return self.scores.argmax(1)

    def chosen(self, strengths: Sequence[float]) -> dict[str, Any]:
        """What was chosen of these strengths, and on what, for the protocol of a result."""
        return {
            "strengths": list(strengths),
            "strength": self.strength,
            "validation_share": VALIDATION_SHARE,
            "validation": {str(key): value for key, value in self.validation.items()},
            "converged": self.converged,
        }


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
        # Each remembered step costs two passes over the weights; more than these bring no fewer evaluations.
        history_size=20,
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


def chosen_probe(
    features: NDArray,
    targets: NDArray,
    test_features: NDArray,
    *,
    fit: Fit,
    judge: Callable[[NDArray[np.float32], NDArray], float],
    held: NDArray[np.bool_],
    strengths: Sequence[float],
    device: str | torch.device = "auto",
) -> ProbeOutcome:
    """Choose the strength on held-out training rows, fit again on all of them, answer the test rows.

    The test rows are never looked at before the answer. Without held-out rows the strength in the middle is
    taken; of equally good ones the strongest, the most careful.

    Args:
        features: Shape (N, D).
        targets: Shape (N, ...).
        test_features: Shape (M, D).
        fit: One regression.
        judge: From scores (V, C) and targets (V, ...) of the held-out rows to what is to be high.
        held: Shape (N,), the rows to choose on.
        strengths: Penalties to try.
        device: Where to fit.

    Raises:
        ValueError: NaN in the features, or no strength.
    """
    check_probe(features, test_features, strengths)
    where, found, path = choose_device(device), {}, {}
    if held.any():
        x, val = (part.to(where) for part in standardised(features[~held], features[held]))
        y, current = torch.as_tensor(targets[~held]).to(where), None
        for tried in sorted(strengths, reverse=True):
            current, _ = fit(x, y, tried, current)
            path[tried], found[tried] = current, judge(scores_of(val, current).cpu().numpy(), targets[held])
    middle = sorted(strengths)[len(strengths) // 2]
    strength = max(found, key=lambda tried: (found[tried], tried)) if found else middle
    x, test = (part.to(where) for part in standardised(features, test_features))
    weights, converged = fit(x, torch.as_tensor(targets).to(where), strength, path.get(strength))
    return ProbeOutcome(scores_of(test, weights).cpu().numpy(), strength, found, converged)
