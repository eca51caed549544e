"""Scores over a whole test list, with bootstrap intervals; two models are compared pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ROUNDS = 2000


def correct(predicted: ArrayLike, truth: ArrayLike) -> NDArray[np.bool_]:
    """Which items are right.

    Raises:
        ValueError: Different lengths, or nothing to score.
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    if predicted.shape != truth.shape or not truth.size:
        raise ValueError(f"wanted as many answers as truths, got {predicted.shape} and {truth.shape}")
    return predicted == truth


def per_class_accuracy(
    predicted: ArrayLike, truth: ArrayLike, class_names: Sequence[str]
) -> dict[str, float | None]:
    """Share of right answers for each class, by name; None where no item has that class."""
    right, truth = correct(predicted, truth), np.asarray(truth)
    return {
        name: float(right[truth == number].mean()) if (truth == number).any() else None
        for number, name in enumerate(class_names)
    }


def bootstrap_means(items: ArrayLike, *, rounds: int = _ROUNDS, seed: int = 0) -> NDArray[np.float64]:
    """Means of ``rounds`` resamples, with replacement, of per-item scores (N,)."""
    items = np.asarray(items, np.float64)
    chance = np.random.default_rng(seed)
    block = max(1, 2**22 // max(1, len(items)))
    sizes = [min(block, rounds - start) for start in range(0, rounds, block)]
    return np.concatenate([items[chance.integers(0, len(items), (n, len(items)))].mean(1) for n in sizes])


def bootstrap_interval(
    items: ArrayLike, *, level: float = 0.95, rounds: int = _ROUNDS, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean of per-item scores (N,) that covers ``level`` of the resamples."""
    means = bootstrap_means(items, rounds=rounds, seed=seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Comparison:
    """By how much one model beats another on the same test items.

    Attributes:
        difference: Mean score of the first minus that of the second.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end.
        p: Two-sided share of resamples on the other side of zero; small means that the sign is sure.
    """

    difference: float
    low: float
    high: float
    p: float

    @classmethod
    def of(cls, difference: float, draws: ArrayLike) -> Comparison:
        """From the difference and its resampled values (R,); NaN where a resample gives none."""
        draws = np.asarray(draws, np.float64)
        draws = draws[np.isfinite(draws)]
        low, high = np.quantile(draws, [0.025, 0.975])
        p = min(1.0, 2 * min(float((draws <= 0).mean()), float((draws >= 0).mean())))
        return cls(float(difference), float(low), float(high), p)

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(
    first: ArrayLike, second: ArrayLike, *, rounds: int = _ROUNDS, seed: int = 0
) -> Comparison:
    """Compare per-item scores (N,) of two models on the same items in the same order.

    Raises:
        ValueError: Different numbers of items.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or not first.size:
        raise ValueError(f"a paired test needs the same items twice, got {first.shape} and {second.shape}")
    means = bootstrap_means(first - second, rounds=rounds, seed=seed)
    return Comparison.of(float((first - second).mean()), means)


def macro_f1(
    predicted: NDArray[np.int64], truth: NDArray[np.int64], *, rounds: int = 500, seed: int = 0
) -> tuple[float, NDArray[np.float64]]:
    """Mean over the classes of the test list of their F1, and its values in resamples of the items.

    A class that a resample does not hold is left out of its mean.

    Args:
        predicted: Shape (N,), class numbers.
        truth: Shape (N,), class numbers.
        rounds: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        The value, and an array (rounds,).
    """
    count, chance = int(max(predicted.max(), truth.max())) + 1, np.random.default_rng(seed)
    items = len(truth)

    def f1(rows: NDArray[np.int64] | slice) -> float:
        there, called = truth[rows], predicted[rows]
        hits = np.bincount(there[there == called], minlength=count)
        wanted, calls = np.bincount(there, minlength=count), np.bincount(called, minlength=count)
        return float((2 * hits / np.maximum(wanted + calls, 1))[wanted > 0].mean())

    draws = [f1(chance.integers(0, items, items)) for _ in range(rounds)]
    return f1(slice(None)), np.array(draws)


def balanced_accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Mean over the classes of the share of their rows that is right; guessing reaches 1 / classes.

    Args:
        predicted: Shape (N,), class numbers.
        labels: Shape (N,), class numbers.
    """
    return float(np.mean([(predicted[labels == number] == number).mean() for number in np.unique(labels)]))
