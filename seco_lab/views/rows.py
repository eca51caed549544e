"""Some images of a batch, read and written whole: on a CPU many times faster than general indexing."""

from __future__ import annotations

import torch
from torch import Tensor

from seco_lab.batch import sent

# Values that are worked on at a time on a CPU: what second-level caches hold.
_CACHE_VALUES = 600_000


def cached_rows(images: Tensor) -> int:
    """How many of the images (N, ...) to work on at a time: on a CPU as many as its caches hold, else all."""
    if images.device.type != "cpu":
        return max(1, len(images))
    return max(1, _CACHE_VALUES // images[0].numel())


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
    if part is not None:
        return images[part]
    return _bits(images).index_select(0, sent(rows, images.device)).view(images.dtype)


def gathered(images: Tensor, *places: Tensor) -> Tensor:
    """A copy of what lies at some places of the first axes, as ``images[places]``.

    Args:
        images: Shape (N, ...).
        places: Row numbers along the first axis, the second, and so on; int64, on the CPU.
    """
    return _bits(images)[tuple(sent(place, images.device) for place in places)].view(images.dtype)


def _bits(images: Tensor) -> Tensor:
    """The same memory in a format that can be gathered everywhere: GPUs cannot gather unsigned 16 bits."""
    return images.view(torch.int16) if images.dtype == torch.uint16 else images


def put(images: Tensor, rows: Tensor, values: Tensor) -> None:
    """Write ``values`` (n, ...) to those rows (n,), on the CPU, of ``images``, converting the dtype."""
    if images.device.type != "cpu":
        images[sent(rows, images.device)] = values.to(images.dtype)
        return
    part = as_slice(rows)
    if part is not None:
        images[part].copy_(values)
        return
    for row, value in zip(rows.tolist(), torch.unbind(values), strict=True):
        images[row].copy_(value)
