"""What flows through training: a batch, where batches come from, and the chance that belongs to a step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Images of some places over some of their seasons.

    Attributes:
        images: Shape (B, T, C, H, W), counts in the cube's unit and storage dtype.
        index: Shape (B,), int64, rows of the patches in the cube.
        lonlat: Shape (B, 2), float64, degrees WGS 84, longitude first.
        time: Shape (B, T), int64, days since 1970-01-01.
    """

    images: Tensor
    index: Tensor
    lonlat: Tensor
    time: Tensor


class Batches(Protocol):
    """Batches by number: the same step gives the same batch, in whatever order steps are asked for."""

    batch_size: int
    steps_per_epoch: int
    bands: tuple[str, ...]
    unit: str
    sensor: str

    def __getitem__(self, step: int) -> Batch:
        """The batch of that step."""
        ...


def generator_for(
    seed: int, step: int, stream: str = "", device: torch.device | str = "cpu"
) -> torch.Generator:
    """A fresh random generator that depends on (seed, step, stream) alone.

    Training needs no generator state in its checkpoints, because each step makes its own chance.

    Args:
        seed: Seed of the run.
        step: Number of the step.
        stream: Name that keeps independent uses within a step apart, such as ``"views"``.
        device: Where the random numbers are drawn.
    """
    digest = hashlib.blake2b(f"{seed}/{step}/{stream}".encode(), digest_size=8).digest()
    return torch.Generator(device=device).manual_seed(int.from_bytes(digest, "little") >> 1)
