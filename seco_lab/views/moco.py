"""Two changed views of one image (MoCo-v2)."""

from __future__ import annotations

import torch
from torch import Tensor

from seco_lab.batch import Share
from seco_lab.views.base import StudioViews
from seco_lab.views.recipes import Studio


class MoCoViews(StudioViews):
    """Pipeline A twice on the first season: random crop, colours, gray, blur, flip (SeCo's mode ``moco``)."""

    seasons = 1
    names = ("query", "key")

    def make(
        self, studio: Studio, images: Tensor, generator: torch.Generator, share: Share | None
    ) -> dict[str, Tensor]:
        """The views, as ``StudioViews`` says."""
        count = len(images)
        source = torch.arange(count).repeat(2)
        boxes = studio.draw_boxes(images, 2 * count, generator, share)
        look = studio.draw_look(2 * count, generator, share)
        views = studio.crop_then_change(images[:, 0], source, boxes, look)
        return dict(zip(self.names, views.chunk(2), strict=True))
