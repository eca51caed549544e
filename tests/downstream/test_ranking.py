"""Ranking measures against loops over pairs and values worked out by hand."""

import numpy as np
import pytest

from seco_lab.downstream.ranking import average_precision, best_threshold, curve_of, f1_of, roc_auc


def slow_auc(scores, truth):
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[truth] for n in scores[~truth]]
    return float(np.mean(pairs))


def slow_average_precision(scores, truth):
    """Each threshold in turn: gain in recall times precision."""
    total, last = 0.0, 0.0
    for cut in sorted(set(scores.tolist()), reverse=True):
        called = scores >= cut
        recall = (called & truth).sum() / truth.sum()
        total += (recall - last) * (called & truth).sum() / called.sum()
        last = recall
    return total


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_loops_ties_included(seed):
    chance = np.random.default_rng(seed)
    scores, truth = chance.integers(0, 9, 60) / 8, chance.random(60) < 0.3
    assert roc_auc(scores, truth) == pytest.approx(slow_auc(scores, truth))
    assert average_precision(scores, truth) == pytest.approx(slow_average_precision(scores, truth))


def test_by_hand():
    # Positives at ranks 1 and 3: precision 1 and 2/3.
    assert average_precision([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0]) == pytest.approx((1 + 2 / 3) / 2)
    assert roc_auc([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0]) == pytest.approx(3 / 4)
    assert best_threshold([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0]) == pytest.approx(0.7)
    assert f1_of([2, 0], [3, 0], [2, 0]).tolist() == pytest.approx([0.8, 0.0])


def test_constant_scores_are_chance():
    assert roc_auc(np.zeros(10), np.arange(10) < 3) == pytest.approx(0.5)
    assert average_precision(np.zeros(10), np.arange(10) < 3) == pytest.approx(0.3)


def test_weights_are_repetitions():
    chance = np.random.default_rng(1)
    scores, truth, times = chance.random(30), chance.random(30) < 0.4, chance.integers(0, 4, 30)
    repeated = average_precision(scores.repeat(times), truth.repeat(times))
    assert average_precision(scores, truth, weights=times) == pytest.approx(repeated)


def test_one_kind_only_is_undefined():
    assert average_precision([0.1, 0.2], [0, 0]) is None
    assert roc_auc([0.1, 0.2], [1, 1]) is None
    with pytest.raises(ValueError, match="no positive"):
        best_threshold([0.1, 0.2], [0, 0])


@pytest.mark.parametrize(
    ("scores", "match"), [([0.1, np.nan], "1 of 2 scores are NaN"), ([0.1], "one score for each truth")]
)
def test_bad_scores_are_refused(scores, match):
    with pytest.raises(ValueError, match=match):
        curve_of(scores, [0, 1])
