"""Contrastive losses on unit vectors, and how often the positive wins."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from seco_lab.nn.collectives import every_row, rows_elsewhere
from seco_lab.nn.processes import process_count


def unit_length(vectors: Tensor) -> Tensor:
    """Rows scaled to length 1, in float32 whatever came in: shape (B, D) to (B, D)."""
    return functional.normalize(vectors.float(), dim=1)


def contrastive_logits(query: Tensor, positive: Tensor, negatives: Tensor, *, temperature: float) -> Tensor:
    """Similarities of each query to its positive (column 0) and to all negatives (arXiv:1911.05722, eq. 1).

    Args:
        query: Shape (B, D), unit length.
        positive: Shape (B, D), unit length; row i belongs to query i.
        negatives: Shape (K, D), shared by all queries.
        temperature: Divides the similarities; positive.

    Returns:
        Shape (B, 1 + K).

    Raises:
        ValueError: The temperature is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    # Similarities at temperature 0.07 need more digits than bfloat16 has.
    with torch.autocast(query.device.type, enabled=False):
        own = (query * positive).sum(1, keepdim=True)
        return torch.cat([own, query @ negatives.T], dim=1) / temperature


def batch_logits(query: Tensor, keys: Tensor, *, temperature: float) -> Tensor:
    """Similarities of each query to the keys of the other rows of its batch, those elsewhere included.

    Args:
        query: Shape (B, D), unit length.
        keys: Shape (B, D), unit length; row i belongs to query i and is left out of its row.
        temperature: Divides the similarities; positive.

    Returns:
        Shape (B, B x processes - 1).
    """
    elsewhere = rows_elsewhere(keys)
    with torch.autocast(query.device.type, enabled=False):
        every = query @ keys.T / temperature
        others = query @ elsewhere.T / temperature
    rows = len(every)
    # Without its first entry the flat matrix has a diagonal entry at the end of every B + 1.
    here = every.flatten()[1:].view(rows - 1, rows + 1)[:, :-1].reshape(rows, rows - 1)
    return torch.cat([here, others], dim=1) if len(elsewhere) else here


def pick_positive(logits: Tensor) -> Tensor:
    """Cross-entropy with column 0 as the answer: shape (B, 1 + K) to a scalar, mean over the batch."""
    answers = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    return functional.cross_entropy(logits, answers)


def info_nce(query: Tensor, positive: Tensor, negatives: Tensor, *, temperature: float) -> Tensor:
    """Cross-entropy that picks the positive (arXiv:1807.03748, eq. 4).

    Args:
        query: Shape (B, D), unit length.
        positive: Shape (B, D), unit length; row i belongs to query i.
        negatives: Shape (K, D), shared by all queries.
        temperature: Divides the similarities; positive.

    Returns:
        Scalar, mean over the batch.
    """
    return pick_positive(contrastive_logits(query, positive, negatives, temperature=temperature))


@torch.no_grad()
def top1(logits: Tensor) -> Tensor:
    """Share of rows, in [0, 1], whose column 0 is the largest: shape (B, 1 + K) to a scalar."""
    return (logits.argmax(1) == 0).float().mean()


def ml_cpc(logits: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Multi-label contrastive loss: one softmax over all rows at once (arXiv:2007.09852, eq. 9).

    Rows of other processes belong to the same softmax.

    Args:
        logits: Shape (N, n), the positive of each row in column 0.
        alpha: Weight of the positives in the normaliser, in (0, n); 1 weighs every entry alike.

    Returns:
        Scalar: a lower bound of minus the mutual information, so it may be negative.

    Raises:
        ValueError: ``alpha`` lies outside (0, n).
    """
    rows, columns = logits.shape
    if not 0 < alpha < columns:
        raise ValueError(f"alpha must lie between 0 and the {columns} columns of the logits, got {alpha}")
    beta = (columns - alpha) / (columns - 1)
    positive = logits[:, :1] + math.log(alpha)
    weighted = torch.cat([positive, logits[:, 1:] + math.log(beta)], dim=1)
    total = torch.logsumexp(weighted.flatten(), 0)
    if process_count() > 1:
        total = torch.logsumexp(every_row(total[None]), 0)
    log_share = positive[:, 0] - total
    return -(math.log(rows * process_count()) + log_share).mean() / alpha


@torch.no_grad()
def top_n_share(logits: Tensor) -> Tensor:
    """Share of positives among the N largest of all N x n logits, in [0, 1]: what ``ml_cpc`` raises."""
    rows, columns = logits.shape
    winners = logits.flatten().topk(rows).indices
    return (winners % columns == 0).float().mean()


def geometric_between(start: float, end: float, share: float) -> float:
    """The value that lies ``share`` (0 to 1) of the way from ``start`` to ``end``, in equal ratios."""
    return start * (end / start) ** share
