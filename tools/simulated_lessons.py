"""What the encoders of ``tools/simulated_tasks.py`` learn from the simulated world, without labels."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.checkpoints import load_encoder
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.input_spec import InputSpec
from seco_lab.methods import Method, SimCLR
from seco_lab.nn.encoders import ResNet, encoder_named
from seco_lab.places import AroundCities, plan_places
from seco_lab.seasons import quarters
from seco_lab.sensors import SENTINEL2_L1C, SENTINEL2_L2A, Sensor
from seco_lab.sources import SimulatedSource
from seco_lab.store import open_cube, save_cube
from seco_lab.train import PretrainingRun, TrainConfig
from seco_lab.views import Strength, TemporalViews

PLACES, PATCH_PX, VIEW_PX, BATCH, ENCODER = 1500, 64, 64, 64, "resnet18-narrow"
# Houses are a few pixels wide and are asked about on tiles enlarged four times, so views are small crops.
CROPS = Strength(area=(0.06, 0.4), hue=0.05, p_gray=0.1, sigma_px=(0.1, 1.0))
# What is built or cut is as large as a third of a place.
PARTS = Strength(area=(0.1, 0.6), hue=0.05, p_gray=0.1, sigma_px=(0.1, 1.0))
# Nothing is built in these years, but fields bear other crops: what differs here is no change.
YEARS = np.array(["2016-06-15", "2019-06-15", "2022-06-15"], "datetime64[D]")


@dataclass(frozen=True)
class Lesson:
    """What an encoder learns without labels.

    Attributes:
        name: Of its cube and of its run.
        cube: Places without labels.
        strength: Of the views of a pair of seasons.
        method: Learns with an encoder.
        lr: Peak learning rate.
    """

    name: str
    cube: Callable[[], xr.Dataset]
    strength: Strength
    method: Callable[[ResNet], Method]
    lr: float

    def learned(self, out: Path, steps: int, seed: int) -> tuple[nn.Module, InputSpec]:
        """The encoder after so many steps; goes on where it was stopped."""
        folder, path = out / self.name, out / f"{self.name}.zarr"
        if not path.exists():
            save_cube(self.cube(), path)
        cube = open_cube(path)
        spec = input_spec_for(cube, bands="rgb", size_px=VIEW_PX)
        views = TemporalViews(spec, VIEW_PX, strength=self.strength)
        batches = CubeBatches(cube, BATCH, seasons=views.seasons, bands="rgb", seed=seed)
        config = TrainConfig(steps=steps, lr=self.lr, optimizer="adamw", precision="float32", seed=seed)
        method = self.method(encoder_named(ENCODER, 3, seed=seed))
        run = PretrainingRun(method, batches, views, config, spec=spec, folder=folder, device="cpu")
        run.resume()
        for log in run:
            if log.step % 50 == 0:
                print(f"{self.name}: step {log.step} of {steps}", file=sys.stderr, flush=True)
        return load_encoder(folder)


def places_near_cities(std_km: float, sensor: Sensor, dates: NDArray) -> xr.Dataset:
    """Places of the world of seed 11 on the same dates."""
    places = plan_places(PLACES, AroundCities(std_km), seed=11).place_list()
    return SimulatedSource(seed=11, sensor=sensor, max_cloud=5.0).load(places, dates, PATCH_PX, "rgb")


LESSONS = {
    "towns": Lesson(
        "towns", lambda: places_near_cities(5, SENTINEL2_L2A, quarters(1, years=(2022,))[0, :3]),
        CROPS, partial(SimCLR, dim=64, temperature=0.2), 2e-3,
    ),
    "years": Lesson(
        "years", lambda: places_near_cities(50, SENTINEL2_L1C, YEARS),
        PARTS, partial(SimCLR, dim=64, temperature=0.2), 2e-3,
    ),
}  # fmt: skip
