"""What evaluations on scenes share: the encoder beside untrained weights, and scores that compare them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from seco_lab.downstream.floors import untrained_like
from seco_lab.downstream.metrics import Comparison
from seco_lab.downstream.result import Score

ENCODER = "encoder"  # the one that is asked about; all others are baselines
Judged = TypeVar("Judged")


def beside_untrained(
    encoder: nn.Module, judge: Callable[[nn.Module], Judged], *, baselines: bool, seed: int
) -> dict[str, Judged]:
    """What a judge says of an encoder and, with ``baselines``, of the same network untrained, by name."""
    asked = {ENCODER: encoder}
    if baselines:
        asked["untrained"] = untrained_like(encoder, seed=seed)
    return {who: judge(one) for who, one in asked.items()}


def scores_and_leads(
    values: Mapping[str, Mapping[str, NDArray[np.float64]]], main: str
) -> tuple[dict[str, dict[str, Score]], dict[str, dict[str, float]]]:
    """Scores with intervals, and how far the first lies above the others.

    Args:
        values: Who was judged -> name of the score -> shape (1 + rounds,): the value, and what the same
            resamples give everybody.
        main: The score in which the lead is told.

    Returns:
        Scores of each, and for each but the first the difference in ``main`` with its interval.
    """
    scores = {who: {n: Score.drawn(v[0], v[1:]) for n, v in found.items()} for who, found in values.items()}
    own, *others = values
    leads = {who: values[own][main] - values[who][main] for who in others}
    return scores, {who: vars(Comparison.of(lead[0], lead[1:])) for who, lead in leads.items()}


def baseline_scores(scores: Mapping[str, Mapping[str, Score]]) -> dict[str, Score]:
    """Scores of everybody but the encoder, named such as "untrained_ap50"."""
    return {f"{who}_{n}": s for who, found in scores.items() if who != ENCODER for n, s in found.items()}


def by_class(names: Sequence[str], values: ArrayLike) -> dict[str, float | None]:
    """A number for each class; None for NaN, which a class without any item has."""
    return {n: None if np.isnan(v) else float(v) for n, v in zip(names, np.asarray(values), strict=True)}
