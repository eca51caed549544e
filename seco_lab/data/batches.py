"""Batches of a cube by step number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seco_lab.batch import Batch, Share
from seco_lab.data.feeds import KeptFeed, ReadFeed
from seco_lab.data.picking import Picker, checked_crop, checked_rows, usable_seasons
from seco_lab.data.readers import Reader, Source, in_memory, loaded_if_small, open_source
from seco_lab.sensors import sensor_named

# Share of a GPU's free memory that the pixels of a cube may take.
_GPU_SHARE = 0.5
# What is loaded of a cube that only xarray can read: far below the 2 GB that training may take beside model
# and batch.
_LOADED_BYTES = 500_000_000


class CubeBatches:
    """Batches whose content depends on (seed, step) alone, whatever was asked for before.

    Each epoch goes through all samples in a random order of its own; what is left over at its end is dropped.
    With ``seasons=1`` every season of every patch is a sample; else a sample is a patch, and each time it
    comes up its seasons are drawn anew, in the order t0, t1, ... in which ``images`` holds them. Seasons
    without any data, and patches with too few others, are left out where the cube says so (``nodata_share``
    of 1).

    Pixels lie in GPU memory where the cube fits; otherwise one thread reads two batches ahead into buffers
    that are used again, the same numbers either way. ``images`` stays valid as long as anything holds it.

    Attributes:
        batch_size: Samples in a batch.
        seasons: Seasons in a sample.
        bands: Band names in the order of ``images``.
        sensor: Name of the cube's sensor.
        unit: Unit of the counts.
        samples: Samples in an epoch, before the last incomplete batch is dropped.
        steps_per_epoch: Batches in an epoch.
        kept: Whether the pixels lie on the device.
    """

    def __init__(
        self,
        source: Source,
        batch_size: int,
        *,
        seasons: int,
        bands: str | Sequence[str] = "rgb",
        crop_px: int | None = None,
        seed: int = 0,
        device: torch.device | str | None = None,
        with_replacement: bool = False,
        rows: ArrayLike | None = None,
    ) -> None:
        """Open the cube.

        Args:
            source: Path of a stored cube (fastest), a cube, or a ``MappedCube``.
            batch_size: Samples in a batch.
            seasons: Seasons in a sample.
            bands: ``"rgb"``, ``"all"`` (the cube's, in its order) or names.
            crop_px: Side of a random square cut out of each patch while reading, the same for all its
                seasons; the whole patch if left out.
            seed: Seed of all chance.
            device: Where batches are wanted; None for the CPU, or the GPU of the run that takes them.
            with_replacement: Whether a sample may hold a season twice, as the official code lets it.
            rows: Patches to use; all if left out.

        Raises:
            ValueError: More samples in a batch than there are, fewer seasons than asked for, a crop larger
            than
                the patches, or a row that the cube does not have.
            LookupError: Unknown band names, or bands that the cube lacks.
            FileNotFoundError: No cube at that path.
        """
        cube, reader = open_source(source)
        self.batch_size, self.seasons, self.seed = batch_size, seasons, seed
        self.sensor, self.unit = str(cube.attrs["sensor"]), str(cube.attrs["unit"])
        self.bands, positions = choose_bands(cube, bands)
        side = reader.shape[3:]
        self._pick = Picker(
            usable_seasons(cube),
            # The description was read first; a writer may have appended patches since.
            checked_rows(rows, cube.sizes["patch"]),
            batch_size=batch_size,
            seasons=seasons,
            side=side,
            crop_px=checked_crop(crop_px, side),
            seed=seed,
            with_replacement=with_replacement,
        )
        self.samples, self.steps_per_epoch = len(self._pick.samples), self._pick.steps_per_epoch
        self._lonlat = torch.from_numpy(
            np.stack([cube["lon"].values, cube["lat"].values], 1).astype(np.float64)
        )
        self._days = torch.from_numpy(_days(cube))
        self._goes_along = device is None
        self._make_feed(reader, positions, torch.device(device or "cpu"))

    def __len__(self) -> int:
        return self.steps_per_epoch

    def shared(self, share: Share) -> CubeBatches:
        """The same batches, of which only some rows are read and given out.

        All chance stays that of the whole batch, so the shares of several processes are together the very
        batch that one process reads.
        """
        part = copy(self)
        part._pick = self._pick.shared(share)
        if isinstance(self._feed, ReadFeed):
            part._feed = self._feed.planned(part._pick)
        return part

    def on(self, device: torch.device) -> CubeBatches:
        """The same batches, made for a run on that device.

        Where that is a GPU and none was asked for at first, the pixels move into its memory if they fit, or
        are read into pinned buffers.
        """
        if device.type != "cuda" or not self._goes_along:
            return self
        if self._moved is None or self._moved[0] != device:
            part = copy(self)
            part._goes_along = False
            part._make_feed(self._reader, self._positions, device)
            # Kept, since a run that is measured first and one that trains share one copy of the pixels.
            self._moved = (device, part)
        return self._moved[1]

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the first epoch."""
        return (self[step] for step in range(self.steps_per_epoch))

    def __getitem__(self, step: int) -> Batch:
        """The batch of that step; any step from 0 on, beyond the first epoch too."""
        if step < 0:
            raise IndexError(f"steps count from 0, got {step}")
        picked = self._pick(step)
        rows, seasons = torch.from_numpy(picked.rows), torch.from_numpy(picked.seasons)
        return Batch(
            images=self._feed.get(step, picked),
            index=rows,
            lonlat=self._lonlat[rows],
            time=self._days[rows[:, None], seasons],
        )

    def _make_feed(self, reader: Reader, positions: Sequence[int], device: torch.device) -> None:
        patches = np.unique(self._pick.samples[:, 0].numpy())
        _, seasons, _, height, width = reader.shape
        size = len(patches) * seasons * len(positions) * height * width * reader.dtype.itemsize
        # An Apple GPU shares the computer's memory: there is nothing to gain by keeping pixels in it.
        self.kept = device.type == "cuda" and size <= _device_budget(device)
        if self.kept:
            self._feed: KeptFeed | ReadFeed = KeptFeed(reader, patches, positions, device)
        else:
            reader, positions = loaded_if_small(reader, positions, _LOADED_BYTES)
            # Copying from memory is no work for a thread, unless a GPU can go on meanwhile.
            at_once = in_memory(reader) and device.type == "cpu"
            self._feed = ReadFeed(reader, positions, device, None if at_once else self._pick)
        self._reader, self._positions = reader, positions
        self._moved: tuple[torch.device, CubeBatches] | None = None


def choose_bands(cube: xr.Dataset, bands: str | Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of the bands asked for and their positions in the cube.

    Raises:
        LookupError: Unknown to the sensor, or not in this cube; the message names both sides.
    """
    there = [str(name) for name in cube["band"].values]
    if bands == "all":
        return tuple(there), tuple(range(len(there)))
    names = sensor_named(str(cube.attrs["sensor"])).subset(bands)
    missing = [name for name in names if name not in there]
    if missing:
        raise LookupError(
            f"bands {', '.join(names)} are wanted; the cube has {', '.join(there)} "
            f"and lacks {', '.join(missing)}"
        )
    return names, tuple(there.index(name) for name in names)


def _device_budget(device: torch.device) -> int:
    """Bytes of pixels that may be kept in a GPU's own memory."""
    return int(_GPU_SHARE * torch.cuda.mem_get_info(device)[0])


def _days(cube: xr.Dataset) -> NDArray:
    """Shape (P, T), int64: days since 1970-01-01; the smallest integer where the time is unknown."""
    return cube["time"].values.astype("datetime64[D]").astype(np.int64)
