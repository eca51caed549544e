"""Which views, how many seasons and which network belong to each method name of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from seco_lab.geoclusters import cluster_places
from seco_lab.methods import GASSL, Method, MoCo, SeCo
from seco_lab.nn.encoders import Encoder
from seco_lab.views import MoCoViews, SeasonalViews, TemporalViews

GEO_CLUSTERS = 100  # GASSL, sec. 3.2
SHORT_RUN_STEPS = 20_000


@dataclass(frozen=True)
class Recipe:
    """One method as the command line offers it.

    Attributes:
        views: Class of its views; made from an input contract and a size.
        seasons: Seasons that a batch must hold.
        build: Makes the method from (encoder, cube, queue size, momentum, temperature, seed).
    """

    views: type
    seasons: int
    build: Callable[[Encoder, xr.Dataset, int, float, float, int], Method]


def _plain(method: type) -> Callable[[Encoder, xr.Dataset, int, float, float, int], Method]:
    def build(
        encoder: Encoder, cube: xr.Dataset, queue: int, momentum: float, temperature: float, seed: int
    ) -> Method:
        return method(encoder, queue_size=queue, momentum=momentum, temperature=temperature, seed=seed)

    return build


def _geo(
    encoder: Encoder, cube: xr.Dataset, queue: int, momentum: float, temperature: float, seed: int
) -> Method:
    lonlat = np.stack([cube["lon"].values, cube["lat"].values], axis=1)
    count = min(GEO_CLUSTERS, max(2, len(lonlat) // 10))
    labels = cluster_places(lonlat, count, seed=seed).labels
    return GASSL(
        encoder,
        torch.from_numpy(labels),
        queue_size=queue,
        momentum=momentum,
        temperature=temperature,
        seed=seed,
    )


METHODS: dict[str, Recipe] = {
    "moco": Recipe(MoCoViews, 1, _plain(MoCo)),
    "moco-tp": Recipe(TemporalViews, 2, _plain(MoCo)),
    "seco": Recipe(SeasonalViews, 3, _plain(SeCo)),
    "geo": Recipe(MoCoViews, 1, _geo),
    "geo-tp": Recipe(TemporalViews, 2, _geo),
}


def recipe_named(name: str) -> Recipe:
    """The recipe of a method.

    Raises:
        LookupError: Unknown name; lists the known ones.
    """
    if name not in METHODS:
        raise LookupError(f"unknown method {name!r}; known are {', '.join(METHODS)}")
    return METHODS[name]


def queue_for(samples: int, batch: int, wanted: int | None) -> int:
    """Length of the queue: what was asked for, else the papers' 16384 or what the data allow.

    A queue longer than the data holds older keys of the very images that it is compared with, so without a
    wish it holds at most half of the data, in whole batches.
    """
    if wanted is not None:
        return wanted
    return max(1, min(16384, samples // 2) // batch) * batch


def momentum_for(steps: int, wanted: float | None) -> float:
    """Momentum of the key encoder: the papers' 0.999, less where a run is too short for it.

    With 0.999 the key encoder lags a thousand steps behind, which is most of a short run.
    """
    if wanted is not None:
        return wanted
    return 0.999 if steps >= SHORT_RUN_STEPS else 0.99
