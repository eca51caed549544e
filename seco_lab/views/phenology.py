"""Seasons by the plants' own year: which phase an image falls into, and draws that mix the phases."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from seco_lab.batch import Batch
from seco_lab.seasons import PHASES, phenology_dates
from seco_lab.views.picked import check_dates

_GREEN_UP, _SENESCENCE = PHASES.index("green-up"), PHASES.index("senescence")
# Any year without a 29 February: only days of the year are wanted.
_YEAR = 2023
# 1 December, March, June, September as days counted from 1 January.
_QUARTERS = (334, 59, 151, 243)


def phase_starts(
    curve: ArrayLike,
    day_of_year: ArrayLike,
    *,
    low: float = 0.15,
    high: float = 0.9,
    min_amplitude: float = 0.1,
) -> Tensor:
    """The day on which each phase of the plants' year begins, after the idea of SSL4Eco (arXiv:2504.18256).

    The phases are those of ``seco_lab.seasons.phenology_dates``, which says how they differ from the paper:
    green-up begins where the smoothed curve rises through ``low`` of its amplitude, maturity where it rises
    through ``high``, senescence where it falls through ``high``, dormancy where it falls through ``low``.

    Args:
        curve: A vegetation index such as NDVI or EVI, shape (place, day); NaN where it is unknown.
        day_of_year: 1 to 366, shape (day,), at least 6 of them over the year.
        low: Fraction of the amplitude at which growth starts and ends.
        high: Fraction above which plants are mature.
        min_amplitude: A place whose index varies less has no cycle; its four phases are then the
            meteorological seasons, from 1 December on.

    Returns:
        Shape (place, 4), int64: days counted from 1 January (0 to 364), in the order of ``PHASES``.

    Raises:
        ValueError: Curve, days or fractions cannot be meant.
    """

    def crossings(level: float) -> tuple[np.ndarray, np.ndarray]:
        # Between two levels that are one, the middle of green-up is the day of the crossing itself.
        dates = phenology_dates(
            curve,
            day_of_year,
            year=_YEAR,
            low=level,
            high=float(np.nextafter(level, 1)),
            min_amplitude=min_amplitude,
        )
        days = (dates - np.datetime64(f"{_YEAR}-01-01")).astype(np.int64)
        return days[:, _GREEN_UP], days[:, _SENESCENCE]

    if not 0 < low < high < 1:
        raise ValueError(f"low and high are fractions with low < high, got {low} and {high}")
    (rise, end), (ripe, fade) = crossings(low), crossings(high)
    starts = np.stack([rise, ripe, fade, end], axis=1)
    # No curve rises through both levels on one day: these dates are those of a place without a cycle.
    starts[rise == ripe] = _QUARTERS
    return torch.from_numpy(starts)


def phase_of(time: Tensor, starts: Tensor) -> Tensor:
    """The phase that each date falls into.

    Args:
        time: Shape (B, T), days since 1970-01-01.
        starts: Shape (B, 4), as ``phase_starts`` gives it.

    Returns:
        Shape (B, T), int64: 0 to 3 in the order of ``seco_lab.seasons.PHASES``.
    """
    dates = time.numpy().astype("datetime64[D]")
    day = torch.from_numpy((dates - dates.astype("datetime64[Y]")).astype(np.int64))
    # Counted from the start of green-up, so that the turn of the year is no border.
    since = (day - starts[:, :1]) % 365
    later = (starts[:, 1:] - starts[:, :1]) % 365
    return (since[:, :, None] >= later[:, None, :]).sum(2)


def draw_phases(phase: Tensor, wanted: int, generator: torch.Generator) -> Tensor:
    """Seasons of different phases for each place, in random order; no season twice.

    Where a place has fewer phases than seasons are wanted, other seasons of the same phases follow. Differs
    from the SeCo-Eco code, which takes one image twice where a place has only two.

    Args:
        phase: Shape (B, T), int64: phase of each season.
        wanted: Seasons to draw, at most T.
        generator: Source of all chance.

    Returns:
        Shape (B, wanted), int64, on the CPU.

    Raises:
        ValueError: Fewer seasons than wanted.
    """
    count, available = phase.shape
    if wanted > available:
        raise ValueError(
            f"{wanted} seasons of each place are wanted, the batches hold {available}; "
            "ask them for all seasons"
        )
    chance = torch.rand(2, count, available, generator=generator, device=generator.device).cpu()
    order = chance[0].argsort(1)
    shuffled = phase.gather(1, order)
    # How many seasons of the same phase were drawn before: all firsts come before all seconds.
    turn = (shuffled[:, :, None] == shuffled[:, None, :]).tril(-1).sum(2)
    # Chance anew, or a phase with many images would come first more often.
    return order.gather(1, (turn + chance[1]).argsort(1))[:, :wanted]


class PhaseSeasons:
    """Three seasons of a place from different phases of its plants' year: SeCo-Eco's t0, t1, t2.

    Args:
        starts: Shape (P, 4), for each patch of the cube, by row, as ``phase_starts`` gives it.

    Raises:
        ValueError: ``starts`` has another shape, or days beyond 0 to 364.
    """

    seasons = 3

    def __init__(self, starts: Tensor) -> None:
        starts = torch.as_tensor(starts, dtype=torch.int64)
        if starts.ndim != 2 or starts.shape[1] != 4 or not ((starts >= 0) & (starts < 365)).all():
            raise ValueError(
                "starts must hold four days from 0 to 364 for each patch of the cube, as phase_starts gives "
                f"them, got shape {tuple(starts.shape)}"
            )
        self.starts = starts

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Seasons of each place, shape (B, 3).

        Raises:
            ValueError: A date is unknown, or a patch of the batch has no row in ``starts``.
        """
        check_dates(batch.time)
        last = int(batch.index.max())
        if last >= len(self.starts):
            raise ValueError(
                f"the batch holds patch {last} of the cube, but starts has {len(self.starts)} rows; "
                "give one for each patch of the cube"
            )
        return draw_phases(phase_of(batch.time, self.starts[batch.index]), self.seasons, generator)
