"""Linear probe and kNN: against scikit-learn and plain loops."""

import numpy as np
import pytest
import torch

from seco_lab.downstream.knn import knn_predict, knn_probe
from seco_lab.downstream.linear_probe import fit_logistic, linear_probe
from seco_lab.downstream.logistic import standardised


@pytest.fixture(scope="module")
def blobs():
    chance = np.random.default_rng(0)
    labels = np.arange(400) % 4
    features = chance.normal(size=(4, 20))[labels] + chance.normal(size=(400, 20)) * 1.5
    return features.astype(np.float32), labels


@pytest.mark.parametrize("strength", [1e-1, 1e-3])
def test_same_optimum_as_scikit_learn(blobs, strength):
    from sklearn.linear_model import LogisticRegression

    features, labels = blobs
    x, _ = standardised(features, features)
    weights, converged = fit_logistic(x, torch.as_tensor(labels), 4, strength)
    model = LogisticRegression(C=1 / (strength * len(x)), max_iter=2000, tol=1e-8).fit(x.numpy(), labels)
    assert converged
    scores = (x @ weights[:, :-1].T + weights[:, -1]).softmax(1).numpy()
    np.testing.assert_allclose(scores, model.predict_proba(x.numpy()), atol=2e-3)


def test_probe_learns_and_tells_what_it_chose(blobs):
    features, labels = blobs
    found = linear_probe(features[:300], labels[:300], features[300:], device="cpu")
    assert (found.predicted == labels[300:]).mean() > 0.7
    assert found.strength in found.validation
    assert found.validation[found.strength] == max(found.validation.values())
    assert len(found.validation) == 5


def test_strength_is_chosen_without_the_test_rows(blobs):
    features, labels = blobs
    one = linear_probe(features[:300], labels[:300], features[300:], device="cpu")
    other = linear_probe(features[:300], labels[:300], features[300:] * -7, device="cpu")
    assert one.validation == other.validation


def test_noise_wants_a_strong_penalty():
    chance = np.random.default_rng(1)
    features, labels = chance.normal(size=(600, 400)).astype(np.float32), np.arange(600) % 2
    features += 0.12 * labels[:, None]
    found = linear_probe(features, labels, features, strengths=(1.0, 1e-5), device="cpu")
    assert found.strength == 1.0
    assert found.validation[1.0] > found.validation[1e-5] + 0.05


def test_too_few_for_validation():
    features = np.eye(3, dtype=np.float32)
    found = linear_probe(features, np.arange(3), features, device="cpu")
    assert found.validation == {}
    assert found.predicted.tolist() == [0, 1, 2]


def test_constant_and_huge_columns_do_no_harm(blobs):
    features, labels = blobs
    odd = np.concatenate([features, np.full((400, 1), 5.0), features[:, :1] * 1e9], axis=1)
    found = linear_probe(odd[:300], labels[:300], odd[300:], device="cpu")
    assert (found.predicted == labels[300:]).mean() > 0.7


def test_nan_is_a_sentence(blobs):
    features, labels = blobs
    bad = features.copy()
    bad[7, 3] = np.nan
    for probe in (linear_probe, knn_probe):
        with pytest.raises(ValueError, match=r"1 of 400 training features hold NaN .* row 7"):
            probe(bad, labels, features)


def test_knn_agrees_with_a_loop(blobs):
    features, labels = blobs
    bank, queries = features[:300], features[300:]
    found = knn_predict(bank, labels[:300], queries, [1, 5])
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)  # noqa: E731
    cosine = unit(queries.astype(float)) @ unit(bank.astype(float)).T
    order = np.argsort(-cosine, axis=1)
    assert (found[1] == labels[order[:, 0]]).all()
    for q in range(100):
        votes = np.bincount(labels[order[q, :5]], minlength=4)
        assert votes[found[5][q]] == votes.max()


def test_knn_ties_go_to_the_closer():
    bank = np.array([[1, 0], [1, 0.2], [0, 1]], np.float32)
    assert knn_predict(bank, np.array([1, 0, 0]), np.array([[1.0, 0]], np.float32), [2])[2].tolist() == [1]


def test_knn_chooses_k(blobs):
    features, labels = blobs
    predicted, k, validation = knn_probe(features[:300], labels[:300], features[300:])
    assert validation[k] == max(validation.values())
    assert (predicted == labels[300:]).mean() > 0.6


def test_knn_on_three_images():
    predicted, k, validation = knn_probe(np.eye(3, dtype=np.float32), np.arange(3), np.eye(3))
    assert validation == {}
    assert k == 3
    assert predicted.tolist() == [0, 1, 2]
