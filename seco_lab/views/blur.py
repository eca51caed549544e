"""Gaussian blur as Pillow computes it: three box filters of fractional width, one after the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seco_lab.views.taps import Taps, resample

_PASSES = 3


def blur_taps(sigma: Tensor, size_px: int) -> Taps:
    """Maps that blur one axis (extended box filters, Gwosdek et al. 2011); borders repeat the last pixel.

    Args:
        sigma: Shape (n,), standard deviation in pixels, positive; on the CPU.
        size_px: Length of the axis.
    """
    wing = _box_wing(float(sigma.max()) if len(sigma) else 1.0) + 1
    reach = _PASSES * wing
    taps = 2 * reach + 1
    # Rows further than `reach` from the borders are alike: a short axis holds every kind of row.
    short = min(size_px, 2 * taps)
    once = _box_matrix(sigma, short, wing)
    thrice = once @ once @ once
    if short == size_px:
        first = torch.zeros(len(sigma), size_px, dtype=torch.long)
        return Taps(first, thrice, size_px)
    first = (torch.arange(size_px) - reach).clamp(0, size_px - taps)
    kind = torch.arange(size_px).clamp(max=taps)
    kind[size_px - reach :] = torch.arange(short - reach, short)
    columns = (kind - reach).clamp(0, short - taps)[:, None] + torch.arange(taps)
    weight = thrice[:, kind[:, None], columns]
    return Taps(first.expand(len(sigma), -1), weight, size_px)


def _box_wing(sigma: float) -> int:
    """Whole pixels on each side of the centre that a box of this spread covers fully."""
    return int((math.sqrt(12 * sigma * sigma / _PASSES + 1) - 1) / 2)


def _box_matrix(sigma: Tensor, size_px: int, wing: int) -> Tensor:
    """One box filter per image as a matrix (n, size, size); its outermost taps count in part.

    With `whole` pixels on each side, the outer weight `part` follows from the variance sigma^2 / passes.
    """
    variance = sigma.double() ** 2 / _PASSES
    whole = ((torch.sqrt(12 * variance + 1) - 1) / 2).floor()
    part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance) / (6 * (variance - (whole + 1) ** 2))
    distance = torch.arange(-wing, wing + 1).abs()
    kernel = (distance <= whole[:, None]).double() + part[:, None] * (distance == whole[:, None] + 1)
    kernel = kernel / kernel.sum(1, keepdim=True)
    columns = (torch.arange(size_px)[:, None] + torch.arange(-wing, wing + 1)).clamp(0, size_px - 1)
    matrix = kernel.new_zeros(len(sigma), size_px, size_px)
    shape = (len(sigma), size_px, 2 * wing + 1)
    matrix.scatter_add_(2, columns.expand(shape), kernel[:, None].expand(shape))
    return matrix.float()


def gaussian_blur(images: Tensor, sigma: Tensor, source: Tensor | None = None) -> Tensor:
    """Blur each image with its own spread.

    Args:
        images: Shape (B, C, H, W), float32 or bfloat16.
        sigma: Shape (n,), standard deviation in pixels, positive.
        source: Shape (n,): which images to blur; all, in order, where None.

    Returns:
        Shape (n, C, H, W), float32.
    """
    rows, columns = (blur_taps(sigma.cpu(), size).to(images.device) for size in images.shape[-2:])
    return resample(images, rows, columns, source)
