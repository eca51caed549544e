"""Put cubes of several sources into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from seco_lab.cube.layout import CUBE_DIMS, check_cube
from seco_lab.sensors import sensor_named


def join_cubes(cubes: Sequence[xr.Dataset], *, bands: Sequence[str] | None = None) -> xr.Dataset:
    """One cube of all patches, with the bands that all cubes have.

    Variables that not all of them have are dropped; attributes that differ are joined by semicolons.

    Args:
        cubes: Same sensor, unit, pixel type, seasons and patch size.
        bands: Names to keep, in this order; the common ones in the sensor's order if left out.

    Raises:
        ValueError: Nothing to join, or the cubes mean or measure different things, or share a patch id.
        LookupError: A wanted band is not in all cubes.
    """
    if not cubes:
        raise ValueError("join_cubes needs at least one cube, got none")
    for cube in cubes:
        check_cube(cube)
        _check_alike(cubes[0], cube)
    names = _common_bands(cubes, bands)
    kept = set.intersection(*(set(cube.variables) for cube in cubes)) - {"band", "class"}
    parts = [_part(cube, names, kept) for cube in cubes]
    joined = xr.concat(parts, "patch", data_vars="minimal", coords="minimal", combine_attrs="override")
    joined["reflectance"] = joined["reflectance"].transpose(*CUBE_DIMS)
    for key in ("source", "licence", "attribution", "grid"):
        values = list(dict.fromkeys(str(cube.attrs[key]) for cube in cubes if cube.attrs.get(key)))
        if values:
            joined.attrs[key] = "; ".join(values)
    joined.attrs["refused"] = [bad for cube in cubes for bad in cube.attrs.get("refused", [])]
    check_cube(joined)
    return joined


def _check_alike(first: xr.Dataset, other: xr.Dataset) -> None:
    for key in ("sensor", "unit", "pixel_size_m", "class_names"):
        ours, theirs = first.attrs.get(key), other.attrs.get(key)
        if ours != theirs:
            raise ValueError(f"cubes of different {key} cannot be joined: {ours} and {theirs}")
    for dim in ("season", "y", "x"):
        if first.sizes[dim] != other.sizes[dim]:
            raise ValueError(
                f"cubes of different {dim} cannot be joined: {first.sizes[dim]} and {other.sizes[dim]}"
            )
    if first["reflectance"].dtype != other["reflectance"].dtype:
        raise ValueError(
            "cubes of different pixel types cannot be joined: "
            f"{first['reflectance'].dtype} and {other['reflectance'].dtype}"
        )


def _common_bands(cubes: Sequence[xr.Dataset], bands: Sequence[str] | None) -> list[str]:
    held = [set(cube["band"].values.tolist()) for cube in cubes]
    common = set.intersection(*held)
    order = bands if bands is not None else sensor_named(cubes[0].attrs["sensor"]).band_names
    names = [name for name in order if name in common]
    if bands is not None and len(names) < len(bands):
        missing = [name for name in bands if name not in common]
        raise LookupError(f"band {missing[0]} is not in all cubes; all have {', '.join(sorted(common))}")
    if not names:
        raise ValueError("the cubes have no band in common")
    return names


def _part(cube: xr.Dataset, names: Sequence[str], kept: set) -> xr.Dataset:
    """A cube reduced to what all have; band positions are looked up by name."""
    held = cube["band"].values.tolist()
    positions = np.array([held.index(name) for name in names])
    part = cube.isel(band=positions).drop_vars(set(cube.variables) - kept - {"band"}, errors="ignore")
    return part.drop_encoding()
