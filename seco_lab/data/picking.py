"""Which patches, seasons and windows a batch is made of: a function of (seed, step)."""

from __future__ import annotations

from copy import copy
from functools import lru_cache

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seco_lab.batch import Share, generator_for
from seco_lab.data.feeds import Picked
from seco_lab.views.seasons import draw_seasons


class Picker:
    """What the batch of each step holds; knows small tables alone, no pixels.

    It stands apart from the batches because the thread that reads ahead asks it too: a feed that held the
    batches, which hold the feed, would keep the cube's file open until a garbage collection.

    Args:
        usable: Shape (P, T), bool: seasons that have data.
        rows: Patches to use.
        batch_size: Samples in a batch.
        seasons: Seasons in a sample.
        side: Height and width of a patch in pixels.
        crop_px: Side of the random window; None for the whole patch.
        seed: Seed of all chance.
        with_replacement: Whether a sample may hold a season twice.

    Attributes:
        samples: Shape (N, 2): patch and season of every sample; the season is -1 where it is drawn.
        steps_per_epoch: Batches in an epoch.

    Raises:
        ValueError: Fewer seasons or samples than asked for.
    """

    def __init__(
        self,
        usable: NDArray[np.bool_],
        rows: NDArray[np.int64],
        *,
        batch_size: int,
        seasons: int,
        side: tuple[int, int],
        crop_px: int | None,
        seed: int,
        with_replacement: bool,
    ) -> None:
        self._usable = torch.from_numpy(usable)
        self._batch_size, self._seasons, self._seed = batch_size, seasons, seed
        self._side, self._crop_px, self._with_replacement = side, crop_px, with_replacement
        self.samples = self._list_samples(rows)
        if not 1 <= batch_size <= len(self.samples):
            what = "images" if seasons == 1 else "patches"
            raise ValueError(
                f"a batch of {batch_size} needs at least as many {what}, the data have {len(self.samples)}; "
                f"use batches of 1 to {len(self.samples)}, or more patches"
            )
        self.steps_per_epoch = len(self.samples) // batch_size
        self._share = Share(0, batch_size, batch_size)
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def shared(self, share: Share) -> Picker:
        """The same batches, of which only some rows are picked."""
        part = copy(self)
        part._share = share
        return part

    def _list_samples(self, rows: NDArray) -> torch.Tensor:
        """Shape (N, 2): patch and season of every sample; the season is -1 where it is drawn."""
        usable = self._usable[torch.from_numpy(rows)]
        available = usable.shape[1]
        if self._seasons == 1:
            place, season = usable.nonzero(as_tuple=True)
            return torch.stack([torch.from_numpy(rows)[place], season], 1)
        if not 1 <= self._seasons or (self._seasons > available and not self._with_replacement):
            raise ValueError(
                f"{self._seasons} seasons of each patch are wanted, the cube has {available}; "
                "gather more seasons, or choose a method that needs fewer"
            )
        enough = usable.sum(1) >= (1 if self._with_replacement else self._seasons)
        kept = torch.from_numpy(rows)[enough]
        return torch.stack([kept, torch.full_like(kept, -1)], 1)

    def _draw_order(self, epoch: int) -> torch.Tensor:
        return torch.randperm(len(self.samples), generator=generator_for(self._seed, epoch, "order"))

    def __call__(self, step: int) -> Picked:
        """What the batch of that step is made of, of its share."""
        epoch, place = divmod(step, self.steps_per_epoch)
        chosen = self._order(epoch)[place * self._batch_size : (place + 1) * self._batch_size]
        rows, season = self.samples[chosen].unbind(1)
        if self._seasons == 1:
            seasons = season[:, None]
        else:
            seasons = draw_seasons(
                self._usable[rows],
                self._seasons,
                generator_for(self._seed, step, "seasons"),
                with_replacement=self._with_replacement,
            )
        top, left = self._corners(step)
        own = self._share.slice
        return Picked(
            rows.numpy()[own], seasons.contiguous().numpy()[own], top[own], left[own], self._crop_px
        )

    def _corners(self, step: int) -> tuple[NDArray, NDArray]:
        if self._crop_px is None:
            zero = np.zeros(self._batch_size, np.int64)
            return zero, zero
        generator = generator_for(self._seed, step, "crop")
        chance = torch.rand(2, self._batch_size, generator=generator, dtype=torch.float64)
        room = torch.tensor([[self._side[0] - self._crop_px + 1], [self._side[1] - self._crop_px + 1]])
        top, left = (chance * room).long().numpy()
        return top, left


def usable_seasons(cube: xr.Dataset) -> NDArray:
    """Shape (P, T), bool: where the cube does not say that there is no data at all."""
    if "nodata_share" not in cube.coords:
        return np.ones((cube.sizes["patch"], cube.sizes["season"]), bool)
    return ~(np.asarray(cube["nodata_share"].values, float) >= 1)


def checked_rows(rows: ArrayLike | None, count: int) -> NDArray:
    """Row numbers of patches, all of them by default.

    Raises:
        ValueError: A row twice, or one that is not there.
    """
    if rows is None:
        return np.arange(count)
    rows = np.asarray(rows, np.int64).reshape(-1)
    outside = rows.size and (rows.min() < 0 or rows.max() >= count)
    if outside or len(np.unique(rows)) != len(rows):
        raise ValueError(f"rows must be different numbers from 0 to {count - 1}, the patches of the cube")
    return rows


def checked_crop(crop_px: int | None, side: tuple[int, int]) -> int | None:
    """The side of the random window, which must fit into the patches.

    Raises:
        ValueError: It does not.
    """
    if crop_px is not None and not 1 <= crop_px <= min(side):
        raise ValueError(f"a crop of {crop_px} px does not fit into patches of {side[0]} x {side[1]} px")
    return crop_px
