"""What a run will cost, measured before it starts and without touching it."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import torch

from seco_lab.nn.devices import keep_freed_memory
from seco_lab.nn.processes import from_main

if TYPE_CHECKING:
    from seco_lab.train.run import PretrainingRun

_WARMUP_STEPS, _MEASURED_STEPS = 2, 3


@dataclass(frozen=True)
class Estimate:
    """Cost of a run, from a few measured steps.

    Attributes:
        seconds_per_step: Median of the measured steps: reading, views, forward, backward, update.
        steps_left: Steps that the run has still to go.
        steps_per_epoch: Steps that see every patch once.
        batch_size: Patches a step.
        memory_bytes: Most memory in use so far: of the GPU, or of the whole process on a CPU; 0 if unknown.
            Of this process, where several train together.
        device: Where it runs, with the number format.
    """

    seconds_per_step: float
    steps_left: int
    steps_per_epoch: int
    batch_size: int
    memory_bytes: int
    device: str

    @property
    def seconds_per_epoch(self) -> float:
        """Time of one pass over the data."""
        return self.seconds_per_step * self.steps_per_epoch

    @property
    def seconds_left(self) -> float:
        """Time until the run is complete."""
        return self.seconds_per_step * self.steps_left

    def __str__(self) -> str:
        """One line, for a person who decides whether to start."""
        memory = f", {self.memory_bytes / 2**30:.1f} GiB of memory" if self.memory_bytes else ""
        return (
            f"{self.steps_left} steps of {self.batch_size} patches on {self.device}: "
            f"{self.batch_size / self.seconds_per_step:.0f} patches/s, {_duration(self.seconds_per_epoch)} "
            f"an epoch of {self.steps_per_epoch} steps, {_duration(self.seconds_left)} in all{memory}"
        )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def measure(run: PretrainingRun, steps: int = _MEASURED_STEPS) -> Estimate:
    """Train a few steps, then put everything back as it was.

    Args:
        run: The run to measure; bit for bit the same afterwards.
        steps: How many steps to time, after two that warm up.
    """
    keep_freed_memory()
    seconds = []
    with untouched(run):
        for i in range(_WARMUP_STEPS + steps):
            start = time.perf_counter()
            run._train(run.step + i)
            _wait_for(run.device)
            seconds.append(time.perf_counter() - start)
        memory = peak_memory_bytes(run.device)
    return Estimate(
        seconds_per_step=median(seconds[_WARMUP_STEPS:]),
        steps_left=len(run),
        steps_per_epoch=run._batches.steps_per_epoch,
        batch_size=run._batches.batch_size,
        memory_bytes=memory,
        device=_place(run),
    )


def _place(run: PretrainingRun) -> str:
    one = f"{run.device} ({'bf16' if run.precision == torch.bfloat16 else 'float32'})"
    return one if run.processes == 1 else f"{run.processes} processes, this one on {one}"


def steps_for_minutes(run: PretrainingRun, minutes: float) -> int:
    """Number of steps that fit into a time, measured on a run that stays as it is.

    The schedule needs to know the length of a run at its start, so a budget of time becomes one of steps::

        config = dataclasses.replace(config, steps=steps_for_minutes(run, 10))

    Args:
        run: A run with the wanted method, batches and views; its own length does not matter.
        minutes: Time to train; positive.

    Raises:
        ValueError: ``minutes`` is not positive.
    """
    if not minutes > 0:
        raise ValueError(f"minutes must be positive, got {minutes}")
    return from_main(max(1, int(60 * minutes / run.estimate().seconds_per_step)))


@contextmanager
def untouched(run: PretrainingRun) -> Iterator[None]:
    """Let a block train on a run, then restore weights, statistics, queues and optimizer bit for bit."""
    weights = {name: tensor.detach().clone() for name, tensor in run.method.state_dict().items()}
    optimizer = copy.deepcopy(run._optimizer.state_dict())
    modes = [(part, part.training) for part in run.method.modules()]
    try:
        yield
    finally:
        run.method.load_state_dict(weights)
        run._optimizer.load_state_dict(optimizer)
        run._optimizer.zero_grad()
        for part, training in modes:
            part.training = training


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory that was in use at once: of the GPU, or of this process; 0 where nobody counts."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
