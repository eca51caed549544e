"""SeCo-Eco: seasonal contrast over the plants' own seasons (SSL4Eco, arXiv:2504.18256)."""

from __future__ import annotations

from typing import Any

from seco_lab.methods.seco import SeCo
from seco_lab.nn.encoders import Encoder


class SeCoEco(SeCo):
    """SeCo with the numbers of SSL4Eco's pre-training; what makes it SeCo-Eco is the choice of the seasons.

    SSL4Eco takes one image in each phase of a place's own vegetation cycle instead of each calendar quarter,
    and SeCo's three seasons without replacement from these. So give the run one of these:

    * a cube gathered at ``seco_lab.seasons.phenology_dates``, one season a phase, and plain
      ``CubeBatches(cube, batch_size, seasons=3)``;
    * a cube of any dates and the places' vegetation curves:
      ``PickedSeasons(CubeBatches(cube, batch_size, seasons=all), PhaseSeasons(phase_starts(curve, days)))``.

    Views are ``SeasonalViews``. Differs from the official code there: it changes brightness and contrast
    only, ours changes saturation and hue, or the bands' gains, as SeCo does. Its input is eight bands and
    NDVI; ours is whatever the input contract names.
    """

    def __init__(
        self, encoder: Encoder, *, queue_size: int = 65536, temperature: float = 0.2, **options: Any
    ) -> None:
        """Build heads, momentum copies and queues around an encoder.

        Args:
            encoder: Maps (B, C, H, W) to (B, num_features); a ResNet-50 in the paper.
            queue_size: Number of negatives of each sub-space, a multiple of the batch size.
            temperature: Divides the similarities.
            options: All others as those of ``SeCo``.
        """
        super().__init__(encoder, queue_size=queue_size, temperature=temperature, **options)

    def settings(self) -> dict[str, Any]:
        """What defines this method."""
        return {**super().settings(), "name": "SeCoEco"}
