import numpy as np
import pytest

from seco_lab.explore import REST, Directions, Labeller
from seco_lab.explore.labelling import BACKGROUND


def kinds_of_places(places=600, kinds=3, dims=8, noise=0.25, seed=0):
    """Places of a few kinds, the first of them rare, and which kind each is."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(kinds, places, p=[0.1, *[0.9 / (kinds - 1)] * (kinds - 1)])
    vectors = rng.normal(size=(kinds, dims))[kind] + noise * rng.normal(size=(places, dims)) + 2.0
    return Directions.of(vectors * rng.uniform(0.5, 3, (places, 1))), kind


@pytest.mark.parametrize("kinds", [2, 3])
def test_a_few_labels_name_all_places(kinds):
    places, kind = kinds_of_places(kinds=kinds)
    names = np.array(["lake", "wood", "town"])
    labels = {int(row): names[k] for k in range(kinds) for row in np.flatnonzero(kind == k)[:4]}
    learned = Labeller(places).learn(labels)
    assert learned.classes == tuple(sorted(names[:kinds]))
    np.testing.assert_allclose(learned.probability.sum(1), 1, atol=1e-5)
    assert (np.array(learned.classes)[learned.best()] == names[kind]).mean() > 0.95
    np.testing.assert_allclose(learned.of("lake"), learned.probability[:, 0])


def test_scores_agree_with_the_model_asked_place_by_place():
    """Standardisation is folded into the weights: the sum of the formula written out must come out."""
    from sklearn.linear_model import LogisticRegression

    places, kind = kinds_of_places(places=300)
    labels = {int(row): f"k{kind[row]}" for row in range(30)}
    unit = places.take(np.arange(300)).astype(np.float64)
    features = (unit - unit.mean(0)) / unit.std(0) / np.sqrt(8)
    names = np.array(list(labels.values()))
    weights = np.array([3 / (names == name).sum() for name in names]) * 30 / 3
    model = LogisticRegression(C=10.0, max_iter=1000, tol=1e-8).fit(features[:30], names, weights)
    np.testing.assert_allclose(
        Labeller(places).learn(labels).probability, model.predict_proba(features), atol=5e-3
    )


def test_one_class_is_told_from_places_drawn_at_random():
    places, kind = kinds_of_places()
    wanted = np.flatnonzero(kind == 0)
    learned = Labeller(places).learn(dict.fromkeys(wanted[:5].tolist(), "lake"))
    assert learned.classes == ("lake", REST)
    ranked = np.argsort(-learned.of("lake"))[: len(wanted)]
    assert (kind[ranked] == 0).mean() > 0.9


def test_what_is_labelled_rest_counts_more_than_places_drawn():
    places, kind = kinds_of_places()
    lakes, woods = (np.flatnonzero(kind == k)[:4].tolist() for k in (0, 1))
    one = Labeller(places).learn(dict.fromkeys(lakes, "lake"))
    two = Labeller(places).learn(dict.fromkeys(lakes, "lake") | dict.fromkeys(woods, REST))
    assert two.of("lake")[kind == 1].mean() < one.of("lake")[kind == 1].mean()
    assert two.of("lake")[kind == 0].mean() > 0.5


def test_order_of_the_labels_does_not_matter():
    places, kind = kinds_of_places()
    labels = {row: f"k{kind[row]}" for row in range(12)}
    a = Labeller(places).learn(labels).probability
    b = Labeller(places).learn(dict(reversed(labels.items()))).probability
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_uncertainty_is_a_tie_at_one():
    places = Directions.of(np.array([[1, 0], [0, 1], [1, 1], [2, 2.0]]))
    learned = Labeller(places).learn({0: "east", 1: "north"})
    np.testing.assert_allclose(learned.uncertainty[2:], 1, atol=1e-3)
    assert (learned.uncertainty[:2] < 0.9).all()


def test_places_without_a_vector_stay_unknown():
    rows = np.random.default_rng(0).normal(size=(50, 4))
    rows[3], rows[4] = np.nan, 0
    labeller = Labeller(Directions.of(rows))
    labels = {0: "a", 1: "b", 2: "c", 3: "a"}
    learned = labeller.learn(labels)
    assert learned.best()[[3, 4]].tolist() == [-1, -1]
    assert np.isfinite(learned.uncertainty).sum() == 48
    chosen = labeller.most_useful(learned, labels, count=100)
    assert len(chosen) == len(set(chosen)) == 45
    assert not set(chosen) & {0, 1, 2, 3, 4}


def test_the_next_place_is_doubtful_and_unlike_those_labelled():
    # Between both labels: one place far from either along a third direction, one right in their middle.
    rows = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0.1], [0.6, 0.6, 2], [1, 0.1, 0], [0.1, 1, 0]])
    labeller, labels = Labeller(Directions.of(rows)), {0: "east", 1: "north"}
    learned = labeller.learn(labels)
    assert labeller.most_useful(learned, labels).tolist() == [3]
    assert set(labeller.most_useful(learned, labels, count=2)) == {2, 3}


def test_more_is_learned_from_chosen_places_than_from_any():
    places, kind = kinds_of_places(places=3000, noise=0.6, seed=1)
    labeller, rng = Labeller(places), np.random.default_rng(0)
    first = {int(np.flatnonzero(kind == k)[0]): f"k{k}" for k in range(3)}
    chosen, drawn = dict(first), dict(first)
    for _ in range(12):
        row = int(labeller.most_useful(labeller.learn(chosen), chosen)[0])
        chosen[row] = f"k{kind[row]}"
        row = int(rng.integers(3000))
        drawn[row] = f"k{kind[row]}"
    right = [(labeller.learn(labels).best() == kind).mean() for labels in (chosen, drawn)]
    assert right[0] > right[1]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "label at least one"),
        ({0: REST}, "none of these names anything but"),
        ({600: "a"}, "0 to 599, got 600"),
    ],
)
def test_what_cannot_be_learned_is_said(labels, said):
    with pytest.raises(ValueError, match=said):
        Labeller(kinds_of_places()[0]).learn(labels)


def test_nothing_usable_is_said():
    with pytest.raises(ValueError, match="no place has a usable vector"):
        Labeller(Directions.of(np.zeros((3, 2))))
    with pytest.raises(ValueError, match="no other place"):
        Labeller(Directions.of(np.ones((1, 2)))).learn({0: "a"})
    with pytest.raises(LookupError, match="there are a, rest"):
        Labeller(Directions.of(np.eye(5))).learn({0: "a"}).of("b")
    assert BACKGROUND >= 100
