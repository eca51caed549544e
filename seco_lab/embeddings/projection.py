"""Embeddings as two or three numbers, for colours and scatter plots."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ROWS = 65536


def project(
    x: ArrayLike, dims: int = 2, method: str = "pca", *, seed: int = 0, neighbours: int = 15
) -> NDArray[np.float32]:
    """A few coordinates for each vector.

    Args:
        x: Shape (..., D); the leading axes are kept, so embeddings (patch, season, dim) go in as they are.
        dims: How many coordinates, 1 to D.
        method: "pca" (exact, the same on every call, directions of a fixed sign) or "umap" (needs the
            optional package umap-learn).
        seed: Seed of UMAP.
        neighbours: Size of UMAP's neighbourhoods.

    Returns:
        Shape (..., dims), float32; NaN where a vector holds NaN.

    Raises:
        ValueError: Unknown method, too many dims, or no finite vector.
        ImportError: UMAP asked for and not installed.
    """
    x = np.asarray(x)
    if x.ndim < 2:
        raise ValueError(f"vectors to project need shape (..., D), got {x.shape}")
    if method not in ("pca", "umap"):
        raise ValueError(f"method must be 'pca' or 'umap', got {method!r}")
    if not 1 <= dims <= x.shape[-1]:
        raise ValueError(f"dims must lie between 1 and the {x.shape[-1]} of the vectors, got {dims}")
    flat = x.reshape(-1, x.shape[-1])
    known = np.isfinite(flat).all(1)
    if not known.any():
        raise ValueError("no vector to project: all hold NaN")
    out = np.full((len(flat), dims), np.nan, np.float32)
    vectors = flat if known.all() else flat[known]
    out[known] = _pca(vectors, dims) if method == "pca" else _umap(vectors, dims, seed, neighbours)
    return out.reshape(*x.shape[:-1], dims)


def _pca(x: NDArray, dims: int) -> NDArray[np.float32]:
    """Principal components; the largest loading of each direction is positive."""
    mean = x.mean(0, dtype=np.float64)
    covariance = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), _ROWS):
        centred = x[start : start + _ROWS] - mean
        covariance += centred.T @ centred
    _, directions = np.linalg.eigh(covariance)
    directions = directions[:, ::-1][:, :dims]
    largest = np.abs(directions).argmax(0)
    directions = directions * np.where(directions[largest, np.arange(dims)] < 0, -1.0, 1.0)
    parts = [(x[start : start + _ROWS] - mean) @ directions for start in range(0, len(x), _ROWS)]
    return np.concatenate(parts).astype(np.float32)


def _umap(x: NDArray, dims: int, seed: int, neighbours: int) -> NDArray[np.float32]:
    try:
        from umap import UMAP
    except ImportError as error:
        raise ImportError(
            "method 'umap' needs the optional package umap-learn: pip install 'seco-lab[umap]'"
        ) from error
    if len(x) <= dims + 2:
        raise ValueError(f"UMAP to {dims} dims needs more than {dims + 2} vectors, got {len(x)}; use 'pca'")
    model = UMAP(n_components=dims, n_neighbors=min(neighbours, len(x) - 1), random_state=seed, n_jobs=1)
    return model.fit_transform(x)
