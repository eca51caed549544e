"""Random resized crops and flips, as batched separable maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from seco_lab.views.chance import uniform
from seco_lab.views.taps import Taps, resample, resize_taps

_ATTEMPTS = 10


@dataclass(frozen=True)
class Boxes:
    """Whole-pixel rectangles inside images of one size; each field has shape (n,), int64, on the CPU."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor

    def __len__(self) -> int:
        return len(self.top)

    def __getitem__(self, rows: Tensor | slice) -> Boxes:
        """Some of the boxes."""
        return Boxes(self.top[rows], self.left[rows], self.height[rows], self.width[rows])


def draw_boxes(
    count: int,
    height_px: int,
    width_px: int,
    generator: torch.Generator,
    *,
    area: tuple[float, float] = (0.2, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Boxes:
    """Boxes of a random share of the image and a random shape, at a random place.

    The share is uniform in ``area``, the width-to-height ratio log-uniform in ``ratio``. A box that does not
    fit is drawn again, ten times at most; then the largest central box whose ratio lies in the limits is
    taken.

    Raises:
        ValueError: Limits outside 0 < low <= high, or an area above 1.
    """
    if not (0 < area[0] <= area[1] <= 1 and 0 < ratio[0] <= ratio[1]):
        raise ValueError(f"area needs 0 < low <= high <= 1 and ratio 0 < low <= high, got {area} and {ratio}")
    tries = count * _ATTEMPTS
    target = uniform(tries, *area, generator) * (height_px * width_px)
    shape = uniform(tries, math.log(ratio[0]), math.log(ratio[1]), generator).exp()
    width = (target * shape).sqrt().round().long()
    height = (target / shape).sqrt().round().long()
    place = uniform(2 * count, 0.0, 1.0, generator).view(2, count)
    fits = (0 < width) & (width <= width_px) & (0 < height) & (height <= height_px)
    fits, width, height = (values.view(count, _ATTEMPTS) for values in (fits, width, height))
    chosen = fits.int().argmax(1, keepdim=True)
    central_height, central_width = _central_size(height_px, width_px, ratio)
    found = fits.any(1)
    height = torch.where(found, height.gather(1, chosen)[:, 0], central_height)
    width = torch.where(found, width.gather(1, chosen)[:, 0], central_width)
    top = torch.where(found, (place[0] * (height_px - height + 1)).long(), (height_px - height) // 2)
    left = torch.where(found, (place[1] * (width_px - width + 1)).long(), (width_px - width) // 2)
    # A float32 product can round up to the next pixel, beyond the last place.
    return Boxes(top.minimum(height_px - height), left.minimum(width_px - width), height, width)


def _central_size(height_px: int, width_px: int, ratio: tuple[float, float]) -> tuple[int, int]:
    """Height and width of the largest box whose width-to-height ratio lies within the limits."""
    if width_px / height_px < ratio[0]:
        return round(width_px / ratio[0]), width_px
    if width_px / height_px > ratio[1]:
        return height_px, round(height_px * ratio[1])
    return height_px, width_px


def crop_taps(boxes: Boxes, flip: Tensor, height_px: int, width_px: int, size_px: int) -> tuple[Taps, Taps]:
    """Maps of rows and columns that cut out the boxes, resize them to a square and mirror left and right.

    Args:
        boxes: n boxes.
        flip: Shape (n,), bool: which results are mirrored.
        height_px: Height of the images.
        width_px: Width of the images.
        size_px: Height and width of the results.
    """
    rows = resize_taps(boxes.top, boxes.height, height_px, size_px)
    columns = resize_taps(boxes.left, boxes.width, width_px, size_px)
    return rows, columns.flipped(flip)


def resized_crop(images: Tensor, boxes: Boxes, size_px: int, flip: Tensor | None = None) -> Tensor:
    """Cut out one box an image and resize it to a square by antialiased linear interpolation.

    Args:
        images: Shape (B, C, H, W), float32 or bfloat16.
        boxes: One box for each image.
        size_px: Height and width of the results.
        flip: Shape (B,), bool: which results are mirrored left to right; none where None.

    Returns:
        Shape (B, C, size_px, size_px), float32.
    """
    height_px, width_px = images.shape[-2:]
    flip = torch.zeros(len(boxes), dtype=torch.bool) if flip is None else flip.cpu()
    rows, columns = crop_taps(boxes, flip, height_px, width_px, size_px)
    return resample(images, rows.to(images.device), columns.to(images.device))
