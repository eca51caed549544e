"""An input contract measured on scenes, for encoders that have learned from other imagery or from none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from torch import nn

from seco_lab.batch import generator_for
from seco_lab.cube import make_cube
from seco_lab.data import input_spec_for
from seco_lab.downstream.tiles import random_tile, size_of, square_in
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import encoder_named
from seco_lab.sensors import sensor_named

_TILES, _TILE_PX = 64, 128


def measured_on_scenes(
    scenes: Mapping[str, xr.Dataset], *, bands: str | Sequence[str] = "rgb", size_px: int, seed: int = 0
) -> InputSpec:
    """Limits and statistics of 64 tiles of scenes, without their labels.

    Args:
        scenes: Training scenes.
        bands: "rgb", "all" or names, in the order of the encoder's input.
        size_px: Side of the views that the encoder was trained on.
        seed: Seed of the tiles.

    Raises:
        LookupError: A band is missing.
        ValueError: No pixel with data.
    """
    chance, names = generator_for(seed, 0, "measured tiles"), list(scenes)
    chosen = [scenes[names[number % len(names)]] for number in range(_TILES)]
    # What a small scene lacks is 0, no data, and is not measured.
    side_px = min(_TILE_PX, max(max(size_of(scene)) for scene in chosen))
    corners = [random_tile(size_of(scene), _TILE_PX, chance) for scene in chosen]
    tiles = [
        square_in(scene, "reflectance", corner, side_px)
        for scene, corner in zip(chosen, corners, strict=True)
    ]
    first = scenes[names[0]]
    cube = make_cube(
        np.stack(tiles),
        patch=[str(number) for number in range(len(tiles))],
        time=np.full((len(tiles), 1), "NaT", "datetime64[ns]"),
        lon=np.full(len(tiles), np.nan),
        lat=np.full(len(tiles), np.nan),
        sensor=sensor_named(first.attrs["sensor"]),
        bands=[str(name) for name in first["band"].values],
        pixel_size_m=float(first.attrs["pixel_size_m"]),
        unit=str(first.attrs["unit"]),
    )
    return input_spec_for(cube, bands=bands, size_px=size_px, seed=seed)


def random_weights_for(
    scenes: Mapping[str, xr.Dataset], encoder: str = "resnet18", *, size_px: int = 224, seed: int = 0
) -> tuple[nn.Module, InputSpec]:
    """An untrained encoder with a contract measured on the scenes, for ``--weights random``."""
    first = next(iter(scenes.values()))
    held = [str(name) for name in first["band"].values]
    rgb = sensor_named(first.attrs["sensor"]).rgb
    spec = measured_on_scenes(
        scenes, bands=rgb if set(rgb) <= set(held) else held, size_px=size_px, seed=seed
    )
    return encoder_named(encoder, len(spec.bands), seed=seed).eval(), spec
