"""A pyramid of features: what deep maps know, at the resolution of shallow ones (FPN, arXiv:1612.03144)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class FeaturePyramid(nn.Module):
    """Maps of several strides brought to one width, the deep ones added to the shallow ones.

    Each map gets a 1x1 convolution; from the deepest on, a level is enlarged (nearest) to the size of the
    next finer one and added to it; a 3x3 convolution smooths each sum.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        """Make the layers.

        Args:
            channels: Widths of the maps, fine to coarse.
            width: Width of every level.
        """
        super().__init__()
        self.across = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps (B, channels[i], h, w), fine to coarse, to levels (B, width, h, w) of the same sizes."""
        sums = [layer(part) for layer, part in zip(self.across, maps, strict=True)]
        for fine in range(len(sums) - 2, -1, -1):
            sums[fine] = sums[fine] + F.interpolate(sums[fine + 1], sums[fine].shape[-2:], mode="nearest")
        return [layer(part) for layer, part in zip(self.smooth, sums, strict=True)]
