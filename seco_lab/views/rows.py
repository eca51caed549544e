"""Some images of a batch, read and written whole: on a CPU many times faster than general indexing."""

from __future__ import annotations

import torch
from torch import Tensor


def as_slice(rows: Tensor) -> slice | None:
    """The slice that rising row numbers (on the CPU) amount to; None where they do not lie together."""
    first, last = int(rows[0]), int(rows[-1])
    together = last - first + 1 == len(rows) and bool((rows[1:] > rows[:-1]).all())
    return slice(first, last + 1) if together else None


def take(images: Tensor, rows: Tensor) -> Tensor:
    """The images of those rows: a view where they lie together, else a copy.

    Args:
        images: Shape (N, ...).
        rows: Shape (n,), int64, on the CPU; at least one.
    """
    part = as_slice(rows)
    return images.index_select(0, rows.to(images.device)) if part is None else images[part]


def put(images: Tensor, rows: Tensor, values: Tensor) -> None:
    """Write ``values`` (n, ...) to those rows (n,), on the CPU, of ``images``, converting the dtype."""
    if images.device.type != "cpu":
        images[rows.to(images.device)] = values.to(images.dtype)
        return
    for row, value in zip(rows.tolist(), torch.unbind(values), strict=True):
        images[row].copy_(value)
