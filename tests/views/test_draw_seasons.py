import pytest
import torch

from seco_lab.views.seasons import draw_seasons


def usable(count=5000, seasons=5):
    return torch.ones(count, seasons, dtype=torch.bool)


def test_without_replacement_seasons_differ_and_are_uniform():
    drawn = draw_seasons(usable(), 3, torch.Generator().manual_seed(0))
    assert drawn.shape == (5000, 3)
    assert all(len(set(row)) == 3 for row in drawn.tolist())
    for place in range(3):
        assert (drawn[:, place].bincount(minlength=5) / 5000 - 0.2).abs().max() < 0.025


def test_the_official_draw_repeats_seasons_as_often_as_chance_does():
    drawn = draw_seasons(usable(), 3, torch.Generator().manual_seed(0), with_replacement=True)
    repeated = sum(len(set(row)) < 3 for row in drawn.tolist()) / 5000
    assert abs(repeated - (1 - 4 / 5 * 3 / 5)) < 0.03


@pytest.mark.parametrize("with_replacement", [False, True])
def test_seasons_that_are_not_there_are_never_drawn(with_replacement):
    there = usable(500)
    there[:, 1] = False
    there[::2, 4] = False
    drawn = draw_seasons(there, 3, torch.Generator().manual_seed(0), with_replacement=with_replacement)
    assert there.gather(1, drawn).all()
    assert set(drawn[1::2].flatten().tolist()) == {0, 2, 3, 4}


def test_too_few_seasons_are_refused():
    with pytest.raises(ValueError, match="3 seasons of each place are wanted, one place has 2"):
        draw_seasons(usable(4, 2), 3, torch.Generator())
