"""The four views of Seasonal Contrast: what changes with the season, with the augmentation, with both."""

from __future__ import annotations

import torch
from torch import Tensor

from seco_lab.batch import Share
from seco_lab.input_spec import InputSpec
from seco_lab.views.checks import check_images
from seco_lab.views.recipes import Strength, Studio


class SeasonalViews:
    """SeCo's query and its three keys (arXiv:2103.16607, sec. 3.2, with the official code's details).

    With P a random resized crop and G changes of colour, gray, blur and flip on the whole image:
    query = P(t0); key0 = P(G(t1)), other season and other look; key1 = P(t2), other season only;
    key2 = P(G(t0)), other look only. Every view has a crop of its own, the query too.

    Args:
        spec: What the encoder expects; images come in its bands, its order and its unit.
        size_px: Height and width of the views.
        strength: How strong the changes are.
        dtype: Number format of the views.
        arithmetic: Number format of crop, resize and blur: bfloat16 where the hardware has it when None.
    """

    seasons = 3
    names = ("query", "key0", "key1", "key2")

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
            images: Shape (B, T, C, H, W), counts in ``spec.unit``; seasons t0, t1, t2 are the first three.
            generator: Source of all chance; one on the CPU avoids waiting for a GPU.
            share: Which rows of a batch the images are, where they are not all.

        Returns:
            ``query``, ``key0``, ``key1``, ``key2``, each of shape (B, C, size_px, size_px), standardised.

        Raises:
            ValueError: Wrong number of axes or bands, or fewer than three seasons.
        """
        check_images(images, self.spec, self.seasons, type(self).__name__, share)
        count, studio = len(images), self._studio
        boxes = studio.draw_boxes(images, 4 * count, generator, share)
        look = studio.draw_look(2 * count, generator, share)
        both = torch.arange(2 * count)
        plain = studio.crop(_stack(images, (0, 2)), both, boxes[: 2 * count])
        changed = studio.change_then_crop(_stack(images, (1, 0)), both, boxes[2 * count :], look)
        (query, key1), (key0, key2) = plain.chunk(2), changed.chunk(2)
        return {"query": query, "key0": key0, "key1": key1, "key2": key2}


def _stack(images: Tensor, seasons: tuple[int, int]) -> Tensor:
    """Two of the seasons, one after the other: shape (2 B, C, H, W)."""
    return torch.cat([images[:, season] for season in seasons])
