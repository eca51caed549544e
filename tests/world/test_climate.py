import numpy as np
import pytest

from seco_lab.world.climate import climate_at, days_of, sun, weather, year_phase

JANUARY, APRIL, JULY = days_of(np.array(["2023-01-15", "2023-04-15", "2023-07-15"], "datetime64[D]"))


def test_shares_of_climates():
    paris, sahara, amazon, yakutsk = climate_at([2.3, 10.0, -60.0, 129.0], [48.8, 24.0, -3.0, 62.0]).groups
    assert paris[3] == pytest.approx(1)
    assert sahara[2] == pytest.approx(1)
    assert amazon[1] == pytest.approx(1)
    assert yakutsk[4] == pytest.approx(1)


def test_seasons_turn_round_at_the_equator():
    climate = climate_at([2.3, 151.0], [48.8, -33.9])
    phase, celsius, moist = weather(np.array([JANUARY, JULY]), climate, 1)
    assert celsius[0, 0] < celsius[1, 0]
    assert celsius[0, 1] > celsius[1, 1]
    assert min(phase[0, 0], 1 - phase[0, 0]) < 0.01
    assert phase[0, 1] == pytest.approx(0.5, abs=0.01)
    assert 0 < moist.min() <= moist.max() <= 1


def test_temperatures_are_believable():
    climate = climate_at([2.3, 129.0, -60.0, -50.0], [48.8, 62.0, -3.0, 72.0])
    _, celsius, _ = weather(np.array([JANUARY, JULY]), climate, 1)
    assert -3 < celsius[0, 0] < 9
    assert 14 < celsius[1, 0] < 27
    assert celsius[0, 1] < -15
    assert (celsius[:, 2] > 20).all()
    assert celsius[:, 3].max() < 8


def test_desert_is_drier_than_rainforest():
    climate = climate_at([10.0, -60.0], [24.0, -3.0])
    _, _, moist = weather(np.arange(JANUARY, JANUARY + 365, 10), climate, 1)
    assert moist[:, 0].mean() + 0.4 < moist[:, 1].mean()


def test_the_sun_at_half_past_ten():
    equinox = days_of(np.array(["2023-03-21"], "datetime64[D]"))
    elevation, azimuth = sun(equinox, 0.0)
    assert np.degrees(elevation[0]) == pytest.approx(90 - 22.5, abs=1.5)
    assert np.degrees(azimuth[0]) == pytest.approx(90, abs=3)
    summer, at = sun(np.array([JULY]), 48.8)
    winter, _ = sun(np.array([JANUARY]), 48.8)
    assert 50 < np.degrees(summer[0]) < 63
    assert 12 <= np.degrees(winter[0]) < 20
    assert 90 < np.degrees(at[0]) < 180
    assert np.degrees(sun(np.array([JULY]), -40.0)[1][0]) < 90  # in the south the sun stands north


def test_phase_of_the_year():
    phase = year_phase([JANUARY, APRIL], [0.0, 1.0])
    np.testing.assert_allclose((phase + 0.1) % 1, [[0.1, 0.6], [0.346, 0.846]], atol=0.01)
