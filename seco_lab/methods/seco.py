"""Seasonal contrast: three sub-spaces, each invariant to something else (arXiv:2103.16607)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from seco_lab.batch import Batch
from seco_lab.methods.base import StepOutput, views_named
from seco_lab.methods.projectors import standardised_head
from seco_lab.nn.collectives import dealt, every_row
from seco_lab.nn.encoders import Encoder
from seco_lab.nn.heads import mlp_head
from seco_lab.nn.losses import batch_logits, contrastive_logits, pick_positive, top1, unit_length
from seco_lab.nn.momentum import NegativeQueue, momentum_copy, momentum_update

# Sub-space i takes key i as positive; the other keys differ from the query in what it must keep apart.
SUBSPACES = ("all", "season", "augmentation")


class SeCo(nn.Module):
    """Seasonal contrast with three heads on one representation.

    Key 0 differs from the query by season and by augmentation, key 1 by season alone, key 2 by augmentation
    alone. So sub-space 0 is invariant to both, 1 to the season, 2 to the augmentation; sub-spaces 1 and 2
    take the other keys of the whole batch as further negatives. What is used downstream is the representation
    below the heads.

    Differs from the official order in words, not in numbers: there the key encoder moves at the start of a
    step, here at the end of the step before. They differ by one update after the very last step.

    Attributes:
        encoder: Query encoder; what is kept after training.
        heads: Projection heads, one a sub-space.
        key_encoder: Momentum copy of the encoder.
        key_heads: Momentum copies of the heads.
        queues: Keys of past batches, one queue a sub-space.
    """

    view_names = ("query", "key0", "key1", "key2")

    def __init__(
        self,
        encoder: Encoder,
        *,
        dim: int = 128,
        queue_size: int = 16384,
        momentum: float = 0.999,
        temperature: float = 0.07,
        keys_together: bool = False,
        steady: bool = False,
        seed: int = 0,
    ) -> None:
        """Build heads, momentum copies and queues around an encoder.

        Args:
            encoder: Maps (B, C, H, W) to (B, num_features).
            dim: Length of each embedding.
            queue_size: Number of negatives of each sub-space, a multiple of the batch size.
            momentum: Share of the key encoder kept at each step, in [0, 1].
            temperature: Divides the similarities.
            keys_together: One forward pass over the keys of all views, so that BatchNorm sees them as one
                batch; the official code passes each key batch by itself, and so does the default.
            steady: For short runs, where the key encoder still changes fast: heads that standardise the
                embeddings, and the keys of the batch's other images as further negatives. Without it the
                queue is told apart from fresh keys by its age. The papers do without.
            seed: Seed of the heads and of the queues' first rows.
        """
        super().__init__()
        features = encoder.num_features
        self.encoder = encoder
        head = partial(standardised_head, features) if steady else partial(mlp_head, features, features)
        self.heads = nn.ModuleList(head(dim, seed=seed, stream=f"head {name}") for name in SUBSPACES)
        self.key_encoder = momentum_copy(encoder)
        self.key_heads = momentum_copy(self.heads)
        self.queues = nn.ModuleList(
            NegativeQueue(queue_size, dim, seed=seed, stream=f"queue {name}") for name in SUBSPACES
        )
        self.dim, self.momentum, self.temperature = dim, momentum, temperature
        self.keys_together, self.steady, self.seed = keys_together, steady, seed

    def trainable(self) -> Iterable[nn.Parameter]:
        """Parameters of encoder and heads."""
        return [*self.encoder.parameters(), *self.heads.parameters()]

    def step(self, views: Mapping[str, Tensor], batch: Batch) -> StepOutput:
        """Loss of one batch, summed over the sub-spaces."""
        query, *keys = views_named(views, self.view_names, "SeCo")
        self.queues[0].check_batch_size(len(query))
        features = self.encoder(query)
        key_features = self._key_features(keys)
        losses, metrics, positives, embeddings = [], {}, {}, {}
        for i, name in enumerate(SUBSPACES):
            embeddings[name] = unit_length(self.heads[i](features))
            embedded = self._embed_keys(i, key_features)
            logits = self._logits(i, embeddings[name], embedded)
            losses.append(pick_positive(logits))
            positives[name] = embedded[i]
            metrics |= {f"loss_{name}": losses[-1].detach(), f"top1_{name}": top1(logits)}
        detached = {name: embedding.detach() for name, embedding in embeddings.items()}
        return StepOutput(torch.stack(losses).sum(), metrics, positives, detached)

    @torch.no_grad()
    def _key_features(self, keys: Sequence[Tensor]) -> Sequence[Tensor]:
        if self.keys_together:
            return dealt(self.key_encoder, torch.cat(list(keys))).chunk(len(keys))
        return [dealt(self.key_encoder, key) for key in keys]

    @torch.no_grad()
    def _embed_keys(self, i: int, key_features: Sequence[Tensor]) -> list[Tensor]:
        return [unit_length(dealt(self.key_heads[i], features)) for features in key_features]

    def _logits(self, i: int, embedding: Tensor, keys: Sequence[Tensor]) -> Tensor:
        # Sub-space 0 ignores all that changed, so keys of other changes are no negatives to it.
        others = [] if i == 0 else [every_row(key) for j, key in enumerate(keys) if j != i]
        negatives = torch.cat([self.queues[i].rows, *others])
        logits = contrastive_logits(embedding, keys[i], negatives, temperature=self.temperature)
        if self.steady:
            fresh = batch_logits(embedding, keys[i], temperature=self.temperature)
            logits = torch.cat([logits, fresh], dim=1)
        return logits

    def after_step(self, output: StepOutput) -> None:
        """Enqueue the keys of each sub-space and move the key encoder."""
        for name, queue in zip(SUBSPACES, self.queues, strict=True):
            queue.enqueue(output.keys[name])
        self.update_keys()

    def update_keys(self) -> None:
        """Move key encoder and key heads towards the trained ones."""
        momentum_update(self.key_encoder, self.encoder, self.momentum)
        momentum_update(self.key_heads, self.heads, self.momentum)

    def settings(self) -> dict[str, Any]:
        """What defines this method."""
        return {
            "name": "SeCo",
            "dim": self.dim,
            "queue_size": len(self.queues[0].rows),
            "momentum": self.momentum,
            "temperature": self.temperature,
            "keys_together": self.keys_together,
            **({"steady": True} if self.steady else {}),
            "seed": self.seed,
        }
