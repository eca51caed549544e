"""An encoder and an input contract to begin with, measured on the data at hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from torch import nn

from seco_lab.data import input_spec_for
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import encoder_named
from seco_lab.sensors import Sensor, sensor_named

_SAME_COLOUR_NM = 50.0


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


def bands_like(spec: InputSpec, cube: xr.Dataset) -> tuple[str, ...]:
    """The bands of a cube that show what an encoder learned to see, in its order.

    A band of the same name, else the one nearest in wavelength: red, green, blue and near infrared of an
    aerial picture for B04, B03, B02 and B08 of Sentinel-2.

    Args:
        spec: The encoder's input contract.
        cube: The other imagery.

    Raises:
        LookupError: For a band there is none within 50 nm.
    """
    return bands_near(spec, sensor_named(cube.attrs["sensor"]), [str(name) for name in cube["band"].values])


def bands_near(spec: InputSpec, sensor: Sensor, held: Sequence[str]) -> tuple[str, ...]:
    """The bands of a sensor that show what an encoder learned to see, in its order; see ``bands_like``.

    Args:
        spec: The encoder's input contract.
        sensor: Of the other imagery.
        held: Names of its bands that are there.

    Raises:
        LookupError: For a band there is none within 50 nm.
    """
    own = sensor_named(spec.sensor)
    if set(spec.bands) <= set(held):
        return spec.bands
    lengths = np.array([sensor.band(name).wavelength_nm for name in held])
    wanted = np.array([own.band(name).wavelength_nm for name in spec.bands])
    apart = np.abs(wanted[:, None] - lengths)
    bare = [name for name, row in zip(spec.bands, apart, strict=True) if row.min() > _SAME_COLOUR_NM]
    if bare:
        raise LookupError(
            f"the encoder sees {', '.join(spec.bands)} of {own.name}; the data have {', '.join(held)} of "
            f"{sensor.name}, and none of them is like {', '.join(bare)}"
        )
    return tuple(held[column] for column in apart.argmin(1))
