"""Two groups in a list of numbers: a mixture of two normal distributions, fitted without any chance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_ROUNDS = 200
# A group never gets narrower than this share of the whole spread: one number alone would become a spike.
_NARROWEST = 1e-3


def upper_group(values: Tensor) -> Tensor:
    """Which numbers belong to the group with the larger mean (expectation maximisation, two normals).

    Starts from the halves below and above the middle of the lowest and the highest quarter's means, so that
    the same numbers always give the same groups.

    Args:
        values: Shape (n,), finite.

    Returns:
        Shape (n,), bool; nowhere true where fewer than two different numbers came.
    """
    # Many small steps in double precision: nothing for a GPU, and not all have such numbers.
    numbers = values.cpu().double()
    if len(numbers) < 2 or not numbers.max() > numbers.min():
        return torch.zeros(len(values), dtype=torch.bool, device=values.device)
    ordered = numbers.sort().values
    quarter = max(1, len(ordered) // 4)
    middle = (ordered[:quarter].mean() + ordered[-quarter:].mean()) / 2
    share = torch.stack([numbers <= middle, numbers > middle]).double()
    floor = _NARROWEST * numbers.var(correction=0)
    for _ in range(_ROUNDS):
        before, (mean, scores) = share, _scores(numbers, share, floor)
        share = scores.softmax(0)
        if (share - before).abs().max() < 1e-6:
            break
    return (share[mean.argmax()] > 0.5).to(values.device)


def _scores(numbers: Tensor, share: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Means (2,) of the groups, and the log of weight times density of every number in each (2, n)."""
    weight = share.sum(1).clamp_min(1e-12)
    mean = share @ numbers / weight
    variance = (share * (numbers - mean[:, None]).square()).sum(1) / weight + floor
    density = -0.5 * ((numbers - mean[:, None]).square() / variance[:, None] + variance[:, None].log())
    return mean, (weight / len(numbers)).log()[:, None] + density - 0.5 * math.log(2 * math.pi)
