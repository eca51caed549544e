"""MoCo-v2: one positive a query, negatives from a queue (arXiv:1911.05722, arXiv:2003.04297)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seco_lab.batch import Batch
from seco_lab.methods.base import StepOutput, views_named
from seco_lab.methods.multi_label import MultiLabel
from seco_lab.methods.projectors import standardised_head
from seco_lab.nn.collectives import dealt
from seco_lab.nn.counters import CountsOnCpu
from seco_lab.nn.encoders import Encoder
from seco_lab.nn.heads import mlp_head
from seco_lab.nn.losses import (
    batch_logits,
    contrastive_logits,
    ml_cpc,
    pick_positive,
    top1,
    top_n_share,
    unit_length,
)
from seco_lab.nn.momentum import NegativeQueue, momentum_copy, momentum_update


class MoCo(CountsOnCpu):
    """MoCo-v2; with ``TemporalViews`` it is MoCo-v2 with temporal positives.

    Differs from the official order in words, not in numbers: there the key encoder moves at the start of a
    step, here at the end of the step before. They differ by one update after the very last step.

    Attributes:
        encoder: Query encoder; what is kept after training.
        head: Its projection head, representation to (B, dim).
        key_encoder: Momentum copy of the encoder.
        key_head: Momentum copy of the head.
        queue: Keys of past batches.
        steps_done: Scalar, int64; only there where a ``multi_label`` loss changes with the steps.
    """

    view_names = ("query", "key")
    counters = ("steps_done",)

    def __init__(
        self,
        encoder: Encoder,
        *,
        dim: int = 128,
        queue_size: int = 16384,
        momentum: float = 0.999,
        temperature: float = 0.07,
        multi_label: MultiLabel | None = None,
        steady: bool = False,
        seed: int = 0,
    ) -> None:
        """Build heads, momentum copies and queue around an encoder.

        Args:
            encoder: Maps (B, C, H, W) to (B, num_features).
            dim: Length of the embedding.
            queue_size: Number of negatives, a multiple of the batch size.
            momentum: Share of the key encoder kept at each step, in [0, 1].
            temperature: Divides the similarities.
            multi_label: Take ``ml_cpc`` with this alpha in place of cross-entropy.
            steady: For short runs, where the key encoder still changes fast: heads that standardise the
                embeddings, and the keys of the batch's other images as further negatives. Without it the
                queue is told apart from fresh keys by its age. The papers do without.
            seed: Seed of the head and of the queue's first rows.
        """
        super().__init__()
        features = encoder.num_features
        self.encoder = encoder
        if steady:
            self.head = standardised_head(features, dim, seed=seed)
        else:
            self.head = mlp_head(features, features, dim, seed=seed)
        self.key_encoder = momentum_copy(encoder)
        self.key_head = momentum_copy(self.head)
        self.queue = NegativeQueue(queue_size, dim, seed=seed)
        self.dim, self.momentum, self.temperature, self.seed = dim, momentum, temperature, seed
        self.multi_label, self.steady = multi_label, steady
        if multi_label is not None and multi_label.alpha_end is not None:
            self.register_buffer("steps_done", torch.zeros((), dtype=torch.int64))

    def trainable(self) -> Iterable[nn.Parameter]:
        """Parameters of encoder and head."""
        return [*self.encoder.parameters(), *self.head.parameters()]

    def step(self, views: Mapping[str, Tensor], batch: Batch) -> StepOutput:
        """Loss of one batch: which of the key and the queue belongs to each query?"""
        _, embedding, positive, logits = self.contrast(views)
        loss, metrics = self.choose(logits)
        return StepOutput(
            loss=loss,
            metrics=metrics,
            keys={"all": positive},
            embeddings={"all": embedding.detach()},
        )

    def contrast(self, views: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What methods on top of MoCo share.

        Returns:
            Output of the head (B, dim), the same at unit length, its keys (B, dim), and the logits
            (B, 1 + negatives).
        """
        query, key = views_named(views, self.view_names, type(self).__name__)
        self.queue.check_batch_size(len(query))
        projected = self.head(self.encoder(query))
        embedding = unit_length(projected)
        with torch.no_grad():
            positive = unit_length(dealt(self.key_head, dealt(self.key_encoder, key)))
        logits = contrastive_logits(embedding, positive, self.queue.rows, temperature=self.temperature)
        if self.steady:
            fresh = batch_logits(embedding, positive, temperature=self.temperature)
            logits = torch.cat([logits, fresh], dim=1)
        return projected, embedding, positive, logits

    def choose(self, logits: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and metrics of picking column 0 out of logits (B, 1 + negatives)."""
        if self.multi_label is None:
            return pick_positive(logits), {"top1": top1(logits)}
        step = int(self.steps_done) if hasattr(self, "steps_done") else 0
        alpha = self.multi_label.alpha_at(step)
        metrics = {"top1": top1(logits), "top_n": top_n_share(logits), "alpha": logits.new_full((), alpha)}
        return ml_cpc(logits, alpha=alpha), metrics

    def after_step(self, output: StepOutput) -> None:
        """Enqueue the keys and move the key encoder."""
        self.queue.enqueue(output.keys["all"])
        if hasattr(self, "steps_done"):
            self.steps_done += 1
        self.update_keys()

    def update_keys(self) -> None:
        """Move key encoder and key head towards the trained ones."""
        momentum_update(self.key_encoder, self.encoder, self.momentum)
        momentum_update(self.key_head, self.head, self.momentum)

    def settings(self) -> dict[str, Any]:
        """What defines this method."""
        return {
            "name": type(self).__name__,
            "dim": self.dim,
            "queue_size": len(self.queue.rows),
            "momentum": self.momentum,
            "temperature": self.temperature,
            "seed": self.seed,
            **({"steady": True} if self.steady else {}),
            **({} if self.multi_label is None else self.multi_label.settings()),
        }
