"""Objects in pictures: RetinaNet on the feature pyramid of our encoders (arXiv:1708.02002)."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seco_lab.batch import generator_for
from seco_lab.nn.anchors import BACKGROUND, IGNORED, Anchors, match_anchors
from seco_lab.nn.boxes import clip_boxes, decode_boxes, generalised_iou, suppress_by_class
from seco_lab.nn.initialise import build_from_seed
from seco_lab.nn.pyramid import FeaturePyramid
from seco_lab.nn.segmentation import maps_of

_CONVOLUTIONS = 4
# Channels of the pyramid at least, and in each group of GroupNorm.
_LEAST_WIDTH, _GROUP = 32, 8
# Every anchor begins as background: with 0.5 the many empty ones would drown the first steps (sec. 4.1).
_PRIOR = 0.01
_ALPHA, _GAMMA = 0.25, 2.0
_MOST_CANDIDATES = 1000


@dataclass(frozen=True)
class Found:
    """Objects found in one picture, highest score first.

    Attributes:
        boxes: Shape (N, 4), left, top, right, bottom in pixels.
        scores: Shape (N,), 0 to 1.
        classes: Shape (N,), class numbers.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor


class RetinaNet(nn.Module):
    """Encoder, feature pyramid and two small heads that every level shares: what is there, and where exactly.

    Differs from the paper, each measured in docs/decisions/0144-a-detector-that-detects.md: levels of stride
    4 to 32 (``Anchors``); a pyramid as wide as the first stage of the encoder, but not under 32 (64 for
    ResNet-18, 256, as in the paper, for ResNet-50); GroupNorm in the heads; boxes learn from their overlap.
    """

    def __init__(
        self, encoder: nn.Module, classes: int, *, anchors: Anchors | None = None, seed: int = 0
    ) -> None:
        """Put a fresh pyramid and heads on a copy of an encoder.

        Args:
            encoder: A ``PixelEncoder``; it is copied and stays as it is.
            classes: Number of classes.
            anchors: Where objects are looked for; ``Anchors()`` if left out.
            seed: Seed of the first weights of pyramid and heads.

        Raises:
            ValueError: The encoder gives no maps, or there is no class.
        """
        super().__init__()
        if classes < 1:
            raise ValueError(f"a detector needs a class or more, got {classes}")
        channels = maps_of(encoder)[1:]
        self.encoder = copy.deepcopy(encoder)
        self.anchors, self.classes = anchors or Anchors(), classes
        heads = build_from_seed(
            partial(_Heads, channels, classes, self.anchors.per_cell), seed, "detection heads"
        )
        _begin_as_background(heads, seed)
        self.heads = heads

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, A, classes) and coded boxes (B, A, 4) of all anchors.

        Args:
            images: Shape (B, C, H, W), standardised; H and W multiples of 32.
        """
        return self.heads(self.encoder.feature_maps(images)[1:])

    def loss(self, images: Tensor, boxes: Sequence[Tensor], classes: Sequence[Tensor]) -> Tensor:
        """Focal loss of the classes plus the missing overlap of the boxes, both over the matched anchors.

        Args:
            images: Shape (B, C, H, W), standardised.
            boxes: For each image (N, 4), left, top, right, bottom.
            classes: For each image (N,), class numbers; below 0 for an object that is neither wanted nor
                background: anchors on it learn nothing.
        """
        logits, coded = self(images)
        anchors = self.anchors.over(*images.shape[-2:], device=images.device)
        parts = zip(logits, coded, boxes, classes, strict=True)
        losses, matched = zip(*(image_loss(anchors, *part) for part in parts), strict=True)
        # Over the batch: divided by its own few anchors, a tile with hardly an object would outweigh others.
        return torch.stack(losses).sum() / torch.stack(matched).sum().clamp(min=1)

    @torch.inference_mode()
    def find(
        self, images: Tensor, *, least_score: float = 0.05, iou: float = 0.5, limit: int = 300
    ) -> list[Found]:
        """Objects of each image; in inference BatchNorm must be in eval mode.

        Args:
            images: Shape (B, C, H, W), standardised.
            least_score: Lower scores are dropped.
            iou: Overlap that two objects of one class may have.
            limit: At most so many objects an image.

        Raises:
            ValueError: NaN in the answers: broken weights.
        """
        logits, coded = self(images)
        if not torch.isfinite(logits).all():
            raise ValueError(
                "the detector answers NaN: the encoder's weights are broken; look into their run"
            )
        anchors = self.anchors.over(*images.shape[-2:], device=images.device)
        size, sizes = images.shape[-2:], self._level_sizes(*images.shape[-2:])
        pairs = zip(logits, coded, strict=True)
        return [_objects(anchors, *pair, sizes, size, least_score, iou, limit) for pair in pairs]

    def _level_sizes(self, height_px: int, width_px: int) -> list[int]:
        """Anchors of each level."""
        cells = [-(-height_px // s) * -(-width_px // s) for s in self.anchors.strides_px]
        return [count * self.anchors.per_cell for count in cells]


class _Heads(nn.Module):
    """Pyramid and the two heads."""

    def __init__(self, channels: Sequence[int], classes: int, per_cell: int) -> None:
        super().__init__()
        width = max(_LEAST_WIDTH, channels[0])
        self.pyramid = FeaturePyramid(channels, width)
        self.classify = _head(width, classes * per_cell)
        self.locate = _head(width, 4 * per_cell)
        self.classes = classes

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        levels = self.pyramid(maps)
        return tuple(
            torch.cat([_by_anchor(head(level), numbers) for level in levels], dim=1)
            for head, numbers in ((self.classify, self.classes), (self.locate, 4))
        )


def _begin_as_background(heads: _Heads, seed: int) -> None:
    """First weights of both last layers as in sec. 4.1: small, with a bias that says "nothing here"."""
    chance = generator_for(seed, 0, "detection, last layers")
    for head in (heads.classify, heads.locate):
        nn.init.normal_(head[-1].weight, std=0.01, generator=chance)
    nn.init.constant_(heads.classify[-1].bias, -math.log((1 - _PRIOR) / _PRIOR))


def _head(width: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(_CONVOLUTIONS):
        layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.GroupNorm(width // _GROUP, width)]
        layers += [nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(width, channels_out, 3, padding=1))


def _by_anchor(maps: Tensor, numbers: int) -> Tensor:
    """Maps (B, per_cell x numbers, h, w) to (B, h w per_cell, numbers), in the order of the anchors."""
    return maps.permute(0, 2, 3, 1).reshape(len(maps), -1, numbers)


def focal_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of each logit with its 0 or 1, weakened where it is already right (eq. 5), not reduced.

    Args:
        logits: Any shape.
        wanted: The same shape, 0 or 1.
    """
    plain = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    missed = torch.where(wanted > 0, 1 - logits.sigmoid(), logits.sigmoid())
    return torch.where(wanted > 0, _ALPHA, 1 - _ALPHA) * missed**_GAMMA * plain


def image_loss(
    anchors: Tensor, logits: Tensor, coded: Tensor, boxes: Tensor, classes: Tensor
) -> tuple[Tensor, Tensor]:
    """Sum of the losses of one image, and its number of matched anchors; see ``RetinaNet.loss``.

    Args:
        anchors: Shape (A, 4).
        logits: Shape (A, classes).
        coded: Shape (A, 4).
        boxes: Shape (N, 4).
        classes: Shape (N,).
    """
    owner = match_anchors(anchors, boxes)
    matched = owner > BACKGROUND
    owner[matched] = torch.where(classes[owner[matched]] < 0, IGNORED, owner[matched])
    matched = owner > BACKGROUND
    wanted = torch.zeros_like(logits)
    wanted[matched, classes[owner[matched]]] = 1
    classed = focal_loss(logits, wanted)[owner != IGNORED].sum()
    told = decode_boxes(coded[matched], anchors[matched])
    located = (1 - generalised_iou(told, boxes[owner[matched]])).sum()
    return classed + located, matched.sum()


def _objects(
    anchors: Tensor,
    logits: Tensor,
    coded: Tensor,
    level_sizes: Sequence[int],
    size_px: tuple[int, int],
    least_score: float,
    iou: float,
    limit: int,
) -> Found:
    """Objects of one image: the best of each level decoded, cut at the edge, overlapping ones suppressed."""
    rows, classes, scores = [], [], []
    for part, first in zip(logits.split(level_sizes), _firsts(level_sizes), strict=True):
        chance = part.sigmoid().flatten()
        best = chance.topk(min(_MOST_CANDIDATES, len(chance)))
        kept = best.indices[best.values >= least_score]
        rows.append(first + kept // logits.shape[1])
        classes.append(kept % logits.shape[1])
        scores.append(chance[kept])
    row, label, score = torch.cat(rows), torch.cat(classes), torch.cat(scores)
    boxes = clip_boxes(decode_boxes(coded[row], anchors[row]), *size_px)
    kept = suppress_by_class(boxes, score, label, iou=iou)[:limit]
    return Found(boxes[kept], score[kept], label[kept])


def _firsts(sizes: Sequence[int]) -> list[int]:
    return [sum(sizes[:number]) for number in range(len(sizes))]
