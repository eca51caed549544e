"""Two models of the same places side by side: do they call the same places alike?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.explore.vectors import Directions
from seco_lab.neighbours import nearest

ASKED = 1000  # places whose neighbours are compared, unless told otherwise
ANCHORS = 64
_DRAWS = 1000
_BLOCK = 2**14


@dataclass(frozen=True)
class Compared:
    """What two models agree on.

    Attributes:
        k: How many neighbours were compared.
        asked: Shape (A,), numbers of the places whose neighbours were compared.
        overlap: Shape (P,), float32: share of the k neighbours that both models name, NaN where not asked.
        disagreement: Shape (P,), float32, 0 to 2: 1 minus the correlation of a place's cosines to the same
            64 places under both models; NaN where one of them has no vector.
        kin: Where labels were given, shape (A, 2): share of the k neighbours that carry the label of the
            place, under the first and the second model; otherwise None.
        places: Number of places that both models know.
    """

    k: int
    asked: NDArray[np.int64]
    overlap: NDArray[np.float32]
    disagreement: NDArray[np.float32]
    kin: NDArray[np.float32] | None
    places: int

    def summary(self, *, seed: int = 0) -> dict[str, float | list[float]]:
        """Means over the places asked, with 95 % intervals from resampling these places in pairs.

        Returns:
            ``overlap`` and ``overlap_ci``; ``by_chance``, what unrelated models would share; with labels
            also ``kin_first``, ``kin_second``, ``kin_gain`` (second minus first) and ``kin_gain_ci``.
        """
        chance = np.random.default_rng(seed)
        draws = chance.integers(0, len(self.asked), (_DRAWS, len(self.asked)))
        shared = self.overlap[self.asked].astype(np.float64)
        told: dict[str, float | list[float]] = {
            "overlap": float(shared.mean()),
            "overlap_ci": _interval(shared, draws),
            "by_chance": self.k / max(1, self.places - 1),
        }
        if self.kin is not None:
            first, second = self.kin.T.astype(np.float64)
            told |= {"kin_first": float(first.mean()), "kin_second": float(second.mean())}
            told |= {
                "kin_gain": float((second - first).mean()),
                "kin_gain_ci": _interval(second - first, draws),
            }
        return told


def compare_models(
    first: Directions,
    second: Directions,
    *,
    k: int = 10,
    ask: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> Compared:
    """Neighbour overlap, disagreement and, with labels, whose neighbours are more often of the same kind.

    Args:
        first: Directions (P, D) of places under one model.
        second: Directions (P, E) of the same places, in the same order, under another.
        k: Neighbours of each place.
        ask: Numbers of the places whose neighbours are compared; 1,000 evenly spaced ones by default,
            because each of them is compared with all places.
        labels: Shape (P,), a class of each place.

    Raises:
        ValueError: Different numbers of places, or no more than k that both models know.
    """
    if len(first) != len(second):
        raise ValueError(
            f"two models are compared on the same places in one order, got {len(first)} and {len(second)}"
        )
    known = np.flatnonzero(first.usable & second.usable)
    if not 1 <= k < len(known):
        raise ValueError(
            f"k must lie between 1 and {len(known) - 1}, one below the places both know, got {k}"
        )
    asked = known[:: max(1, -(-len(known) // ASKED))] if ask is None else np.intersect1d(ask, known)
    if not len(asked):
        raise ValueError("none of the places asked for has a vector under both models")
    hidden = ~(first.usable & second.usable)
    found = [_neighbours(model, asked, k, hidden) for model in (first, second)]
    overlap = np.full(len(first), np.nan, np.float32)
    overlap[asked] = (found[0][:, :, None] == found[1][:, None]).any(2).mean(1)
    kin = None if labels is None else _kin(np.asarray(labels), asked, found)
    return Compared(k, asked, overlap, _disagreement(first, second, known), kin, len(known))


def _neighbours(model: Directions, asked: NDArray, k: int, hidden: NDArray) -> NDArray[np.int64]:
    """The k neighbours (A, k) of the places asked, among those that both models know."""
    bank = np.where(hidden[:, None], np.nan, model.rows) if hidden.any() else model.rows
    return nearest(model.rows[asked], bank, k, exclude=asked)[0]


def _kin(labels: NDArray, asked: NDArray, found: list[NDArray]) -> NDArray[np.float32]:
    same = [(labels[rows] == labels[asked][:, None]).mean(1) for rows in found]
    return np.stack(same, 1).astype(np.float32)


def _disagreement(first: Directions, second: Directions, known: NDArray) -> NDArray[np.float32]:
    """1 minus the correlation of each place's cosines to the same anchors under both models, (P,)."""
    anchors = known[:: max(1, -(-len(known) // ANCHORS))]
    banks = [model.take(anchors).T for model in (first, second)]
    out = np.full(len(first), np.nan, np.float32)
    for start in range(0, len(known), _BLOCK):
        rows = known[start : start + _BLOCK]
        a, b = (
            _levelled(model.take(rows) @ bank) for model, bank in zip((first, second), banks, strict=True)
        )
        out[rows] = 1 - np.einsum("na,na->n", a, b)
    return out


def _levelled(cosines: NDArray) -> NDArray:
    """Rows without their mean, at unit length: their inner products are correlations."""
    rest = cosines - cosines.mean(1, keepdims=True)
    return rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-12)


def _interval(values: NDArray[np.float64], draws: NDArray[np.int64]) -> list[float]:
    low, high = np.percentile(values[draws].mean(1), [2.5, 97.5])
    return [float(low), float(high)]
