"""The four views of Seasonal Contrast: what changes with the season, with the augmentation, with both."""

from __future__ import annotations

import torch
from torch import Tensor

from seco_lab.batch import Share
from seco_lab.views.base import StudioViews
from seco_lab.views.recipes import Studio


class SeasonalViews(StudioViews):
    """SeCo's query and its three keys (arXiv:2103.16607, sec. 3.2, with the official code's details).

    With P a random resized crop and G changes of colour, gray, blur and flip on the whole image:
    query = P(t0); key0 = P(G(t1)), other season and other look; key1 = P(t2), other season only;
    key2 = P(G(t0)), other look only. Every view has a crop of its own, the query too.
    """

    seasons = 3
    names = ("query", "key0", "key1", "key2")

    def make(
        self, studio: Studio, images: Tensor, generator: torch.Generator, share: Share | None
    ) -> dict[str, Tensor]:
        """The views, as ``StudioViews`` says."""
        return seasonal_views(studio, images, generator, share)


def seasonal_views(
    studio: Studio, images: Tensor, generator: torch.Generator, share: Share | None
) -> dict[str, Tensor]:
    """``query``, ``key0``, ``key1`` and ``key2`` of the first three seasons of images (B, T, C, H, W)."""
    count, seasons = images.shape[:2]
    boxes = studio.draw_boxes(images, 4 * count, generator, share)
    look = studio.draw_look(2 * count, generator, share)
    t0, t1, t2 = (torch.arange(season, count * seasons, seasons) for season in range(3))
    every = images.flatten(0, 1)
    plain = studio.crop(every, torch.cat([t0, t2]), boxes[: 2 * count])
    changed = studio.change_then_crop(every, torch.cat([t1, t0]), boxes[2 * count :], look)
    (query, key1), (key0, key2) = plain.chunk(2), changed.chunk(2)
    return {"query": query, "key0": key0, "key1": key1, "key2": key2}
