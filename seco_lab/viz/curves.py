"""Which logged quantities belong into one panel, and how many points of a curve are worth drawing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

# Title of a panel, and what the names of its curves start with; the first that fits takes a name.
PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Loss", ("loss",)),
    ("Top-1: positive picked from the queue", ("top1",)),
    ("kNN accuracy", ("knn",)),
    ("Season that can be read", ("season_leak",)),
    ("Augmentation that can be read", ("augmentation_leak",)),
    ("How far the season moves an embedding", ("season_shift",)),
    ("How far augmentation moves an embedding", ("augmentation_shift",)),
    ("Alignment", ("alignment",)),
    ("Uniformity", ("uniformity",)),
    ("Spread of the embeddings", ("spread",)),
    ("Mean cosine", ("mean_cosine",)),
    ("Effective rank", ("effective_rank",)),
    ("Images per second", ("images_per_s",)),
    ("Learning rate", ("lr",)),
)
NOT_DRAWN = ("step", "epoch", "seconds")


def panels_of(names: Iterable[str]) -> dict[str, list[str]]:
    """Names of quantities by panel title, panels in a fixed order; unknown ones get a panel of their own."""
    found: dict[str, list[str]] = {title: [] for title, _ in PANELS}
    for name in names:
        if name not in NOT_DRAWN:
            title = next((t for t, starts in PANELS if name.startswith(starts)), name)
            found.setdefault(title, []).append(name)
    return {title: members for title, members in found.items() if members}


def thin(steps: np.ndarray, values: np.ndarray, limit: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """A curve with at most ``limit`` points: means of equal runs, so that no spike is drawn as the trend.

    Args:
        steps: Shape (N,).
        values: Shape (N,); NaN where a step has no value.
        limit: Most points to keep.
    """
    good = np.isfinite(values)
    steps, values = steps[good], values[good]
    if len(values) <= limit:
        return steps, values
    parts = np.array_split(np.arange(len(values)), limit)
    return np.array([steps[p[-1]] for p in parts]), np.array([values[p].mean() for p in parts])
