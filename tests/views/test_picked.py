import numpy as np
import pytest
import torch
from training import SPEC

from seco_lab import seasons
from seco_lab.batch import Batch
from seco_lab.views import ChangeViews, PickedSeasons, SeasonalViews, YearsApart


def days(*dates):
    return torch.from_numpy(np.array(dates, "datetime64[D]").astype(np.int64))


def batch_of(time):
    """Each image holds the number of its season in every pixel."""
    count, number = time.shape
    images = torch.arange(number).to(torch.uint16)[None, :, None, None, None].expand(count, number, 3, 4, 4)
    return Batch(images.contiguous(), torch.arange(count), torch.zeros(count, 2), time)


def four_years(count=200):
    dates = seasons.years_apart(seasons.random_phase([f"p{i}" for i in range(count)]), years=4)
    return torch.from_numpy(dates.astype(np.int64))


def chance():
    return torch.Generator().manual_seed(0)


def test_three_recent_then_three_earlier_dates_none_twice():
    batch = batch_of(four_years()[:, torch.tensor([7, 2, 0, 9, 4, 5, 1, 8, 3, 6])])
    picked = YearsApart()(batch, chance())
    time = batch.time.gather(1, picked)
    assert picked.shape == (200, 6)
    assert (time[:, :3].amin(1) - time[:, 3:].amax(1) > 1000).all()
    assert all(len(set(row)) == 6 for row in picked.tolist())
    assert len({tuple(row) for row in picked.tolist()}) > 100


class Whole:
    """Batches of all seasons."""

    batch_size, steps_per_epoch, bands, unit, sensor = 5, 2, SPEC.bands, "dn", "sentinel2-l2a"

    def __getitem__(self, step):
        return batch_of(four_years(10)[5 * step : 5 * step + 5])


def test_picked_batches_hold_the_images_of_the_picked_dates():
    batches = PickedSeasons(Whole(), YearsApart(), seed=3)
    assert (len(batches), batches.batch_size, batches.bands, batches.seasons) == (2, 5, SPEC.bands, 6)
    batch, whole = batches[1], Whole()[1]
    assert batch.images.shape == (5, 6, 3, 4, 4)
    assert batch.images.dtype == torch.uint16
    numbers = batch.images[:, :, 0, 0, 0].long()
    assert torch.equal(whole.time.gather(1, numbers), batch.time)


def test_a_step_decides_its_seasons_alone():
    batches = PickedSeasons(Whole(), YearsApart(), seed=3)
    later = batches[1].time
    batches[0]
    torch.manual_seed(1)
    assert torch.equal(batches[1].time, later)
    assert not torch.equal(PickedSeasons(Whole(), YearsApart(), seed=4)[1].time, later)


class Same(Whole):
    """The same places at every step."""

    def __getitem__(self, step):
        return super().__getitem__(0)


def test_a_place_that_comes_again_shows_other_seasons():
    batches = PickedSeasons(Same(), YearsApart())
    assert not torch.equal(batches[0].time, batches[1].time)


MISSING = torch.iinfo(torch.int64).min


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (torch.tensor([[0, 1, 2, 3000, 3001, MISSING]]), "1 of the batch's 6 dates are unknown"),
        (
            torch.tensor([[0, 1, 2, 3000, 3001]]),
            "three recent and three earlier dates of a place, got 5 dates",
        ),
        (84 * torch.arange(6)[None], r"84 days apart, but one part is \d+ days long; .* years=2"),
        (
            torch.tensor([[0, 1, 2, 3, 3000, 3001]]),
            "three recent and three earlier dates of a place, one place has 2 ",
        ),
    ],
)
def test_dates_that_are_not_years_apart_are_refused(time, words):
    with pytest.raises(ValueError, match=words):
        YearsApart()(batch_of(time), chance())


def test_pairs_of_one_year_are_too_close_and_of_two_are_not():
    names = [f"p{i}" for i in range(20)]
    for years, fits in ((1, False), (2, True)):
        dates = seasons.years_apart(seasons.random_phase(names), years=years)
        batch = batch_of(torch.from_numpy(dates.astype(np.int64)))
        if fits:
            YearsApart()(batch, chance())
        else:
            with pytest.raises(ValueError, match="CACo needs them further apart"):
                YearsApart()(batch, chance())


def test_change_views_are_seasonal_views_of_both_periods():
    images = torch.randint(0, 4000, (2, 6, 3, 24, 24), generator=chance()).to(torch.uint16)
    views = ChangeViews(SPEC, 16)(images, chance())
    assert tuple(views) == ChangeViews.names
    generator, parts = chance(), SeasonalViews(SPEC, 16)
    recent, earlier = parts(images[:, :3], generator), parts(images[:, 3:], generator)
    for name in SeasonalViews.names:
        assert torch.equal(views[f"recent_{name}"], recent[name])
        assert torch.equal(views[f"earlier_{name}"], earlier[name])
    with pytest.raises(ValueError, match="ChangeViews needs 6 seasons an image, got 5"):
        ChangeViews(SPEC, 16)(images[:, :5], chance())
