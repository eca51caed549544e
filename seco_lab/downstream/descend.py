"""One step down the loss, as the trainings of whole networks make it; heads on features are in ``heads``."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim import Optimizer


def descend(loss: Tensor, optimiser: Optimizer, *, step: int) -> None:
    """Change the weights by one step, unless the loss is broken.

    Args:
        loss: A scalar.
        optimiser: Holds the weights.
        step: Number of the step, for the message.

    Raises:
        FloatingPointError: The loss is not finite; the weights stay as they are.
    """
    if not torch.isfinite(loss):
        raise FloatingPointError(
            f"the loss became {loss.item()} at step {step}; lower the learning rate, or look for NaN in the "
            "encoder's weights"
        )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
