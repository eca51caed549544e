"""An encoder and an input contract to begin with, measured on the data at hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from torch import nn

from seco_lab.data import input_spec_for
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import encoder_named


def random_weights(
    cube: xr.Dataset,
    encoder: str = "resnet18",
    *,
    bands: str = "rgb",
    size_px: int | None = None,
    seed: int = 0,
) -> tuple[nn.Module, InputSpec]:
    """An untrained encoder with an input contract measured on a cube, for ``--weights random``.

    Args:
        cube: The data that it will see.
        encoder: Name of the architecture.
        bands: "rgb", "all" or names.
        size_px: Side of its input; the cube's own if left out.
        seed: Seed of the weights.
    """
    spec = measured_spec(cube, bands=bands, size_px=size_px or cube.sizes["x"], seed=seed)
    return encoder_named(encoder, len(spec.bands), seed=seed).eval(), spec


def measured_spec(cube: xr.Dataset, *, bands: str | Sequence[str], size_px: int, seed: int = 0) -> InputSpec:
    """An input contract measured on the training pictures, without their labels.

    For an encoder that has learned from another kind of imagery, where light and haze differ.

    Args:
        cube: Measured on its training split, if it has one.
        bands: "rgb", "all" or names, in the order of the encoder's input.
        size_px: Side of the input.
        seed: Seed of the sample that is measured.
    """
    rows = None
    if "split" in cube.variables:
        train = np.flatnonzero(cube["split"].values.astype(str) == "train")
        rows = train if train.size else None
    return input_spec_for(cube, bands=bands, size_px=size_px, rows=rows, seed=seed)
