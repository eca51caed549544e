"""Views as a person can look at them: the standardisation taken back, one row a place, one column a view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seco_lab.input_spec import InputSpec
from seco_lab.sensors import sensor_named
from seco_lab.viz.figure import empty_figure


def view_pictures(view: object, spec: InputSpec, *, gamma: float = 1.0) -> NDArray[np.uint8]:
    """Standardised views as 8-bit colours.

    Args:
        view: Shape (B, C, S, S), an array or a tensor of any float type on any device.
        spec: The contract by which it was standardised; its red, green and blue band make the picture.
        gamma: Exponent applied to the values in [0, 1]; below 1 brightens dark ground.

    Returns:
        Shape (B, S, S, 3), uint8; the contract's limits become black and white.

    Raises:
        LookupError: The contract has no red, green and blue band.
        ValueError: The view has another number of bands than the contract.
    """
    values = _as_array(view)
    if values.ndim != 4 or values.shape[1] != len(spec.bands):
        raise ValueError(f"a view of {len(spec.bands)} bands has shape (B, C, S, S), got {values.shape}")
    shown = sensor_named(spec.sensor).rgb
    if not set(shown) <= set(spec.bands):
        raise LookupError(
            f"a picture needs the bands {', '.join(shown)}; the contract has {', '.join(spec.bands)}"
        )
    bands = [spec.bands.index(name) for name in shown]
    mean, std = (np.array(part, np.float32)[bands, None, None] for part in (spec.mean, spec.std))
    unit = np.clip(values[:, bands] * std + mean, 0, 1) ** gamma
    return (np.moveaxis(unit, 1, -1) * 255 + 0.5).astype(np.uint8)


def _as_array(view: object) -> NDArray[np.float32]:
    """A tensor or array as float32 in main memory; this package does not import torch to ask."""
    if hasattr(view, "detach"):
        view = view.detach().float().cpu().numpy()
    return np.asarray(view, np.float32)


def view_grid(
    views: Mapping[str, object],
    spec: InputSpec,
    *,
    rows: Sequence[int] = (0, 1, 2),
    gamma: float = 0.6,
    tile_in: float = 1.6,
) -> Figure:
    """The views of some places: one row a place, one column a view.

    Args:
        views: Shape (B, C, S, S) each, standardised, by name.
        spec: The contract by which they were standardised.
        rows: Which places of the batch.
        gamma: See ``view_pictures``; limits that leave room for snow make ordinary land dark.
        tile_in: Side of a picture in inches.
    """
    figure = empty_figure(len(views) * tile_in, len(rows) * tile_in + 0.3)
    axes = figure.subplots(len(rows), len(views), squeeze=False)
    for column, (name, view) in zip(axes.T, views.items(), strict=True):
        for axis, picture in zip(
            column, view_pictures(_as_array(view)[list(rows)], spec, gamma=gamma), strict=True
        ):
            axis.imshow(picture, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        column[0].set_title(name, fontsize=9)
    return figure
