"""Slowly moving copies and the queue of past keys (arXiv:1911.05722, sec. 3.2)."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from seco_lab.batch import generator_for
from seco_lab.nn.losses import unit_length

Copied = TypeVar("Copied", bound=nn.Module)


def momentum_copy(module: Copied) -> Copied:
    """An equal module that receives no gradient."""
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def momentum_update(target: nn.Module, source: nn.Module, momentum: float) -> None:
    """Move each parameter of ``target`` towards ``source``: target = momentum target + (1 - momentum) source.

    Buffers stay: a key encoder keeps BatchNorm statistics of its own batches.

    Args:
        target: The momentum copy; changed in place.
        source: The module that learns.
        momentum: Share that is kept, in [0, 1].
    """
    moving, leading = list(target.parameters()), list(source.parameters())
    # All parameters in one call each. A fused lerp would be faster still, but it rounds otherwise than the
    # papers' code, and BatchNorm over few values makes more of the last digit than the parity tests forgive.
    torch._foreach_mul_(moving, momentum)
    torch._foreach_add_(moving, torch._foreach_mul(leading, 1.0 - momentum))


class NegativeQueue(nn.Module):
    """The last ``size`` keys as a ring; both the keys and the place of the next go into checkpoints.

    Keys are rows, so that a batch is one contiguous write; the official files store them as columns.

    Attributes:
        rows: Shape (size, dim), float32, unit length.
        pointer: Scalar, int64: row that the next batch overwrites first.
    """

    rows: Tensor
    pointer: Tensor

    def __init__(self, size: int, dim: int, *, seed: int = 0, stream: str = "queue") -> None:
        super().__init__()
        if size < 1 or dim < 1:
            raise ValueError(f"a queue needs a size and a dim of 1 or more, got {size} and {dim}")
        start = torch.randn(size, dim, generator=generator_for(seed, 0, stream))
        self.register_buffer("rows", unit_length(start))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    def check_batch_size(self, batch_size: int) -> None:
        """Refuse a batch that would not fit the ring a whole number of times.

        Raises:
            ValueError: The size is no multiple of the batch size.
        """
        size = len(self.rows)
        if size % batch_size:
            raise ValueError(
                f"queue size {size} must be a multiple of the batch size {batch_size}; "
                f"{max(1, round(size / batch_size)) * batch_size} would do"
            )

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Overwrite the oldest rows with ``keys``, shape (B, dim), unit length.

        Raises:
            ValueError: The queue's size is no multiple of B.
        """
        self.check_batch_size(len(keys))
        # Positions stay on the device: reading the pointer would make the CPU wait for a GPU. They wrap where
        # a run goes on with another batch size. Apple GPUs have no index_copy_ before PyTorch 2.10.
        positions = (self.pointer + torch.arange(len(keys), device=keys.device)).remainder(len(self.rows))
        self.rows[positions] = keys.to(self.rows.dtype)
        self.pointer.add_(len(keys)).remainder_(len(self.rows))
