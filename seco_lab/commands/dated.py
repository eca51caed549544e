"""What the dates of a cube allow: seasons years apart for CACo, phases of the plants' year for SeCo-Eco."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seco_lab.commands.say import say
from seco_lab.cube.vegetation import vegetation_index
from seco_lab.seasons import PHASES
from seco_lab.views import PhaseSeasons, YearsApart, phase_starts

# Two harmonics of a year need more values than they have numbers.
_CURVE_DATES = 6


def years_apart_in(cube: xr.Dataset, rows: NDArray[np.int64]) -> YearsApart:
    """CACo's choice of seasons, after a look at the dates of all places that train.

    Args:
        cube: With a ``time`` for each patch and season.
        rows: Patches that train.

    Raises:
        ValueError: Fewer than six dates, unknown ones, or no two parts that lie years apart.
    """
    pick, time = YearsApart(), _days(cube, rows, "caco")
    if time.shape[1] < pick.seasons:
        raise ValueError(
            f"caco compares three recent and three earlier dates of a place, the cube has {time.shape[1]}; "
            "gather dates years apart (seco-lab gather --years-apart 4), or choose seco"
        )
    try:
        pick.check(time)
    except ValueError as error:
        raise ValueError(f"{error}; on the command line: seco-lab gather --years-apart 4") from error
    return pick


def phases_in(cube: xr.Dataset, rows: NDArray[np.int64]) -> PhaseSeasons | None:
    """SeCo-Eco's choice of seasons: by the vegetation curve that the cube itself shows.

    A cube of four seasons is taken as one image of each phase, as ``seco_lab.seasons.phenology_dates`` dates
    them; seasons are then drawn by chance.

    Args:
        cube: With a ``time`` for each patch and season, and with red and near infrared for a curve.
        rows: Patches that train.

    Raises:
        ValueError: Neither four seasons nor six dates or more, or unknown dates.
        LookupError: No red or no near infrared band.
    """
    days = _days(cube, rows, "seco-eco").numpy()
    if days.shape[1] == len(PHASES):
        say(f"four seasons of each place are taken as the phases of its plants' year: {', '.join(PHASES)}")
        return None
    if days.shape[1] < _CURVE_DATES:
        raise ValueError(
            f"seco-eco needs one image of each of the {len(PHASES)} phases of the plants' year, or "
            f"{_CURVE_DATES} dates and more to see the phases themselves, the cube has {days.shape[1]}; "
            "gather more (seco-lab gather --seasons 8), or choose seco"
        )
    starts = np.zeros((cube.sizes["patch"], len(PHASES)), np.int64)
    starts[rows] = _phase_starts(vegetation_index(cube, rows), days)
    return PhaseSeasons(torch.from_numpy(starts))


def _days(cube: xr.Dataset, rows: NDArray[np.int64], method: str) -> torch.Tensor:
    """Shape (rows, T), int64: days since 1970-01-01."""
    time = cube["time"].values[rows].astype("datetime64[D]")
    missing = int(np.isnat(time).sum())
    if missing:
        raise ValueError(
            f"{method} chooses seasons by their dates, and {missing} of the {time.size} dates are unknown; "
            "use a cube whose time is known, or choose seco"
        )
    return torch.from_numpy(time.astype(np.int64))


def _phase_starts(curve: NDArray[np.float64], days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Starts of the phases, shape (rows, 4): places that share their dates are worked out together."""
    dates = days.astype("datetime64[D]")
    day_of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64) + 1
    alike, group = np.unique(day_of_year, axis=0, return_inverse=True)
    starts = np.empty((len(curve), len(PHASES)), np.int64)
    for number, line in enumerate(alike):
        of_group = np.flatnonzero(group.ravel() == number)
        starts[of_group] = phase_starts(curve[of_group], line).numpy()
    return starts
