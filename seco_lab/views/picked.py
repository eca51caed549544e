"""Seasons picked by their dates, for methods to which not every season of a place is as good as another."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from seco_lab.batch import Batch, Batches, generator_for
from seco_lab.views.rows import gathered
from seco_lab.views.seasons import draw_seasons


class Pick(Protocol):
    """Which seasons of each place to take.

    Attributes:
        seasons: How many.
    """

    seasons: int

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Places in ``batch.time`` and ``batch.images``: shape (B, seasons), int64, on the CPU."""
        ...


class PickedSeasons:
    """Batches that hold some of the seasons of other batches, picked by their dates.

    Ask the batches inside for all seasons of a place; a place that lacks one is left out by them::

        everything = CubeBatches(cube, 32, seasons=cube.sizes["season"])
        batches = PickedSeasons(everything, YearsApart())

    Attributes:
        seasons: Seasons in a sample.
        batch_size: Samples in a batch.
        steps_per_epoch: Batches in an epoch.
        bands: Band names in the order of ``images``.
        unit: Unit of the counts.
        sensor: Name of the sensor.
    """

    def __init__(self, batches: Batches, pick: Pick, *, seed: int = 0) -> None:
        """Wrap batches.

        Args:
            batches: Where images and dates come from.
            pick: Which seasons to take, such as ``YearsApart()`` or ``PhaseSeasons(starts)``.
            seed: Seed of the choice.
        """
        self.seasons, self.seed = pick.seasons, seed
        self.batch_size, self.steps_per_epoch = batches.batch_size, batches.steps_per_epoch
        self.bands, self.unit, self.sensor = batches.bands, batches.unit, batches.sensor
        self._batches, self._pick = batches, pick

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __getitem__(self, step: int) -> Batch:
        """The batch of that step, with its seasons in the order picked.

        Raises:
            ValueError: A place does not have the seasons that are wanted.
        """
        batch = self._batches[step]
        picked = self._pick(batch, generator_for(self.seed, step, "picked seasons"))
        rows = torch.arange(len(picked))[:, None]
        return replace(batch, images=gathered(batch.images, rows, picked), time=batch.time[rows, picked])

    def settings(self) -> dict[str, object]:
        """What a run that continues another must share with it, beside what all batches have."""
        inside = getattr(self._batches, "seed", None)
        return {"pick": type(self._pick).__name__, "seed_before_picking": inside}

    def on(self, device: torch.device) -> PickedSeasons:
        """The same batches, made for a run on that device, where those inside can be."""
        if not hasattr(self._batches, "on"):
            return self
        part = copy(self)
        part._batches = self._batches.on(device)
        return part


class YearsApart:
    """Three seasons of recent years, then three of years before: what ``ChangeViews`` compares (CACo).

    The dates of a place are parted at their widest gap. Within each part three are drawn, none twice, as the
    official CACo code does. Differs from it: there the newest five of ten images are the recent part.
    """

    seasons = 6

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Recent t0, t1, t2, earlier t0, t1, t2 of each place: shape (B, 6).

        Raises:
            ValueError: A date is unknown, the parts do not lie apart, or one has fewer than three dates.
        """
        recent = self.check(batch.time)
        parts = [draw_seasons(part, 3, generator) for part in (recent, ~recent)]
        return torch.cat(parts, dim=1)

    def check(self, time: Tensor) -> Tensor:
        """Which dates are recent, of all places at once; so a cube can be examined before it is trained on.

        Args:
            time: Shape (P, T), days since 1970-01-01.

        Returns:
            Shape (P, T), bool.

        Raises:
            ValueError: A date is unknown, the parts do not lie apart, or one has fewer than three dates.
        """
        check_dates(time)
        recent = _recent(time)
        fewest = int(torch.minimum(recent.sum(1), (~recent).sum(1)).min())
        if fewest < 3:
            raise ValueError(
                f"CACo compares three recent and three earlier dates of a place, one place has {fewest} on a "
                "side of its widest gap; gather as many earlier dates as recent ones: seasons.years_apart"
            )
        return recent


def check_dates(time: Tensor) -> None:
    """Refuse unknown dates.

    Args:
        time: Shape (B, T), days since 1970-01-01.

    Raises:
        ValueError: A date is missing.
    """
    missing = int((time == torch.iinfo(torch.int64).min).sum())
    if missing:
        raise ValueError(
            f"seasons are to be picked by their dates, and {missing} of the batch's {time.numel()} dates are "
            "unknown; use a cube whose time is known, or seasons drawn without dates"
        )


def _recent(time: Tensor) -> Tensor:
    """Shape (B, T), bool: which dates lie after the widest gap of their place."""
    if time.shape[1] < 6:
        raise ValueError(
            f"CACo compares three recent and three earlier dates of a place, got {time.shape[1]} dates; "
            "ask the batches for all seasons of a cube gathered with seasons.years_apart"
        )
    ordered = time.sort(1).values
    gap, where = ordered.diff(dim=1).max(1)
    last_earlier = ordered.gather(1, where[:, None])
    first_recent = ordered.gather(1, where[:, None] + 1)
    longest = torch.maximum(last_earlier - ordered[:, :1], ordered[:, -1:] - first_recent)[:, 0]
    if (gap <= longest).any():
        row = int((gap <= longest).nonzero()[0, 0])
        raise ValueError(
            f"the dates of a place fall into a recent and an earlier part {int(gap[row])} days apart, but "
            f"one part is {int(longest[row])} days long; CACo needs them further apart than that: gather "
            "dates with seasons.years_apart(dates, years=2) or more"
        )
    return time >= first_recent
