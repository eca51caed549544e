"""Numbers of a pretraining run, frozen and stored in its checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import nn

from seco_lab.nn.devices import PRECISIONS
from seco_lab.nn.processes import TIMEOUT_S
from seco_lab.train.schedules import Schedule, StepCosine, schedule_from_dict, schedule_to_dict

OPTIMIZERS = ("sgd", "adamw")
BATCHNORMS = ("shuffled", "synced")
# Fields that may change when a run is continued: they touch neither weights nor metrics.
_FREE = ("save_every_minutes", "check_input", "watch_every_steps", "process_timeout_s")
# Fields that older checkpoints lack, with the value that says what these did.
_LATER = {"accumulate": 1, "batchnorm": "shuffled"}


@dataclass(frozen=True)
class TrainConfig:
    """How to train; the defaults are those of both papers, but for the schedule.

    Differs from the papers: the cosine moves every step, so that runs of a few epochs are smooth; ask for
    ``StepDecay()`` (SeCo) or ``EpochCosine()`` (GASSL) to have theirs.

    Attributes:
        epochs: Passes over the data; ignored where ``steps`` is given.
        steps: Number of steps, or None for ``epochs`` passes.
        lr: Learning rate before the schedule; the papers take 0.03 for batches of 256.
        optimizer: ``"sgd"`` as in both papers, or ``"adamw"``, which learns more in the first thousands of
            steps (``docs/decisions/0046-short-runs.md``).
        momentum: Momentum of SGD; AdamW has its own.
        weight_decay: Weight decay of the optimizer.
        schedule: Factor on the learning rate by step.
        seed: Seed of the views' chance.
        precision: ``"auto"`` (bf16 where the hardware multiplies it), ``"bf16"`` or ``"float32"``.
        channels_last: Keep the bands of a pixel side by side in memory; faster on CPUs and CUDA GPUs alike,
            and left undone on Apple's (``seco_lab.nn.devices.memory_layout``).
        accumulate: Parts that each batch is cut into, one after the other, to need less memory. Optimizer,
            key encoder and queue still move once a batch, and the queue takes all keys of the batch. What
            the rows of a batch share gets smaller with the parts: BatchNorm's statistics, and negatives that
            come from the batch (SimCLR, VICReg, CACo, SeCo's other keys, ``steady``, ``ml_cpc``).
        batchnorm: Where several processes train together: ``"shuffled"``, each normalises its own rows, keys
            dealt out anew as in MoCo, or ``"synced"``, all rows of the batch as one process would. Alone,
            both are the same.
        compile: Run the encoders through torch.compile; pays on GPUs, not on CPUs.
        save_every_minutes: Time between checkpoints, where the run has a folder.
        check_input: Compare the first batch with the input contract.
        watch_every_steps: Steps between looks at the spread of the embeddings.
        process_timeout_s: Seconds after which a process that does not answer counts as lost.
    """

    epochs: int = 200
    steps: int | None = None
    lr: float = 0.03
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: Schedule = field(default_factory=StepCosine)
    seed: int = 0
    precision: str = "auto"
    channels_last: bool = True
    accumulate: int = 1
    batchnorm: str = "shuffled"
    compile: bool = False
    save_every_minutes: float = 5.0
    check_input: bool = True
    watch_every_steps: int = 20
    process_timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant.

        Raises:
            ValueError: Names the field, what it needs and what came.
        """
        for name in ("epochs", "steps", "accumulate", "watch_every_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        for name in ("lr", "save_every_minutes", "process_timeout_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name, known in (("optimizer", OPTIMIZERS), ("batchnorm", BATCHNORMS), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")

    def total_steps(self, steps_per_epoch: int) -> int:
        """Length of the run in steps."""
        return self.epochs * steps_per_epoch if self.steps is None else self.steps

    def build_optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimizer over these parameters."""
        if self.optimizer == "adamw":
            return torch.optim.AdamW(parameters, lr=self.lr, weight_decay=self.weight_decay)
        return torch.optim.SGD(parameters, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for JSON."""
        return {**asdict(self), "schedule": schedule_to_dict(self.schedule)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The inverse of ``to_dict``.

        Raises:
            ValueError: An unknown field.
            LookupError: A schedule of one's own.
        """
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"a training configuration has no field {', '.join(sorted(unknown))}")
        return cls(**{**values, "schedule": schedule_from_dict(values["schedule"])})

    def binding(self) -> dict[str, Any]:
        """The fields that a continued run must share with the run it continues."""
        unlike = {name: value for name, value in self.to_dict().items() if _LATER.get(name) != value}
        return {name: value for name, value in unlike.items() if name not in _FREE}
