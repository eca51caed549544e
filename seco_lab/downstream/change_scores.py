"""How well maps of change agree with the truth, city by city and over all, with intervals over cities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.downstream.change_maps import CityAnswer
from seco_lab.downstream.metrics import bootstrap_interval
from seco_lab.downstream.pairs import PATCH_PX, grid_of, judged
from seco_lab.downstream.ranking import average_precision_of, curve_of, f1_of, roc_auc_of
from seco_lab.downstream.result import Score

_ROUNDS = 2000
_FEW = 3
_BINS = 256


@dataclass(frozen=True)
class CityScore:
    """Agreement in one city.

    Attributes:
        precision: Share of the called pixels that changed; None where none was called.
        recall: Share of the changed pixels that were called; None where none changed.
        f1: Harmonic mean of both; None where none changed.
        average_precision: Over all thresholds; None where none changed.
        auc: Chance that a changed pixel scores above an unchanged one; None where there is one kind only.
        threshold: Chosen on other cities.
        changed_share: Of the judged pixels.
        pixels: How many were judged.
        hits: Called and changed.
        calls: Called.
        changed: Changed.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    auc: float | None
    threshold: float
    changed_share: float
    pixels: int
    hits: int
    calls: int
    changed: int

    @classmethod
    def of(cls, city: xr.Dataset, answer: CityAnswer) -> CityScore:
        """The score of an answer, over all judged pixels of a city."""
        kept = judged(city)
        scores, truth = answer.scores[kept], city["mask"].values[0][kept] == 1
        curve, called = curve_of(scores, truth), scores >= answer.threshold
        hits, calls, changed = int((called & truth).sum()), int(called.sum()), int(truth.sum())
        return cls(
            precision=hits / calls if calls else None,
            recall=hits / changed if changed else None,
            f1=float(f1_of(hits, calls, changed)) if changed else None,
            average_precision=average_precision_of(curve),
            auc=roc_auc_of(curve),
            threshold=float(answer.threshold),
            changed_share=changed / len(truth),
            pixels=len(truth),
            hits=hits,
            calls=calls,
            changed=changed,
        )

    def to_dict(self) -> dict[str, float | int | None]:
        """Plain numbers."""
        return asdict(self)


def counts_of(units: Sequence[CityScore]) -> NDArray[np.int64]:
    """Hits, calls and changed pixels of each unit, shape (U, 3)."""
    return np.array([(u.hits, u.calls, u.changed) for u in units], np.int64)


def overall(
    cities: Mapping[str, xr.Dataset], answers: Mapping[str, CityAnswer], *, seed: int = 0
) -> dict[str, Score]:
    """Scores over all test cities, with 95 % intervals.

    ``f1``, ``precision`` and ``recall`` pool all pixels, as the official code does; ``auc`` and
    ``average_precision`` are means over the cities that show change. Intervals resample cities; where there
    are fewer than three, patches of 96 px within them, which says nothing of other cities.

    Raises:
        ValueError: No city shows change.
    """
    found = {name: CityScore.of(cities[name], answer) for name, answer in answers.items()}
    if not any(score.changed for score in found.values()):
        raise ValueError(
            f"the change maps of all test cities are empty ({', '.join(found)}), so nothing can be scored; "
            "take cities with change"
        )
    units = list(found.values()) if len(found) >= _FEW else _patch_scores(cities, answers)
    scores = _pooled(counts_of(list(found.values())), counts_of(units), seed)
    for name in ("auc", "average_precision"):
        values = [v for score in found.values() if (v := getattr(score, name)) is not None]
        if not values:
            continue
        mean, enough = float(np.mean(values)), len(values) >= _FEW
        interval = (
            bootstrap_interval(values, seed=seed) if enough else _patch_ranks(cities, answers, name, seed)
        )
        low, high = interval
        scores[name] = Score(mean, min(low, mean), max(high, mean))
    return scores


def _pooled(whole: NDArray[np.int64], units: NDArray[np.int64], seed: int) -> dict[str, Score]:
    """F1, precision and recall of summed counts; intervals from resampled units (U, 3)."""
    chance = np.random.default_rng(seed)
    drawn = units[chance.integers(0, len(units), (_ROUNDS, len(units)))].sum(1)
    both = np.concatenate([whole.sum(0)[None], drawn]).T
    hits, calls, changed = both
    values = {
        "f1": f1_of(hits, calls, changed),
        "precision": hits / np.maximum(calls, 1),
        "recall": hits / np.maximum(changed, 1),
    }
    return {name: _score(v[0], v[1:]) for name, v in values.items()}


def _score(value: float, drawn: NDArray) -> Score:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Score(float(value), float(min(low, value)), float(max(high, value)))


def _patch_scores(cities: Mapping[str, xr.Dataset], answers: Mapping[str, CityAnswer]) -> list[CityScore]:
    """Hits, calls and changes of every patch of 96 px that has a judged pixel."""
    units = []
    for kept, truth, scores, threshold in _gridded(cities, answers):
        called = (scores >= threshold) & kept
        rows = np.stack([(called & truth).sum((1, 2)), called.sum((1, 2)), truth.sum((1, 2))], 1)
        for (hits, calls, changed), pixels in zip(rows.tolist(), kept.sum((1, 2)).tolist(), strict=True):
            if pixels:
                units.append(
                    CityScore(None, None, None, None, None, threshold, changed / pixels, pixels,
                              hits, calls, changed)
                )  # fmt: skip
    return units


def _gridded(cities: Mapping[str, xr.Dataset], answers: Mapping[str, CityAnswer]):  # noqa: ANN202
    """Judged pixels, changed pixels and scores (N, S, S) and the threshold of each city, in patches."""
    for name, answer in answers.items():
        kept = judged(cities[name])
        truth = (cities[name]["mask"].values[0] == 1) & kept
        yield (*(grid_of(part, PATCH_PX, 0) for part in (kept, truth, answer.scores)), answer.threshold)


def _patch_ranks(
    cities: Mapping[str, xr.Dataset], answers: Mapping[str, CityAnswer], name: str, seed: int
) -> tuple[float, float]:
    """Interval of AUC or average precision with patches drawn again; scores in 256 steps of equal size."""
    tables = []
    for kept, truth, scores, _ in _gridded(cities, answers):
        edges = np.quantile(scores[kept], np.linspace(0, 1, _BINS + 1)[1:-1])
        bins = np.searchsorted(edges, scores)
        for k, t, b in zip(kept, truth, bins, strict=True):
            if k.any():
                both = [np.bincount(b[part], minlength=_BINS) for part in (t, k & ~t)]
                tables.append(np.stack(both))
    tables, chance = np.stack(tables), np.random.default_rng(seed)
    measure = roc_auc_of if name == "auc" else average_precision_of
    values = []
    for _ in range(200):
        changed, unchanged = tables[chance.integers(0, len(tables), len(tables))].sum(0)
        steps = np.tile(np.arange(_BINS), 2)
        truth = np.repeat([True, False], _BINS)
        value = measure(curve_of(steps, truth, weights=np.concatenate([changed, unchanged])))
        values += [] if value is None else [value]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
