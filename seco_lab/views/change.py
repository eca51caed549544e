"""The views of change-aware contrast: SeCo's four, of recent years and of years before."""

from __future__ import annotations

import torch
from torch import Tensor

from seco_lab.batch import Share
from seco_lab.views.base import StudioViews
from seco_lab.views.recipes import Studio
from seco_lab.views.seasonal import SeasonalViews, seasonal_views

PERIODS = ("recent", "earlier")


class ChangeViews(StudioViews):
    """SeCo's query and three keys, once for each of two periods years apart (CACo, CVPR 2023).

    The seasons come from ``PickedSeasons(batches, YearsApart())``: three of the recent period, then three
    of the earlier one.
    """

    seasons = 6
    names = tuple(f"{period}_{name}" for period in PERIODS for name in SeasonalViews.names)

    def make(
        self, studio: Studio, images: Tensor, generator: torch.Generator, share: Share | None
    ) -> dict[str, Tensor]:
        """The views, as ``StudioViews`` says."""
        views = {}
        for number, period in enumerate(PERIODS):
            made = seasonal_views(studio, images[:, 3 * number : 3 * number + 3], generator, share)
            views |= {f"{period}_{name}": view for name, view in made.items()}
        return views
