"""Learning-rate schedules: pure functions of the step, so resuming needs no state."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Protocol


class Schedule(Protocol):
    """A frozen dataclass that turns progress into a factor on the learning rate."""

    def factor(self, step: int, *, steps: int, steps_per_epoch: int) -> float:
        """Factor of that step.

        Args:
            step: Number of the step, from 0.
            steps: Length of the whole run.
            steps_per_epoch: Steps that see every patch once.
        """
        ...


@dataclass(frozen=True)
class StepDecay:
    """Constant, then ten times lower after each milestone: SeCo's and MoCo's schedule.

    Attributes:
        milestones: Shares of all epochs; (0.6, 0.8) are epochs 120 and 160 of 200.
        gamma: Factor at each milestone.
    """

    milestones: tuple[float, ...] = (0.6, 0.8)
    gamma: float = 0.1

    def factor(self, step: int, *, steps: int, steps_per_epoch: int) -> float:
        """Factor of that step; it changes between epochs only."""
        epoch, epochs = step // steps_per_epoch, steps / steps_per_epoch
        # Rounded, because 0.6 x 35 epochs must be 21 and not a hair more.
        passed = sum(epoch >= round(share * epochs, 6) for share in self.milestones)
        return self.gamma**passed


@dataclass(frozen=True)
class EpochCosine:
    """Half a cosine wave that moves once an epoch: GASSL's schedule (``--cos``)."""

    def factor(self, step: int, *, steps: int, steps_per_epoch: int) -> float:
        """Factor of that step, from 1 towards 0."""
        return 0.5 * (1 + math.cos(math.pi * (step // steps_per_epoch) * steps_per_epoch / steps))


@dataclass(frozen=True)
class StepCosine:
    """Half a cosine wave that moves every step, after an optional linear warm-up.

    Short runs have few epochs, where a schedule that moves once an epoch is coarse.

    Attributes:
        warmup_steps: Steps in which the factor rises from near 0 to 1.
    """

    warmup_steps: int = 0

    def factor(self, step: int, *, steps: int, steps_per_epoch: int) -> float:
        """Factor of that step."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        share = (step - self.warmup_steps) / max(1, steps - self.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


_KNOWN = (StepDecay, EpochCosine, StepCosine)


def schedule_to_dict(schedule: Any) -> dict[str, Any]:
    """Name and numbers of a schedule, for a checkpoint."""
    values = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(schedule).items()}
    return {"name": type(schedule).__name__, **values}


def schedule_from_dict(values: dict[str, Any]) -> Schedule:
    """The inverse of ``schedule_to_dict`` for the schedules of this module.

    Raises:
        LookupError: A schedule of one's own; the message lists those known.
    """
    for kind in _KNOWN:
        if kind.__name__ == values["name"]:
            rest = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k != "name"}
            return kind(**rest)
    known = ", ".join(kind.__name__ for kind in _KNOWN)
    raise LookupError(f"unknown schedule {values['name']!r}; known are {known}")
