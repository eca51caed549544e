"""Boxes: overlaps worked out by hand, coding there and back, and a plain loop that suppresses alike."""

import math

import pytest
import torch

from seco_lab.nn.boxes import (
    box_iou,
    clip_boxes,
    decode_boxes,
    generalised_iou,
    suppress,
    suppress_by_class,
)


def some_boxes(count, *, seed=0, side_px=100.0):
    chance = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=chance) * side_px
    return torch.cat([corner, corner + 1 + torch.rand(count, 2, generator=chance) * side_px / 4], dim=1)


def plain_overlap(first, second):
    """Intersection over union of two lists of four numbers."""
    across, down = (max(0, min(first[i + 2], second[i + 2]) - max(first[i], second[i])) for i in (0, 1))
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)) - across * down
    return across * down / union


def plain_suppression(boxes, scores, iou):
    """One box after the other."""
    kept, boxes, scores = [], boxes.tolist(), scores.tolist()
    for row in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(plain_overlap(boxes[row], boxes[k]) <= iou for k in kept):
            kept.append(row)
    return kept


def test_overlap_by_hand():
    first = torch.tensor([[0.0, 0, 10, 10], [5, 5, 5, 9]])
    second = torch.tensor([[5.0, 5, 15, 15], [20, 20, 30, 30], [0, 0, 10, 5]])
    wanted = torch.tensor([[25 / 175, 0, 0.5], [0, 0, 0]])
    torch.testing.assert_close(box_iou(first, second), wanted)


def test_decoding_by_hand():
    anchors = torch.tensor([[0.0, 0, 10, 20], [5, 5, 15, 15]])
    coded = torch.tensor([[1.0, -2, 0, 0], [0, 0, math.log(2) / 0.2, -math.log(2) / 0.2]])
    wanted = torch.tensor([[1.0, -4, 11, 16], [0, 7.5, 20, 12.5]])
    torch.testing.assert_close(decode_boxes(coded, anchors), wanted)


def test_wild_prediction_does_not_overflow():
    found = decode_boxes(torch.tensor([[0.0, 0, 1e6, -1e6]]), torch.tensor([[0.0, 0, 16, 16]]))
    assert torch.isfinite(found).all()
    assert (found[0, 2] - found[0, 0]).item() == pytest.approx(1000, rel=1e-3)


def test_clipped_to_the_picture():
    found = clip_boxes(torch.tensor([[-3.0, -2, 50, 70]]), 60, 40)
    assert found.tolist() == [[0, 0, 40, 60]]


@pytest.mark.parametrize("iou", [0.1, 0.5, 0.9])
def test_suppression_agrees_with_a_plain_loop(iou, monkeypatch):
    monkeypatch.setattr("seco_lab.nn.boxes._BLOCK", 16)  # 80 boxes are several blocks then
    for seed in range(4):
        boxes = some_boxes(80, seed=seed)
        scores = torch.rand(80, generator=torch.Generator().manual_seed(seed)).mul(20).round()  # with ties
        assert suppress(boxes, scores, iou=iou).tolist() == plain_suppression(boxes, scores, iou)


def test_a_chain_of_overlaps_loses_every_second_box():
    left = torch.arange(6.0) * 5
    boxes = torch.stack([left, torch.zeros(6), left + 10, torch.full((6,), 10.0)], dim=1)
    assert suppress(boxes, torch.arange(6.0).flip(0), iou=0.3).tolist() == [0, 2, 4]


def test_classes_do_not_suppress_each_other():
    boxes = torch.tensor([[0.0, 0, 10, 10]]).repeat(3, 1)
    scores, classes = torch.tensor([0.5, 0.9, 0.7]), torch.tensor([0, 1, 0])
    assert suppress_by_class(boxes, scores, classes, iou=0.5).tolist() == [1, 2]
    assert suppress(boxes, scores, iou=0.5).tolist() == [1]


def test_no_box_at_all():
    empty = torch.zeros(0, 4)
    assert suppress(empty, torch.zeros(0), iou=0.5).tolist() == []
    assert suppress_by_class(empty, torch.zeros(0), torch.zeros(0), iou=0.5).tolist() == []
    assert box_iou(empty, some_boxes(2)).shape == (0, 2)


def test_generalised_overlap_by_hand_and_where_boxes_are_apart():
    first = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 1, 1]])
    second = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2], [3, 0, 4, 1]])
    # The second pair shares 2 of 6; the hull is full. The third shares nothing and half of its hull is empty.
    torch.testing.assert_close(generalised_iou(first, second), torch.tensor([1.0, 1 / 3, -0.5]))
    far = second[2:].clone().requires_grad_()
    generalised_iou(first[2:], far).sum().backward()
    assert far.grad[0, 0] < 0  # nearer is better
