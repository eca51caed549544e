import numpy as np
import pytest

from seco_lab.explore import Directions, UnitVectors


def test_a_season_is_a_view_that_answers_like_the_whole():
    rows = np.random.default_rng(0).normal(size=(20, 3, 5)).astype(np.float32)
    rows[4, 1] = 0
    vectors = UnitVectors.of(rows)
    season = vectors.season(1)
    assert season.rows.base is not None
    assert not season.usable[4]
    np.testing.assert_allclose(season.cosines(vectors.unit()[7, 1]), vectors.cosines(1, 7))
    assert vectors.cosines(1, 7)[7] == pytest.approx(1, abs=1e-6)


def test_sample_leaves_out_what_has_no_direction():
    rows = np.ones((1000, 3))
    rows[::2] = np.nan
    sample = Directions.of(rows).sample(100)
    assert len(sample) == 0, "every tenth row is one without a vector"
    assert len(Directions.of(rows[1:]).sample(333)) > 150
    np.testing.assert_allclose(np.linalg.norm(Directions.of(rows).take([1]), axis=1), 1, rtol=1e-6)


def test_vectors_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(places, dims\), got \(3,\)"):
        Directions.of(np.ones(3))
