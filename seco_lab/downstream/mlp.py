"""A hidden layer on frozen features, for several labels an image: the second head of SeCo's code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from seco_lab.batch import generator_for
from seco_lab.downstream.finetune import check_schedule
from seco_lab.downstream.heads import head_epochs, seeded_linear
from seco_lab.downstream.labels import check_finite
from seco_lab.downstream.logistic import standardised
from seco_lab.downstream.multilabel import held_rows
from seco_lab.downstream.ranking import average_precision
from seco_lab.nn.devices import choose_device

HIDDEN = 1024


@dataclass(frozen=True)
class MlpOutcome:
    """What a hidden layer chose and answered.

    Attributes:
        scores: Shape (M, C), logits of the test rows.
        hidden: Number of hidden units.
        epochs: Passes over all training rows, chosen on a fifth of them.
        validation: Micro average precision after each epoch on that fifth; empty where rows were too few.
    """

    scores: NDArray[np.float32]
    hidden: int
    epochs: int
    validation: tuple[float, ...]


def mlp_probe(
    features: NDArray,
    labels: NDArray,
    test_features: NDArray,
    *,
    hidden: int = HIDDEN,
    epochs: int = 40,
    batch_size: int = 256,
    lr: float = 1e-3,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> MlpOutcome:
    """Train Linear-ReLU-Linear by AdamW; choose the number of epochs on a fifth, train again on all rows.

    Differs from the official code: no dropout, standardised features, and the test list chooses nothing.

    Args:
        features: Shape (N, D).
        labels: Shape (N, C), 0 and 1.
        test_features: Shape (M, D).
        hidden: Number of hidden units.
        epochs: Most passes over the training rows.
        batch_size: Rows in a step; the last, smaller batch is used too.
        lr: Learning rate.
        seed: Seed of first weights, order and validation part.
        device: Where to train.

    Raises:
        ValueError: NaN in the features, or a schedule that trains nothing.
    """
    check_schedule(epochs, batch_size, lr)
    check_finite(features, "training")
    check_finite(test_features, "test")
    where, held = choose_device(device), held_rows(labels, seed=seed)
    found: list[float] = []
    if held.any():
        x, val = (part.to(where) for part in standardised(features[~held], features[held]))
        for model in _epochs(x, labels[~held], hidden, epochs, batch_size, lr, seed):
            found.append(float(average_precision(_scores(model, val), labels[held]) or 0.0))
        epochs = int(np.argmax(found)) + 1
    x, test = (part.to(where) for part in standardised(features, test_features))
    *_, model = _epochs(x, labels, hidden, epochs, batch_size, lr, seed)
    return MlpOutcome(_scores(model, test), hidden, epochs, tuple(found))


def _epochs(
    x: Tensor, labels: NDArray, hidden: int, epochs: int, batch_size: int, lr: float, seed: int
) -> Iterator[nn.Module]:
    """The model after each epoch."""
    y = torch.as_tensor(labels, dtype=torch.float32, device=x.device)
    model = _model(x.shape[1], hidden, y.shape[1], seed).to(x.device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
    loss = F.binary_cross_entropy_with_logits
    yield from head_epochs(model, x, y, loss, optimiser, epochs=epochs, batch_size=batch_size, seed=seed)


def _model(inputs: int, hidden: int, outputs: int, seed: int) -> nn.Sequential:
    """Linear-ReLU-Linear, whose first weights depend on the seed alone."""
    chance = generator_for(seed, 0, "mlp")
    first = seeded_linear(inputs, hidden, chance)
    return nn.Sequential(first, nn.ReLU(), seeded_linear(hidden, outputs, chance))


@torch.no_grad()
def _scores(model: nn.Module, x: Tensor) -> NDArray[np.float32]:
    return model(x).cpu().numpy()
