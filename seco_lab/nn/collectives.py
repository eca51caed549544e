"""Tensors between processes: rows put together, images dealt out anew, averages; alone, nothing happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from seco_lab.nn.processes import lost_if_broken, process_count, process_number, together
from seco_lab.nn.synced_batchnorm import is_synced

# Bytes that are averaged by one message: few messages, and little memory beside the gradients.
_BUCKET_BYTES = 32 * 2**20


class _EveryRow(torch.autograd.Function):
    """Gather whose backward adds up what all processes want of a row.

    Each process has a loss of its own and gradients are averaged afterwards, so the sum over processes is
    what belongs here.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = len(rows)
        parts = [torch.empty_like(rows) for _ in range(process_count())]
        with lost_if_broken():
            distributed.all_gather(parts, rows)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        with lost_if_broken():
            distributed.all_reduce(gradient)
        return gradient[process_number() * ctx.rows :][: ctx.rows]


def every_row(rows: Tensor) -> Tensor:
    """The rows of all processes in the order of the whole batch, with gradient.

    Args:
        rows: Shape (B, ...), the same in every process.

    Returns:
        Shape (B x processes, ...); ``rows`` itself where this process is alone.

    Raises:
        ProcessLostError: A process does not answer.
    """
    return _EveryRow.apply(rows.contiguous()) if together() else rows


@torch.no_grad()
def rows_elsewhere(rows: Tensor) -> Tensor:
    """The rows of all other processes, without gradient: shape (B, ...) to (B (processes - 1), ...)."""
    if not together():
        return rows[:0]
    everyone, first = every_row(rows), process_number() * len(rows)
    return torch.cat([everyone[:first], everyone[first + len(rows) :]])


@torch.no_grad()
def dealt(network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Apply a network to images that were dealt out among the processes like cards (shuffled BatchNorm).

    A key whose BatchNorm statistics come from the places of its query could be told by them
    (arXiv:1911.05722, sec. 3.3). So each process normalises keys of places that mostly others hold as
    queries, and the results go back.

    Differs from the paper's random shuffle: row i always goes to process i modulo their number. The batch
    is in random order anyway, so its parts are as random, and resuming needs no further chance.

    Args:
        network: A module without gradient; one that has no BatchNorm of its own needs no dealing.
        images: Shape (B, ...), the same in every process.

    Returns:
        The network's output, row i for image i.
    """
    if not together() or not _normalises_alone(network):
        return network(images)
    count, number, rows = process_count(), process_number(), len(images)
    last = images.ndim == 4 and images.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last else torch.contiguous_format
    hand = network(every_row(images)[number::count].contiguous(memory_format=layout))
    back = every_row(hand).unflatten(0, (count, rows)).transpose(0, 1).flatten(0, 1)
    return back[number * rows :][:rows]


def _normalises_alone(network: Callable[[Tensor], Tensor]) -> bool:
    parts = network.modules() if isinstance(network, nn.Module) else ()
    return any(isinstance(part, _BatchNorm) and not is_synced(part) for part in parts)


def batchnorm_statistics(module: nn.Module) -> list[Tensor]:
    """Running means and variances of all BatchNorm layers, which each process moves by itself."""
    layers = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    both = [tensor for layer in layers for tensor in (layer.running_mean, layer.running_var)]
    return [tensor for tensor in both if tensor is not None]


@torch.no_grad()
def average_together(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its mean over all processes, in place and to the same bit everywhere.

    Args:
        tensors: Alike in shape and order in every process.

    Raises:
        ProcessLostError: A process does not answer.
    """
    if not together():
        return
    for bucket in _buckets(tensors):
        flat = torch.cat([tensor.reshape(-1).float() for tensor in bucket])
        with lost_if_broken():
            distributed.all_reduce(flat)
        flat /= process_count()
        pieces = flat.split([tensor.numel() for tensor in bucket])
        for tensor, piece in zip(bucket, pieces, strict=True):
            tensor.copy_(piece.view(tensor.shape))


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        bucket.append(tensor)
        size += 4 * tensor.numel()
        if size >= _BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
    if bucket:
        yield bucket
