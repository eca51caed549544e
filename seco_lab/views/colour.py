"""Colour jitter and grayscale: for red, green, blue as the papers have them, band by band for any others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seco_lab.batch import sent
from seco_lab.views.chance import happens, orders, uniform
from seco_lab.views.rows import as_slice, cached_rows, put, take

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
# ITU-R BT.601: the weights of Pillow's grayscale.
LUMA = (0.299, 0.587, 0.114)
_UNCHANGED = 16


@dataclass(frozen=True)
class Jitter:
    """Colour changes drawn for n images, on the CPU.

    Attributes:
        on: Shape (n,), bool: which images are changed at all.
        order: Shape (n, 4), int64: which change comes first, second, third, last.
        factor: Shape (n, 3): factors of brightness, contrast and saturation.
        shift: Shape (n, bands): turn of the hue in circles (one column), or gain less 1 of each band.
    """

    on: Tensor
    order: Tensor
    factor: Tensor
    shift: Tensor

    def __getitem__(self, rows: Tensor | slice) -> Jitter:
        """The changes of some of the images."""
        return Jitter(self.on[rows], self.order[rows], self.factor[rows], self.shift[rows])

    def groups(self) -> Tensor:
        """Shape (n,), int64: alike where saturation and hue come at the same places; 16 for no change.

        Such images go through the same operations. Images sorted by this number are changed without copies.
        """
        places = self.order.argsort(1)
        return torch.where(self.on, 4 * places[:, SATURATION] + places[:, HUE], _UNCHANGED)


def draw_jitter(
    count: int,
    generator: torch.Generator,
    *,
    strength: float = 0.4,
    hue: float = 0.1,
    probability: float = 0.8,
    shifts: int = 1,
) -> Jitter:
    """Factors uniform in 1 +- strength, shifts uniform in +- hue, and a random order of the four.

    Args:
        count: Number of images.
        generator: Source of all chance.
        strength: Largest change of brightness, contrast and saturation.
        hue: Largest turn of the hue in circles (at most 1/6), or largest change of a band's gain.
        probability: Share of the images that are changed.
        shifts: Columns of ``shift``: 1 for a hue, the number of bands for gains.
    """
    return Jitter(
        on=happens(count, probability, generator),
        order=orders(count, 4, generator),
        factor=uniform(count * 3, 1 - strength, 1 + strength, generator).view(count, 3),
        shift=uniform(count * shifts, -hue, hue, generator).view(count, shifts),
    )


@torch.no_grad()
def jitter_rgb(images: Tensor, jitter: Jitter) -> Tensor:
    """Brightness, contrast, saturation and hue, each image in its own order, in place.

    Every step ends in [0, 1], as Pillow's do, but nothing is rounded to 8 bits in between.

    Args:
        images: Shape (n, 3, H, W), float32 in [0, 1], red, green, blue; changed in place.
        jitter: n changes, one column of ``shift``.

    Returns:
        ``images``.
    """
    steps = _Steps(jitter, images.device, LUMA, hue=True)
    for rows, code in _runs(jitter.groups(), images):
        group = take(images, rows)
        for step in range(4):
            if step == code % 4:
                shift_hue(group, jitter.shift[rows, 0])
            else:
                steps.blend(group, rows, step, gray=step == code // 4)
        if as_slice(rows) is None:
            put(images, rows, group)
    return images


@torch.no_grad()
def jitter_bands(images: Tensor, jitter: Jitter) -> Tensor:
    """The same four steps for bands that are no picture, in place.

    Brightness multiplies all bands alike; contrast stretches each band around its own mean; saturation
    stretches each pixel around the mean of its bands; in the place of the hue, each band gets a gain of its
    own.

    Args:
        images: Shape (n, C, H, W), float32 in [0, 1]; changed in place.
        jitter: n changes, C columns of ``shift``.

    Returns:
        ``images``.
    """
    bands = images.shape[1]
    steps = _Steps(jitter, images.device, (1 / bands,) * bands, hue=False)
    for rows, code in _runs(jitter.groups(), images):
        group = take(images, rows)
        for step in range(4):
            steps.blend(group, rows, step, gray=step == code // 4)
        if as_slice(rows) is None:
            put(images, rows, group)
    return images


def _runs(groups: Tensor, images: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Rows of each group and its number, in runs small enough to stay in the cache."""
    for code in groups.unique().tolist():
        if code == _UNCHANGED:
            continue
        for rows in (groups == code).nonzero()[:, 0].split(cached_rows(images)):
            yield rows, code


class _Steps:
    """The numbers of every linear step x <- clip(gain x + rest (gray or mean)), on the images' device."""

    def __init__(self, jitter: Jitter, device: torch.device, weights: Sequence[float], *, hue: bool) -> None:
        kind = jitter.order[..., None]
        factor = jitter.factor.gather(1, jitter.order.clamp(max=SATURATION))[..., None]
        gain = torch.where(kind == HUE, 1.0 if hue else 1 + jitter.shift[:, None], factor)
        self._gain = sent(gain[..., None, None], device)
        self._rest = sent((1 - factor)[..., 0], device)
        self._to_mean = sent(torch.where(kind == CONTRAST, 1 - factor, 0.0)[..., 0], device)
        self._column = sent(torch.tensor(weights)[:, None], device)
        self._weights = weights
        self._shared_mean = hue

    def blend(self, images: Tensor, rows: Tensor, step: int, *, gray: bool) -> None:
        """Do one step of some images, in place."""
        gain, rest, to_mean = (take(all_[:, step], rows) for all_ in (self._gain, self._rest, self._to_mean))
        if gray:
            plane = luminance(images, self._weights).mul_(rest[:, None, None])
            images.mul_(gain).add_(plane[:, None])
        else:
            offset = self._mean(images) * to_mean[:, None]
            images.mul_(gain).add_(offset[..., None, None])
        images.clamp_(0, 1)

    def _mean(self, images: Tensor) -> Tensor:
        """Mean of each band (n, C), or of the gray image (n, 1): as a product, faster than a reduction."""
        pixels = images.shape[2] * images.shape[3]
        mean = images.flatten(2) @ images.new_full((pixels,), 1 / pixels)
        return mean @ self._column if self._shared_mean else mean


def luminance(images: Tensor, weights: Sequence[float]) -> Tensor:
    """Weighted sum of the bands: shape (n, H, W) of images (n, C, H, W)."""
    gray = images[:, 0] * weights[0]
    for band, weight in enumerate(weights[1:], start=1):
        gray.add_(images[:, band], alpha=weight)
    return gray


def shift_hue(images: Tensor, turn: Tensor) -> None:
    """Turn the hue of red-green-blue images in place, keeping each pixel's largest and smallest value.

    Let u be a channel's distance from its own colour on the hexagon of hues, in sixths of a circle. The
    channel is low + (high - low) clip(2 - u, 0, 1), which is clip(2 channel - middle, low, high) without any
    angle. Turning by d sixths adds d to u, or takes it away, depending on which of the two other channels is
    the larger.

    Args:
        images: Shape (n, 3, H, W), float32; changed in place.
        turn: Shape (n,), in circles, between -1/6 and 1/6.
    """
    red, green, blue = images.unbind(1)
    high, low = torch.maximum(red, green), torch.minimum(red, green)
    middle = torch.minimum(high, blue)
    torch.maximum(low, middle, out=middle)
    torch.maximum(high, blue, out=high)
    torch.minimum(low, blue, out=low)
    slide = (high - low).mul_(sent(-6 * turn, images.device)[:, None, None])
    side = torch.empty_like(images)
    for channel, (next_, previous) in enumerate(((green, blue), (blue, red), (red, green))):
        torch.sub(next_, previous, out=side[:, channel])
    side.sign_()
    torch.add(middle.neg_()[:, None], images, alpha=2, out=images)
    for channel in range(3):
        plane = images[:, channel]
        torch.addcmul(plane, side[:, channel], slide, out=plane)
        torch.maximum(plane, low, out=plane)
        torch.minimum(plane, high, out=plane)


@torch.no_grad()
def grayscale(images: Tensor, weights: Sequence[float]) -> Tensor:
    """Every band replaced by the weighted sum of all: shape (n, C, H, W), a view of one plane per image."""
    return luminance(images, weights)[:, None].expand_as(images)
