"""Separable resampling: each output row and column is a weighted sum of a few neighbouring input ones.

Crop, resize, flip and blur are all of this form, so they share one fast kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from seco_lab.batch import sent


@dataclass(frozen=True)
class Taps:
    """A banded linear map along one axis, one for each image.

    Attributes:
        first: Shape (n, S), int64: the first input position that output position s reads.
        weight: Shape (n, S, K), float32: weights of the K positions from ``first`` on; each row sums to 1.
        size_in: Length of the input axis; ``first + K <= size_in``.
    """

    first: Tensor
    weight: Tensor
    size_in: int

    @property
    def size_out(self) -> int:
        """Length of the output axis."""
        return self.first.shape[1]

    def __getitem__(self, rows: Tensor | slice) -> Taps:
        """The maps of some of the images."""
        return Taps(self.first[rows], self.weight[rows], self.size_in)

    def to(self, device: torch.device) -> Taps:
        """The same maps on another device."""
        return Taps(sent(self.first, device), sent(self.weight, device), self.size_in)

    def flipped(self, where: Tensor) -> Taps:
        """The same maps with the output reversed where ``where`` (n,) is true."""
        first = torch.where(where[:, None], self.first.flip(1), self.first)
        weight = torch.where(where[:, None, None], self.weight.flip(1), self.weight)
        return Taps(first, weight, self.size_in)

    def dense(self) -> Tensor:
        """The maps as matrices: shape (n, S, size_in), float32."""
        count, size_out, taps = self.weight.shape
        matrix = self.weight.new_zeros(count, size_out, self.size_in)
        columns = self.first[..., None] + torch.arange(taps, device=self.first.device)
        return matrix.scatter_(2, columns, self.weight)


def resize_taps(start: Tensor, length: Tensor, size_in: int, size_out: int) -> Taps:
    """Linear resize of the stretch [start, start + length) to ``size_out`` pixels, as Pillow does it.

    When the stretch shrinks, the triangle widens in proportion (antialiasing); it never reaches beyond the
    stretch.

    Args:
        start: Shape (n,), first pixel of the stretch.
        length: Shape (n,), its length in pixels; start + length <= size_in.
        size_in: Length of the input axis in pixels.
        size_out: Length of the output axis in pixels.
    """
    start, length = start.float()[:, None, None], length.float()[:, None, None]
    scale = length / size_out
    reach = scale.clamp(min=1.0)
    count = min(size_in, int(2 * max(size_in / size_out, 1.0)) + 2)
    steps = torch.arange(size_out, device=start.device)[None, :, None] + 0.5
    centre = start + steps * scale
    first = (centre - reach + 0.5).floor().clamp(0, size_in - count)
    position = first + torch.arange(count, device=start.device)
    weight = (1 - (position + 0.5 - centre).abs() / reach).clamp(min=0)
    weight = weight * (position >= start) * (position < start + length)
    return Taps(first[..., 0].long(), weight / weight.sum(2, keepdim=True), size_in)


@torch.no_grad()
def resample(images: Tensor, rows: Taps, columns: Taps, source: Tensor | None = None) -> Tensor:
    """Apply one map to the rows and one to the columns of each image.

    Products are taken in the dtype of ``images`` and sums in float32 where the device can. In bfloat16 a
    value differs from the float32 one by 2.5/255 at most for inputs in [0, 1].

    Args:
        images: Shape (N, C, H, W), float32 or bfloat16.
        rows: n maps along the height.
        columns: n maps along the width.
        source: Shape (n,), int64: which image each result is made of; as they come where None.

    Returns:
        Shape (n, C, rows.size_out, columns.size_out), float32.
    """
    if source is None:
        source = torch.arange(len(rows.first), device=images.device)
    images = images.contiguous()
    if images.device.type == "cpu":
        return _resample_lines(images, rows, columns, source)
    return _resample_dense(images, rows, columns, source)


def _resample_dense(images: Tensor, rows: Taps, columns: Taps, source: Tensor) -> Tensor:
    """Full matrices: wasteful in multiplications, and still the fastest way on a GPU."""
    left = rows.dense().to(images.dtype)[:, None]
    right = columns.dense().to(images.dtype).transpose(1, 2)[:, None]
    return (left @ (images[source] @ right)).float()


def _resample_lines(images: Tensor, rows: Taps, columns: Taps, source: Tensor) -> Tensor:
    """Row sums of whole lines by ``embedding_bag``, then one product over the columns."""
    channels, height, width = images.shape[1:]
    count, size_out, taps = rows.weight.shape
    plane = (source[:, None] * channels + torch.arange(channels)) * height
    line = plane[..., None, None] + (rows.first[..., None] + torch.arange(taps))[:, None]
    weight = rows.weight.to(images.dtype)[:, None].expand(line.shape).reshape(-1, taps)
    table = images.view(-1, width)
    lines = F.embedding_bag(line.view(-1, taps), table, per_sample_weights=weight, mode="sum")
    right = columns.dense().to(images.dtype).transpose(1, 2)
    out = torch.bmm(lines.view(count, channels * size_out, width), right)
    return out.view(count, channels, size_out, columns.size_out).float()
