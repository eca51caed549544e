"""SeCo's own linear evaluation on BigEarthNet, quirks included, for comparison with the published number."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from seco_lab.batch import generator_for
from seco_lab.downstream.heads import falls, head_epochs, seeded_linear
from seco_lab.downstream.labels import check_finite
from seco_lab.nn.devices import choose_device

_DRAW_SEED = 42


def drawn_with_replacement(count: int, share: float) -> NDArray[np.int64]:
    """Rows that the official code takes for a share of the labels: some come twice, 10 % hold 9.5 %."""
    return np.random.default_rng(_DRAW_SEED).choice(count, int(share * count))


def official_scores(
    features: NDArray,
    labels: NDArray,
    test_features: NDArray,
    *,
    epochs: int = 100,
    batch_size: int = 256,
    lr: float = 1e-3,
    dropout: float = 0.2,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> NDArray[np.float32]:
    """Scores (M, C) by dropout and a linear layer, trained by Adam on features of a backbone in eval mode.

    The learning rate falls to a tenth at 60 % and 80 % of the epochs. Differs from the official code: the
    last, smaller batch trains as well; order, dropout and first weights follow from the seed.

    Args:
        features: Shape (N, D).
        labels: Shape (N, C), 0 and 1.
        test_features: Shape (M, D).
        epochs: Passes over the training patches.
        batch_size: Patches in a step.
        lr: Learning rate.
        dropout: Share of the features that a step does not see.
        seed: Seed of first weights, order and dropout.
        device: Where to train.

    Raises:
        ValueError: NaN in the features, or no training row.
        FloatingPointError: The loss is no longer finite.
    """
    check_finite(features, "training")
    check_finite(test_features, "test")
    if not len(features):
        raise ValueError("the official share of the labels holds no patch; take a larger share")
    where = choose_device(device)
    x = torch.as_tensor(features).to(where)
    y = torch.as_tensor(labels, dtype=torch.float32).to(where)
    layer = seeded_linear(x.shape[1], y.shape[1], generator_for(seed, 0, "official")).to(where)
    optimiser = torch.optim.Adam(layer.parameters(), lr=lr)
    *_, layer = head_epochs(
        layer, x, y, F.multilabel_soft_margin_loss, optimiser,
        epochs=epochs, batch_size=batch_size, lower_at=falls(epochs), dropout=dropout, seed=seed,
    )  # fmt: skip
    with torch.no_grad():
        return layer(torch.as_tensor(test_features).to(where)).float().cpu().numpy()
