"""How well each pixel's class is told: mean IoU over a whole set, and footprints found, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from seco_lab.downstream.ranking import f1_of
from seco_lab.downstream.result import Score
from seco_lab.downstream.scene_results import scores_and_leads
from seco_lab.sources.oscd import UNLABELLED

_ROUNDS = 2000


@dataclass(frozen=True)
class SceneCounts:
    """What was counted in each scene.

    Attributes:
        confusion: Shape (scenes, classes, classes), pixels by true and by told class.
        footprints: Shape (scenes, 3): footprints found, told, there.
    """

    confusion: NDArray[np.int64]
    footprints: NDArray[np.int64]

    @classmethod
    def of(cls, told: list[NDArray[np.integer]], truth: list[NDArray[np.uint8]], classes: int) -> SceneCounts:
        """Count scene by scene.

        Args:
            told: Of each scene (H, W), class numbers.
            truth: Of each scene (H, W), class numbers, 255 = does not count.
            classes: How many there are.
        """
        pairs = list(zip(told, truth, strict=True))
        return cls(
            np.stack([confusion_of(*pair, classes) for pair in pairs]),
            np.stack([footprints_of(*pair) for pair in pairs]),
        )


def confusion_of(told: NDArray, truth: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Pixels by true class (rows) and told class (columns); 255 in the truth does not count."""
    kept = truth != UNLABELLED
    place = truth[kept].astype(np.int64) * classes + told[kept]
    return np.bincount(place, minlength=classes**2).reshape(classes, classes)


def footprints_of(told: NDArray, truth: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Footprints found, told and there: SpaceNet's own score counts a footprint from an IoU of 0.5 on.

    Differs from SpaceNet: footprints are connected pixels of class 1, on both sides, not polygons; so houses
    that touch are one.
    """
    kept = truth != UNLABELLED
    (ours, told_count), (theirs, there) = (ndimage.label((mask == 1) & kept) for mask in (told, truth))
    both = np.bincount(
        (ours.astype(np.int64) * (there + 1) + theirs).ravel(), minlength=(told_count + 1) * (there + 1)
    )
    shared = both.reshape(told_count + 1, there + 1)
    union = shared.sum(1, keepdims=True) + shared.sum(0) - shared
    # More than half of the union can be shared with one footprint only, so no matching is needed.
    found = int((2 * shared[1:, 1:] > union[1:, 1:]).sum())
    return np.array([found, told_count, there])


def iou_of(confusion: NDArray) -> NDArray[np.float64]:
    """Intersection over union of each class (..., classes); NaN where a class is neither told nor there."""
    shared = np.diagonal(confusion, axis1=-2, axis2=-1)
    union = confusion.sum(-1) + confusion.sum(-2) - shared
    return np.where(union > 0, shared / np.maximum(union, 1), np.nan)


def nothing_told(counts: SceneCounts) -> SceneCounts:
    """Counts of an answer that says class 0 everywhere."""
    confusion = np.zeros_like(counts.confusion)
    confusion[..., 0] = counts.confusion.sum(-1)
    return SceneCounts(confusion, counts.footprints * np.array([0, 0, 1]))


def segmentation_scores(
    counts: Mapping[str, SceneCounts], *, seed: int = 0
) -> tuple[dict[str, dict[str, Score]], dict[str, dict[str, float]]]:
    """Scores of several segmenters on the same scenes, and how far the first lies above the others.

    Args:
        counts: Of each segmenter, by its name; the first is the one that is asked about.
        seed: Seed of the draws; all are judged on the same ones.

    Returns:
        Of each: "miou" (pixels of all scenes counted together, as the official code does it, mean over the
        classes), "iou" (of class 1) and "footprint_f1", with 95 % intervals over scenes; and for each other
        segmenter the difference in mIoU with its interval.

    Raises:
        ValueError: Class 1 is in no scene.
    """
    first = next(iter(counts.values()))
    if not first.confusion[:, 1:].any():
        raise ValueError(
            "the masks of all test scenes are empty, so nothing can be scored; test on scenes with labels"
        )
    chance, scenes = np.random.default_rng(seed), len(first.confusion)
    times = chance.multinomial(scenes, np.full(scenes, 1 / scenes), _ROUNDS)
    times = np.concatenate([np.ones((1, scenes), np.int64), times])
    return scores_and_leads({who: _values(one, times) for who, one in counts.items()}, "miou")


def _values(counts: SceneCounts, times: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Each score for each row of ``times`` (rounds, scenes): how often a scene counts."""
    iou = iou_of(np.tensordot(times, counts.confusion, 1))
    found, told, there = (times @ counts.footprints).T
    return {
        "miou": np.nanmean(iou, axis=1),
        "iou": np.nan_to_num(iou[:, 1]),
        "footprint_f1": f1_of(found, told, there),
    }
