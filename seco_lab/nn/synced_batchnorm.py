"""BatchNorm over the rows of all processes, on any device: as if one process had the whole batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn

from seco_lab.nn.processes import lost_if_broken, process_count, together


def _sum_over_processes(values: Tensor) -> Tensor:
    with lost_if_broken():
        distributed.all_reduce(values)
    return values


class _Normalise(torch.autograd.Function):
    """Normalised input, mean (C,) and variance (C,) over the images of all processes."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        axes = [axis for axis in range(images.ndim) if axis != 1]
        shape = [1, -1] + [1] * (images.ndim - 2)
        ctx.axes, ctx.count = axes, images.numel() // images.shape[1] * process_count()
        wide = images.float()
        mean = _sum_over_processes(wide.sum(axes)) / ctx.count
        centred = wide - mean.view(shape)
        variance = _sum_over_processes(centred.square().sum(axes)) / ctx.count
        scale = (variance + eps).rsqrt().view(shape)
        normal = centred * scale
        ctx.save_for_backward(normal, scale)
        ctx.dtype = images.dtype
        ctx.mark_non_differentiable(mean, variance)
        return normal, mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, None]:
        normal, scale = ctx.saved_tensors
        sums = torch.stack([gradient.sum(ctx.axes), (gradient * normal).sum(ctx.axes)])
        mean, along = (_sum_over_processes(sums) / ctx.count).unbind()
        shape = scale.shape
        inward = scale * (gradient - mean.view(shape) - normal * along.view(shape))
        return inward.to(ctx.dtype), None


class _Synced:
    """What both kinds share; in eval mode, or alone, they are the layers that they stand for."""

    def forward(self, images: Tensor) -> Tensor:
        """Shape (B, C, ...) to the same; every process must call it with as many values."""
        if not (self.training and together()):
            return super().forward(images)
        normal, mean, variance = _Normalise.apply(images, self.eps)
        if self.track_running_stats:
            self._follow(mean, variance, images.numel() // images.shape[1] * process_count())
        if self.affine:
            shape = [1, -1] + [1] * (images.ndim - 2)
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(images.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)


class SyncedBatchNorm1d(_Synced, nn.BatchNorm1d):
    """``nn.BatchNorm1d`` over the rows of all processes."""


class SyncedBatchNorm2d(_Synced, nn.BatchNorm2d):
    """``nn.BatchNorm2d`` over the images of all processes."""


_SYNCED = {nn.BatchNorm1d: SyncedBatchNorm1d, nn.BatchNorm2d: SyncedBatchNorm2d}


def is_synced(layer: nn.Module) -> bool:
    """Whether a BatchNorm layer already sees the rows of all processes."""
    return isinstance(layer, (_Synced, nn.SyncBatchNorm))


def sync_batchnorm(module: nn.Module) -> None:
    """Let every BatchNorm layer in a module see the rows of all processes, in place.

    The layers stay the same objects with the same parameters, so that optimizers, momentum copies and names
    in checkpoints notice nothing.

    Args:
        module: Anything with ``nn.BatchNorm1d`` or ``nn.BatchNorm2d``.
    """
    for part in module.modules():
        if type(part) in _SYNCED:
            part.__class__ = _SYNCED[type(part)]
