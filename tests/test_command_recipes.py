"""What the command line chooses where nothing was asked for."""

import pytest

from seco_lab.commands.recipes import LONG_RUN, METHODS, SHORT_RUN, SHORT_RUN_STEPS, queue_for, tuning_for


def test_long_runs_have_the_numbers_of_the_papers():
    assert tuning_for(SHORT_RUN_STEPS) == LONG_RUN
    assert tuning_for(SHORT_RUN_STEPS - 1) == tuning_for(None) == SHORT_RUN
    assert (LONG_RUN.optimizer, LONG_RUN.lr, LONG_RUN.temperature, LONG_RUN.momentum) == (
        *("sgd", 0.03, 0.07, 0.999),
    )
    assert not LONG_RUN.steady


@pytest.mark.parametrize(
    ("samples", "batch", "batches", "wanted"),
    [
        (10**6, 64, None, 16384),
        (1000, 64, None, 448),
        (1000, 64, 4, 256),
        (100, 64, 4, 64),
        (64, 64, None, 64),
    ],
)
def test_queue_holds_at_most_half_of_the_data(samples, batch, batches, wanted):
    assert queue_for(samples, batch, batches) == wanted


def test_views_and_seasons_belong_together():
    assert all(recipe.views.seasons == recipe.seasons for recipe in METHODS.values())
