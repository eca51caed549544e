import numpy as np
import pytest

from seco_lab.explore import Directions, cluster, clusters


@pytest.fixture
def three_kinds():
    rng = np.random.default_rng(0)
    kind = rng.choice(3, 400, p=[0.2, 0.5, 0.3])
    rows = np.eye(6)[kind] + 3.0 + 0.1 * rng.normal(size=(400, 6))
    return rows * rng.uniform(0.5, 2, (400, 1)), kind


def test_kinds_are_found_largest_first(three_kinds):
    rows, kind = three_kinds
    rows[7] = np.nan
    found = cluster(Directions.of(rows), 3)
    assert found.labels[7] == -1
    assert (np.diff(found.sizes) <= 0).all()
    assert found.sizes.sum() == 399
    right = np.delete(found.labels == np.array([2, 0, 1])[kind], 7)
    assert right.all()
    assert kind[found.typical(Directions.of(rows))].tolist() == [1, 2, 0]


def test_a_sample_of_the_places_is_enough(three_kinds, monkeypatch):
    rows, kind = three_kinds
    monkeypatch.setattr(clusters, "_AT_ONCE", 2)
    found = cluster(Directions.of(np.tile(rows, (110, 1))), 3)
    assert (found.labels == np.tile(np.array([2, 0, 1])[kind], 110)).all()


def test_same_seed_same_clusters(three_kinds):
    rows, _ = three_kinds
    np.random.seed(1)  # noqa: NPY002 the global generator must not matter
    first = cluster(Directions.of(rows), 5, seed=3).labels
    np.random.seed(2)  # noqa: NPY002
    assert (cluster(Directions.of(rows), 5, seed=3).labels == first).all()


def test_more_clusters_than_places():
    with pytest.raises(ValueError, match="ask for 2 to 3"):
        cluster(Directions.of(np.eye(3)), 4)
