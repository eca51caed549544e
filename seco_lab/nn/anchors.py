"""Anchors: the boxes that a detector starts from, and which of them belongs to which object."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seco_lab.nn.boxes import box_iou

BACKGROUND, IGNORED = -1, -2


@dataclass(frozen=True)
class Anchors:
    """Nine boxes round each cell of each level: three sizes in three shapes (arXiv:1708.02002, sec. 4).

    Differs from sec. 4: levels of stride 4 to 32 in place of 8 to 128, and sizes from 16 px, since cars are
    about 12 px long in pictures of 0.3 m.

    Attributes:
        strides_px: Pixels between the cells of each level, fine to coarse.
        base_px: Side of the smallest box of the finest level; it grows with the stride.
        scales: Sizes within a level, in units of its base.
        ratios: Height over width; the area stays.
    """

    strides_px: tuple[int, ...] = (4, 8, 16, 32)
    base_px: float = 16.0
    scales: tuple[float, ...] = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)

    def __post_init__(self) -> None:
        """Refuse boxes without size.

        Raises:
            ValueError: Nothing to start from, or a number that is not positive.
        """
        groups = (self.strides_px, self.scales, self.ratios, (self.base_px,))
        if not all(groups) or min(min(group) for group in groups) <= 0:
            raise ValueError(f"anchors need positive strides, sizes and ratios, got {self}")

    @property
    def per_cell(self) -> int:
        """Boxes round each cell."""
        return len(self.scales) * len(self.ratios)

    def over(self, height_px: int, width_px: int, *, device: torch.device | str = "cpu") -> Tensor:
        """All anchors of a picture (A, 4): level by level, row by row, cell by cell."""
        return torch.cat([self._level(stride, height_px, width_px) for stride in self.strides_px]).to(device)

    def _level(self, stride: int, height_px: int, width_px: int) -> Tensor:
        rows, columns = (
            torch.arange(-(-side // stride)) * stride + stride / 2 for side in (height_px, width_px)
        )
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        centres = torch.stack([x, y], dim=-1).reshape(-1, 1, 2)
        half = self._sizes(stride) / 2
        return torch.cat([centres - half, centres + half], dim=-1).reshape(-1, 4)

    def _sizes(self, stride: int) -> Tensor:
        """Width and height (per_cell, 2) of the boxes of a level."""
        side = self.base_px * stride / self.strides_px[0] * torch.tensor(self.scales)
        height = side[:, None] * torch.tensor(self.ratios).sqrt()
        return torch.stack([side[:, None] ** 2 / height, height], dim=-1).reshape(-1, 2)


def match_anchors(anchors: Tensor, boxes: Tensor, *, least: float = 0.5, most: float = 0.4) -> Tensor:
    """Which object each anchor must find (arXiv:1708.02002, sec. 4).

    Differs from sec. 4 as torchvision does: the anchor that overlaps an object best belongs to it, however
    little that is; small objects would teach nothing otherwise.

    Args:
        anchors: Shape (A, 4).
        boxes: Shape (N, 4), the objects of the picture; N may be 0.
        least: Overlap (IoU) from which an anchor belongs to an object.
        most: Overlap up to which it is background.

    Returns:
        Shape (A,): position in ``boxes``, ``BACKGROUND`` or ``IGNORED``.
    """
    if not len(boxes):
        return torch.full((len(anchors),), BACKGROUND, device=anchors.device)
    overlap = box_iou(anchors, boxes)
    best, owner = overlap.max(1)
    owner = torch.where(best >= least, owner, torch.where(best < most, BACKGROUND, IGNORED))
    closest = overlap.max(0)
    touched = closest.values > 0
    owner[closest.indices[touched]] = touched.nonzero()[:, 0]
    return owner
