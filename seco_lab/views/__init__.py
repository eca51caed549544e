"""Views: what a contrastive method compares, made of raw counts by batched tensor operations."""

from __future__ import annotations

from seco_lab.views.change import ChangeViews
from seco_lab.views.moco import MoCoViews
from seco_lab.views.phenology import PhaseSeasons, phase_starts
from seco_lab.views.picked import PickedSeasons, YearsApart
from seco_lab.views.recipes import MILD, Strength
from seco_lab.views.seasonal import SeasonalViews
from seco_lab.views.seasons import draw_seasons
from seco_lab.views.temporal import GASSL, TemporalViews

__all__ = [
    "GASSL",
    "MILD",
    "ChangeViews",
    "MoCoViews",
    "PhaseSeasons",
    "PickedSeasons",
    "SeasonalViews",
    "Strength",
    "TemporalViews",
    "YearsApart",
    "draw_seasons",
    "phase_starts",
]
