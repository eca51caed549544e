import numpy as np
import pytest
import torch
from training import SPEC

from seco_lab.batch import Batch
from seco_lab.seasons import PHASES
from seco_lab.views import PhaseSeasons, PickedSeasons, phase_starts
from seco_lab.views.phenology import draw_phases, phase_of

DAYS = np.arange(1, 366, 8)


def bell(peak_day, width=50.0):
    away = np.abs((DAYS - peak_day + 182) % 365 - 182)
    return 0.2 + 0.6 * np.exp(-((away / width) ** 2))


def time(*dates):
    return torch.from_numpy(np.array([dates], "datetime64[D]").astype(np.int64))


def names(dates, starts):
    return [PHASES[number] for number in phase_of(dates, starts)[0].tolist()]


def test_phases_follow_the_plants_and_not_the_calendar():
    north, south = phase_starts([bell(200)], DAYS), phase_starts([bell(15)], DAYS)
    dates = time("2021-01-15", "2021-05-20", "2021-07-19", "2021-09-20", "2020-12-20")
    assert names(dates, north) == ["dormancy", "green-up", "maturity", "senescence", "dormancy"]
    dates = time("2021-01-15", "2021-03-10", "2021-07-19", "2021-11-25")
    assert names(dates, south) == ["maturity", "senescence", "dormancy", "green-up"]


def test_starts_lie_where_the_curve_crosses_the_levels():
    # One wave of a year: it passes half its height a quarter of a year before and after the peak.
    curve = 0.4 + 0.3 * np.cos(2 * np.pi * (DAYS - 183) / 365.25)
    rise, ripe, fade, end = phase_starts([curve], DAYS, low=0.5, high=0.75)[0].tolist()
    assert [rise, end] == pytest.approx([182 - 91, 182 + 91], abs=2)
    assert [ripe, fade] == pytest.approx([182 - 61, 182 + 61], abs=2)


def test_a_place_without_a_cycle_gets_calendar_quarters():
    starts = phase_starts([np.full(len(DAYS), 0.3), np.full(len(DAYS), np.nan)], DAYS)
    dates = time("2021-01-15", "2021-04-15", "2021-07-15", "2021-10-15", "2021-12-01", "2021-11-30")
    for row in starts:
        assert phase_of(dates, row[None])[0].tolist() == [0, 1, 2, 3, 0, 3]


def test_draws_take_different_phases_first():
    phase = torch.tensor([[0, 0, 0, 1, 2, 2]]).repeat(3000, 1)
    drawn = draw_phases(phase, 3, torch.Generator().manual_seed(0))
    found = phase.gather(1, drawn)
    assert (found.sort(1).values == torch.tensor([0, 1, 2])).all()
    assert (found[:, 0].bincount() / 3000 - 1 / 3).abs().max() < 0.04, (
        "phases with many images come no earlier"
    )
    assert {tuple(row) for row in drawn.sort(1).values.tolist()} == {
        (a, 3, c) for a in (0, 1, 2) for c in (4, 5)
    }


def test_places_with_fewer_phases_fill_up_with_other_images():
    drawn = draw_phases(torch.tensor([[0, 0, 3, 3], [2, 2, 2, 2]]), 3, torch.Generator().manual_seed(0))
    assert all(len(set(row)) == 3 for row in drawn.tolist())
    assert {0, 1} & set(drawn[0, :2].tolist())
    assert {2, 3} & set(drawn[0, :2].tolist())


class FiveDates:
    """Batches of two patches of a cube of three, in another order, with five dates each."""

    batch_size, steps_per_epoch, bands, unit, sensor = 2, 1, SPEC.bands, "dn", "sentinel2-l2a"
    dates = ("2021-01-15", "2021-02-01", "2021-05-20", "2021-07-19", "2021-09-20")

    def __getitem__(self, step):
        images = torch.arange(5).to(torch.uint16)[None, :, None, None, None].expand(2, 5, 3, 4, 4)
        rows = torch.tensor([2, 0])
        return Batch(images.contiguous(), rows, torch.zeros(2, 2), time(*self.dates).repeat(2, 1))


def test_a_patch_is_judged_by_its_own_curve():
    curves = [bell(200), bell(100), bell(15)]
    batches = PickedSeasons(FiveDates(), PhaseSeasons(phase_starts(curves, DAYS)))
    phases = phase_of(time(*FiveDates.dates), phase_starts(curves, DAYS))
    assert [len(set(row)) for row in phases.tolist()] == [4, 3, 2]
    for seed in range(20):
        batches.seed = seed
        batch = batches[0]
        for row, picked in zip(batch.index, batch.images[:, :, 0, 0, 0].long(), strict=True):
            found = phases[row, picked].tolist()
            assert len(set(found)) == min(3, len(set(phases[row].tolist())))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: phase_starts([bell(200)], DAYS, low=0.9, high=0.1), "fractions with low < high, got 0.9"),
        (lambda: phase_starts([[1.0, 2.0]], [1, 2]), "at least 6 days"),
        (lambda: PhaseSeasons(torch.zeros(3)), r"four days from 0 to 364 .* got shape \(3,\)"),
        (lambda: PhaseSeasons(torch.full((2, 4), 400)), "four days from 0 to 364"),
        (
            lambda: PickedSeasons(FiveDates(), PhaseSeasons(torch.zeros(2, 4)))[0],
            "patch 2 of the cube, but starts has 2 rows; give one for each patch of the cube",
        ),
        (lambda: draw_phases(torch.zeros(1, 2), 3, torch.Generator()), "3 seasons .* the batches hold 2"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
