"""Random numbers for views: drawn from the generator passed in, on its device, and handed over on the CPU.

Their number depends on the number of images alone, so one image's chance never depends on another image. With
a CPU generator nothing waits for an accelerator.
"""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Shape (count,), float32, uniform in [low, high)."""
    unit = torch.rand(count, generator=generator, device=generator.device).cpu()
    return low + (high - low) * unit


def happens(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Shape (count,), bool: true with that probability."""
    return uniform(count, 0.0, 1.0, generator) < probability


def orders(count: int, items: int, generator: torch.Generator) -> Tensor:
    """Shape (count, items), int64: a random order of the items in each row."""
    return torch.rand(count, items, generator=generator, device=generator.device).cpu().argsort(1)
