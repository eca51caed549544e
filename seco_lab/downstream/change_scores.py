"""How well maps of change agree with the truth, city by city and over all, with intervals over cities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.downstream.change_maps import CityAnswer
from seco_lab.downstream.metrics import bootstrap_means
from seco_lab.downstream.pairs import PATCH_PX, grid_of, judged
from seco_lab.downstream.ranking import Curve, average_precision_of, curve_of, f1_of, roc_auc_of
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
    counts = np.array([(score.hits, score.calls, score.changed) for score in found.values()])
    few = len(found) < _FEW
    scores = _pooled(counts, _patch_counts(cities, answers) if few else counts, seed)
    for name in ("auc", "average_precision"):
        known = {city: v for city, score in found.items() if (v := getattr(score, name)) is not None}
        if not known:
            continue
        values = list(known.values())
        draws = bootstrap_means(values, seed=seed)
        if len(known) < _FEW:
            draws = _patch_draws(cities, answers, known, name, seed)
        scores[name] = Score.drawn(np.mean(values), draws)
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
    return {name: Score.drawn(v[0], v[1:]) for name, v in values.items()}


def _patch_counts(cities: Mapping[str, xr.Dataset], answers: Mapping[str, CityAnswer]) -> NDArray[np.int64]:
    """Hits, calls and changed pixels of every patch of 96 px, shape (U, 3)."""
    rows = []
    for name, answer in answers.items():
        kept, truth, scores = _gridded(cities[name], answer)
        called = (scores >= answer.threshold) & kept
        counts = [part.sum((1, 2)) for part in (called & truth, called, truth)]
        rows.append(np.stack(counts, 1)[kept.any((1, 2))])
    return np.concatenate(rows)


def _gridded(
    city: xr.Dataset, answer: CityAnswer
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float32]]:
    """Judged pixels, changed pixels and scores, each (N, S, S): patch by patch."""
    kept = judged(city)
    parts = (kept, (city["mask"].values[0] == 1) & kept, answer.scores)
    kept, truth, scores = (grid_of(part, PATCH_PX, 0) for part in parts)
    return kept, truth, scores


def _patch_draws(
    cities: Mapping[str, xr.Dataset],
    answers: Mapping[str, CityAnswer],
    names: Iterable[str],
    score: str,
    seed: int,
) -> NDArray[np.float64]:
    """Means over cities of AUC or average precision, with the patches of each drawn again."""
    measure = roc_auc_of if score == "auc" else average_precision_of
    draws = [_draws_of(_tables(cities[name], answers[name]), measure, seed) for name in names]
    return np.nanmean(draws, axis=0)


def _tables(city: xr.Dataset, answer: CityAnswer) -> NDArray[np.int64]:
    """Changed and unchanged pixels of each patch at 256 steps of the score, shape (N, 2, 256)."""
    kept, truth, scores = _gridded(city, answer)
    edges = np.quantile(scores[kept], np.linspace(0, 1, _BINS + 1)[1:-1])
    bins = np.searchsorted(edges, scores)
    tables = [
        [np.bincount(b[part], minlength=_BINS) for part in (t, k & ~t)]
        for k, t, b in zip(kept, truth, bins, strict=True)
        if k.any()
    ]
    return np.array(tables, np.int64)


def _draws_of(
    tables: NDArray[np.int64], measure: Callable[[Curve], float | None], seed: int
) -> NDArray[np.float64]:
    """The measure of 200 resamples of the patches; NaN where it is undefined."""
    chance = np.random.default_rng(seed)
    steps, truth = np.tile(np.arange(_BINS), 2), np.repeat([True, False], _BINS)
    values = []
    for _ in range(200):
        weights = tables[chance.integers(0, len(tables), len(tables))].sum(0).ravel()
        value = measure(curve_of(steps, truth, weights=weights))
        values.append(np.nan if value is None else value)
    return np.array(values)
