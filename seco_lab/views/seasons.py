"""Which seasons of a place are compared."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_seasons(
    count: int, available: int, wanted: int, generator: torch.Generator, *, with_replacement: bool = False
) -> Tensor:
    """Seasons for each place, in the order drawn.

    Differs from the official code, which draws with replacement, so that with five seasons 20 % of its pairs and
    52 % of its triples hold a season twice: there the "other season" is the same image, and the encoder learns from
    it that seasons do not matter. ``with_replacement`` gives the official behaviour.

    Args:
        count: Number of places.
        available: Seasons that each place has.
        wanted: Seasons to draw for each place.
        generator: Source of all chance.
        with_replacement: Whether one season may be drawn twice.

    Returns:
        Shape (count, wanted), int64, on the CPU.

    Raises:
        ValueError: More seasons wanted than there are, without replacement.
    """
    device = generator.device
    if with_replacement:
        return torch.randint(available, (count, wanted), generator=generator, device=device).cpu()
    if wanted > available:
        raise ValueError(f"{wanted} different seasons are wanted, the cube has {available}; gather more seasons")
    return torch.rand(count, available, generator=generator, device=device).argsort(1)[:, :wanted].cpu()
