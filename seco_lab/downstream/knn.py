"""k nearest neighbours on frozen features, by cosine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seco_lab.downstream.labels import check_finite, holdout
from seco_lab.downstream.logistic import VALIDATION_SHARE
from seco_lab.neighbours import nearest

KS = (1, 3, 5, 10, 20, 50)


def knn_predict(
    features: NDArray, labels: NDArray[np.int64], queries: NDArray, ks: Sequence[int]
) -> dict[int, NDArray[np.int64]]:
    """Answers for several k at the cost of one search.

    Each neighbour has one vote; equal votes are settled by the summed cosine, then by the lower class number.

    Args:
        features: Shape (N, D), the bank.
        labels: Shape (N,), class numbers from 0.
        queries: Shape (M, D).
        ks: Numbers of voters; those above N count as N.

    Returns:
        Class numbers (M,) by k.
    """
    check_finite(features, "training")
    check_finite(queries, "test")
    ks = [min(k, len(features)) for k in ks]
    rows, cosines = nearest(queries, features, max(ks))
    votes = np.zeros((len(queries), int(labels.max()) + 1))
    answers, line = {}, np.arange(len(queries))
    for place in range(max(ks)):
        # A cosine adds less than 1e-3 of a vote in all, so that it only settles what is equal.
        votes[line, labels[rows[:, place]]] += 1 + 1e-3 * cosines[:, place] / max(ks)
        if place + 1 in ks:
            answers[place + 1] = votes.argmax(1)
    return answers


def knn_probe(
    features: NDArray,
    labels: NDArray[np.int64],
    test_features: NDArray,
    *,
    ks: Sequence[int] = KS,
    seed: int = 0,
) -> tuple[NDArray[np.int64], int, dict[int, float]]:
    """Answers of the k that is best on a fifth of the training set.

    Args:
        features: Shape (N, D).
        labels: Shape (N,), class numbers from 0.
        test_features: Shape (M, D).
        ks: Numbers of voters to try.
        seed: Seed of the validation part.

    Returns:
        Class numbers (M,), the k chosen, and validation accuracy by k (empty where the data were too few).

    Raises:
        ValueError: NaN in the features.
    """
    check_finite(features, "training")
    held = holdout(labels, VALIDATION_SHARE, seed=seed)
    validation: dict[int, float] = {}
    k = min(5, len(features))
    if held.any():
        found = knn_predict(features[~held], labels[~held], features[held], ks)
        validation = {number: float((answer == labels[held]).mean()) for number, answer in found.items()}
        k = max(validation, key=lambda number: (validation[number], -number))
    return knn_predict(features, labels, test_features, [k])[k], k, validation
