"""Two seasons of one place as a positive pair (MoCo with temporal positives)."""

from __future__ import annotations

import torch
from torch import Tensor

from seco_lab.batch import Share
from seco_lab.views.base import StudioViews
from seco_lab.views.recipes import Strength, Studio

# GASSL's temporal pairs are cropped with the default of the library that it used.
GASSL = Strength(area=(0.08, 1.0))


class TemporalViews(StudioViews):
    """Pipeline A on each of two seasons (SeCo's mode ``moco_tp``; with ``strength=GASSL``, GASSL's pairs).

    ``query`` is of the first season, ``key`` of the second.
    """

    seasons = 2
    names = ("query", "key")

    def make(
        self, studio: Studio, images: Tensor, generator: torch.Generator, share: Share | None
    ) -> dict[str, Tensor]:
        """The views, as ``StudioViews`` says."""
        count = len(images)
        both = images[:, :2].transpose(0, 1).flatten(0, 1)
        boxes = studio.draw_boxes(images, 2 * count, generator, share)
        look = studio.draw_look(2 * count, generator, share)
        views = studio.crop_then_change(both, torch.arange(2 * count), boxes, look)
        return dict(zip(self.names, views.chunk(2), strict=True))
