"""Bars of what each sub-space gives away, beside what pure guessing reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from seco_lab.viz.bars import BARS, bars_of
from seco_lab.viz.colours import OKABE_ITO


def leakage_bars(values: Mapping[str, float], *, title: str = "") -> Figure:
    """One panel for season and one for augmentation, one bar a space.

    Args:
        values: Numbers by name, such as ``season_leak_all``: 0 as guessing, 1 always right. Others are
            passed over, so that everything logged may come.
        title: Above the panels.

    Raises:
        LookupError: No number of a leak among them.
    """
    panels = bars_of(values)
    if not panels:
        raise LookupError(
            f"leakage bars need numbers named {', '.join(f'{start}...' for _, start in BARS)}; got "
            f"{', '.join(values) or 'none'}"
        )
    figure = Figure(figsize=(3.7 * len(panels), 0.9 + 0.34 * len(panels[0]["bars"])), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw(axis, panel)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _draw(axis: Any, panel: Mapping[str, Any]) -> None:
    """One panel: bars from the top down, each with its number at its end."""
    names, shares = [bar["name"] for bar in panel["bars"]], [bar["value"] for bar in panel["bars"]]
    places = np.arange(len(names))[::-1]
    axis.barh(places, shares, color=OKABE_ITO[0], height=0.62)
    axis.axvline(0, color=OKABE_ITO[-1], linewidth=1)
    for place, share in zip(places, shares, strict=True):
        axis.text(max(share, 0) + 0.02, place, f"{share:.2f}", va="center", fontsize=8)
    axis.set(yticks=places, yticklabels=names, xlim=(min(-0.1, min(shares, default=0) - 0.05), 1.12))
    axis.set_xticks([0, 0.5, 1], ["guessing", "half way", "always"])
    axis.tick_params(labelsize=8)
    axis.set_title(panel["title"], fontsize=9, loc="left")
    axis.spines[["right", "top"]].set_visible(False)
