import numpy as np
import pytest

from seco_lab.catalogs.groups import boxes_around, groups, stretches


def test_places_of_a_cell_are_asked_together():
    found = groups([13.1, 13.9, 14.1, 13.5], [52.1, 52.9, 52.5, 51.9])
    assert [group.rows for group in found] == [(0, 1), (2,), (3,)]
    (west, south, east, north), *more = found[0].boxes
    assert not more
    assert west < 13.1 - 0.05
    assert east > 13.9 + 0.05
    assert (south, north) == (pytest.approx(52.1 - 0.036, abs=1e-3), pytest.approx(52.9 + 0.036, abs=1e-3))


def test_many_places_need_few_searches():
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(0, 10, 5000), rng.uniform(40, 50, 5000)
    found = groups(lon, lat)
    assert len(found) == 100
    assert sorted(row for group in found for row in group.rows) == list(range(5000))


@pytest.mark.parametrize("lon", [179.99, -179.99])
def test_box_is_cut_at_the_antimeridian(lon):
    boxes = boxes_around(np.array([lon]), np.array([-16.5]))
    assert len(boxes) == 2
    assert {180.0, -180.0} <= {side for box in boxes for side in box}
    assert all(-180 <= west < east <= 180 for west, _, east, _ in boxes)
    assert sum(east - west for west, _, east, _ in boxes) == pytest.approx(2 * 0.0375, rel=0.01)


def test_cells_do_not_cross_the_antimeridian():
    assert [group.rows for group in groups([179.9, -179.9], [0.5, 0.5])] == [(0,), (1,)]


def test_a_year_is_one_search_and_two_years_are_two():
    dates = np.array([["2024-01-15", "2024-04-15", "2024-07-15", "2024-10-15"]], "datetime64[D]")
    half = np.timedelta64(30, "D")
    assert list(stretches(dates - half, dates + half)) == [(dates[0, 0] - half, dates[0, 3] + half)]
    both = np.concatenate([dates, dates - np.timedelta64(4 * 365, "D")])
    assert len(list(stretches(both - half, both + half))) == 2
