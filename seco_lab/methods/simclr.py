"""SimCLR: find the other view of the same place among all views of the batch (arXiv:2002.05709)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seco_lab.batch import Batch
from seco_lab.methods.base import StepOutput, views_named
from seco_lab.methods.projectors import check_two_places, standardised_head
from seco_lab.nn.collectives import every_row
from seco_lab.nn.encoders import Encoder
from seco_lab.nn.losses import unit_length


class SimCLR(nn.Module):
    """The baseline without queue and without momentum encoder, for batches that fit into memory.

    Which positives it has, the views decide: ``MoCoViews`` gives two changed views of one image,
    ``TemporalViews`` two seasons of one place.

    The projection head is the official code's: linear, BatchNorm, ReLU, linear, BatchNorm; the last
    BatchNorm has neither shift nor, differing from it, scale. The paper trains with LARS on batches of
    4096 and stronger colour changes; here both are those of the other methods, so that losses alone differ.

    Attributes:
        encoder: What is kept after training.
        head: Projection head, representation to (B, dim).
    """

    view_names = ("query", "key")

    def __init__(self, encoder: Encoder, *, dim: int = 128, temperature: float = 0.1, seed: int = 0) -> None:
        """Build the head on an encoder.

        Args:
            encoder: Maps (B, C, H, W) to (B, num_features).
            dim: Length of the embedding.
            temperature: Divides the similarities; positive.
            seed: Seed of the head.
        """
        super().__init__()
        features = encoder.num_features
        self.encoder = encoder
        self.head = standardised_head(features, dim, seed=seed, stream="simclr")
        self.dim, self.temperature, self.seed = dim, temperature, seed

    def trainable(self) -> Iterable[nn.Parameter]:
        """Parameters of encoder and head."""
        return [*self.encoder.parameters(), *self.head.parameters()]

    def step(self, views: Mapping[str, Tensor], batch: Batch) -> StepOutput:
        """Loss of one batch; both views pass the network together, as in the official code."""
        query, key = views_named(views, self.view_names, "SimCLR")
        check_two_places(len(query), "SimCLR")
        embedding = unit_length(self.head(self.encoder(torch.cat([query, key]))))
        # With several processes each computes the loss of all rows: small beside the network.
        everyone = torch.cat([every_row(half) for half in embedding.chunk(2)])
        logits, answers = nt_xent_logits(everyone, temperature=self.temperature)
        return StepOutput(
            loss=functional.cross_entropy(logits, answers),
            metrics={"top1": (logits.detach().argmax(1) == answers).float().mean()},
            embeddings={"all": embedding.detach()[: len(query)]},
        )

    def after_step(self, output: StepOutput) -> None:
        """Nothing: SimCLR remembers no past batch."""

    def settings(self) -> dict[str, Any]:
        """What defines this method."""
        return {"name": "SimCLR", "dim": self.dim, "temperature": self.temperature, "seed": self.seed}


def nt_xent_logits(embedding: Tensor, *, temperature: float) -> tuple[Tensor, Tensor]:
    """Similarities of all views to all others, and which of them is right (arXiv:2002.05709, eq. 1).

    Args:
        embedding: Shape (2 B, D), unit length; rows i and i + B are views of the same place.
        temperature: Divides the similarities; positive.

    Returns:
        Logits (2 B, 2 B), minus infinity where a view meets itself, and the column of each row's
        partner (2 B,).

    Raises:
        ValueError: The temperature is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    count = len(embedding)
    # Similarities at low temperatures need more digits than bfloat16 has.
    with torch.autocast(embedding.device.type, enabled=False):
        logits = embedding @ embedding.T / temperature
    itself = torch.eye(count, dtype=torch.bool, device=embedding.device)
    answers = torch.arange(count, device=embedding.device).roll(count // 2)
    return logits.masked_fill(itself, -torch.inf), answers
