"""What all views classes share: how they are made and called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from seco_lab.batch import Share
from seco_lab.input_spec import InputSpec
from seco_lab.views.checks import check_images
from seco_lab.views.recipes import Strength, Studio


class StudioViews:
    """Views of patches in one input contract and size; a subclass says which, in ``make``.

    Args:
        spec: What the encoder expects; images come in its bands, its order and its unit.
        size_px: Height and width of the views.
        strength: How strong the changes are.
        dtype: Number format of the views.
        arithmetic: Number format of crop, resize and blur: bfloat16 where the hardware has it when None.

    Attributes:
        seasons: Seasons of a patch that are used.
        names: Names of the views.
    """

    seasons: int
    names: tuple[str, ...]

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

    def settings(self) -> dict[str, Any]:
        """Numbers that define the views beside their class; a run can be continued where they agree."""
        return {"size_px": self.size_px, **asdict(self._studio.strength)}

    def __call__(
        self, images: Tensor, generator: torch.Generator, share: Share | None = None
    ) -> dict[str, Tensor]:
        """Views of a batch, a pure function of the images and the generator's state.

        Args:
            images: Shape (B, T, C, H, W), counts in ``spec.unit``; the first ``seasons`` of T are used.
            generator: Source of all chance; one on the CPU avoids waiting for a GPU.
            share: Which rows of a batch the images are, where they are not all.

        Returns:
            A view for each of ``names``, of shape (B, C, size_px, size_px), standardised.

        Raises:
            ValueError: Wrong number of axes or bands, or too few seasons.
        """
        check_images(images, self.spec, self.seasons, type(self).__name__, share)
        return dict(self.make(self._studio, images, generator, share))

    def make(
        self, studio: Studio, images: Tensor, generator: torch.Generator, share: Share | None
    ) -> Mapping[str, Tensor]:
        """The views of images that have been checked; arguments as of a call."""
        raise NotImplementedError
