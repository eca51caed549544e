"""Views: what a contrastive method compares, made of raw counts by batched tensor operations."""

from __future__ import annotations

from seco_lab.views.moco import MoCoViews
from seco_lab.views.recipes import Strength
from seco_lab.views.seasonal import SeasonalViews
from seco_lab.views.seasons import draw_seasons
from seco_lab.views.temporal import GASSL, TemporalViews

__all__ = ["MoCoViews", "TemporalViews", "SeasonalViews", "Strength", "GASSL", "draw_seasons"]
