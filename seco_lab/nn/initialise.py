"""First weights drawn from a seed of their own, never from a global generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from seco_lab.batch import generator_for

Built = TypeVar("Built", bound=nn.Module)


def build_from_seed(build: Callable[[], Built], seed: int, stream: str) -> Built:
    """A module whose first weights depend on (seed, stream) alone.

    Convolutions get the normal distribution of He et al. (arXiv:1502.01852, fan out), linear layers the
    uniform one that torch uses, normalisation layers 1 and 0.

    Args:
        build: Makes the module; its own random numbers are never drawn.
        seed: Seed of the weights.
        stream: Name that keeps modules of the same seed apart.
    """
    # On the meta device nothing is allocated or drawn, so the global generator stays where it was.
    with torch.device("meta"):
        module = build()
    module.to_empty(device="cpu")
    generator = generator_for(seed, 0, stream)
    for part in module.modules():
        _initialise(part, generator)
    return module


@torch.no_grad()
def _initialise(part: nn.Module, generator: torch.Generator) -> None:
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        if part.bias is not None:
            part.bias.zero_()
    elif isinstance(part, nn.Linear):
        nn.init.kaiming_uniform_(part.weight, a=math.sqrt(5), generator=generator)
        bound = 1 / math.sqrt(part.in_features)
        nn.init.uniform_(part.bias, -bound, bound, generator=generator)
    elif isinstance(part, nn.BatchNorm2d | nn.GroupNorm):
        part.reset_parameters()
    else:
        own = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
        assert not own, f"no rule for the first weights of {type(part).__name__}"
