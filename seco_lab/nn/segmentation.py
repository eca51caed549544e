"""Answers for each pixel: of one image, or of the difference of two (arXiv:2103.16607)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seco_lab.batch import generator_for
from seco_lab.nn.initialise import build_from_seed
from seco_lab.nn.pyramid import FeaturePyramid

DROPOUT = 0.3
STRIDE = 32


class PixelEncoder(Protocol):
    """An encoder that also gives maps of five scales."""

    feature_channels: tuple[int, ...]

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Maps (B, feature_channels[i], H / s, W / s), s = 2, 4, 8, 16, 32."""
        ...


def maps_of(encoder: nn.Module) -> tuple[int, ...]:
    """Widths of an encoder's five maps.

    Raises:
        ValueError: It gives no maps.
    """
    if not hasattr(encoder, "feature_maps"):
        raise ValueError(
            "wanted an encoder with feature_maps, such as seco_lab.nn.resnet18, for answers at places of the "
            f"image; {type(encoder).__name__} has none"
        )
    return tuple(encoder.feature_channels)


class _Step(nn.Module):
    """One step up: enlarge, join the finer map, convolve."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.up = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.join = nn.Conv2d(2 * channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, deep: Tensor, skip: Tensor, generator: torch.Generator | None) -> Tensor:
        deep = self.up(F.interpolate(deep, scale_factor=2, mode="nearest"))
        joined = F.relu(self.norm(self.join(torch.cat([deep, skip], dim=1))))
        return joined if generator is None else _drop_channels(joined, generator)


def _drop_channels(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Whole channels (B, C) set to 0 at random, the others enlarged; the generator is on the CPU."""
    kept = torch.rand(maps.shape[:2], generator=generator) >= DROPOUT
    return maps * (kept / (1 - DROPOUT)).to(maps)[:, :, None, None]


class ChangeDecoder(nn.Module):
    """Maps of five scales to one logit a pixel: the decoder of SeCo's change detection.

    Four times from the deepest map: nearest x2, 3x3 convolution to the width of the next finer map, join it,
    3x3 convolution, BatchNorm, ReLU, channel dropout of 0.3; at last nearest x2 and a 1x1 convolution.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        """Make the layers.

        Args:
            channels: Widths of the five maps, fine to coarse; (64, 64, 128, 256, 512) for ResNet-18.
        """
        super().__init__()
        pairs = zip(reversed(channels[1:]), reversed(channels[:-1]), strict=True)
        self.steps = nn.ModuleList(_Step(coarse, fine) for coarse, fine in pairs)
        self.last = nn.Conv2d(channels[0], 1, 1)

    def forward(self, maps: Sequence[Tensor], generator: torch.Generator | None = None) -> Tensor:
        """Logits (B, H, W) from maps, fine to coarse.

        Args:
            maps: Shapes (B, channels[i], H / s, W / s), s = 2, 4, 8, 16, 32.
            generator: Draws the channel dropout, for training; None leaves it out.
        """
        *skips, deep = maps
        for step, skip in zip(self.steps, reversed(skips), strict=True):
            deep = step(deep, skip, generator)
        return self.last(F.interpolate(deep, scale_factor=2, mode="nearest"))[:, 0]


class SiameseUNet(nn.Module):
    """One encoder looks at both images; a decoder reads |f(before) - f(after)| at each scale.

    Differs from the official code: the dropout draws from a generator that is handed in.
    """

    def __init__(self, encoder: nn.Module, *, seed: int = 0) -> None:
        """Put a fresh decoder on a copy of an encoder.

        Args:
            encoder: A ``PixelEncoder``; it is copied and stays as it is.
            seed: Seed of the decoder's first weights.

        Raises:
            ValueError: The encoder gives no maps.
        """
        super().__init__()
        channels = maps_of(encoder)
        self.encoder = copy.deepcopy(encoder)
        build = partial(ChangeDecoder, channels)
        self.decoder = build_from_seed(build, seed, "change decoder")

    def differences(self, before: Tensor, after: Tensor) -> list[Tensor]:
        """|f(before) - f(after)| at the five scales, from images (B, C, H, W), standardised.

        Raises:
            ValueError: Height or width is no multiple of 32.
        """
        if before.shape != after.shape or before.shape[-1] % STRIDE or before.shape[-2] % STRIDE:
            raise ValueError(
                f"want two images of the same size, a multiple of {STRIDE} px (96 in the paper), "
                f"got {tuple(before.shape)} and {tuple(after.shape)}"
            )
        pairs = zip(self.encoder.feature_maps(before), self.encoder.feature_maps(after), strict=True)
        return [(first - second).abs() for first, second in pairs]

    def forward(self, before: Tensor, after: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits of change (B, H, W) from images (B, C, H, W), standardised."""
        return self.decoder(self.differences(before, after), generator)


class PyramidSegmenter(nn.Module):
    """One class a pixel from the finest level of a feature pyramid (after arXiv:1901.02446, sec. 3.1).

    The level of stride 4, to which the pyramid has added all deeper ones, goes through two 3x3 convolutions
    and a 1x1 convolution, and is enlarged x4 (bilinear).

    Differs from sec. 3.1: the levels are not enlarged and added a second time, with GroupNorm; short training
    learned much less so (docs/decisions/0151-pyramid-in-place-of-psanet.md).
    """

    def __init__(self, encoder: nn.Module, classes: int, *, seed: int = 0) -> None:
        """Put a fresh decoder on a copy of an encoder.

        Args:
            encoder: A ``PixelEncoder``; it is copied and stays as it is.
            classes: Number of classes, background included.
            seed: Seed of the decoder's first weights.

        Raises:
            ValueError: The encoder gives no maps, or there are fewer than two classes.
        """
        super().__init__()
        if classes < 2:
            raise ValueError(f"segmentation tells two classes or more apart, got {classes}")
        channels = maps_of(encoder)[1:]
        self.encoder = copy.deepcopy(encoder)
        self.decoder = build_from_seed(partial(_PyramidDecoder, channels, classes), seed, "pyramid decoder")
        # Nearly undecided at first: large random answers would take many steps to unlearn.
        nn.init.normal_(self.decoder.last.weight, std=0.1, generator=generator_for(seed, 0, "last layer"))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes, H, W) from images (B, C, H, W), standardised; H and W multiples of 32."""
        return self.decoder(self.encoder.feature_maps(images)[1:])


class _PyramidDecoder(nn.Module):
    def __init__(self, channels: Sequence[int], classes: int) -> None:
        super().__init__()
        width = channels[0]
        self.pyramid = FeaturePyramid(channels, width)
        layers = [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True)]
        self.convolve = nn.Sequential(*layers)
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        found = self.last(self.convolve(self.pyramid(maps)[0]))
        return F.interpolate(found, scale_factor=4, mode="bilinear", align_corners=False)
