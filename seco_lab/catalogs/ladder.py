"""Which scene for which season: steps from the best window to the last resort, and their order within."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Rung:
    """One step of the search for a scene.

    Attributes:
        name: As it stands in the tasks.
        days: Greatest distance from the date.
        max_cloud: Greatest cloud cover of the scene, per cent.
        years: That many years before and after the date instead of the date itself.
    """

    name: str
    days: float
    max_cloud: float
    years: int = 0


def ladder(*, max_cloud: float = 20.0, cloudier: float = 60.0) -> tuple[Rung, ...]:
    """The steps: nearest dates first, then other years, at last cloudier scenes.

    The cloud of the whole scene says little about a patch of 2.6 km; whether the patch itself is clear is
    seen when it is read.

    Args:
        max_cloud: Per cent of the scene, for all steps but the last.
        cloudier: Per cent of the scene, for the last step.

    Raises:
        ValueError: A percentage is out of range.
    """
    if not 0 <= max_cloud <= cloudier <= 100:
        raise ValueError(
            f"max_cloud and cloudier are per cent with max_cloud <= cloudier, got {max_cloud} and {cloudier}"
        )
    near = [Rung(f"+-{days:g} d", days, max_cloud) for days in (7.5, 15, 30)]
    return (*near, Rung("+-1 year", 30, max_cloud, 1), Rung("cloudier", 30, cloudier))


def ranked(
    time: NDArray[np.datetime64],
    cloud: NDArray[np.float64],
    dates: NDArray[np.datetime64],
    season: int,
    steps: Sequence[Rung],
    limit: int,
) -> list[tuple[int, str]]:
    """The candidates of a season in order.

    A scene serves the season whose date is nearest, so that none serves two. Within a step the clearest come
    first, in classes of 10 %, then the nearest.

    Args:
        time: Of the scenes, shape (N,).
        cloud: Per cent, shape (N,); NaN where unknown, which counts as the most that is allowed.
        dates: Of the place, shape (T,).
        season: Which of the dates.
        steps: As from :func:`ladder`.
        limit: Most candidates.

    Returns:
        Number of the scene and name of the step, at most ``limit``.
    """
    cloud = np.where(np.isnan(cloud), steps[-1].max_cloud, cloud)
    away = np.abs(time[:, None] - dates) / _DAY  # (N, T)
    nearest = away[:, season] <= away.min(axis=1)
    elsewhere = away.min(axis=1) > max(step.days for step in steps)
    chosen: dict[int, str] = {}
    for step in steps:
        distance = _distance_days(time, dates[season], step.years)
        fits = (distance <= step.days) & (cloud <= step.max_cloud) & (elsewhere if step.years else nearest)
        for i in np.lexsort((time, distance, cloud // 10)):
            if fits[i]:
                chosen.setdefault(int(i), step.name)
    return list(chosen.items())[:limit]


def _distance_days(time: NDArray[np.datetime64], date: np.datetime64, years: int) -> NDArray[np.float64]:
    """Days from the date, or from the nearer of the same days some years before and after."""
    away = (time - date) / _DAY
    return np.abs(np.abs(away) - 365.25 * years)
