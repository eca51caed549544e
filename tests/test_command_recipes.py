"""What the command line chooses where nothing was asked for."""

import numpy as np
import pytest
import torch

from seco_lab.commands.dated import phases_in, years_apart_in
from seco_lab.commands.recipes import (
    LONG_RUN,
    METHODS,
    SHORT_RUN,
    SHORT_RUN_STEPS,
    STRENGTHS,
    queue_for,
    tuning_for,
)
from seco_lab.cube import make_cube
from seco_lab.sensors import SENTINEL2_L2A


def test_long_runs_have_the_numbers_of_the_papers():
    seco = METHODS["seco"]
    assert tuning_for(SHORT_RUN_STEPS, seco) == LONG_RUN
    assert tuning_for(SHORT_RUN_STEPS - 1, seco) == SHORT_RUN
    assert (LONG_RUN.optimizer, LONG_RUN.lr, LONG_RUN.temperature, LONG_RUN.momentum) == (
        *("sgd", 0.03, 0.07, 0.999),
    )
    assert not LONG_RUN.steady


@pytest.mark.parametrize(
    ("method", "temperature", "smallest_crop"),
    [("seco-eco", 0.2, 0.2), ("geo", 0.02, 0.2), ("geo-tp", 0.02, 0.08)],
)
def test_long_runs_of_other_papers_have_their_own_numbers(method, temperature, smallest_crop):
    long_run = tuning_for(SHORT_RUN_STEPS, METHODS[method])
    assert (long_run.temperature, long_run.queue_keys) == (temperature, 65536)
    assert STRENGTHS[long_run.strength].area == (smallest_crop, 1.0)
    assert tuning_for(1, METHODS[method]) == SHORT_RUN
    assert queue_for(10**6, 64, long_run.queue_batches, keys=long_run.queue_keys) == 65536


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


@pytest.mark.parametrize(
    ("method", "asked", "sentence"),
    [
        ("simclr", ["queue", "momentum"], "simclr takes --temperature, got --queue, --momentum, for which"),
        (
            "vicreg-tp",
            ["temperature"],
            "vicreg-tp takes none of the kind, got --temperature, for which it has",
        ),
    ],
)
def test_options_without_a_use_are_refused(method, asked, sentence):
    with pytest.raises(ValueError, match=sentence):
        METHODS[method].check_options(method, asked)


def test_options_with_a_use_pass():
    for name, recipe in METHODS.items():
        recipe.check_options(name, recipe.uses)


def test_only_what_is_used_is_told():
    assert "momentum 0.95 of the key encoder" in SHORT_RUN.text(METHODS["seco"].uses)
    assert (
        SHORT_RUN.text(METHODS["simclr"].uses)
        == "adamw with learning rate 0.001, temperature 0.2, mild views"
    )
    assert SHORT_RUN.text(METHODS["vicreg"].uses) == "adamw with learning rate 0.001, mild views"


def dated(dates, bands=("B04", "B08"), green=None):
    """A cube of these dates; near infrared follows ``green`` (T,), 0 to 1, red stays."""
    dates = np.atleast_2d(np.array(dates, "datetime64[D]"))
    pixels = np.full((len(dates), dates.shape[1], len(bands), 8, 8), 1000, np.uint16)
    if green is not None:
        pixels[:, :, 1] = (1000 + 3000 * np.asarray(green))[None, :, None, None]
    return make_cube(
        pixels,
        patch=[f"p{i}" for i in range(len(dates))],
        time=dates.astype("datetime64[ns]"),
        lon=np.linspace(0, 40, len(dates)),
        lat=np.linspace(40, 50, len(dates)),
        sensor=SENTINEL2_L2A,
        bands=bands,
    )


def monthly(years):
    return [f"{year}-{month:02d}-15" for year in years for month in range(1, 13)]


def test_caco_takes_a_cube_of_two_periods_only():
    rows = np.arange(1)
    apart = ["2016-01-15", "2016-04-15", "2016-07-15", "2020-01-15", "2020-04-15", "2020-07-15"]
    assert years_apart_in(dated([apart]), rows).seasons == 6
    with pytest.raises(ValueError, match="three recent and three earlier dates of a place, the cube has 3;"):
        years_apart_in(dated([apart[:3]]), rows)
    with pytest.raises(ValueError, match=r"further apart than that.*seco-lab gather --years-apart 4"):
        years_apart_in(dated([monthly([2020])]), rows)
    with pytest.raises(ValueError, match="one place has 2 on a side of its widest gap"):
        years_apart_in(dated([[*apart[:2], *apart[3:], "2020-08-15"]]), rows)
    with pytest.raises(
        ValueError, match="caco chooses seasons by their dates, and 1 of the 6 dates are unknown"
    ):
        years_apart_in(dated([["NaT", *apart[1:]]]), rows)


def test_seco_eco_sees_the_phases_in_the_cube_itself():
    green = np.clip(np.cos(2 * np.pi * (np.arange(24) - 6.5) / 12), 0, 1)
    pick = phases_in(dated([monthly([2019, 2020])] * 3, green=green), np.array([0, 2]))
    assert pick.starts.shape == (3, 4)
    green_up, _, _, dormancy = pick.starts[2].tolist()
    assert 60 < green_up < 150, "plants begin to grow in spring"
    assert 240 < dormancy < 340, "and rest from autumn on"
    assert torch.equal(pick.starts[0], pick.starts[2])


def test_seco_eco_takes_four_seasons_as_the_phases(capsys):
    four = ["2020-01-15", "2020-04-15", "2020-07-15", "2020-10-15"]
    assert phases_in(dated([four]), np.arange(1)) is None
    assert "taken as the phases of its plants' year: green-up, maturity" in "".join(capsys.readouterr())


def test_seco_eco_says_what_a_cube_lacks():
    with pytest.raises(
        ValueError, match="6 dates and more to see the phases themselves, the cube has 5; gather"
    ):
        phases_in(dated([monthly([2020])[:5]]), np.arange(1))
    with pytest.raises(LookupError, match="needs the bands B04 and B08, the cube has B04, B03, B02"):
        phases_in(dated([monthly([2020])], bands=("B04", "B03", "B02")), np.arange(1))
