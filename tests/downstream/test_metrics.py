"""Intervals and paired comparisons against what is known in closed form."""

import numpy as np
import pytest

from seco_lab.downstream.metrics import (
    bootstrap_interval,
    correct,
    macro_f1,
    paired_bootstrap,
    per_class_accuracy,
)


def test_interval_agrees_with_the_binomial_formula():
    items = np.arange(1000) < 800
    low, high = bootstrap_interval(items)
    half = 1.96 * (0.8 * 0.2 / 1000) ** 0.5
    assert low == pytest.approx(0.8 - half, abs=0.004)
    assert high == pytest.approx(0.8 + half, abs=0.004)
    assert bootstrap_interval(items) == (low, high)


def test_all_right_has_no_spread():
    assert bootstrap_interval(np.ones(50)) == (1.0, 1.0)


def test_per_class():
    found = per_class_accuracy([0, 1, 1, 0], [0, 0, 1, 1], ["a", "b", "c"])
    assert found == {"a": 0.5, "b": 0.5, "c": None}


def test_pairs_see_what_intervals_do_not():
    chance = np.random.default_rng(0)
    first = chance.random(2000) < 0.8
    second = first & (chance.random(2000) > 0.02)
    comparison = paired_bootstrap(first, second)
    assert comparison.is_clear
    assert comparison.p < 0.01
    assert comparison.difference == pytest.approx(first.mean() - second.mean())
    a, b = bootstrap_interval(first), bootstrap_interval(second)
    assert a[0] < b[1]


def test_equal_models_do_not_differ():
    items = np.arange(100) % 3 == 0
    comparison = paired_bootstrap(items, items)
    assert (comparison.difference, comparison.p, comparison.is_clear) == (0, 1, False)


def test_other_lengths_are_refused():
    with pytest.raises(ValueError, match="same items twice"):
        paired_bootstrap([1, 0], [1])
    with pytest.raises(ValueError, match="as many answers"):
        correct([], [])


def test_macro_f1_by_hand():
    truth, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 3])
    # Class 0: 2 of 3 found, 3 called; class 1: 1 of 2 found, 2 called; class 2: none; class 3 is not tested.
    value, draws = macro_f1(predicted, truth, rounds=200)
    assert value == pytest.approx((4 / 6 + 2 / 4 + 0) / 3)
    assert draws.min() < value < draws.max()
    assert macro_f1(truth, truth, rounds=20)[1].tolist() == [1.0] * 20
