import numpy as np
import pytest

from seco_lab.world.acquisition import REVISIT_DAYS, clearest, passes_near
from seco_lab.world.atmosphere import cloud_amount
from seco_lab.world.frame import Frame

FRAME = Frame(0, 32631, 50_000, -500_000, 24)


@pytest.mark.parametrize("within_days", [0, 1, 12])
def test_passes_lie_near_the_day_and_where_none_does_it_is_the_nearest(within_days):
    every = passes_near(FRAME, 19_010, 40)
    assert set(np.diff(every)) == {REVISIT_DAYS}
    for day in range(19_000, 19_020):
        away = np.abs(every - day)
        wanted = every[away <= max(within_days, away.min())]
        assert passes_near(FRAME, day, within_days).tolist() == wanted.tolist()


@pytest.mark.parametrize("max_cloud", [0.0, 20.0, 100.0])
def test_the_nearest_clear_pass_is_taken_and_the_clearest_where_none_is(max_cloud):
    for day in range(19_000, 19_100, 7):
        passes = passes_near(FRAME, day, 7)
        clouds = np.array([100 * cloud_amount(FRAME, int(found)) for found in passes])
        score = np.where(clouds <= max_cloud, np.abs(passes - day), 1e4 + 100 * clouds)
        assert score[passes == clearest(FRAME, day, max_cloud, 7)] == score.min()
