"""The one Dataset layout of the toolkit: make it and check it.

A cube is a plain ``xarray.Dataset``. Pixels are ``reflectance(patch, season, band, y, x)``; everything that
describes a patch, a season of it or a band is a coordinate, so that a selection keeps its description.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from seco_lab import __version__
from seco_lab.cube.grid import utm_corner
from seco_lab.input_spec import UNITS
from seco_lab.sensors import Sensor, sensor_named

CUBE_DIMS = ("patch", "season", "band", "y", "x")
DTYPES = ("uint8", "uint16", "float32")
ATTRS = ("sensor", "level", "toolkit_version", "source", "unit", "licence", "attribution", "pixel_size_m")

# What a cube must describe, and what it may: dimensions by name.
REQUIRED_COORDS = {
    "patch": ("patch",),
    "band": ("band",),
    "wavelength_nm": ("band",),
    "resolution_m": ("band",),
    "time": ("patch", "season"),
    "lon": ("patch",),
    "lat": ("patch",),
    "epsg": ("patch",),
    "x0": ("patch",),
    "y0": ("patch",),
}
OPTIONAL = {
    "cloud_cover": ("patch", "season"),
    "nodata_share": ("patch", "season"),
    "item_id": ("patch", "season"),
    "label": ("patch",),
    "split": ("patch",),
    "labels": ("patch", "class"),
    "mask": ("patch", "y", "x"),
    "boxes": ("patch", "box", "field"),
    "class": ("class",),
}
_DATA_VARIABLES = ("labels", "mask", "boxes")


def _given(values: Mapping[str, ArrayLike | None]) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Optional variables that were given, as xarray wants them: (dimensions, values)."""
    # What is an array already may be lazy and stays so.
    given = {name: v for name, v in values.items() if v is not None}
    return {name: (OPTIONAL[name], v if hasattr(v, "dtype") else np.asarray(v)) for name, v in given.items()}


def _band_coords(sensor: Sensor, bands: Sequence[str]) -> dict[str, tuple[str, Any]]:
    known = [sensor.band(name) for name in bands]
    return {
        "band": ("band", np.array([b.name for b in known], dtype=object)),
        "wavelength_nm": ("band", np.array([b.wavelength_nm for b in known], dtype=np.float64)),
        "resolution_m": ("band", np.array([b.resolution_m for b in known], dtype=np.float64)),
    }


def _cube_attrs(sensor: Sensor, unit: str, pixel_size_m: float, attrs: Mapping[str, Any] | None) -> dict:
    """All attributes of a cube; a caller may add to them but not contradict its own arguments."""
    attribution = "contains modified Copernicus Sentinel data" if sensor.name.startswith("sentinel2") else ""
    fixed = {"sensor": sensor.name, "unit": unit, "pixel_size_m": float(pixel_size_m)}
    defaults = {"level": sensor.level, "toolkit_version": __version__, "source": "not stated"}
    defaults |= {"licence": "not stated", "attribution": attribution}
    return defaults | dict(attrs or {}) | fixed


def make_cube(
    reflectance: Any,
    *,
    patch: Sequence[str],
    time: ArrayLike,
    lon: ArrayLike,
    lat: ArrayLike,
    sensor: Sensor,
    bands: Sequence[str],
    epsg: ArrayLike | None = None,
    x0: ArrayLike | None = None,
    y0: ArrayLike | None = None,
    pixel_size_m: float = 10.0,
    unit: str = "dn",
    attrs: Mapping[str, Any] | None = None,
    label: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    boxes: ArrayLike | None = None,
    split: ArrayLike | None = None,
    cloud_cover: ArrayLike | None = None,
    nodata_share: ArrayLike | None = None,
    item_id: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
) -> xr.Dataset:
    """A checked cube from arrays.

    Args:
        reflectance: Shape (P, T, C, H, W), uint8, uint16 or float32, counts of ``unit``; 0 = no data.
        patch: P stable ids, all different.
        time: Shape (P, T), acquisition in UTC; NaT where it is unknown.
        lon: Shape (P,), centre in degrees WGS 84; NaN where it is unknown.
        lat: Shape (P,), centre in degrees WGS 84; NaN where it is unknown.
        sensor: Gives each band its wavelength and native resolution.
        bands: C band names, in the order of the pixels.
        epsg: Shape (P,), UTM zone of the grid. Left out: the zone of the centre, and with it ``x0``, ``y0``.
        x0: Shape (P,), left edge in metres.
        y0: Shape (P,), upper edge in metres.
        pixel_size_m: Ground size of a stored pixel.
        unit: Key of ``seco_lab.input_spec.UNITS``.
        attrs: Further attributes: source, licence, attribution, plan hash, seed, ...
        label: Shape (P,), class number of each patch.
        labels: Shape (P, classes), 0 or 1.
        mask: Shape (P, H, W), class number of each pixel.
        boxes: Shape (P, boxes, 5): class, left, top, right, bottom in pixels.
        split: Shape (P,), such as "train" and "val".
        cloud_cover: Shape (P, T), percent of the scene or patch, as the source states it.
        nodata_share: Shape (P, T), 0 to 1.
        item_id: Shape (P, T), the source's name of the acquisition.
        class_names: Names of the classes, in the order of their numbers.

    Raises:
        ValueError: A shape, a dtype or a value does not fit the layout.
        LookupError: A band or a unit is not known.
    """
    if np.ndim(reflectance) != 5:
        raise ValueError(
            f"reflectance needs 5 dimensions ({', '.join(CUBE_DIMS)}), got shape {np.shape(reflectance)}"
        )
    if epsg is None:
        size = (np.shape(reflectance)[3], np.shape(reflectance)[4])
        epsg, x0, y0 = utm_corner(lon, lat, size_px=size, pixel_size_m=pixel_size_m)
    extras = _given(
        {"label": label, "labels": labels, "mask": mask, "boxes": boxes, "split": split}
        | {"cloud_cover": cloud_cover, "nodata_share": nodata_share, "item_id": item_id}
    )
    coords: dict[str, Any] = {
        "patch": ("patch", np.array([str(name) for name in patch], dtype=object)),
        **_band_coords(sensor, bands),
        "time": (("patch", "season"), np.asarray(time, dtype="datetime64[ns]")),
        "lon": ("patch", np.asarray(lon, float)),
        "lat": ("patch", np.asarray(lat, float)),
        "epsg": ("patch", np.asarray(epsg, np.int32)),
        "x0": ("patch", np.asarray(x0, float)),
        "y0": ("patch", np.asarray(y0, float)),
    }
    for name in ("split", "item_id"):
        if name in extras:
            extras[name] = (extras[name][0], extras[name][1].astype(object))
    coords |= {name: value for name, value in extras.items() if name not in _DATA_VARIABLES}
    variables = {name: value for name, value in extras.items() if name in _DATA_VARIABLES}
    if class_names is not None and "labels" in variables:
        coords["class"] = ("class", np.array(list(class_names), dtype=object))
    cube = _assemble(reflectance, variables, coords, _cube_attrs(sensor, unit, pixel_size_m, attrs))
    if class_names is not None:
        cube.attrs["class_names"] = list(class_names)
    check_cube(cube)
    return cube


def _assemble(reflectance: Any, variables: Mapping, coords: Mapping, attrs: Mapping) -> xr.Dataset:
    """The Dataset, with xarray's complaint about sizes turned into a sentence about the cube."""
    try:
        return xr.Dataset({"reflectance": (CUBE_DIMS, reflectance), **variables}, coords, attrs)
    except ValueError as error:
        raise ValueError(
            f"the parts of the cube do not fit reflectance of shape {np.shape(reflectance)}: {error}"
        ) from error


def check_cube(cube: xr.Dataset) -> None:
    """Refuse what is not a cube.

    Pixels are not read; lazy cubes stay lazy.

    Raises:
        ValueError: Says in one sentence what the layout wants and what came.
        LookupError: A band, sensor or unit is not known.
    """
    if not isinstance(cube, xr.Dataset):
        raise ValueError(f"a cube is an xarray.Dataset, got {type(cube).__name__}")
    if "reflectance" not in cube.data_vars:
        raise ValueError(f"a cube has a variable 'reflectance', got {list(cube.data_vars) or 'no variables'}")
    pixels = cube["reflectance"]
    if pixels.dims != CUBE_DIMS:
        raise ValueError(f"reflectance needs the dimensions {CUBE_DIMS}, got {pixels.dims}")
    if pixels.dtype.name not in DTYPES:
        raise ValueError(f"reflectance must be {', '.join(DTYPES)}, got {pixels.dtype.name}")
    if 0 in pixels.shape[1:]:
        raise ValueError(f"a cube needs a season, a band and pixels, got sizes {dict(pixels.sizes)}")
    _check_attrs(cube)
    _check_described(cube)
    _check_values(cube)


def _check_attrs(cube: xr.Dataset) -> None:
    missing = [name for name in ("sensor", "unit", "pixel_size_m") if name not in cube.attrs]
    if missing:
        raise ValueError(
            f"the cube lacks the attribute {missing[0]!r}; a cube states sensor, unit and pixel size"
        )
    if cube.attrs["unit"] not in UNITS:
        raise LookupError(f"unknown unit {cube.attrs['unit']!r}; known are {', '.join(UNITS)}")
    sensor = sensor_named(cube.attrs["sensor"])
    if not float(cube.attrs["pixel_size_m"]) > 0:
        raise ValueError(f"pixel_size_m must be positive, got {cube.attrs['pixel_size_m']}")
    if "band" in cube.coords:
        sensor.subset([str(name) for name in cube["band"].values])


def _check_described(cube: xr.Dataset) -> None:
    for name, dims in REQUIRED_COORDS.items():
        if name not in cube.coords:
            raise ValueError(f"the cube lacks the coordinate {name!r} along {dims}; make_cube sets it")
        if cube[name].dims != dims:
            raise ValueError(f"coordinate {name!r} needs the dimensions {dims}, got {cube[name].dims}")
    for name, dims in OPTIONAL.items():
        if name in cube.variables and cube[name].dims != dims:
            raise ValueError(f"{name!r} needs the dimensions {dims}, got {cube[name].dims}")
    if "boxes" in cube and cube.sizes["field"] != 5:
        raise ValueError(f"boxes hold 5 numbers (class, left, top, right, bottom), got {cube.sizes['field']}")


def _check_values(cube: xr.Dataset) -> None:
    if not np.issubdtype(cube["time"].dtype, np.datetime64):
        raise ValueError(f"time must be datetime64, got {cube['time'].dtype}")
    for name, limit in (("lon", 180.0), ("lat", 90.0)):
        values = np.asarray(cube[name].values, float)
        if np.any(np.abs(values) > limit) or np.any(np.isinf(values)):
            worst = values[np.argmax(np.nan_to_num(np.abs(values), nan=-1.0))]
            raise ValueError(f"{name} must lie in -{limit:g} to {limit:g} degrees, got {worst:g}")
    ids = cube["patch"].values
    if len(set(ids.tolist())) != len(ids):
        unique, counts = np.unique(ids.astype(str), return_counts=True)
        raise ValueError(f"patch ids must differ, {str(unique[counts > 1][0])!r} comes {counts.max()} times")
