"""Figures of plans: samplers side by side, dates on the wheel of the year, places lost by group."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from seco_lab.seasons import SEASONS, season_labels
from seco_lab.viz.colours import OKABE_ITO
from seco_lab.viz.figure import empty_figure
from seco_lab.viz.plots import INK, SOFT, draw_land

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SEASON_COLOURS = dict(zip(SEASONS, ("#0072b2", "#009e73", "#e69f00", "#d55e00"), strict=True))
_NORTH, _SOUTH = 1.0, 0.62  # radius of the two rings


def sampler_maps(plans: Mapping[str, pd.DataFrame], *, columns: int = 2) -> Figure:
    """Small world maps, one a plan, on the same scale.

    Args:
        plans: Title -> table with lon and lat in degrees.
        columns: Maps in a row.

    Raises:
        ValueError: There is no plan.
    """
    if not plans:
        raise ValueError("no plans: there is nothing to draw")
    lines = -(-len(plans) // columns)
    figure = empty_figure(4.3 * columns, 2.35 * lines)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, (title, table) in zip(axes, plans.items(), strict=False):
        draw_land(axis)
        size = float(np.clip(900 / max(len(table), 1), 0.3, 14))
        axis.scatter(table["lon"], table["lat"], s=size, color=OKABE_ITO[0], linewidths=0, zorder=3)
        axis.set(xlim=(-180, 180), ylim=(-60, 85), xticks=[], yticks=[], aspect=1.25)
        axis.set_title(title, fontsize=9, loc="left", color=INK)
        axis.spines[:].set_color("#d8dde1")
    for axis in axes[len(plans) :]:
        axis.set_axis_off()
    return figure


def season_wheel(dates: Mapping[str, NDArray[np.datetime64]], lat: ArrayLike) -> Figure:
    """Dates on the circle of the year: the north on the outer ring, the south on the inner one.

    A dot is a date; its colour is the season that it is there, so that the colours of the two rings stand
    opposite one another.

    Args:
        dates: Title -> days of shape (place, season).
        lat: Degrees north of the places, shape (place,).

    Raises:
        ValueError: There are no dates, or they do not fit the places.
    """
    if not dates:
        raise ValueError("no dates: there is nothing to draw")
    lat = np.asarray(lat, float)
    figure = empty_figure(3.1 * len(dates), 3.6)
    axes = figure.subplots(1, len(dates), squeeze=False, subplot_kw={"projection": "polar"}).ravel()
    for axis, (title, days) in zip(axes, dates.items(), strict=True):
        _wheel(axis, np.asarray(days), lat)
        axis.set_title(title, fontsize=9, color=INK)
    handles = [axes[0].scatter([], [], color=colour, label=name) for name, colour in _SEASON_COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def lost_places(table: pd.DataFrame) -> Figure:
    """Shares of groups in the plan and among the places kept, a bar each.

    Args:
        table: As ``seco_lab.catalogs.given_up_by`` returns it.
    """
    figure = empty_figure(6.4, 0.5 + 0.45 * len(table))
    axis = figure.add_subplot()
    row = np.arange(len(table))[::-1]
    axis.barh(row + 0.18, 100 * table["share_planned"], 0.34, color="#c3ccd2", label="planned")
    axis.barh(row - 0.18, 100 * table["share_kept"], 0.34, color=OKABE_ITO[0], label="kept")
    axis.set_yticks(row, [f"{name} (-{gone})" for name, gone in table["given_up"].items()], fontsize=8)
    axis.set_xlabel("% of the places; in brackets how many were given up", fontsize=8, color=SOFT)
    axis.tick_params(labelsize=8)
    axis.spines[["right", "top"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False)
    return figure


def _wheel(axis: object, days: NDArray[np.datetime64], lat: NDArray[np.float64]) -> None:
    """One circle; dots are spread across their ring by place, so that equal dates stay apart."""
    names = season_labels(days, lat)
    of_year = (days - days.astype("datetime64[Y]")).astype("timedelta64[D]").astype(int)
    angle = 2 * np.pi * of_year / 365.25
    spread = 0.14 * ((np.arange(len(days)) * 0.618034) % 1 - 0.5)[:, None]
    radius = np.where(lat[:, None] < 0, _SOUTH, _NORTH) + spread
    colours = np.array([_SEASON_COLOURS[str(name)] for name in names.ravel()])
    axis.scatter(angle.ravel(), np.broadcast_to(radius, angle.shape).ravel(), s=7, c=colours, linewidths=0)
    axis.set_theta_zero_location("N")
    axis.set_theta_direction(-1)
    axis.set_xticks(2 * np.pi * np.arange(12) / 12, _MONTHS, fontsize=7, color=SOFT)
    axis.set(yticks=[], ylim=(0, 1.1))
    axis.spines["polar"].set_visible(False)
    axis.grid(color="#e4e8eb", linewidth=0.6)
