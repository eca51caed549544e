"""Figures of scores: encoders side by side, with fewer labels, over k, near and far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seco_lab.viz.colours import OKABE_ITO
from seco_lab.viz.figure import empty_figure
from seco_lab.viz.plots import INK, SOFT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from seco_lab.downstream.result import Result, Score

_MARKS = "osD^vP*X"
# How the names of baselines end that are told in more than one measure.
_MEASURES = ("average_precision", "ap50", "ap", "auc", "f1", "top5", "footprint_f1", "miou", "iou")

BASELINES_IN_WORDS = {
    "floor": "colour statistics",
    "untrained": "untrained network",
    "random_features": "random convolutions",
    "coordinates": "nearest place on the map",
    "prior": "how common a class is",
    "cva": "change vectors",
    "cva_same_bands": "change vectors, same bands",
}


def in_words(name: str) -> str:
    """What a baseline is, without the measure that its name may end with; other names stay as they are."""
    measure = next((m for m in _MEASURES if name.endswith(f"_{m}")), None)
    plain = name if measure is None else name.removesuffix(f"_{measure}")
    return BASELINES_IN_WORDS.get(plain, name)


def results_figure(
    results: Sequence[Result], published: Iterable[Mapping[str, Any]] = (), *, score: str | None = None
) -> Figure:
    """One score of several encoders with its 95 % interval, their floors, and a paper's numbers below.

    Args:
        results: Of one task.
        published: From ``published_rows``; rows without that score are left out.
        score: Name of the score; the main one of the first result by default.

    Raises:
        LookupError: No result has that score.
    """
    score = score or next(iter(results[0].scores))
    rows = [(r.name, r.scores[score], OKABE_ITO[0]) for r in results if score in r.scores]
    if not rows:
        has = ", ".join(results[0].scores)
        raise LookupError(f"no result has the score {score!r}; there are {has}")
    rows += [(in_words(name), floor, SOFT) for name, floor in _floors(results[0], score)]
    lines = [(row["name"], float(row[score])) for row in published if row.get(score)]
    figure = empty_figure(6.4, 0.9 + 0.28 * (len(rows) + len(lines)))
    axis = figure.add_subplot()
    for place, (_, value, colour) in enumerate(rows):
        axis.plot([100 * value.low, 100 * value.high], [place] * 2, color=colour, linewidth=2)
        axis.plot(100 * value.value, place, "o", color=colour, markersize=6)
    for place, (_, percent) in enumerate(lines, len(rows)):
        axis.plot(percent, place, "D", color=OKABE_ITO[5], markersize=5)
    names = [name for name, *_ in rows] + [name for name, _ in lines]
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.invert_yaxis()
    axis.set_title(f"{results[0].protocol.task}: {score}, %", fontsize=10, loc="left", color=INK)
    _quiet(axis)
    axis.grid(axis="x", color="#e6e9eb")
    return figure


def _floors(result: Result, score: str) -> list[tuple[str, Score]]:
    """The baselines that are told in the same measure as a score."""
    measure = next((m for m in _MEASURES if f"_{score}".endswith(f"_{m}")), None)
    same = [(n, floor) for n, floor in result.baselines.items() if measure and n.endswith(f"_{measure}")]
    plain = [(n, f) for n, f in result.baselines.items() if not any(n.endswith(f"_{m}") for m in _MEASURES)]
    return same or plain


def label_curve_figure(curve: pd.DataFrame, *, probe: str = "linear", measure: str = "accuracy") -> Figure:
    """A score over the number of labelled images: a line a kind of features, each seed a mark.

    Args:
        curve: From ``seco_lab.downstream.curves.label_curve`` or ``multilabel_curve``.
        probe: "linear" or "knn".
        measure: What the score is, in words.
    """
    figure = empty_figure(6.0, 3.6)
    axis = figure.add_subplot()
    part = curve[curve["probe"] == probe]
    for number, who in enumerate(part["features"].unique()):
        own = part[part["features"] == who]
        mean = own.groupby("images")["value"].mean()
        _line(axis, mean.index, 100 * mean, number, in_words(who))
        axis.scatter(own["images"], 100 * own["value"], s=8, color=_colour(number), alpha=0.5, linewidths=0)
    _ticks_at(axis, part["images"])
    _labelled(figure, axis, "labelled training images", f"{measure}, {probe} probe, %")
    return figure


def k_curve_figure(curve: pd.DataFrame) -> Figure:
    """Accuracy over the number of neighbours, with 95 % intervals.

    Args:
        curve: From ``seco_lab.downstream.curves.k_curve``.
    """
    figure = empty_figure(6.0, 3.2)
    axis = figure.add_subplot()
    for number, who in enumerate(curve["features"].unique()):
        own = curve[curve["features"] == who]
        _line(axis, own["k"], 100 * own["value"], number, in_words(who))
        axis.fill_between(own["k"], 100 * own["low"], 100 * own["high"], color=_colour(number), alpha=0.12)
    _ticks_at(axis, curve["k"])
    _labelled(figure, axis, "neighbours that vote", "accuracy, %")
    return figure


def _ticks_at(axis: Axes, counts: pd.Series) -> None:
    """A logarithmic axis whose only ticks are the counts that were tried."""
    tried = sorted(counts.unique())
    axis.set_xscale("log")
    axis.set_xticks(tried, [f"{count:,}" for count in tried], fontsize=7)
    axis.minorticks_off()


def split_figure(gap: pd.DataFrame) -> Figure:
    """The same probes on test images beside the training images, and on test images away from them.

    Args:
        gap: From ``seco_lab.downstream.curves.split_gap``.
    """
    figure = empty_figure(6.0, 3.2)
    axis = figure.add_subplot()
    probes, splits = list(gap["probe"].unique()), list(gap["split"].unique())
    for number, split in enumerate(splits):
        own = gap[gap["split"] == split].set_index("probe").loc[probes]
        x = np.arange(len(probes)) + (number - (len(splits) - 1) / 2) * 0.36
        error = 100 * np.abs(np.stack([own["value"] - own["low"], own["high"] - own["value"]]))
        label = f"{split}: nearest training image {own['nearest_km'].iloc[0]:.1f} km away (median)"
        axis.bar(x, 100 * own["value"], 0.34, yerr=error, color=_colour(number), label=label, ecolor=INK)
    axis.set_xticks(range(len(probes)), probes, fontsize=8)
    axis.set_ylabel("accuracy, %", fontsize=8)
    figure.legend(loc="outside upper left", fontsize=8, frameon=False)
    _quiet(axis)
    return figure


def _colour(number: int) -> str:
    return OKABE_ITO[number % len(OKABE_ITO)]


def _line(axis: Axes, x: Any, y: Any, number: int, name: str) -> None:
    mark = _MARKS[number % len(_MARKS)]
    axis.plot(x, y, f"{mark}-", color=_colour(number), linewidth=1.5, markersize=4, label=name)


def _labelled(figure: Figure, axis: Axes, x: str, y: str) -> None:
    axis.set_xlabel(x, fontsize=8)
    axis.set_ylabel(y, fontsize=8)
    axis.grid(axis="y", color="#e6e9eb")
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    _quiet(axis)


def _quiet(axis: Axes) -> None:
    axis.tick_params(labelsize=8)
    axis.spines[["right", "top"]].set_visible(False)
