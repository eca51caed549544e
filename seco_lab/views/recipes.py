"""The recipes that the three kinds of views are mixed from: pipeline A (MoCo-v2), and P and G (SeCo)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from seco_lab.batch import Share, sent
from seco_lab.input_spec import InputSpec
from seco_lab.sensors import sensor_named
from seco_lab.views.blur import gaussian_blur
from seco_lab.views.chance import happens, uniform
from seco_lab.views.colour import LUMA, Jitter, draw_jitter, grayscale, jitter_bands, jitter_rgb
from seco_lab.views.geometry import Boxes, crop_taps, draw_boxes
from seco_lab.views.rows import cached_rows, put, take
from seco_lab.views.taps import resample

# Images worked on at a time. On a CPU more do not fit its caches; on a GPU the limit is memory.
_CPU_VALUES, _GPU_VALUES = 6_000_000, 200_000_000


@dataclass(frozen=True)
class Strength:
    """How strong and how frequent the changes of a recipe are; the defaults are those of MoCo-v2 and SeCo.

    Attributes:
        area: Smallest and largest share of the image that a random crop keeps.
        jitter: Largest change of brightness, contrast and saturation.
        hue: Largest turn of the hue, in circles; for bands that are no picture, largest change of a band's
            gain.
        p_jitter: Share of images with changed colours.
        p_gray: Share of images without colour.
        p_blur: Share of blurred images.
        p_flip: Share of images mirrored left to right.
        sigma_px: Smallest and largest spread of the blur.
    """

    area: tuple[float, float] = (0.2, 1.0)
    jitter: float = 0.4
    hue: float = 0.1
    p_jitter: float = 0.8
    p_gray: float = 0.2
    p_blur: float = 0.5
    p_flip: float = 0.5
    sigma_px: tuple[float, float] = (0.1, 2.0)


# Colour is half of what a satellite tells, and a blur of 2 px was meant for views of 224 px: from
# these, small views learn more about land cover (docs/decisions/0046-short-runs.md).
MILD = Strength(hue=0.05, p_gray=0.1, sigma_px=(0.1, 1.0))


@dataclass(frozen=True)
class Look:
    """Changes of colour, sharpness and direction drawn for n images, on the CPU.

    Attributes:
        jitter: Changes of colour.
        gray: Shape (n,), bool.
        blur: Shape (n,), bool.
        sigma: Shape (n,), pixels.
        flip: Shape (n,), bool.
    """

    jitter: Jitter
    gray: Tensor
    blur: Tensor
    sigma: Tensor
    flip: Tensor

    def __getitem__(self, rows: Tensor | slice) -> Look:
        """The changes of some of the images."""
        return Look(self.jitter[rows], self.gray[rows], self.blur[rows], self.sigma[rows], self.flip[rows])


def draw_look(count: int, strength: Strength, shifts: int, generator: torch.Generator) -> Look:
    """Changes for ``count`` images; ``shifts`` is the number of columns of the jitter's ``shift``."""
    jitter = draw_jitter(
        count,
        generator,
        strength=strength.jitter,
        hue=strength.hue,
        probability=strength.p_jitter,
        shifts=shifts,
    )
    return Look(
        jitter=jitter,
        gray=happens(count, strength.p_gray, generator),
        blur=happens(count, strength.p_blur, generator),
        sigma=uniform(count, *strength.sigma_px, generator),
        flip=happens(count, strength.p_flip, generator),
    )


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it itself, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    known = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return torch.bfloat16 if device.type == "cpu" and known() else torch.float32


class Studio:
    """Turns counts into views for one input contract.

    Args:
        spec: The contract: limits, mean and standard deviation, and whether the bands are red, green, blue.
        size_px: Height and width of the views.
        strength: How strong the changes are.
        dtype: Number format of the views.
        arithmetic: Number format of crop, resize and blur; ``fast_dtype`` of the device where None.
    """

    def __init__(
        self,
        spec: InputSpec,
        size_px: int,
        strength: Strength,
        *,
        dtype: torch.dtype = torch.float32,
        arithmetic: torch.dtype | None = None,
    ) -> None:
        if size_px < 1:
            raise ValueError(f"views need at least one pixel, got size_px {size_px}")
        self.spec, self.size_px, self.strength = spec, size_px, strength
        self.dtype, self._arithmetic = dtype, arithmetic
        self.rgb = spec.bands == sensor_named(spec.sensor).rgb
        limits = torch.tensor([spec.low, spec.high, spec.mean, spec.std])
        self._limits = limits[..., None, None]
        self._weights = LUMA if self.rgb else (1 / len(spec.bands),) * len(spec.bands)

    def arithmetic(self, device: torch.device) -> torch.dtype:
        """Number format of crop, resize and blur on that device."""
        return self._arithmetic or fast_dtype(device)

    def draw_look(self, count: int, generator: torch.Generator, share: Share | None = None) -> Look:
        """Changes for ``count`` images of these bands; for a share, those that its batch would get."""
        shifts = 1 if self.rgb else len(self.spec.bands)
        if share is None:
            return draw_look(count, self.strength, shifts, generator)
        times = count // share.rows
        look = draw_look(times * share.batch_size, self.strength, shifts, generator)
        return look[share.of_repeated(times)]

    def draw_boxes(
        self, images: Tensor, count: int, generator: torch.Generator, share: Share | None = None
    ) -> Boxes:
        """Crops for ``count`` views of images (..., H, W); for a share, those that its batch would get."""
        draw = partial(
            draw_boxes,
            height_px=images.shape[-2],
            width_px=images.shape[-1],
            generator=generator,
            area=self.strength.area,
        )
        if share is None:
            return draw(count)
        times = count // share.rows
        return draw(times * share.batch_size)[share.of_repeated(times)]

    def crop_then_change(self, images: Tensor, source: Tensor, boxes: Boxes, look: Look) -> Tensor:
        """Pipeline A: crop and resize, colours, gray, blur, flip, standardise.

        The flip is part of the crop's map: it commutes with all that follows.

        Args:
            images: Shape (N, C, H, W), counts.
            source: Shape (n,): which image each view is made of.
            boxes: n crops.
            look: n changes.

        Returns:
            Shape (n, C, size_px, size_px), in ``dtype``.
        """
        out = self._empty(images, len(source))
        for wanted, unique, where in self._parts(images, source, look):
            unit = self._unit_range(images, unique)
            views = self._crop(unit, where, boxes[wanted], look.flip[wanted])
            self._change_colours(views, look[wanted])
            self._blur(views, look[wanted])
            self._standardise(views, out, wanted)
        return out

    def change_then_crop(self, images: Tensor, source: Tensor, boxes: Boxes, look: Look) -> Tensor:
        """Pipeline P after G: colours, gray, blur, flip on the whole image, then crop, resize, standardise.

        Arguments and result as those of ``crop_then_change``.
        """
        out = self._empty(images, len(source))
        for wanted, _, _ in self._parts(images, source, look):
            whole = self._unit_range(images, source[wanted], torch.float32)
            self._change_colours(whole, look[wanted])
            self._blur(whole, look[wanted])
            # The mirrored image is cut, so the box lies mirrored in the image that is not.
            box, flip = boxes[wanted], look.flip[wanted]
            left = torch.where(flip, images.shape[-1] - box.left - box.width, box.left)
            box = Boxes(box.top, left, box.height, box.width)
            unit = whole.to(self.arithmetic(images.device))
            views = self._crop(unit, torch.arange(len(wanted)), box, flip)
            self._standardise(views, out, wanted)
        return out

    def crop(self, images: Tensor, source: Tensor, boxes: Boxes) -> Tensor:
        """Pipeline P alone: crop, resize, standardise; arguments and result as of ``crop_then_change``."""
        out = self._empty(images, len(source))
        upright = torch.zeros(len(source), dtype=torch.bool)
        for wanted, unique, where in self._parts(images, source, None):
            unit = self._unit_range(images, unique)
            self._standardise(self._crop(unit, where, boxes[wanted], upright[wanted]), out, wanted)
        return out

    def _parts(
        self, images: Tensor, source: Tensor, look: Look | None
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Views to make together: their numbers, the images they need, and which of these each is made of.

        Views of one image stay together, so that its counts are converted once; within a part those with the
        same order of changes lie side by side.
        """
        values = max(images[0].numel(), images.shape[1] * self.size_px**2)
        limit = _CPU_VALUES if images.device.type == "cpu" else _GPU_VALUES
        count = math.ceil(len(source) * values / limit)
        parts = []
        for wanted in source.argsort(stable=True).tensor_split(count):
            if look is not None:
                wanted = wanted[look.jitter[wanted].groups().argsort(stable=True)]
            parts.append((wanted, *source[wanted].unique(return_inverse=True)))
        return parts

    def _empty(self, images: Tensor, count: int) -> Tensor:
        shape = (count, images.shape[1], self.size_px, self.size_px)
        return torch.empty(shape, dtype=self.dtype, device=images.device, memory_format=torch.channels_last)

    def _unit_range(self, images: Tensor, rows: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Counts of some images (N, C, H, W) as [0, 1] within the contract's limits: shape (n, C, H, W)."""
        low, high = sent(self._limits[:2], images.device)
        gain, offset = 1 / (high - low), low / (high - low)
        unit = images.new_empty((len(rows), *images.shape[1:]), dtype=torch.float32)
        at_a_time = cached_rows(unit)
        for some, values in zip(rows.split(at_a_time), unit.split(at_a_time), strict=True):
            values.copy_(take(images, some))
            if images.is_floating_point():
                values.nan_to_num_(nan=0.0)
            values.mul_(gain).sub_(offset).clamp_(0, 1)
        return unit.to(dtype or self.arithmetic(images.device))

    def _crop(self, unit: Tensor, where: Tensor, boxes: Boxes, flip: Tensor) -> Tensor:
        rows, columns = crop_taps(boxes, flip, unit.shape[-2], unit.shape[-1], self.size_px)
        return resample(unit, rows.to(unit.device), columns.to(unit.device), sent(where, unit.device))

    def _change_colours(self, images: Tensor, look: Look) -> None:
        (jitter_rgb if self.rgb else jitter_bands)(images, look.jitter)
        rows = look.gray.nonzero()[:, 0]
        if len(rows):
            put(images, rows, grayscale(take(images, rows), self._weights))

    def _blur(self, images: Tensor, look: Look) -> None:
        rows = look.blur.nonzero()[:, 0]
        if len(rows):
            sharp = take(images, rows).to(self.arithmetic(images.device))
            put(images, rows, gaussian_blur(sharp, look.sigma[rows]))

    def _standardise(self, views: Tensor, out: Tensor, wanted: Tensor) -> None:
        mean, std = sent(self._limits[2:], views.device)
        at_a_time = cached_rows(views)
        for some, values in zip(wanted.split(at_a_time), views.split(at_a_time), strict=True):
            put(out, some, values.sub_(mean).mul_(1 / std))
