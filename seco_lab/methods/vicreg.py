"""VICReg: agree, keep varying, do not repeat yourself; no negatives at all (arXiv:2105.04906)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seco_lab.batch import Batch
from seco_lab.methods.base import StepOutput, views_named
from seco_lab.methods.projectors import batchnorm_mlp, check_two_places
from seco_lab.nn.collectives import every_row
from seco_lab.nn.encoders import Encoder
from seco_lab.nn.losses import unit_length

# Keeps the square root away from zero, where its slope is infinite; the paper's epsilon.
_EPSILON = 1e-4


class VICReg(nn.Module):
    """A baseline without queue, momentum encoder or negatives: three terms keep embeddings from collapse.

    Which positives it has, the views decide: ``MoCoViews`` gives two changed views of one image,
    ``TemporalViews`` two seasons of one place. Each view passes the network as a batch of its own.

    Differs from eq. 5 as the official code does: the invariance term is a mean over the D numbers of an
    embedding, not their sum; and, as there, the variance term is the mean of both views', where eq. 6 adds
    them. The code's projector has biases before its BatchNorm layers, which change nothing, and ours has not.

    Attributes:
        encoder: What is kept after training.
        projector: Three linear layers, representation to (B, dim); the paper calls it the expander.
    """

    view_names = ("query", "key")

    def __init__(
        self,
        encoder: Encoder,
        *,
        dim: int = 8192,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Build the projector on an encoder.

        Args:
            encoder: Maps (B, C, H, W) to (B, num_features).
            dim: Length of the embedding and of both hidden layers. The paper's 8192 makes a projector of
                more than a hundred million weights; on a laptop take 256 to 1024.
            invariance: Weight of the distance between the two views.
            variance: Weight of what each dimension lacks to a standard deviation of 1.
            covariance: Weight of what the dimensions have in common.
            seed: Seed of the projector.
        """
        super().__init__()
        self.encoder = encoder
        self.projector = batchnorm_mlp((encoder.num_features, dim, dim, dim), seed=seed, stream="vicreg")
        self.dim, self.seed = dim, seed
        self.invariance, self.variance, self.covariance = invariance, variance, covariance

    def trainable(self) -> Iterable[nn.Parameter]:
        """Parameters of encoder and projector."""
        return [*self.encoder.parameters(), *self.projector.parameters()]

    def step(self, views: Mapping[str, Tensor], batch: Batch) -> StepOutput:
        """Loss of one batch: the weighted sum of the three terms."""
        query, key = views_named(views, self.view_names, "VICReg")
        check_two_places(len(query), "VICReg")
        left, right = (self.projector(self.encoder(view)).float() for view in (query, key))
        embedding = unit_length(left.detach())
        # Variance and covariance are those of the whole batch, in whichever processes its rows are.
        left, right = every_row(left), every_row(right)
        apart = functional.mse_loss(left, right)
        flat = (variance_lack(left) + variance_lack(right)) / 2
        alike = covariance_excess(left) + covariance_excess(right)
        return StepOutput(
            loss=self.invariance * apart + self.variance * flat + self.covariance * alike,
            metrics={
                "invariance": apart.detach(),
                "variance": flat.detach(),
                "covariance": alike.detach(),
            },
            embeddings={"all": embedding},
        )

    def after_step(self, output: StepOutput) -> None:
        """Nothing: VICReg remembers no past batch."""

    def settings(self) -> dict[str, Any]:
        """What defines this method."""
        weights = {"invariance": self.invariance, "variance": self.variance, "covariance": self.covariance}
        return {"name": "VICReg", "dim": self.dim, **weights, "seed": self.seed}


def variance_lack(embedding: Tensor) -> Tensor:
    """Mean over the dimensions of what the standard deviation lacks to 1 (arXiv:2105.04906, eq. 1).

    Args:
        embedding: Shape (B, D), two rows or more.

    Returns:
        Scalar in [0, 1].
    """
    return functional.relu(1 - (embedding.var(0) + _EPSILON).sqrt()).mean()


def covariance_excess(embedding: Tensor) -> Tensor:
    """Squared covariances between different dimensions, summed and divided by D (eq. 3 and 4).

    Args:
        embedding: Shape (B, D), two rows or more.

    Returns:
        Scalar, 0 where the dimensions are uncorrelated.
    """
    centred = embedding - embedding.mean(0)
    with torch.autocast(embedding.device.type, enabled=False):
        covariance = centred.T @ centred / (len(embedding) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / embedding.shape[1]
