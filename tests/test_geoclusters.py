import numpy as np
import pytest

from seco_lab.geoclusters import cluster_places, unit_vectors


def around(lon, lat, count, seed):
    chance = np.random.default_rng(seed)
    return np.stack([lon + chance.normal(0, 1, count), lat + chance.normal(0, 1, count)], axis=1)


def test_three_towns_are_three_clusters():
    places = np.concatenate([around(10, 50, 30, 1), around(100, 0, 20, 2), around(-60, -30, 10, 3)])
    found = cluster_places(places, 3)
    assert found.labels.tolist() == [0] * 30 + [1] * 20 + [2] * 10
    assert np.allclose(found.centres, [[10, 50], [100, 0], [-60, -30]], atol=1)


def test_the_date_line_is_no_border():
    places = np.concatenate([around(179.5, 10, 20, 1), around(0, 10, 20, 2)])
    places[:, 0] = (places[:, 0] + 180) % 360 - 180
    assert len(set(cluster_places(places, 2).labels[:20])) == 1


def test_the_pole_is_one_place():
    ring = np.stack([np.arange(0, 360, 30.0) - 180, np.full(12, 89.0)], axis=1)
    places = np.concatenate([ring, around(20, 0, 12, 1)])
    labels = cluster_places(places, 2).labels
    assert len(set(labels[:12])) == 1
    assert len(set(labels[12:])) == 1


def test_every_place_belongs_to_its_nearest_centre():
    chance = np.random.default_rng(0)
    places = np.stack([chance.uniform(-180, 180, 400), chance.uniform(-80, 80, 400)], axis=1)
    found = cluster_places(places, 12, seed=3)
    cosine = unit_vectors(places) @ unit_vectors(found.centres).T
    assert np.array_equal(found.labels, cosine.argmax(1))
    assert np.array_equal(found.label(places), found.labels)
    sizes = np.bincount(found.labels)
    assert len(sizes) == 12
    assert (np.diff(sizes) <= 0).all()


def test_seed_alone_decides():
    places = around(0, 0, 100, 4)
    first = cluster_places(places, 5, seed=1)
    np.random.seed(12)  # noqa: NPY002
    assert np.array_equal(first.labels, cluster_places(places, 5, seed=1).labels)


def test_as_many_clusters_as_places_and_no_more():
    places = np.array([[0.0, 0.0], [0.0, 0.0], [90.0, 0.0]])
    assert sorted(cluster_places(places, 2).labels.tolist()) == [0, 0, 1]
    with pytest.raises(ValueError, match="3 clusters asked of 2 different places"):
        cluster_places(places, 3)


@pytest.mark.parametrize("wrong", [[[0.0, 91.0]], [[np.nan, 0.0]], [0.0, 1.0], [[0.0, 1.0, 2.0]]])
def test_coordinates_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=r"lonlat must have shape|1 of 1 have none"):
        cluster_places(wrong, 1)
