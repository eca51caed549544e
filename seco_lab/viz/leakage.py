"""Bars of how far each sub-space moves, and of what can be read from it beside what pure guessing reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from seco_lab.viz.bars import BARS, bars_of
from seco_lab.viz.colours import OKABE_ITO
from seco_lab.viz.figure import empty_figure


def leakage_bars(values: Mapping[str, float], *, title: str = "") -> Figure:
    """Two columns, season and augmentation; above how far they move an embedding, below what can be read.

    Args:
        values: Numbers by name, such as ``season_leak_all`` and ``season_shift_all``. Others are passed over,
            so that everything logged may come.
        title: Above the panels.

    Raises:
        LookupError: None of these numbers among them.
    """
    panels = bars_of(values)
    if not panels:
        raise LookupError(
            f"leakage bars need numbers named {', '.join(f'{start}...' for _, start, _, _ in BARS)}; got "
            f"{', '.join(values) or 'none'}"
        )
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    size = (3.7 * columns, (0.9 + 0.3 * len(panels[0]["bars"])) * lines)
    figure = empty_figure(*size)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        _draw(axis, panel)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
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
    axis.set(yticks=places, yticklabels=names)
    axis.set_xlim(min(-0.1, min(shares) - 0.05), max(1.12, max(shares) + 0.12))
    axis.set_xticks([0, 1], [panel["low"], panel["high"]])
    axis.tick_params(labelsize=8)
    axis.set_title(panel["title"], fontsize=9, loc="left")
    axis.spines[["right", "top"]].set_visible(False)
