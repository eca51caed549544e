"""Heads on frozen features that are trained step by step: what every such schedule shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from seco_lab.batch import generator_for


def seeded_linear(inputs: int, outputs: int, chance: torch.Generator) -> nn.Linear:
    """A linear layer; first weights and bias are drawn evenly from ``+-1 / sqrt(inputs)`` by ``chance``."""
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    for weight in layer.parameters():
        nn.init.uniform_(weight, -(inputs**-0.5), inputs**-0.5, generator=chance)
    return layer


def falls(epochs: int) -> list[int]:
    """When the papers' linear evaluations divide the learning rate by ten: at 60 and 80 % of the epochs."""
    return [epochs * 6 // 10, epochs * 8 // 10]


def dropped(x: Tensor, share: float, chance: torch.Generator) -> Tensor:
    """Features (B, D) with a share of them at 0, the others enlarged to make up for it."""
    kept = torch.rand(x.shape, generator=chance) >= share
    return x * kept.to(x.device) / (1 - share)


def head_epochs(
    head: nn.Module,
    x: Tensor,
    y: Tensor,
    objective: Callable[[Tensor, Tensor], Tensor],
    optimiser: torch.optim.Optimizer,
    *,
    epochs: int,
    batch_size: int,
    lower_at: tuple[int, ...] | list[int] = (),
    dropout: float = 0.0,
    seed: int = 0,
) -> Iterator[nn.Module]:
    """The head after each epoch; the last, smaller batch of an epoch trains as well.

    Args:
        head: Maps (B, D) to (B, C); trained in place.
        x: Features (N, D).
        y: Targets (N, ...).
        objective: From scores and targets of a batch to the mean loss.
        optimiser: Of the head's weights.
        epochs: Passes over all rows.
        batch_size: Rows in a step.
        lower_at: Epochs after which the learning rate is a tenth of what it was.
        dropout: Share of the features that a step does not see.
        seed: Seed of order and dropout.

    Raises:
        FloatingPointError: The loss is no longer finite.
    """
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, list(lower_at))
    for epoch in range(epochs):
        order = torch.randperm(len(x), generator=generator_for(seed, epoch, "order")).to(x.device)
        chance = generator_for(seed, epoch, "dropout")
        for rows in order.split(batch_size):
            seen = dropped(x[rows], dropout, chance) if dropout else x[rows]
            loss = objective(head(seen), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"training on features diverged in epoch {epoch}: lr {optimiser.defaults['lr']:g} is too "
                "much for features of this size"
            )
        schedule.step()
        yield head
