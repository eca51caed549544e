"""The second loss of GASSL's code as an option: which alpha at which step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from seco_lab.nn.losses import geometric_between


@dataclass(frozen=True)
class MultiLabel:
    """Take ``ml_cpc`` in place of cross-entropy (arXiv:2007.09852; GASSL's ``--loss ml_cpc``).

    All rows of a batch share one softmax, in which each positive counts ``alpha`` times and each negative
    accordingly less. A small alpha at the end gives a tighter bound with more variance, so the official code
    can let it fall in equal ratios from epoch to epoch (``--ml-cpc-alpha-geo``).

    Attributes:
        alpha: Weight of the positives, in (0, 1 + queue size); at the start, where it changes.
        alpha_end: Where it would arrive after ``epochs`` epochs; None keeps ``alpha``.
        epochs: Length of the way from ``alpha`` to ``alpha_end``, in epochs.
        steps_per_epoch: Steps between two changes; 1 lets it move at every step of ``epochs`` steps.
    """

    alpha: float = 1.0
    alpha_end: float | None = None
    epochs: int = 200
    steps_per_epoch: int = 1

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant.

        Raises:
            ValueError: Names the field, what it needs and what came.
        """
        for name in ("alpha", "alpha_end"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} of the multi-label loss must be positive, got {value}")
        for name in ("epochs", "steps_per_epoch"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} of the multi-label loss must be 1 or more, got {getattr(self, name)}"
                )

    def alpha_at(self, step: int) -> float:
        """Weight of the positives in that step, counted from 0; after the last epoch it stays."""
        if self.alpha_end is None:
            return self.alpha
        share = step // self.steps_per_epoch / self.epochs
        return geometric_between(self.alpha, self.alpha_end, min(share, 1.0))

    def settings(self) -> dict[str, Any]:
        """Plain numbers for the settings of a method."""
        return {f"ml_cpc_{name}": value for name, value in asdict(self).items()}
