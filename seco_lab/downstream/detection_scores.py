"""How well objects are found: average precision as COCO defines it, with intervals over scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seco_lab.downstream.result import Score
from seco_lab.downstream.scene_results import scores_and_leads
from seco_lab.downstream.tiles import smaller_than
from seco_lab.nn.boxes import box_iou
from seco_lab.nn.detection import Found

# Overlaps from which an object counts as found: 0.5 alone (AP50), and the mean of all ten (AP).
OVERLAPS = tuple(0.5 + 0.05 * step for step in range(10))
_RECALLS = np.linspace(0, 1, 101)
_ROUNDS = 300


@dataclass(frozen=True)
class Judged:
    """All found objects of a set of scenes, compared with the truth.

    Attributes:
        scores: Shape (D,), falling.
        classes: Shape (D,), class numbers.
        scenes: Shape (D,), scene of each.
        hits: Shape (10, D), whether it found an object, at each of ``OVERLAPS``.
        wanted: Shape (scenes, classes), how many objects there are.
    """

    scores: NDArray[np.float64]
    classes: NDArray[np.int64]
    scenes: NDArray[np.int64]
    hits: NDArray[np.bool_]
    wanted: NDArray[np.int64]

    @classmethod
    def of(cls, found: Sequence[Found], truth: Sequence[Tensor], classes: int) -> Judged:
        """Compare scene by scene.

        Args:
            found: Of each scene.
            truth: Of each scene (N, 5): class, left, top, right, bottom.
            classes: How many there are.
        """
        hits = [hits_of(one, boxes) for one, boxes in zip(found, truth, strict=True)]
        wanted = [np.bincount(boxes[:, 0].long().numpy(), minlength=classes) for boxes in truth]
        scores = np.concatenate([one.scores.numpy().astype(np.float64) for one in found])
        order = np.argsort(-scores, kind="stable")
        return cls(
            scores[order],
            np.concatenate([one.classes.numpy() for one in found])[order],
            np.repeat(np.arange(len(found)), [len(one.scores) for one in found])[order],
            np.concatenate(hits, axis=1)[:, order],
            np.stack(wanted),
        )


def without_small(found: Found, truth: Tensor, least_side_px: float) -> Found:
    """What was found, without that which is right only of objects that are too small to count.

    As with the area ranges of COCO: who overlaps no object that counts by half, and is too small or
    overlaps a small one by half, is no false alarm.

    Args:
        found: Of a scene.
        truth: Shape (N, 5): class, left, top, right, bottom; small objects as well.
        least_side_px: Objects with a shorter side do not count.
    """
    small = smaller_than(truth[:, 1:], least_side_px)
    same = found.classes[:, None] == truth[:, 0]
    meets = same & (box_iou(found.boxes.float(), truth[:, 1:]) >= OVERLAPS[0])
    lesser = smaller_than(found.boxes, least_side_px) | meets[:, small].any(1)
    kept = meets[:, ~small].any(1) | ~lesser
    return Found(found.boxes[kept], found.scores[kept], found.classes[kept])


def hits_of(found: Found, truth: Tensor) -> NDArray[np.bool_]:
    """Which found objects of a scene are right, shape (10, N), at each of ``OVERLAPS``.

    As COCO does it: class by class, from the highest score on, each takes the object that it overlaps most
    of those that are not taken yet.
    """
    hits = np.zeros((len(OVERLAPS), len(found.scores)), bool)
    for number in found.classes.unique().tolist():
        rows = (found.classes == number).nonzero()[:, 0]
        rows = rows[found.scores[rows].argsort(descending=True, stable=True)]
        overlap = box_iou(found.boxes[rows].float(), truth[truth[:, 0] == number, 1:]).numpy()
        for level, least in enumerate(OVERLAPS):
            hits[level, rows.numpy()] = _taken(overlap, least)
    return hits


def _taken(overlap: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """Which rows get a column of their own; overlap (N, M), best row first."""
    hits, free = np.zeros(len(overlap), bool), np.ones(overlap.shape[1], bool)
    for row in np.flatnonzero((overlap >= least - 1e-7).any(1)):
        left = np.where(free, overlap[row], -1)
        best = int(left.argmax())
        if left[best] >= least - 1e-7:
            hits[row], free[best] = True, False
    return hits


def average_precisions(judged: Judged, times: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Average precision of each overlap and class, shape (10, classes); NaN for a class without an object.

    The mean over 101 recalls of the best precision at that recall or beyond, as COCO does it. Differs from
    COCO: no limit on the number of objects in a scene.

    Args:
        judged: What was found.
        times: Shape (scenes,), how often each scene counts; once if left out.
    """
    times = np.ones(len(judged.wanted), np.int64) if times is None else times
    wanted = (judged.wanted * times[:, None]).sum(0)
    found = np.full((len(OVERLAPS), len(wanted)), np.nan)
    for number in np.flatnonzero(wanted):
        rows = judged.classes == number
        weight = times[judged.scenes[rows]]
        calls = weight.cumsum()
        for level, hits in enumerate(judged.hits[:, rows]):
            found[level, number] = _interpolated((weight * hits).cumsum(), calls, wanted[number])
    return found


def _interpolated(hits: NDArray[np.int64], calls: NDArray[np.int64], wanted: int) -> float:
    if not len(hits):
        return 0.0
    precision = np.maximum.accumulate((hits / np.maximum(calls, 1))[::-1])[::-1]
    place = np.searchsorted(hits / wanted, _RECALLS, side="left")
    return float(np.where(place < len(hits), precision[np.minimum(place, len(hits) - 1)], 0).mean())


def detection_scores(
    judged: Mapping[str, Judged], *, rounds: int = _ROUNDS, seed: int = 0
) -> tuple[dict[str, dict[str, Score]], dict[str, dict[str, float]]]:
    """AP50 and AP of several detectors on the same scenes, and how far the first lies above the others.

    Args:
        judged: Of each detector, by its name; the first is the one that is asked about.
        rounds: How often scenes are drawn again.
        seed: Seed of the draws; all detectors are judged on the same ones.

    Returns:
        Scores "ap50" and "ap" of each detector, means over the classes that have objects, with the 95 %
        interval over scenes; and for each other detector the difference of AP50 with its interval.

    Raises:
        ValueError: No object in any scene.
    """
    first = next(iter(judged.values()))
    if not first.wanted.any():
        raise ValueError("no test scene holds an object, so nothing can be scored; test on scenes with boxes")
    chance, scenes = np.random.default_rng(seed), len(first.wanted)
    draws = [np.bincount(chance.integers(0, scenes, scenes), minlength=scenes) for _ in range(rounds)]
    draws = [times for times in draws if (first.wanted * times[:, None]).any()]
    values = {}
    for who, one in judged.items():
        tables = [average_precisions(one, times) for times in (None, *draws)]
        values[who] = {
            "ap50": np.array([np.nanmean(table[0]) for table in tables]),
            "ap": np.array([np.nanmean(table) for table in tables]),
        }
    return scores_and_leads(values, "ap50")
