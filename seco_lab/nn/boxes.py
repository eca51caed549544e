"""Boxes in pictures: overlap, coding against anchors, and the best box of each heap.

A box is (left, top, right, bottom) in pixels; its right and lower edge do not belong to it, so that its area
is (right - left) x (bottom - top).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Scale of the four numbers of a coded box, as in the official RetinaNet code; it brings them near 1.
_SPREAD = (0.1, 0.1, 0.2, 0.2)
# exp() of a wild prediction must not overflow: no box is more than this many times as large as its anchor.
_LARGEST = math.log(1000 / 16)
_BLOCK = 512


def box_areas(boxes: Tensor) -> Tensor:
    """Areas (N,) of boxes (N, 4); 0 where an edge lies before its opposite."""
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)


def box_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of each pair: (N, 4) and (M, 4) to (N, M); 0 for boxes without area."""
    # Side by side: arrays (N, M) of single numbers take a third of the time of arrays (N, M, 2).
    across, down = (
        torch.minimum(first[:, None, side + 2], second[:, side + 2])
        .sub_(torch.maximum(first[:, None, side], second[:, side]))
        .clamp_(min=0)
        for side in (0, 1)
    )
    shared = across * down
    union = box_areas(first)[:, None] + box_areas(second) - shared
    return shared / union.clamp(min=1e-9)


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Overlap of boxes row by row, less the empty share of the box round both (arXiv:1902.09630).

    So boxes that do not touch still learn which way to go.

    Args:
        first: Shape (N, 4), with width and height.
        second: Shape (N, 4), with width and height.

    Returns:
        Shape (N,), from -1 to 1.
    """
    corner, opposite = torch.maximum(first[:, :2], second[:, :2]), torch.minimum(first[:, 2:], second[:, 2:])
    shared = (opposite - corner).clamp(min=0).prod(1)
    union = box_areas(first) + box_areas(second) - shared
    corner, opposite = torch.minimum(first[:, :2], second[:, :2]), torch.maximum(first[:, 2:], second[:, 2:])
    hull = (opposite - corner).prod(1)
    return shared / union.clamp(min=1e-9) - (hull - union) / hull.clamp(min=1e-9)


def _centres(boxes: Tensor) -> tuple[Tensor, Tensor]:
    size = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + size / 2, size


def decode_boxes(coded: Tensor, anchors: Tensor) -> Tensor:
    """Boxes that a network means by what it says of anchors (arXiv:1311.2524, appendix C).

    Args:
        coded: Shape (N, 4): shift of the centre in anchor sizes, logarithm of the growth, each over its
            spread; growth is bounded, so that no number overflows.
        anchors: Shape (N, 4).

    Returns:
        Shape (N, 4).
    """
    coded = coded * coded.new_tensor(_SPREAD)
    centre, size = _centres(anchors)
    centre = centre + coded[..., :2] * size
    half = size * coded[..., 2:].clamp(max=_LARGEST).exp() / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def clip_boxes(boxes: Tensor, height_px: float, width_px: float) -> Tensor:
    """Boxes (N, 4) cut at the edges of a picture."""
    limit = boxes.new_tensor([width_px, height_px, width_px, height_px])
    return torch.minimum(boxes.clamp(min=0), limit)


def suppress(boxes: Tensor, scores: Tensor, *, iou: float) -> Tensor:
    """Non-maximum suppression: of boxes that overlap by more than ``iou`` the one with the highest score.

    Greedy, block by block of the sorted boxes, so that memory grows with the number of boxes and not with its
    square. Within a block all boxes are judged at once, again and again until nothing changes: that ends with
    the greedy answer (arXiv:2005.03572) after as many turns as the longest chain of overlaps.

    Args:
        boxes: Shape (N, 4).
        scores: Shape (N,); of equal scores the first box goes before.
        iou: Overlap that is still allowed.

    Returns:
        Positions of the kept boxes, highest score first.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes, alive = boxes[order], torch.ones(len(order), dtype=torch.bool, device=boxes.device)
    for start in range(0, len(order), _BLOCK):
        end = min(start + _BLOCK, len(order))
        block = start + alive[start:end].nonzero()[:, 0]
        kept = _greedy(box_iou(boxes[block], boxes[block]) > iou)
        alive[block] = kept
        rest = end + alive[end:].nonzero()[:, 0]
        alive[rest] = ~(box_iou(boxes[block[kept]], boxes[rest]) > iou).any(0)
    return order[alive]


def _greedy(overlaps: Tensor) -> Tensor:
    """Which rows stay when each kept row removes the later ones that it overlaps; overlaps (N, N) of bool."""
    above = overlaps.triu(diagonal=1)
    kept = torch.ones(len(above), dtype=torch.bool, device=above.device)
    while True:
        removed = (above & kept[:, None]).any(0)
        if torch.equal(kept, ~removed):
            return kept
        kept = ~removed


def suppress_by_class(boxes: Tensor, scores: Tensor, classes: Tensor, *, iou: float) -> Tensor:
    """``suppress`` within each class; classes has shape (N,)."""
    if not len(boxes):
        return torch.empty(0, dtype=torch.long, device=boxes.device)
    # Classes moved apart by more than the whole picture cannot overlap. Double precision keeps the pixels;
    # Apple GPUs have none, and there fractions of a pixel are lost with many classes.
    boxes = boxes if boxes.device.type == "mps" else boxes.double()
    apart = (boxes.max() - boxes.min() + 1) * classes.to(boxes)
    return suppress(boxes + apart[:, None], scores, iou=iou)
