"""GASSL's own linear evaluation, for comparison with the published numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from seco_lab.batch import generator_for
from seco_lab.downstream.classification import ClassTask, ProbeSettings
from seco_lab.downstream.heads import falls, head_epochs
from seco_lab.downstream.labels import check_finite
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import choose_device

_BATCH = 256


def gassl_protocol(
    task: ClassTask,
    encoder: nn.Module,
    spec: InputSpec,
    features: tuple[NDArray, NDArray],
    settings: ProbeSettings,
) -> tuple[NDArray, dict[str, Any]]:
    """The official linear evaluation as an ``OfficialProtocol``: SGD at lr 1 on features of frozen weights.

    Differs from the official code: of a picture that is no square the middle is seen in every epoch, not a
    part drawn anew; order and first weights follow from the seed.
    """
    epochs = settings.official_epochs
    scores = gassl_scores(
        *features, task.labels, len(task.classes),
        epochs=epochs, seed=settings.seed, device=settings.features.device,
    )  # fmt: skip
    quirks = "features not standardised, no weight decay, nothing chosen on held-out images, last epoch taken"
    return scores, {"epochs": epochs, "lr": 1.0, "batch_size": _BATCH, "quirks": quirks}


def gassl_scores(
    features: NDArray,
    test_features: NDArray,
    labels: NDArray[np.int64],
    classes: int,
    *,
    epochs: int = 100,
    lr: float = 1.0,
    batch_size: int = _BATCH,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> NDArray[np.float32]:
    """Scores (M, C) by a linear layer trained as in ``main_lincls.py``.

    First weights N(0, 0.01), bias 0; SGD with momentum 0.9, a tenth of the learning rate from 60 % of the
    epochs on and a hundredth from 80 % on. The last, smaller batch trains as well.

    Args:
        features: Shape (N, D).
        test_features: Shape (M, D).
        labels: Shape (N,), class numbers from 0.
        classes: Number of classes C.
        epochs: Passes over the training images.
        lr: Learning rate; the code's default is 30.
        batch_size: Images in a step.
        seed: Seed of first weights and order.
        device: Where to fit.

    Raises:
        ValueError: NaN in the features.
        FloatingPointError: The loss is no longer finite.
    """
    check_finite(features, "training")
    check_finite(test_features, "test")
    where = choose_device(device)
    x, y = torch.as_tensor(features).to(where), torch.as_tensor(labels).to(where)
    layer = nn.Linear(x.shape[1], classes, device="meta").to_empty(device="cpu")
    nn.init.normal_(layer.weight, 0, 0.01, generator=generator_for(seed, 0, "lincls"))
    nn.init.zeros_(layer.bias)
    layer.to(where)
    optimiser = torch.optim.SGD(layer.parameters(), lr=lr, momentum=0.9)
    *_, layer = head_epochs(
        layer, x, y, F.cross_entropy, optimiser,
        epochs=epochs, batch_size=batch_size, lower_at=falls(epochs), seed=seed,
    )  # fmt: skip
    with torch.no_grad():
        return layer(torch.as_tensor(test_features).to(where)).float().cpu().numpy()
