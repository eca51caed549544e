"""Which views, how many seasons and which network belong to each method name of the command line."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seco_lab.commands.dated import phases_in, years_apart_in
from seco_lab.geoclusters import cluster_places
from seco_lab.methods import GASSL, CACo, Method, MoCo, SeCo, SeCoEco, SimCLR, VICReg
from seco_lab.nn.encoders import Encoder
from seco_lab.views import GASSL as GASSL_PAIRS
from seco_lab.views import MILD, ChangeViews, MoCoViews, SeasonalViews, Strength, TemporalViews
from seco_lab.views.picked import Pick

GEO_CLUSTERS = 100  # GASSL, sec. 3.2
# Options of the command line that only some methods have a use for.
METHOD_OPTIONS = ("queue", "temperature", "momentum")
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
        queue_batches: Length of the queue in batches, or None for ``queue_keys``.
        queue_keys: Length of the queue in a long run.
    """

    optimizer: str
    lr: float
    warmup_steps: int
    temperature: float
    momentum: float
    steady: bool
    strength: str
    queue_batches: int | None
    queue_keys: int = 16384

    def text(self, uses: Collection[str]) -> str:
        """The numbers in a line, without those that the method has no use for."""
        words = [f"{self.optimizer} with learning rate {self.lr:g}"]
        if "temperature" in uses:
            words.append(f"temperature {self.temperature:g}")
        if "momentum" in uses:
            words.append(f"momentum {self.momentum:g} of the key encoder")
        return ", ".join([*words, f"{self.strength} views"])


STRENGTHS = {"paper": Strength(), "mild": MILD, "gassl": GASSL_PAIRS}
# Both papers: at least hundreds of thousands of steps.
LONG_RUN = Tuning("sgd", 0.03, 0, 0.07, 0.999, False, "paper", None)
SHORT_RUN = Tuning("adamw", 0.001, 10, 0.2, 0.95, True, "mild", 4)
# GASSL's own numbers; its temporal pairs are cropped wider.
LONG_RUN_GEO = replace(LONG_RUN, temperature=0.02, queue_keys=65536)
LONG_RUN_GEO_TP = replace(LONG_RUN_GEO, strength="gassl")
# SSL4Eco's numbers, as the class has them.
LONG_RUN_ECO = replace(LONG_RUN, temperature=0.2, queue_keys=65536)


@dataclass(frozen=True)
class Ingredients:
    """What a method is made of, beside its encoder.

    Attributes:
        cube: Whose patches it trains on.
        patches: How many of them train.
        queue: Length of the queue.
        tuning: Numbers that depend on the run's length.
        seed: Seed of heads and queues.
    """

    cube: xr.Dataset
    patches: int
    queue: int
    tuning: Tuning
    seed: int


@dataclass(frozen=True)
class Recipe:
    """One method as the command line offers it.

    Attributes:
        views: Class of its views; made from an input contract and a size.
        seasons: Seasons that a batch must hold.
        build: Makes the method from an encoder and the rest.
        uses: Options among ``METHOD_OPTIONS`` that mean something to it.
        pick: From a cube and rows to what picks the seasons by their dates; None draws them by chance.
        long_run: Numbers of its paper.
    """

    views: type
    seasons: int
    build: Callable[[Encoder, Ingredients], Method]
    uses: tuple[str, ...] = METHOD_OPTIONS
    pick: Callable[[xr.Dataset, NDArray[np.int64]], Pick | None] | None = None
    long_run: Tuning = LONG_RUN

    def check_options(self, name: str, asked: Collection[str]) -> None:
        """Refuse options that the method would pass over in silence.

        Args:
            name: The method, for the message.
            asked: Options that were given.

        Raises:
            ValueError: One of them means nothing to this method.
        """
        idle = [option for option in METHOD_OPTIONS if option in asked and option not in self.uses]
        if idle:
            used = ", ".join(f"--{option}" for option in self.uses) or "none of the kind"
            raise ValueError(
                f"{name} takes {used}, got {', '.join(f'--{option}' for option in idle)}, for which it has "
                "no use; leave that out, or choose another method"
            )


def _queued(method: type, *before: Callable[[Ingredients], Any]) -> Callable[[Encoder, Ingredients], Method]:
    def build(encoder: Encoder, given: Ingredients) -> Method:
        return method(
            encoder,
            *(make(given) for make in before),
            queue_size=given.queue,
            momentum=given.tuning.momentum,
            temperature=given.tuning.temperature,
            steady=given.tuning.steady,
            seed=given.seed,
        )

    return build


def _geo_clusters(given: Ingredients) -> torch.Tensor:
    lonlat = np.stack([given.cube["lon"].values, given.cube["lat"].values], axis=1)
    count = min(GEO_CLUSTERS, max(2, len(lonlat) // 10))
    return torch.from_numpy(cluster_places(lonlat, count, seed=given.seed).labels)


def _caco(encoder: Encoder, given: Ingredients) -> Method:
    return CACo(
        encoder,
        given.cube.sizes["patch"],
        queue_size=given.queue,
        momentum=given.tuning.momentum,
        temperature=given.tuning.temperature,
        relabel_every=given.patches,
        seed=given.seed,
    )


def _simclr(encoder: Encoder, given: Ingredients) -> Method:
    return SimCLR(encoder, temperature=given.tuning.temperature, seed=given.seed)


def _vicreg(encoder: Encoder, given: Ingredients) -> Method:
    return VICReg(encoder, dim=4 * encoder.num_features, seed=given.seed)


METHODS: dict[str, Recipe] = {
    "moco": Recipe(MoCoViews, 1, _queued(MoCo)),
    "moco-tp": Recipe(TemporalViews, 2, _queued(MoCo)),
    "seco": Recipe(SeasonalViews, 3, _queued(SeCo)),
    "geo": Recipe(MoCoViews, 1, _queued(GASSL, _geo_clusters), long_run=LONG_RUN_GEO),
    "geo-tp": Recipe(TemporalViews, 2, _queued(GASSL, _geo_clusters), long_run=LONG_RUN_GEO_TP),
    "caco": Recipe(ChangeViews, 6, _caco, pick=years_apart_in),
    "seco-eco": Recipe(SeasonalViews, 3, _queued(SeCoEco), pick=phases_in, long_run=LONG_RUN_ECO),
    "simclr": Recipe(MoCoViews, 1, _simclr, ("temperature",)),
    "simclr-tp": Recipe(TemporalViews, 2, _simclr, ("temperature",)),
    "vicreg": Recipe(MoCoViews, 1, _vicreg, ()),
    "vicreg-tp": Recipe(TemporalViews, 2, _vicreg, ()),
}


def recipe_named(name: str) -> Recipe:
    """The recipe of a method.

    Raises:
        LookupError: Unknown name; lists the known ones.
    """
    if name not in METHODS:
        raise LookupError(f"unknown method {name!r}; known are {', '.join(METHODS)}")
    return METHODS[name]


def tuning_for(steps: int, recipe: Recipe) -> Tuning:
    """The numbers of the method's paper for long runs, measured ones for short runs."""
    return recipe.long_run if steps >= SHORT_RUN_STEPS else SHORT_RUN


def queue_for(samples: int, batch: int, batches: int | None, *, keys: int = 16384) -> int:
    """Length of the queue, in whole batches.

    A queue longer than the data holds older keys of the very images that it is compared with, so it holds at
    most half of the data.

    Args:
        samples: Images of an epoch.
        batch: Images of a batch.
        batches: Wanted length in batches, or None for ``keys``.
        keys: Wanted length otherwise; both papers have 16384 or more.
    """
    wanted = keys if batches is None else batches * batch
    return max(1, min(wanted, samples // 2) // batch) * batch
