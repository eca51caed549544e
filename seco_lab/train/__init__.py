"""The pretraining loop: a run that is iterated, saved, and resumed to the bit."""

from __future__ import annotations

from seco_lab.train.config import TrainConfig
from seco_lab.train.estimate import Estimate, steps_for_minutes
from seco_lab.train.guards import CollapseWarning, InputMismatchWarning
from seco_lab.train.log import StepLog, read_metrics
from seco_lab.train.run import PretrainingRun
from seco_lab.train.schedules import EpochCosine, Schedule, StepCosine, StepDecay

__all__ = [
    "CollapseWarning",
    "EpochCosine",
    "Estimate",
    "InputMismatchWarning",
    "PretrainingRun",
    "Schedule",
    "StepCosine",
    "StepDecay",
    "StepLog",
    "TrainConfig",
    "read_metrics",
    "steps_for_minutes",
]
