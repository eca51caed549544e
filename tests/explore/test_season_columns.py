import numpy as np
import pytest

from seco_lab.explore import UnitVectors, leading_change, season_spread
from seco_lab.explore.seasons import season_distances


def test_spread_of_still_and_moving_places():
    rows = np.zeros((3, 2, 2), np.float32)
    rows[0] = [[1, 0], [4, 0]]
    rows[1] = [[1, 0], [-1, 0]]
    rows[2] = [[1, 0], [np.nan, np.nan]]
    np.testing.assert_allclose(season_spread(UnitVectors.of(rows)), [0, 1, np.nan], atol=1e-6)


@pytest.fixture
def swinging():
    """Places that swing along one axis, each as strongly as its number, with a little noise across."""
    rng = np.random.default_rng(0)
    strength = np.linspace(0, 0.3, 40)
    rows = np.tile([1.0, 0, 0, 0], (40, 4, 1))
    rows[:, :, 2] += strength[:, None] * np.array([1, 0.5, -1, -0.5])
    rows += 0.005 * rng.normal(size=rows.shape)
    return rows * rng.uniform(1, 5, (40, 1, 1)), strength


def test_leading_change_finds_the_axis_and_who_follows_it(swinging):
    rows, strength = swinging
    change = leading_change(UnitVectors.of(rows))
    assert change.share > 0.95
    assert np.corrcoef(change.swing, strength)[0, 1] > 0.99
    assert (np.sign(change.positions[-1]) == [1, 1, -1, -1]).all()
    np.testing.assert_allclose(change.positions.mean(1), 0, atol=1e-6)


def test_seasons_without_vector_are_left_out(swinging):
    rows, _ = swinging
    rows[5, 1], rows[6, 1:] = np.nan, np.nan
    change = leading_change(UnitVectors.of(rows))
    assert np.isnan(change.positions[5, 1])
    assert np.isfinite(change.positions[5, [0, 2, 3]]).all()
    assert np.isnan(change.positions[6]).all()
    assert np.isnan(change.swing[6])
    assert np.isfinite(np.delete(change.swing, 6)).all()


def test_one_season_has_no_change():
    with pytest.raises(ValueError, match="two or more seasons, got 1"):
        leading_change(UnitVectors.of(np.ones((4, 1, 2))))


def test_distances_of_seasons_and_of_places_agree_with_a_plain_loop():
    rows = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    rows[4, 1] = np.nan  # left out: it lacks a season
    unit = (rows / np.linalg.norm(rows, axis=2, keepdims=True))[:4].astype(np.float64)
    seasons = [1 - unit[p, a] @ unit[p, b] for p in range(4) for a in range(3) for b in range(a)]
    places = [1 - unit[a, t] @ unit[b, t] for t in range(3) for a in range(4) for b in range(a)]
    found = season_distances(UnitVectors.of(rows))
    np.testing.assert_allclose(found, [np.mean(seasons), np.mean(places)], rtol=1e-5)
    assert season_distances(UnitVectors.of(rows[:, :1])) is None
    assert season_distances(UnitVectors.of(rows[:1])) is None
