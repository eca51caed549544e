"""Geography-aware MoCo: also tell from which part of the world a patch comes (arXiv:2011.09980)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seco_lab.batch import Batch, sent
from seco_lab.methods.base import StepOutput, check_rows
from seco_lab.methods.moco import MoCo
from seco_lab.methods.multi_label import MultiLabel
from seco_lab.nn.encoders import Encoder
from seco_lab.nn.initialise import build_from_seed


class GASSL(MoCo):
    """MoCo-v2 with a classifier of geographic clusters: ``Geo``, or ``Geo+TP`` with two dates.

    The classifier sits on the embedding before it is scaled to unit length, behind a ReLU; both losses weigh
    the same. Which of the two methods it is, the views decide: ``MoCoViews`` or ``TemporalViews``.

    Attributes:
        place_clusters: Shape (P,), int64: geographic cluster of each patch of the cube, by row.
        classifier: Linear layer from the embedding to the clusters.
    """

    place_clusters: Tensor

    def __init__(
        self,
        encoder: Encoder,
        place_clusters: Tensor,
        *,
        clusters: int | None = None,
        dim: int = 128,
        queue_size: int = 65536,
        momentum: float = 0.999,
        temperature: float = 0.02,
        multi_label: MultiLabel | None = None,
        steady: bool = False,
        seed: int = 0,
    ) -> None:
        """Build the method around an encoder and the clusters of its places.

        Args:
            encoder: Maps (B, C, H, W) to (B, num_features).
            place_clusters: Shape (P,), int64, as ``seco_lab.geoclusters.cluster_places`` gives it.
            clusters: Number of clusters; None takes the largest label and one. The paper has 100.
            dim: Length of the embedding.
            queue_size: Number of negatives, a multiple of the batch size.
            momentum: Share of the key encoder kept at each step, in [0, 1].
            temperature: Divides the similarities; the official command sets 0.02.
            multi_label: Take ``ml_cpc`` with this alpha in place of cross-entropy, which the paper has.
            steady: Standardise embeddings and take negatives from the batch too, for short runs.
            seed: Seed of head, classifier and queue.

        Raises:
            ValueError: The clusters are no vector of labels from 0 to ``clusters`` - 1.
        """
        super().__init__(
            encoder,
            dim=dim,
            queue_size=queue_size,
            momentum=momentum,
            temperature=temperature,
            multi_label=multi_label,
            steady=steady,
            seed=seed,
        )
        labels = torch.as_tensor(place_clusters, dtype=torch.int64)
        count = _check_labels(labels, clusters)
        self.register_buffer("place_clusters", labels)
        self.classifier = build_from_seed(lambda: nn.Linear(dim, count), seed, "classifier")

    def trainable(self) -> Iterable[nn.Parameter]:
        """Parameters of encoder, head and classifier."""
        return [*super().trainable(), *self.classifier.parameters()]

    def step(self, views: Mapping[str, Tensor], batch: Batch) -> StepOutput:
        """Contrastive loss plus the loss of the geographic classifier."""
        projected, embedding, positive, logits = self.contrast(views)
        contrastive, metrics = self.choose(logits)
        scores = self.classifier(projected.relu()).float()
        check_rows(
            batch.index, len(self.place_clusters), "GASSL knows the clusters of", "a cluster for each patch"
        )
        answers = self.place_clusters[sent(batch.index, scores.device)]
        geographic = functional.cross_entropy(scores, answers)
        metrics |= {
            "loss_contrastive": contrastive.detach(),
            "loss_geo": geographic.detach(),
            "top1_geo": (scores.detach().argmax(1) == answers).float().mean(),
        }
        return StepOutput(
            loss=contrastive + geographic,
            metrics=metrics,
            keys={"all": positive},
            embeddings={"all": embedding.detach()},
        )

    def settings(self) -> dict[str, Any]:
        """What defines this method."""
        own = {"clusters": self.classifier.out_features, "places": len(self.place_clusters)}
        return {"ml_cpc_alpha": None, **super().settings(), **own}


def _check_labels(labels: Tensor, clusters: int | None) -> int:
    if labels.ndim != 1 or len(labels) == 0 or int(labels.min()) < 0:
        raise ValueError(
            f"place_clusters must be one label from 0 on for each patch, got shape {tuple(labels.shape)}"
        )
    count = int(labels.max()) + 1
    if clusters is not None and clusters < count:
        raise ValueError(f"place_clusters goes up to {count - 1}, so {clusters} clusters are too few")
    return clusters or count
