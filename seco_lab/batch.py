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

    def part(self, rows: slice) -> Batch:
        """Some of the rows, on the same memory."""
        return Batch(self.images[rows], self.index[rows], self.lonlat[rows], self.time[rows])


@dataclass(frozen=True)
class Share:
    """Consecutive rows of a batch: those that one of several processes works on.

    Attributes:
        first: Number of the first row within the batch.
        rows: How many.
        batch_size: Rows of the whole batch.
    """

    first: int
    rows: int
    batch_size: int

    @property
    def whole(self) -> bool:
        """Whether it is the whole batch."""
        return self.rows == self.batch_size

    @property
    def slice(self) -> slice:
        """The rows as a slice of the batch."""
        return slice(self.first, self.first + self.rows)

    def of_repeated(self, times: int) -> Tensor:
        """The rows in a list in which the batch stands several times, one after the other.

        Chance is drawn for such a list: all queries, then all keys.

        Returns:
            Shape (times x rows,), int64.
        """
        own = torch.arange(self.first, self.first + self.rows)
        return (torch.arange(times)[:, None] * self.batch_size + own).flatten()


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


def sent(tensor: Tensor, device: torch.device | str) -> Tensor:
    """The tensor on a device; itself where it is there already.

    The CPU does not wait until a GPU has done all its earlier work, as it would with plain ``to``. Ordinary
    memory may be changed right afterwards, since CUDA has taken a copy; pinned memory must stay as it is
    until the GPU has fetched it.

    Unsigned 16-bit counts arrive on an Apple GPU as int32: before PyTorch 2.9 it does not know them.
    """
    kind = torch.device(device).type
    if kind == "mps" and tensor.dtype == torch.uint16:
        tensor = tensor.to(torch.int32)
    return tensor.to(device, non_blocking=kind == "cuda")


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
