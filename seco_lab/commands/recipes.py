"""Which views, how many seasons and which network belong to each method name of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from seco_lab.geoclusters import cluster_places
from seco_lab.methods import GASSL, Method, MoCo, SeCo, SimCLR, VICReg
from seco_lab.nn.encoders import Encoder
from seco_lab.views import MILD, MoCoViews, SeasonalViews, Strength, TemporalViews

GEO_CLUSTERS = 100  # GASSL, sec. 3.2
SHORT_RUN_STEPS = 20_000


@dataclass(frozen=True)
class Tuning:
    """Numbers of a run that depend on its length (``docs/decisions/0046-short-runs.md``).

    Attributes:
        optimizer: Name of the optimizer.
        lr: Learning rate before the schedule.
        warmup_steps: Steps in which the learning rate rises.
        temperature: Divides the similarities.
        momentum: Momentum of the key encoder.
        steady: Whether the method corrects for a key encoder that still changes fast.
        strength: How strong the changes of the views are, a key of ``STRENGTHS``.
        queue_batches: Length of the queue in batches, or None for the papers' 16384 keys.
    """

    optimizer: str
    lr: float
    warmup_steps: int
    temperature: float
    momentum: float
    steady: bool
    strength: str
    queue_batches: int | None

    def text(self) -> str:
        """The numbers in a line."""
        return (
            f"{self.optimizer} with learning rate {self.lr:g}, temperature {self.temperature:g}, "
            f"momentum {self.momentum:g} of the key encoder, {self.strength} views"
        )


@dataclass(frozen=True)
class Recipe:
    """One method as the command line offers it.

    Attributes:
        views: Class of its views; made from an input contract and a size.
        seasons: Seasons that a batch must hold.
        build: Makes the method from (encoder, cube, queue size, tuning, seed).
    """

    views: type
    seasons: int
    build: Callable[[Encoder, xr.Dataset, int, Tuning, int], Method]


def _queued(
    method: type, *before: Callable[[xr.Dataset, int], Any]
) -> Callable[[Encoder, xr.Dataset, int, Tuning, int], Method]:
    def build(encoder: Encoder, cube: xr.Dataset, queue: int, tuning: Tuning, seed: int) -> Method:
        return method(
            encoder,
            *(make(cube, seed) for make in before),
            queue_size=queue,
            momentum=tuning.momentum,
            temperature=tuning.temperature,
            steady=tuning.steady,
            seed=seed,
        )

    return build


def _geo_clusters(cube: xr.Dataset, seed: int) -> torch.Tensor:
    lonlat = np.stack([cube["lon"].values, cube["lat"].values], axis=1)
    count = min(GEO_CLUSTERS, max(2, len(lonlat) // 10))
    return torch.from_numpy(cluster_places(lonlat, count, seed=seed).labels)


def _simclr(encoder: Encoder, cube: xr.Dataset, queue: int, tuning: Tuning, seed: int) -> Method:
    return SimCLR(encoder, temperature=tuning.temperature, seed=seed)


def _vicreg(encoder: Encoder, cube: xr.Dataset, queue: int, tuning: Tuning, seed: int) -> Method:
    return VICReg(encoder, dim=4 * encoder.num_features, seed=seed)


METHODS: dict[str, Recipe] = {
    "moco": Recipe(MoCoViews, 1, _queued(MoCo)),
    "moco-tp": Recipe(TemporalViews, 2, _queued(MoCo)),
    "seco": Recipe(SeasonalViews, 3, _queued(SeCo)),
    "geo": Recipe(MoCoViews, 1, _queued(GASSL, _geo_clusters)),
    "geo-tp": Recipe(TemporalViews, 2, _queued(GASSL, _geo_clusters)),
    "simclr": Recipe(MoCoViews, 1, _simclr),
    "simclr-tp": Recipe(TemporalViews, 2, _simclr),
    "vicreg": Recipe(MoCoViews, 1, _vicreg),
    "vicreg-tp": Recipe(TemporalViews, 2, _vicreg),
}


def recipe_named(name: str) -> Recipe:
    """The recipe of a method.

    Raises:
        LookupError: Unknown name; lists the known ones.
    """
    if name not in METHODS:
        raise LookupError(f"unknown method {name!r}; known are {', '.join(METHODS)}")
    return METHODS[name]


STRENGTHS = {"paper": Strength(), "mild": MILD}
# Both papers: at least hundreds of thousands of steps.
LONG_RUN = Tuning("sgd", 0.03, 0, 0.07, 0.999, False, "paper", None)
SHORT_RUN = Tuning("adamw", 0.001, 10, 0.2, 0.95, True, "mild", 4)


def tuning_for(steps: int | None) -> Tuning:
    """The papers' numbers for long runs, measured ones for short runs; None is a short run."""
    return LONG_RUN if steps is not None and steps >= SHORT_RUN_STEPS else SHORT_RUN


def queue_for(samples: int, batch: int, batches: int | None) -> int:
    """Length of the queue, in whole batches.

    A queue longer than the data holds older keys of the very images that it is compared with, so it holds at
    most half of the data.

    Args:
        samples: Images of an epoch.
        batch: Images of a batch.
        batches: Wanted length in batches, or None for the papers' 16384 keys.
    """
    wanted = 16384 if batches is None else batches * batch
    return max(1, min(wanted, samples // 2) // batch) * batch
