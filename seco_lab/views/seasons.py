"""Which seasons of a place are compared."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_seasons(
    usable: Tensor, wanted: int, generator: torch.Generator, *, with_replacement: bool = False
) -> Tensor:
    """Seasons for each place, in the order drawn.

    Differs from the official code, which draws with replacement, so that with five seasons 20 % of its pairs
    and 52 % of its triples hold a season twice: there the "other season" is the same image, and the encoder
    learns from it that seasons do not matter. ``with_replacement`` gives the official behaviour.

    Args:
        usable: Shape (B, T), bool: which seasons each place has.
        wanted: Seasons to draw for each place.
        generator: Source of all chance.
        with_replacement: Whether one season may be drawn twice.

    Returns:
        Shape (B, wanted), int64, on the CPU.

    Raises:
        ValueError: A place has fewer seasons than wanted, or none at all.
    """
    usable = usable.cpu()
    count, available = usable.shape
    have = usable.sum(1)
    needed = 1 if with_replacement else wanted
    if count and int(have.min()) < needed:
        raise ValueError(
            f"{wanted} seasons of each place are wanted, one place has {int(have.min())}; gather more seasons"
        )
    size = (count, wanted if with_replacement else available)
    chance = torch.rand(size, generator=generator, device=generator.device).cpu()
    if not with_replacement:
        return chance.masked_fill(~usable, 2.0).argsort(1)[:, :wanted]
    place = (chance * have[:, None]).long().minimum(have[:, None] - 1)
    return usable.to(torch.uint8).argsort(dim=1, descending=True, stable=True).gather(1, place)
