"""How well scores rank: areas under curves, the threshold of the best F1, whole sets at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Curve:
    """Counts at every threshold, high to low; rows with equal scores fall together.

    Attributes:
        threshold: Shape (K,), falling; "positive" means a score of this or more.
        hits: Shape (K,), positives at or above the threshold (true positives), weights summed.
        calls: Shape (K,), all rows at or above it.
        positives: Weight of all positives.
        total: Weight of all rows.
    """

    threshold: NDArray
    hits: NDArray[np.float64]
    calls: NDArray[np.float64]
    positives: float
    total: float


def curve_of(scores: ArrayLike, positive: ArrayLike, *, weights: ArrayLike | None = None) -> Curve:
    """The curve of scores (N,) against the truth (N,).

    Args:
        scores: Shape (N,), higher means more likely positive.
        positive: Shape (N,), bool or 0 and 1.
        weights: Shape (N,), how often each row counts; once if left out.

    Raises:
        ValueError: Different lengths, no row, or scores that are not finite.
    """
    scores, positive = np.asarray(scores).ravel(), np.asarray(positive).ravel().astype(bool)
    if scores.shape != positive.shape or not scores.size:
        raise ValueError(f"wanted one score for each truth, got {scores.size} scores, {positive.size} truths")
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise ValueError(f"{bad} of {scores.size} scores are NaN or infinite; look into the features")
    order = np.argsort(-scores, kind="stable")
    weight = np.ones(scores.size) if weights is None else np.asarray(weights, np.float64).ravel()
    ordered, weight = scores[order], weight[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    hits, calls = np.cumsum(weight * positive[order]), np.cumsum(weight)
    return Curve(ordered[last], hits[last], calls[last], float(hits[-1]), float(calls[-1]))


def average_precision(
    scores: ArrayLike, positive: ArrayLike, *, weights: ArrayLike | None = None
) -> float | None:
    """Precision averaged over the positives, in the order of the scores; None without a positive.

    The step-wise sum of (R_k - R_k-1) P_k, without interpolation.
    """
    return average_precision_of(curve_of(scores, positive, weights=weights))


def average_precision_of(curve: Curve) -> float | None:
    """Average precision of a curve; None without a positive."""
    if curve.positives <= 0:
        return None
    precision = curve.hits / np.maximum(curve.calls, 1e-12)
    return float((np.diff(curve.hits, prepend=0.0) * precision).sum() / curve.positives)


def roc_auc(scores: ArrayLike, positive: ArrayLike) -> float | None:
    """Chance that a positive scores above a negative, ties half; None where there is one kind only."""
    return roc_auc_of(curve_of(scores, positive))


def roc_auc_of(curve: Curve) -> float | None:
    """Area under the ROC of a curve; None where there is one kind only."""
    negatives = curve.total - curve.positives
    if curve.positives <= 0 or negatives <= 0:
        return None
    hits, alarms = np.append(0.0, curve.hits), np.append(0.0, curve.calls - curve.hits)
    return float((np.diff(alarms) * (hits[1:] + hits[:-1]) / 2).sum() / (curve.positives * negatives))


def best_threshold(scores: ArrayLike, positive: ArrayLike) -> float:
    """The threshold of the highest F1; of equals the highest one.

    Raises:
        ValueError: No positive: nothing tells where to cut.
    """
    curve = curve_of(scores, positive)
    if curve.positives <= 0:
        raise ValueError("no positive among the scores, so no threshold can be chosen on them")
    return float(curve.threshold[np.argmax(2 * curve.hits / (curve.calls + curve.positives))])


def f1_of(hits: ArrayLike, calls: ArrayLike, positives: ArrayLike) -> NDArray[np.float64]:
    """F1 from counts: 2 hits / (calls + positives); 0 where nothing is called and nothing is there."""
    both = np.asarray(calls, np.float64) + np.asarray(positives)
    return 2 * np.asarray(hits, np.float64) / np.maximum(both, 1e-12)


def resampled_average_precision(
    scores: NDArray, truth: NDArray, *, rounds: int = 200, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Micro and macro average precision when items are drawn again with replacement.

    Args:
        scores: Shape (N, C).
        truth: Shape (N, C), 0 and 1.
        rounds: How often.
        seed: Seed of the draws.

    Returns:
        Two arrays (rounds,); NaN where a draw has no positive.
    """
    chance, items = np.random.default_rng(seed), len(scores)
    whole = _sorted_items(scores.ravel(), truth.ravel(), np.repeat(np.arange(items), scores.shape[1]))
    kept = [k for k in range(scores.shape[1]) if 0 < truth[:, k].sum() < items]
    single = [_sorted_items(scores[:, k], truth[:, k], np.arange(items)) for k in kept]
    micro, macro = [], []
    for _ in range(rounds):
        times = np.bincount(chance.integers(0, items, items), minlength=items)
        micro.append(_precision_of_draw(*whole, times))
        found = [_precision_of_draw(*part, times) for part in single]
        macro.append(np.nanmean(found) if not np.isnan(found).all() else np.nan)
    return np.array(micro), np.array(macro)


def _sorted_items(
    scores: NDArray, truth: NDArray, owner: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Truth and item of each score, high to low, and where runs of equal scores end."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return truth[order].astype(bool), owner[order], last


def _precision_of_draw(
    truth: NDArray[np.bool_], owner: NDArray[np.int64], last: NDArray[np.int64], times: NDArray[np.int64]
) -> float:
    weight = times[owner]
    hits, calls = np.cumsum(weight * truth)[last], np.cumsum(weight)[last]
    if not hits[-1]:
        return float("nan")
    return float((np.diff(hits, prepend=0) * hits / np.maximum(calls, 1)).sum() / hits[-1])
