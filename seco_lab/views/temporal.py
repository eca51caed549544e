"""Two seasons of one place as a positive pair (MoCo with temporal positives)."""

from __future__ import annotations

import torch
from torch import Tensor

from seco_lab.batch import Share
from seco_lab.input_spec import InputSpec
from seco_lab.views.checks import check_images
from seco_lab.views.recipes import Strength, Studio

# GASSL's temporal pairs are cropped with the default of the library that it used.
GASSL = Strength(area=(0.08, 1.0))


class TemporalViews:
    """Pipeline A on each of two seasons (SeCo's mode ``moco_tp``; with ``strength=GASSL``, GASSL's pairs).

    Args:
        spec: What the encoder expects; images come in its bands, its order and its unit.
        size_px: Height and width of the views.
        strength: How strong the changes are.
        dtype: Number format of the views.
        arithmetic: Number format of crop, resize and blur: bfloat16 where the hardware has it when None.
    """

    seasons = 2
    names = ("query", "key")

    def __init__(
        self,
        spec: InputSpec,
        size_px: int,
        *,
        strength: Strength = Strength(),  # noqa: B008 (frozen)
        dtype: torch.dtype = torch.float32,
        arithmetic: torch.dtype | None = None,
    ) -> None:
        self.spec, self.size_px = spec, size_px
        self._studio = Studio(spec, size_px, strength, dtype=dtype, arithmetic=arithmetic)

    def __call__(
        self, images: Tensor, generator: torch.Generator, share: Share | None = None
    ) -> dict[str, Tensor]:
        """Views of a batch, a pure function of the images and the generator's state.

        Args:
            images: Shape (B, T, C, H, W), counts in ``spec.unit``; the first two seasons are used.
            generator: Source of all chance; one on the CPU avoids waiting for a GPU.
            share: Which rows of a batch the images are, where they are not all.

        Returns:
            ``query`` of the first and ``key`` of the second season, each (B, C, size_px, size_px),
            standardised.

        Raises:
            ValueError: Wrong number of axes or bands, or fewer than two seasons.
        """
        check_images(images, self.spec, self.seasons, type(self).__name__, share)
        count, studio = len(images), self._studio
        both = images[:, :2].transpose(0, 1).flatten(0, 1)
        boxes = studio.draw_boxes(images, 2 * count, generator, share)
        look = studio.draw_look(2 * count, generator, share)
        views = studio.crop_then_change(both, torch.arange(2 * count), boxes, look)
        return dict(zip(self.names, views.chunk(2), strict=True))
