"""The views of change-aware contrast: SeCo's four, of recent years and of years before."""

from __future__ import annotations

import torch
from torch import Tensor

from seco_lab.batch import Share
from seco_lab.input_spec import InputSpec
from seco_lab.views.checks import check_images
from seco_lab.views.recipes import Strength
from seco_lab.views.seasonal import SeasonalViews

PERIODS = ("recent", "earlier")


class ChangeViews:
    """SeCo's query and three keys, once for each of two periods years apart (CACo, CVPR 2023).

    The seasons come from ``PickedSeasons(batches, YearsApart())``: three of the recent period, then three
    of the earlier one.

    Args:
        spec: What the encoder expects; images come in its bands, its order and its unit.
        size_px: Height and width of the views.
        strength: How strong the changes are.
        dtype: Number format of the views.
        arithmetic: Number format of crop, resize and blur: bfloat16 where the hardware has it when None.
    """

    seasons = 6
    names = tuple(f"{period}_{name}" for period in PERIODS for name in SeasonalViews.names)

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
        self._views = SeasonalViews(spec, size_px, strength=strength, dtype=dtype, arithmetic=arithmetic)

    def __call__(
        self, images: Tensor, generator: torch.Generator, share: Share | None = None
    ) -> dict[str, Tensor]:
        """Views of a batch, a pure function of the images and the generator's state.

        Args:
            images: Shape (B, T, C, H, W), counts in ``spec.unit``; three recent seasons, three earlier ones.
            generator: Source of all chance; one on the CPU avoids waiting for a GPU.
            share: Which rows of a batch the images are, where they are not all.

        Returns:
            ``recent_query``, ``recent_key0``, ... ``earlier_key2``, each of shape (B, C, size_px, size_px),
            standardised.

        Raises:
            ValueError: Wrong number of axes or bands, or fewer than six seasons.
        """
        check_images(images, self.spec, self.seasons, type(self).__name__, share)
        views = {}
        for number, period in enumerate(PERIODS):
            made = self._views(images[:, 3 * number : 3 * number + 3], generator, share)
            views |= {f"{period}_{name}": view for name, view in made.items()}
        return views
