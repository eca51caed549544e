"""Average precision: cases worked out by hand, and the reference implementation of COCO beside it."""

import numpy as np
import pytest
import torch

from seco_lab.downstream.detection_scores import (
    OVERLAPS,
    Judged,
    average_precisions,
    detection_scores,
    hits_of,
    without_small,
)
from seco_lab.nn.detection import Found


def found(rows):
    """Found objects from rows (class, score, left, top, right, bottom)."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return Found(table[:, 2:], table[:, 1], table[:, 0].long())


def truth(rows):
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)


BOX, FAR = (0, 0, 10, 10), (50, 50, 60, 60)


def scene_set(seed=0, *, scenes=6, classes=3, noise_px=3.0):
    """Objects, and answers that are moved, missing, doubled or invented, with different scores."""
    chance = np.random.default_rng(seed)
    answers, wanted = [], []
    for _ in range(scenes):
        corners = chance.uniform(0, 80, (8, 2))
        boxes = np.concatenate([corners, corners + chance.uniform(5, 25, (8, 2))], 1)
        kinds = chance.integers(0, classes, 8)
        wanted.append(truth(np.column_stack([kinds, boxes])))
        kept = chance.random(8) < 0.8
        moved = boxes + chance.normal(0, noise_px, boxes.shape)
        invented = np.concatenate([corners[:2], corners[:2] + 9], 1)
        both = np.concatenate([moved[kept], boxes[:3], invented])
        labels = np.concatenate([kinds[kept], kinds[:3], chance.integers(0, classes, 2)])
        scores = chance.permutation(np.arange(1, len(both) + 1)) / (len(both) + chance.random() + 1)
        answers.append(found(np.column_stack([labels, scores, both])))
    return answers, wanted


def test_each_object_is_found_once():
    one = found([(0, 0.9, *BOX), (0, 0.8, *BOX), (1, 0.7, *BOX), (0, 0.6, *FAR)])
    hits = hits_of(one, truth([(0, *BOX)]))
    assert hits[0].tolist() == [True, False, False, False]


def test_the_best_overlap_is_taken_of_those_that_are_left():
    wanted = truth([(0, 0, 0, 10, 10), (0, 4, 0, 14, 10)])
    first_takes_second = found([(0, 0.9, 3, 0, 13, 10), (0, 0.8, 4, 0, 14, 10)])
    # The best of the second answer is taken, and it overlaps the other object by 6 / 14 only.
    assert hits_of(first_takes_second, wanted)[0].tolist() == [True, False]


def test_overlap_of_exactly_a_half_counts_and_the_levels_rise():
    hits = hits_of(found([(0, 0.9, 0, 0, 10, 5)]), truth([(0, *BOX)]))
    assert hits[:, 0].tolist() == [True] + [False] * 9
    hits = hits_of(found([(0, 0.9, 0, 0, 10, 8.2)]), truth([(0, *BOX)]))
    assert hits[:, 0].tolist() == [level <= 0.82 for level in OVERLAPS]


def test_small_objects_are_neither_wanted_nor_wrong():
    small, large = (0, 20, 0, 23, 10), (0, *BOX)
    answers = found([
        (0, 0.9, *BOX),  # right
        (0, 0.8, 20, 0, 24, 10),  # of the small object, though not small itself
        (0, 0.7, 70, 0, 73, 10),  # small, of nothing
        (0, 0.6, 0, 0, 3, 10),  # small, of a third of the large one
        (1, 0.5, 20, 0, 24, 10),  # another class: a false alarm
        (0, 0.4, *FAR),  # a false alarm
    ])  # fmt: skip
    kept = without_small(answers, truth([small, large]), 4)
    assert [round(score, 1) for score in kept.scores.tolist()] == [0.9, 0.5, 0.4]
    assert len(without_small(answers, truth([]), 0).scores) == 6


def test_average_precision_by_hand():
    # Right, wrong, right of two objects: precision 1 up to recall 0.5, then 2/3; 51 and 50 of 101 recalls.
    rows = [(0, 0.9, *BOX), (0, 0.8, 20, 20, 30, 30), (0, 0.7, *FAR)]
    judged = Judged.of([found(rows)], [truth([(0, *BOX), (0, *FAR)])], 2)
    ap = average_precisions(judged)
    assert ap[0, 0] == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert np.isnan(ap[0, 1])


def test_wrong_objects_in_an_empty_scene_count():
    rows, wanted = [(0, 0.5, *BOX)], truth([(0, *BOX)])
    alone = Judged.of([found(rows)], [wanted], 1)
    beside = Judged.of([found(rows), found([(0, 0.9, *FAR)])], [wanted, truth([])], 1)
    assert average_precisions(alone)[0, 0] == pytest.approx(1.0)
    assert average_precisions(beside)[0, 0] == pytest.approx(0.5)


def test_nothing_found_is_zero():
    judged = Judged.of([found([])], [truth([(0, *BOX)])], 1)
    assert average_precisions(judged)[0, 0] == 0


def test_a_scene_drawn_twice_is_as_two_scenes():
    answers, wanted = scene_set(scenes=3)
    drawn = average_precisions(Judged.of(answers, wanted, 3), np.array([2, 0, 1]))
    plain = average_precisions(Judged.of([answers[i] for i in (0, 0, 2)], [wanted[i] for i in (0, 0, 2)], 3))
    np.testing.assert_allclose(drawn, plain, atol=0.02)  # equal scores of both copies may change places


def test_agrees_with_the_reference_of_coco(capsys):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    answers, wanted = scene_set(1)
    reference = COCO()
    annotations = [
        {"id": n + 1, "image_id": scene, "category_id": int(row[0]), "bbox": sized(row[1:])}
        | {"area": 1.0, "iscrowd": 0}
        for n, (scene, row) in enumerate((s, row) for s, rows in enumerate(wanted) for row in rows.tolist())
    ]  # fmt: skip
    reference.dataset = {
        "info": {},
        "images": [{"id": n} for n in range(6)],
        "categories": [{"id": n} for n in range(3)],
        "annotations": annotations,
    }
    reference.createIndex()
    results = [
        {"image_id": scene, "category_id": int(kind), "bbox": sized(box), "score": score}
        for scene, one in enumerate(answers)
        for kind, score, box in zip(
            one.classes.tolist(), one.scores.tolist(), one.boxes.tolist(), strict=True
        )
    ]
    judge = COCOeval(reference, reference.loadRes(results), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    ours = average_precisions(Judged.of(answers, wanted, 3))
    assert ours[0].mean() == pytest.approx(judge.stats[1], abs=1e-6)
    assert ours.mean() == pytest.approx(judge.stats[0], abs=1e-6)


def sized(box):
    left, top, right, bottom = box
    return [left, top, right - left, bottom - top]


def test_intervals_hold_the_value_and_a_better_detector_is_seen():
    answers, wanted = scene_set(2, scenes=12)
    worse, _ = scene_set(2, scenes=12, noise_px=9)
    judged = {"good": Judged.of(answers, wanted, 3), "bad": Judged.of(worse, wanted, 3)}
    scores, above = detection_scores(judged, rounds=100)
    for score in scores["good"].values():
        assert 0 < score.low <= score.value <= score.high < 1
    assert above["bad"]["low"] > 0
    assert above["bad"]["difference"] == pytest.approx(
        scores["good"]["ap50"].value - scores["bad"]["ap50"].value
    )
    again, _ = detection_scores(judged, rounds=100)
    assert again["good"]["ap50"] == scores["good"]["ap50"]


def test_no_object_anywhere_is_named():
    judged = Judged.of([found([(0, 0.5, *BOX)])], [truth([])], 1)
    with pytest.raises(ValueError, match="no test scene holds an object"):
        detection_scores({"encoder": judged})
