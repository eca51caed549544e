"""The images of a task from the layout that the task is published in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from seco_lab.sources import LAYOUTS, layout_of, read_cube


def read_labelled(
    root: str | Path, layouts: tuple[str, ...], *, label: str = "label", **options: Any
) -> xr.Dataset:
    """A cube with labels, from one of the task's own layouts or from a Zarr cube made of one.

    Args:
        root: What was named.
        layouts: Keys of ``seco_lab.sources.LAYOUTS``.
        label: The variable that holds the labels.
        options: As those of ``seco_lab.sources.read_cube``.

    Raises:
        FileNotFoundError: Nothing is there.
        LookupError: Another layout, or none that is known.
        ValueError: Nothing readable, or no labels.
    """
    wanted = " or ".join(LAYOUTS[name] for name in layouts)
    try:
        found = layout_of(root)
    except LookupError as error:
        raise LookupError(
            f"{root} is no layout that is known; this task wants {wanted}, or a Zarr cube made of it"
        ) from error
    if found not in (*layouts, "zarr"):
        raise LookupError(f"{root} is {LAYOUTS[found]}; this task wants {wanted}, or a Zarr cube made of it")
    cube = read_cube(root, layout=found, **options)
    if label not in cube.variables:
        raise ValueError(
            f"{root} has no {label!r} a patch; this task wants {wanted}, or a Zarr cube made of it"
        )
    return cube
