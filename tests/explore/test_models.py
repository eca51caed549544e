import numpy as np
import pytest

from seco_lab.explore import Directions, compare_models


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)


def test_a_turned_model_agrees_in_everything(rows):
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))
    found = compare_models(Directions.of(rows), Directions.of(5 * rows @ turn), k=5)
    assert np.nanmin(found.overlap) == 1
    np.testing.assert_allclose(found.disagreement, 0, atol=1e-4)
    assert found.summary()["overlap_ci"] == [1, 1]


def test_unrelated_models_overlap_by_chance(rows):
    other = np.random.default_rng(2).normal(size=(300, 8))
    found = compare_models(Directions.of(rows), Directions.of(other), k=30)
    told = found.summary()
    assert told["by_chance"] == pytest.approx(30 / 299)
    assert told["overlap"] == pytest.approx(told["by_chance"], abs=0.02)
    assert np.median(found.disagreement) > 0.7


def test_places_that_moved_are_those_that_disagree(rows):
    other = rows.copy()
    other[:20] = np.random.default_rng(3).normal(size=(20, 8))
    found = compare_models(Directions.of(rows), Directions.of(other), k=5)
    assert found.disagreement[:20].min() > found.disagreement[20:].max()
    assert found.overlap[:20].mean() < 0.3 < found.overlap[20:].mean()


def test_overlap_agrees_with_a_loop(rows):
    first, second = rows[:, :4], rows[:, 2:]
    found = compare_models(Directions.of(first), Directions.of(second), k=7, ask=[5, 9])
    assert np.isfinite(found.overlap).sum() == 2
    for place in (5, 9):
        near = []
        for bank in (first, second):
            unit = bank / np.linalg.norm(bank, axis=1, keepdims=True)
            near.append(set(np.argsort(-(unit @ unit[place]))[1:8]))
        assert found.overlap[place] == pytest.approx(len(near[0] & near[1]) / 7)


def test_labels_tell_which_model_knows_its_kin(rows):
    label = np.arange(300) % 3
    good = rows + 6 * np.eye(8)[label]
    told = compare_models(Directions.of(rows), Directions.of(good), labels=label).summary()
    assert told["kin_first"] == pytest.approx(1 / 3, abs=0.1)
    assert told["kin_second"] > 0.95
    assert 0.4 < told["kin_gain_ci"][0] < told["kin_gain"] < told["kin_gain_ci"][1]


def test_places_one_model_lacks_are_left_out(rows):
    other = rows.copy()
    other[3] = np.nan
    found = compare_models(Directions.of(rows), Directions.of(other), k=5)
    assert np.isnan(found.overlap[3])
    assert np.isnan(found.disagreement[3])
    assert np.nanmin(found.overlap) == 1, "nobody's neighbour under either model"


def test_models_of_other_places_are_refused(rows):
    with pytest.raises(ValueError, match="got 300 and 299"):
        compare_models(Directions.of(rows), Directions.of(rows[1:]))
    with pytest.raises(ValueError, match="k must lie between 1 and 299"):
        compare_models(Directions.of(rows), Directions.of(rows), k=300)
