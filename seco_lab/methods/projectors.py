"""Projection heads with BatchNorm, for methods that compare the places of one batch with each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from seco_lab.nn.initialise import build_from_seed


def batchnorm_mlp(sizes: Sequence[int], *, seed: int = 0, stream: str = "projector") -> nn.Sequential:
    """Linear layers with BatchNorm and ReLU between them; the last one stands alone.

    No linear layer has a bias: BatchNorm takes away what a bias adds, and the papers' last layers have none.

    Args:
        sizes: Lengths of representation, hidden layers and embedding, at least two of them.
        seed: Seed of the first weights.
        stream: Name that keeps projectors of the same seed apart.

    Raises:
        ValueError: Fewer than two sizes, or one below 1.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"a projector needs two or more sizes of 1 or more, got {tuple(sizes)}")
    layers: list[nn.Module] = []
    for number, (d_in, d_out) in enumerate(pairwise(sizes)):
        if number:
            layers += [nn.BatchNorm1d(d_in), nn.ReLU(inplace=True)]
        layers.append(_linear(d_in, d_out, seed, f"{stream} {number}"))
    return nn.Sequential(*layers)


def standardised_head(features: int, dim: int, *, seed: int = 0, stream: str = "head") -> nn.Sequential:
    """Two layers whose embeddings have mean 0 and variance 1 in each dimension of a batch (arXiv:2104.02057).

    So keys of different ages do not differ by a common offset.

    Args:
        features: Length of the representation and of the hidden layer.
        dim: Length of the embedding.
        seed: Seed of the first weights.
        stream: Name that keeps heads of the same seed apart.
    """
    head = batchnorm_mlp((features, features, dim), seed=seed, stream=stream)
    return head.append(nn.BatchNorm1d(dim, affine=False))


def _linear(d_in: int, d_out: int, seed: int, stream: str) -> nn.Linear:
    layer = build_from_seed(lambda: nn.Linear(d_in, d_out), seed, stream)
    layer.bias = None
    return layer


def check_two_places(count: int, method: str) -> None:
    """Refuse a batch in which nothing can be compared.

    Raises:
        ValueError: Fewer than two places.
    """
    if count < 2:
        raise ValueError(
            f"{method} compares the places of one batch with each other, so it needs 2 or more, got {count}; "
            "use larger batches"
        )
