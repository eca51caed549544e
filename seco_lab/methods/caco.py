"""CACo: images years apart are negatives only where the place has changed (Mall et al., CVPR 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seco_lab.batch import Batch, sent
from seco_lab.methods.base import StepOutput, check_rows, views_named
from seco_lab.methods.seco import SUBSPACES, SeCo
from seco_lab.methods.two_groups import upper_group
from seco_lab.nn.collectives import dealt, every_row, rows_elsewhere
from seco_lab.nn.counters import CountsOnCpu
from seco_lab.nn.encoders import Encoder
from seco_lab.nn.losses import contrastive_logits, pick_positive, top1, unit_length
from seco_lab.nn.momentum import NegativeQueue
from seco_lab.views.change import PERIODS

# Of the official code: share of its ratio that a place keeps at a new look, and what keeps ratios finite.
_KEPT, _EPSILON = 0.8, 1e-4
_SEASON = SUBSPACES.index("season")


class CACo(CountsOnCpu, SeCo):
    """Change-aware contrast: SeCo in two periods of each place, with a verdict on whether it changed.

    Source: U. Mall, B. Hariharan and K. Bala, *Change-aware sampling and contrastive learning for satellite
    images*, CVPR 2023, as its official code (utkarshmall13/CACo) runs it. What is implemented:

    * Each place gives SeCo's query and three keys twice: from three seasons of recent years and from three
      of years before. All 2 B queries pass the encoder as one batch, and so do the keys of each kind.
    * In each of SeCo's three sub-spaces a query's positive is its key of the **same period**: short-term,
      so a change of season or look only.
    * Its negatives are past keys of its own period; in sub-spaces 1 and 2 all keys of the two other kinds,
      of both periods; and the batch's keys of its own kind from the **other period**. The key of its own
      place among these last is one of them only where the place counts as changed; elsewhere it is left out.
    * The measure of change is, in the momentum copy of sub-space 1 (invariant to the season), the distance
      between the queries of both periods over that between the query and its key 1, one ratio for each
      period. A place keeps 0.8 of its earlier ratio and takes 0.2 of the new one.
    * Once an epoch all ratios are parted by a mixture of two normal distributions; those of the upper one
      count as changed. Before the first verdict no place does.

    Where we had to decide, or differ:

    * An unchanged pair is left out, as in the code. It is not made a second positive, as one might read the
      idea of the paper, whose text was not at hand.
    * The mixture is fitted from a fixed start (the official one is random), and again after ``relabel_every``
      patches, since a method does not know epochs.
    * Each period has a queue of its own; the official one holds both alternately, which is the same.
    * BatchNorm statistics of the momentum copy move once less a step: key 1 is not passed twice.
    * The geographic sampling of the paper is the business of ``seco_lab.places``.

    Attributes:
        change_ratio: Shape (P, 2), float32: running ratio of each patch, recent and earlier; 0 unless seen.
        seen: Shape (P,), bool: patches that have a ratio.
        changed: Shape (P, 2), bool: the last verdict.
        patches_since: Scalar, int64: patches seen since the last verdict.
    """

    view_names = tuple(f"{period}_{name}" for period in PERIODS for name in ("query", "key0", "key1", "key2"))
    counters = ("patches_since",)

    change_ratio: Tensor
    seen: Tensor
    changed: Tensor
    patches_since: Tensor

    def __init__(
        self,
        encoder: Encoder,
        places: int,
        *,
        dim: int = 128,
        queue_size: int = 8192,
        momentum: float = 0.999,
        temperature: float = 0.07,
        relabel_every: int | None = None,
        seed: int = 0,
    ) -> None:
        """Build heads, momentum copies, queues and the memory of changes around an encoder.

        Args:
            encoder: Maps (B, C, H, W) to (B, num_features).
            places: Patches in the cube, P.
            dim: Length of each embedding.
            queue_size: Keys of each period in each sub-space, a multiple of the batch size.
            momentum: Share of the key encoder kept at each step, in [0, 1].
            temperature: Divides the similarities.
            relabel_every: Patches between two verdicts; None takes ``places``, about an epoch. Say how many
                patches train where the run uses a part of the cube.
            seed: Seed of the heads and of the queues' first rows.

        Raises:
            ValueError: Fewer than two places, or a verdict every 0 patches.
        """
        super().__init__(
            encoder, dim=dim, queue_size=queue_size, momentum=momentum, temperature=temperature, seed=seed
        )
        self.relabel_every = places if relabel_every is None else relabel_every
        if places < 2 or self.relabel_every < 1:
            raise ValueError(
                "CACo needs 2 places or more and a verdict every 1 patch or more, "
                f"got places={places} and relabel_every={self.relabel_every}"
            )
        self.queues = nn.ModuleList(
            NegativeQueue(queue_size, dim, seed=seed, stream=f"queue {name} {period}")
            for name in SUBSPACES
            for period in PERIODS
        )
        self.register_buffer("change_ratio", torch.zeros(places, 2))
        self.register_buffer("seen", torch.zeros(places, dtype=torch.bool))
        self.register_buffer("changed", torch.zeros(places, 2, dtype=torch.bool))
        self.register_buffer("patches_since", torch.zeros((), dtype=torch.int64))

    def step(self, views: Mapping[str, Tensor], batch: Batch) -> StepOutput:
        """Loss of one batch, summed over the sub-spaces, each a mean over the queries of both periods."""
        every = views_named(views, self.view_names, "CACo")
        self.queues[0].check_batch_size(len(every[0]))
        check_rows(batch.index, len(self.seen), "CACo was made for", "places= the number of patches in it")
        rows = sent(batch.index, self.changed.device)
        queries, *keys = (torch.cat(pair) for pair in zip(every[:4], every[4:], strict=True))
        features, key_features = self.encoder(queries), self._key_features(keys)
        losses, metrics, positives, embeddings = [], {}, {}, {}
        for i, name in enumerate(SUBSPACES):
            embeddings[name] = unit_length(self.heads[i](features))
            embedded = self._embed_keys(i, key_features)
            logits = torch.cat([self._period_logits(i, p, embeddings[name], embedded, rows) for p in (0, 1)])
            losses.append(pick_positive(logits))
            positives |= {f"{name} {p}": k for p, k in zip(PERIODS, embedded[i].chunk(2), strict=True)}
            metrics |= {f"loss_{name}": losses[-1].detach(), f"top1_{name}": top1(logits)}
            if i == _SEASON:
                ratio = self._ratio(queries, embedded[i])
        metrics |= {"change_ratio": ratio.mean(), "changed": self.changed[rows].float().mean()}
        detached = {name: embedding.detach() for name, embedding in embeddings.items()}
        # The ratios travel with the keys: after_step is where memory changes.
        return StepOutput(
            torch.stack(losses).sum(), metrics, {**positives, "rows": rows, "ratio": ratio}, detached
        )

    def _period_logits(
        self, i: int, period: int, embedding: Tensor, keys: list[Tensor], rows: Tensor
    ) -> Tensor:
        """Logits (B, 1 + K) of one period's queries; the last B columns are the other period's keys."""
        own, other = keys[i].chunk(2)[period], keys[i].chunk(2)[1 - period]
        kinds = [] if i == 0 else [every_row(key) for j, key in enumerate(keys) if j != i]
        negatives = torch.cat([self.queues[2 * i + period].rows, *kinds, rows_elsewhere(other), other])
        logits = contrastive_logits(embedding.chunk(2)[period], own, negatives, temperature=self.temperature)
        left_out = torch.zeros_like(logits, dtype=torch.bool)
        left_out[:, -len(rows) :].diagonal().copy_(~self.changed[rows, period])
        return logits.masked_fill(left_out, -torch.inf)

    @torch.no_grad()
    def _ratio(self, queries: Tensor, season_keys: Tensor) -> Tensor:
        """Long-term over short-term distance of each place, shape (B, 2)."""
        mine = unit_length(dealt(self.key_heads[_SEASON], dealt(self.key_encoder, queries)))
        recent, earlier = mine.chunk(2)
        long_term = (recent - earlier).norm(dim=1)
        short_term = (mine - season_keys).norm(dim=1).view(2, -1)
        return (long_term / (short_term + _EPSILON)).T.contiguous()

    def after_step(self, output: StepOutput) -> None:
        """Enqueue the keys, move the key encoder, remember the ratios; once in a while give a verdict."""
        names = (f"{name} {period}" for name in SUBSPACES for period in PERIODS)
        for name, queue in zip(names, self.queues, strict=True):
            queue.enqueue(output.keys[name])
        self.update_keys()
        self.remember(output.keys["rows"], output.keys["ratio"])
        if int(self.patches_since) >= self.relabel_every:
            self.relabel()

    @torch.no_grad()
    def remember(self, rows: Tensor, ratio: Tensor) -> None:
        """Take new ratios (B, 2) of the patches ``rows`` (B,) into their running ones."""
        running = _KEPT * self.change_ratio[rows] + (1 - _KEPT) * ratio
        self.change_ratio[rows] = torch.where(self.seen[rows, None], running, ratio)
        self.seen[rows] = True
        self.patches_since += len(rows)

    @torch.no_grad()
    def relabel(self) -> None:
        """Give the verdict on all patches seen so far; the others count as unchanged."""
        self.changed.zero_()
        self.changed[self.seen] = upper_group(self.change_ratio[self.seen].flatten()).view(-1, 2)
        self.patches_since.zero_()

    def settings(self) -> dict[str, Any]:
        """What defines this method."""
        own = {"name": "CACo", "places": len(self.seen), "relabel_every": self.relabel_every}
        return {**super().settings(), **own}
