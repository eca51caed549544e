"""Projection heads: representation to the space in which views are compared."""

from __future__ import annotations

from torch import nn

from seco_lab.nn.initialise import build_from_seed


def mlp_head(d_in: int, d_hidden: int, d_out: int, *, seed: int = 0, stream: str = "head") -> nn.Sequential:
    """Linear, ReLU, linear: the projection head of MoCo-v2 (arXiv:2003.04297, sec. 3).

    Parameters are named ``0.weight``, ``0.bias``, ``2.weight``, ``2.bias``, as in the official SeCo files.

    Args:
        d_in: Length of the representation.
        d_hidden: Length of the hidden layer; both papers take ``d_in``.
        d_out: Length of the embedding, 128 in both papers.
        seed: Seed of the first weights.
        stream: Name that keeps heads of the same seed apart.
    """
    return build_from_seed(
        lambda: nn.Sequential(nn.Linear(d_in, d_hidden), nn.ReLU(inplace=True), nn.Linear(d_hidden, d_out)),
        seed,
        stream,
    )
