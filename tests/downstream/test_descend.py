"""A step down, and none from a broken loss."""

import pytest
import torch

from seco_lab.downstream.descend import descend


def test_a_step_down_and_none_from_a_broken_loss():
    weight = torch.tensor(3.0, requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.5)
    descend(weight**2 / 2, optimiser, step=0)
    assert weight.item() == 1.5
    descend(weight**2 / 2, optimiser, step=1)  # gradients of the last step are gone
    assert weight.item() == 0.75
    with pytest.raises(FloatingPointError, match="became nan at step 2; lower the learning rate"):
        descend(weight * float("nan"), optimiser, step=2)
    assert weight.item() == 0.75
