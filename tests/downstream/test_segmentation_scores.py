"""Mean IoU and footprints: counted by hand, over whole sets, with pixels that do not count."""

import numpy as np
import pytest

from seco_lab.downstream.segmentation_scores import (
    SceneCounts,
    confusion_of,
    footprints_of,
    iou_of,
    nothing_told,
    segmentation_scores,
)


def image(*rows):
    return np.array([[int(c) if c != "." else 255 for c in row] for row in rows], np.uint8)


def test_confusion_by_hand():
    truth, told = image("0011", "00.1"), image("0111", "0010")
    assert confusion_of(told, truth, 2).tolist() == [[3, 1], [1, 2]]


def test_iou_by_hand():
    iou = iou_of(np.array([[3, 1, 0], [1, 2, 0], [0, 0, 0]]))
    assert iou[:2].tolist() == [3 / 5, 2 / 4]
    assert np.isnan(iou[2])


def test_footprints_are_found_by_more_than_half():
    truth = image("1100011", "1100011", "0000000", "0110000")
    told = image("1100001", "1000000", "0000000", "0111111")
    # Three of four pixels; one of four; two of six: one is found, of three that were told and three there.
    assert footprints_of(told, truth).tolist() == [1, 3, 3]


def test_footprints_under_pixels_that_do_not_count():
    assert footprints_of(image("111"), image("...")).tolist() == [0, 0, 0]


def test_scores_pool_the_pixels_of_all_scenes():
    truth = [image("0000", "0001"), image("1111", "1111")]
    told = [image("0000", "0010"), image("1111", "1110")]
    counts = SceneCounts.of(told, truth, 2)
    scores, above = segmentation_scores({"encoder": counts, "background": nothing_told(counts)})
    assert scores["encoder"]["iou"].value == pytest.approx(7 / 10)
    assert scores["encoder"]["miou"].value == pytest.approx((7 / 10 + 6 / 9) / 2)
    assert scores["background"]["miou"].value == pytest.approx((0 + 7 / 16) / 2)
    assert scores["background"]["footprint_f1"].value == 0
    assert above["background"]["difference"] > 0
    low, value, high = (getattr(scores["encoder"]["miou"], n) for n in ("low", "value", "high"))
    assert low <= value <= high


def test_empty_masks_everywhere_are_named():
    counts = SceneCounts.of([image("01")], [image("00")], 2)
    with pytest.raises(ValueError, match="masks of all test scenes are empty"):
        segmentation_scores({"encoder": counts})
