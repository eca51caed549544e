"""Numbers that tell whether a representation is alive: spread, alignment, uniformity, rank, kNN accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from seco_lab.nn.losses import unit_length


@torch.no_grad()
def alignment(query: Tensor, positive: Tensor) -> Tensor:
    """Mean squared distance between positives (arXiv:2005.10242, sec. 4.1); 0 is perfect, 2 is chance.

    Args:
        query: Shape (B, D); scaled to unit length here.
        positive: Shape (B, D), row i belongs to query i.
    """
    return (unit_length(query) - unit_length(positive)).square().sum(1).mean()


@torch.no_grad()
def uniformity(embeddings: Tensor) -> Tensor:
    """Log of the mean Gaussian potential of all pairs (arXiv:2005.10242, sec. 4.1): 0 collapse, -4 best.

    Args:
        embeddings: Shape (B, D), at least two rows; scaled to unit length here.
    """
    squared = torch.pdist(unit_length(embeddings)).square()
    return (-2 * squared).exp().mean().log()


@torch.no_grad()
def spread(embeddings: Tensor) -> Tensor:
    """Standard deviation of unit embeddings, as a share of what the uniform sphere has: 0 collapse, 1 full.

    Args:
        embeddings: Shape (B, D), at least two rows; scaled to unit length here.
    """
    return unit_length(embeddings).std(0, correction=0).mean() * embeddings.shape[1] ** 0.5


@torch.no_grad()
def mean_cosine(embeddings: Tensor) -> Tensor:
    """Mean cosine of all pairs of different rows: 1 is collapse, 0 the sphere in many dimensions.

    Args:
        embeddings: Shape (B, D), at least two rows; scaled to unit length here.
    """
    rows = len(embeddings)
    return (unit_length(embeddings).sum(0).square().sum() - rows) / (rows * (rows - 1))


@torch.no_grad()
def effective_rank(embeddings: Tensor) -> Tensor:
    """Number of dimensions in use: exp of the entropy of the singular values (Roy and Vetterli, 2007).

    Args:
        embeddings: Shape (B, D); rows are centred here, so a constant adds nothing.

    Returns:
        Scalar from 1 (a line) to min(B - 1, D); 0 where all rows are equal.
    """
    centred = embeddings.float() - embeddings.float().mean(0)
    values = torch.linalg.svdvals(centred)
    total = values.sum()
    shares = values / total.clamp_min(1e-12)
    entropy = -(shares * shares.clamp_min(1e-12).log()).sum()
    return torch.where(total > 1e-6 * len(embeddings), entropy.exp(), torch.zeros_like(total))


def collapse_measures(embeddings: Tensor) -> dict[str, Tensor]:
    """Spread, mean cosine and effective rank of (B, D) embeddings, as scalars."""
    measures: dict[str, Callable[[Tensor], Tensor]] = {
        "spread": spread,
        "mean_cosine": mean_cosine,
        "effective_rank": effective_rank,
    }
    return {name: measure(embeddings) for name, measure in measures.items()}


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Switch to eval mode without gradients, then restore the mode of every part.

    BatchNorm then uses its running statistics and leaves them alone, so looking at an encoder in the middle
    of training does not change the training.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training


def encode(encoder: nn.Module, images: Tensor, *, batch_size: int = 256) -> Tensor:
    """Representations in eval mode: standardised images (N, C, H, W) to (N, D), float32."""
    with evaluation_mode(encoder):
        return torch.cat([encoder(part).float() for part in images.split(batch_size)])


def knn_accuracy(
    features: Tensor, labels: Tensor, test_features: Tensor, test_labels: Tensor, *, neighbours: int = 20
) -> float:
    """Share of test rows whose nearest neighbours vote for the right class, by cosine.

    Args:
        features: Shape (N, D), the bank.
        labels: Shape (N,), int64 from 0.
        test_features: Shape (M, D).
        test_labels: Shape (M,), int64.
        neighbours: Voters; a vote weighs exp(cosine / 0.07), as in arXiv:1805.01978, sec. 3.4.

    Raises:
        ValueError: Fewer rows in the bank than neighbours.
    """
    if not 1 <= neighbours <= len(features):
        raise ValueError(f"neighbours must lie between 1 and the {len(features)} rows, got {neighbours}")
    bank, right = unit_length(features), 0
    for rows, answers in zip(test_features.split(1024), test_labels.split(1024), strict=True):
        cosine, found = (unit_length(rows) @ bank.T).topk(neighbours)
        votes = torch.zeros(len(rows), int(labels.max()) + 1, device=rows.device)
        votes.scatter_add_(1, labels[found], (cosine / 0.07).exp())
        right += int((votes.argmax(1) == answers).sum())
    return right / len(test_features)
