import numpy as np
import pytest

from seco_lab import seasons
from seco_lab.places import Place

DAY = np.timedelta64(1, "D")


def test_random_phase_is_the_rule_of_the_paper():
    names = [f"p{i}" for i in range(2000)]
    dates = seasons.random_phase(names, seed=3, reference="2021-06-30")
    assert dates.shape == (2000, 5)
    assert (np.diff(dates, axis=1) == -84 * DAY).all(), "12 weeks apart, newest first"
    phase = (np.datetime64("2021-06-30") - 28 * DAY - dates[:, 0]) / DAY
    assert (phase.min(), phase.max()) == (0, 364)
    assert abs(phase.mean() - 182) < 6


def test_a_place_keeps_its_dates_in_any_list():
    all_dates = seasons.random_phase([Place("a", 1, 2), Place("b", 3, 4), Place("c", 5, 6)], seed=1)
    np.random.seed(0)  # noqa: NPY002
    assert (seasons.random_phase(["c", "a"], seed=1) == all_dates[[2, 0]]).all()
    assert (seasons.random_phase(["c", "a"], seed=2) != all_dates[[2, 0]]).any()


def test_windows_are_half_days_wide_on_both_sides():
    first, last = seasons.date_windows(np.array([["2020-03-10"]], "datetime64[D]"))
    assert str(first[0, 0]) == "2020-03-02T12"
    assert str(last[0, 0]) == "2020-03-17T12"


def test_shifts_within_windows_reach_both_ends_and_no_further():
    names = [str(i) for i in range(500)]
    dates = seasons.random_phase(names)
    shift = (seasons.within_windows(dates, names, seed=5) - dates) / DAY
    assert (shift.min(), shift.max()) == (-7, 7)
    assert len(np.unique(shift[0])) > 1, "seasons of a place are shifted independently"


def test_quarters():
    dates = seasons.quarters(2, years=(2021, 2020))
    assert dates.shape == (2, 8)
    assert [str(d) for d in dates[1, [0, 7]]] == ["2020-01-15", "2021-10-15"]


def test_pairs_years_apart_keep_the_calendar_day():
    recent = np.array([["2020-02-29", "2019-07-31"]], "datetime64[D]")
    pairs = seasons.years_apart(recent, years=3)
    assert [str(d) for d in pairs[0]] == ["2020-02-29", "2019-07-31", "2017-02-28", "2016-07-31"]


def test_labels_know_the_hemisphere():
    dates = np.array([["2020-01-10", "2020-04-10", "2020-07-10", "2020-11-30", "2020-12-01"]] * 2, "M8[D]")
    labels = seasons.season_labels(dates, [50.0, -30.0])
    assert labels[0].tolist() == ["winter", "spring", "summer", "autumn", "winter"]
    assert labels[1].tolist() == ["summer", "autumn", "winter", "spring", "summer"]


def _bell(peak_day, day):
    away = np.abs((day - peak_day + 182) % 365 - 182)
    return 0.2 + 0.6 * np.exp(-((away / 50.0) ** 2))


def test_phenology_follows_the_curve_around_the_year():
    day = np.arange(1, 366, 8)
    curve = np.stack([_bell(200, day), _bell(15, day)])
    dates = seasons.phenology_dates(curve, day, year=2021)
    doy = (dates - np.datetime64("2021-01-01")) / DAY + 1
    for row, peak in zip(doy, (200, 15), strict=True):
        green_up, maturity, senescence, dormancy = (row - peak + 182) % 365 - 182
        assert abs(maturity) < 10
        assert -90 < green_up < -25
        assert 25 < senescence < 90
        assert abs(dormancy) > 130
        assert abs(green_up + senescence) < 8, "a symmetric curve has symmetric phases"


def test_flat_and_unknown_curves_fall_back_to_quarters():
    day = np.arange(1, 366, 30)
    curve = np.stack([np.full(len(day), 0.1), np.full(len(day), np.nan)])
    assert (seasons.phenology_dates(curve, day, year=2020) == seasons.quarters(2, years=(2020,))).all()


def test_gaps_in_a_curve_are_bridged():
    day = np.arange(1, 366, 8)
    curve = _bell(180, day)
    holes = curve.copy()
    holes[::5] = np.nan
    full, gappy = (seasons.phenology_dates(c, day, year=2020)[0] for c in (curve, holes))
    assert (np.abs((full - gappy) / DAY) <= 4).all()


def test_future_dates_are_refused():
    dates = np.array([["2024-01-01", "2030-01-01"]], "datetime64[D]")
    with pytest.raises(ValueError, match=r"1 of 2 dates lie in the future .* 2030-01-01"):
        seasons.check_past(dates, latest="2025-01-01")
    seasons.check_past(dates, latest="2031-01-01")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: seasons.random_phase([]), "no places"),
        (lambda: seasons.random_phase(["a"], reference="soon"), "a date looks like"),
        (lambda: seasons.random_phase(["a"], seasons=0), "at least 1 season"),
        (lambda: seasons.random_phase(["a"], seed=-1), "seed must be"),
        (lambda: seasons.within_windows(np.zeros((2, 1), "M8[D]"), ["a"]), "a row per place"),
        (lambda: seasons.years_apart(np.zeros((1, 1), "M8[D]"), years=0), "at least one year"),
        (lambda: seasons.quarters(1, years=()), "one year"),
        (lambda: seasons.phenology_dates([[1, 2]], [1, 2], year=2020), "at least 6 days"),
        (lambda: seasons.season_labels(np.zeros((2, 1), "M8[D]"), [1.0]), "one latitude per row"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
