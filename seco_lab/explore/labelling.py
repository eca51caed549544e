"""Label a few places, learn the rest: a classifier on embeddings, its doubts, and what to label next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.explore.vectors import Directions

REST = "rest"  # the class of everything that is not looked for
BACKGROUND = 300  # unlabelled places that stand for the rest
BACKGROUND_LABELS = 5  # labels as which all of them together count
# Inverse weight of the penalty, for standardised features divided by sqrt(D).
_STRENGTH = 10.0
_SHORTLIST = 2000


@dataclass(frozen=True)
class Learned:
    """What a classifier says of all places.

    Attributes:
        classes: Names of the classes, sorted.
        probability: Shape (P, C), float32, in the order of ``classes``; NaN where a place has no vector.
        uncertainty: Shape (P,), float32: 1 minus the lead of the likeliest class over the second, so 0 is
            certain and 1 a tie; NaN where a place has no vector.
    """

    classes: tuple[str, ...]
    probability: NDArray[np.float32]
    uncertainty: NDArray[np.float32]

    def of(self, name: str) -> NDArray[np.float32]:
        """Probability (P,) of one class.

        Raises:
            LookupError: No such class; the message lists them.
        """
        if name not in self.classes:
            raise LookupError(f"no class {name!r} was learned; there are {', '.join(self.classes)}")
        return self.probability[:, self.classes.index(name)]

    def best(self) -> NDArray[np.int64]:
        """Number of the likeliest class of each place, (P,); -1 where it has no vector."""
        best, most = np.zeros(len(self.uncertainty), np.int64), self.probability[:, 0]
        for number, column in enumerate(self.probability.T[1:], 1):
            best[column > most] = number
            most = np.maximum(most, column)
        return np.where(np.isfinite(self.uncertainty), best, -1)


class Labeller:
    """Learns classes from a few labelled places, fast enough to do it anew after each label.

    Logistic regression on the directions of the embeddings, every class weighing the same however many
    labels it has. A class is told from the others; where there is only one, or where one is named
    ``REST``, places drawn at random stand for the rest. A few of those will belong to the class that is
    looked for. That lowers its probability everywhere and leaves the order of places as it is, as long as
    the labelled ones are typical of their class (Elkan and Noto, 2008, doi:10.1145/1401890.1401920); label
    some places ``REST`` and their word counts more.

    Args:
        places: Directions (P, D) of all places.
        seed: Seed of the places that stand for the rest.

    Raises:
        ValueError: No place has a direction.
    """

    def __init__(self, places: Directions, *, seed: int = 0) -> None:
        self._places = places
        sample = places.sample()
        if not len(sample):
            raise ValueError("nothing can be learned: no place has a usable vector (all are NaN or zero)")
        self._mean = sample.mean(0, dtype=np.float64)
        spread = sample.std(0, dtype=np.float64)
        # A direction is divided by what it varies over all places, not over a dozen labelled ones.
        alive = spread > 1e-6
        width = np.sqrt(max(1, alive.sum()))
        self._per_spread = np.where(alive, 1 / np.where(alive, spread * width, 1), 0)
        usable = np.flatnonzero(places.usable)
        chosen = np.random.default_rng(seed).permutation(len(usable))[: 2 * BACKGROUND]
        self._background = usable[chosen]

    def learn(self, labels: Mapping[int, str]) -> Learned:
        """The probability of each class for all places.

        Args:
            labels: Number of a place -> name of its class. Places without a vector are passed over.

        Raises:
            ValueError: No label, a label of a place that is not there, or only places labelled ``REST``.
        """
        rows, names, weights = self._training_set(labels)
        classes = tuple(sorted(set(names)))
        model = _fitted(self._features(rows), np.array(names), weights)
        scores = self._scores(model.coef_ * self._per_spread, model.intercept_)
        return Learned(classes, *_probabilities(scores))

    def most_useful(
        self, learned: Learned, labels: Mapping[int, str], *, count: int = 1
    ) -> NDArray[np.int64]:
        """The places that are best labelled next: doubtful ones that look like none labelled so far.

        Of the 2,000 most doubtful places the one with the largest uncertainty x (1 - largest cosine to a
        labelled place) comes first; further ones must differ from those before them, too.

        Args:
            learned: What ``learn`` returned.
            labels: Number of a place -> class, as given to ``learn``.
            count: How many places; fewer come back where there are no more.
        """
        doubt = np.where(np.isfinite(learned.uncertainty), learned.uncertainty, -1)
        known = self._known(labels)
        doubt[known] = -1
        left = min(len(doubt), max(_SHORTLIST, count))
        some = np.argpartition(-doubt, left - 1)[:left]
        some = np.sort(some[doubt[some] >= 0])
        vectors, nearest = self._places.take(some), np.full(len(some), -1.0)
        if len(known) and len(some):
            nearest = (vectors @ self._places.take(known).T).max(1)
        chosen: list[int] = []
        for _ in range(min(count, len(some))):
            worth = doubt[some] * (1 - nearest)
            worth[chosen] = -np.inf
            chosen.append(int(worth.argmax()))
            nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
        return some[chosen]

    def _known(self, labels: Mapping[int, str]) -> NDArray[np.int64]:
        """Numbers of the labelled places that have a vector."""
        rows = np.array(list(labels), np.int64)
        outside = rows[(rows < 0) | (rows >= len(self._places))]
        if len(outside):
            raise ValueError(f"labels need places 0 to {len(self._places) - 1}, got {outside[0]}")
        return rows[self._places.usable[rows]]

    def _training_set(self, labels: Mapping[int, str]) -> tuple[NDArray[np.int64], list[str], NDArray]:
        """Numbers of places, their classes and how much each counts; every class counts 1 in all."""
        known = self._known(labels)
        names = [str(labels[int(row)]) for row in known]
        wanted = set(names) - {REST}
        if not wanted:
            raise ValueError(
                f"name a class and label at least one place with it; got {len(labels)} labels, of which "
                f"{len(known)} are of places with a vector, and none of these names anything but {REST!r}"
            )
        counts = [1.0] * len(names)
        if len(set(names)) == 1 or REST in names:
            background = self._background[~np.isin(self._background, known)][:BACKGROUND]
            known = np.concatenate([known, background])
            names += [REST] * len(background)
            counts += [BACKGROUND_LABELS / max(1, len(background))] * len(background)
        weights = np.array(counts)
        for name in set(names):
            mine = np.array(names) == name
            weights[mine] *= 1 / weights[mine].sum()
        return known, names, weights

    def _features(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        return (self._places.take(places) - self._mean) * self._per_spread

    def _scores(self, weights: NDArray, bias: NDArray) -> NDArray[np.float32]:
        """Scores (K, P) of weights (K, D); standardisation is folded into the weights."""
        return self._places.products(weights) + (bias - weights @ self._mean)[:, None].astype(np.float32)


def _fitted(features: NDArray, names: NDArray, weights: NDArray) -> object:
    """A logistic regression; one row of coefficients for two classes, one a class for more."""
    from sklearn.linear_model import LogisticRegression

    if len(set(names)) == 1:
        raise ValueError(
            "one class alone cannot be told from anything: there is no other place to compare with"
        )
    return LogisticRegression(C=_STRENGTH, max_iter=200).fit(
        features, names, sample_weight=weights * len(names)
    )


def _probabilities(scores: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities (P, C) and uncertainty (P,) from scores (1, P) for two classes, or one row a class."""
    if len(scores) == 1:
        second = 1 / (1 + np.exp(-np.clip(scores[0], -80, 80)))
        return np.stack([1 - second, second]).T, 1 - np.abs(2 * second - 1)
    probability = np.exp(scores - scores.max(0))
    probability /= probability.sum(0)
    # The two largest by a plain sweep: partitioning a million rows of four takes a second.
    first, second = probability[0], np.zeros_like(probability[0])
    for row in probability[1:]:
        second = np.maximum(second, np.minimum(first, row))
        first = np.maximum(first, row)
    return probability.T, 1 - (first - second)
