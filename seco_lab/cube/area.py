"""An area: one scene or mosaic of any size on one map grid, with its seasons.

A cube holds many small patches, each with its own corner; an area is one large picture. It is a plain
``xarray.Dataset`` with ``reflectance(season, band, y, x)``, centres of the pixels as ``x`` and ``y``, and the
coordinate system in ``spatial_ref``, where rioxarray and GDAL look for it. Slices of an area are areas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from seco_lab.cube.layout import DTYPES, check_cube
from seco_lab.cube.map_grid import Grid, grid_of
from seco_lab.input_spec import UNITS
from seco_lab.sensors import Sensor, sensor_named

AREA_DIMS = ("season", "band", "y", "x")


def make_area(
    reflectance: Any,
    *,
    bands: Sequence[str],
    sensor: Sensor,
    crs: Any,
    transform: Sequence[float],
    unit: str = "dn",
    time: ArrayLike | None = None,
    attrs: dict[str, Any] | None = None,
) -> xr.Dataset:
    """A checked area from an array.

    Args:
        reflectance: Shape (C, H, W) or (T, C, H, W), uint8, uint16 or float32, counts of ``unit``, 0 = no
            data; a dask array stays lazy.
        bands: C band names, in the order of the pixels.
        sensor: Sensor of the pixels.
        crs: Coordinate system, anything that pyproj or rasterio understands.
        transform: (a, b, c, d, e, f) of the upper-left corner, north-up.
        unit: Key of ``seco_lab.input_spec.UNITS``.
        time: Shape (T,), acquisition; NaT where it is unknown, as by default.
        attrs: Further attributes.

    Raises:
        ValueError: A shape, a dtype, the grid or the CRS does not fit.
        LookupError: A band or unit is not known.
    """
    pixels = reflectance if np.ndim(reflectance) == 4 else reflectance[None]
    if np.ndim(pixels) != 4 or pixels.shape[1] != len(bands):
        raise ValueError(
            f"reflectance needs shape (bands, y, x) or (season, bands, y, x) with {len(bands)} bands, "
            f"got {np.shape(reflectance)}"
        )
    grid = Grid.of(crs, transform)
    days = np.full(pixels.shape[0], "NaT", "datetime64[ns]") if time is None else np.asarray(time)
    coords = {
        "band": ("band", np.array(list(bands), dtype=object)),
        "time": ("season", days.astype("datetime64[ns]")),
        **grid.coords(*pixels.shape[2:]),
    }
    size_m = grid.pixel_size_m(pixels.shape[2])
    fixed = {"sensor": sensor.name, "unit": unit, "pixel_size_m": round(size_m, 3)}
    area = xr.Dataset({"reflectance": (AREA_DIMS, pixels)}, coords, {**(attrs or {}), **fixed})
    check_area(area)
    return area


def check_area(area: xr.Dataset) -> None:
    """Refuse what is not an area; pixels are not read.

    Raises:
        ValueError: Says what the layout wants and what came.
        LookupError: A band, sensor or unit is not known.
    """
    if not isinstance(area, xr.Dataset) or "reflectance" not in area.data_vars:
        raise ValueError(f"an area is a Dataset with 'reflectance', got {type(area).__name__}")
    pixels = area["reflectance"]
    if pixels.dims != AREA_DIMS or 0 in pixels.shape:
        raise ValueError(f"reflectance of an area needs the dimensions {AREA_DIMS}, got {dict(pixels.sizes)}")
    if pixels.dtype.name not in DTYPES:
        raise ValueError(f"reflectance must be {', '.join(DTYPES)}, got {pixels.dtype.name}")
    missing = [name for name in ("sensor", "unit") if name not in area.attrs]
    if missing or "band" not in area.coords:
        raise ValueError(f"the area lacks {(missing or ['band'])[0]!r}; make_area and as_area set it")
    if area.attrs["unit"] not in UNITS:
        raise LookupError(f"unknown unit {area.attrs['unit']!r}; known are {', '.join(UNITS)}")
    sensor_named(area.attrs["sensor"]).subset([str(name) for name in area["band"].values])
    grid_of(area)


def as_area(data: xr.Dataset | xr.DataArray, *, sensor: Sensor | None = None, unit: str = "") -> xr.Dataset:
    """An area of whatever xarray holds of one: an area, a cube of one patch, or a picture.

    Args:
        data: An area; a cube of one patch; or a DataArray (band, y, x) or (time or season, band, y, x) with
            ``spatial_ref``, as rioxarray opens it.
        sensor: Sensor of a DataArray; by default the one that its attribute ``sensor`` names.
        unit: Unit of a DataArray; by default its attribute ``unit``, or "dn".

    Raises:
        ValueError: None of these, or several patches.
        LookupError: A band, sensor or unit is not known.
    """
    if isinstance(data, xr.DataArray):
        return _area_of_picture(data, sensor or sensor_named(data.attrs.get("sensor", "not stated")), unit)
    if isinstance(data, xr.Dataset) and "patch" in data.dims:
        if data.sizes["patch"] != 1:
            raise ValueError(
                f"wanted one scene, got a cube of {data.sizes['patch']} patches; choose one with "
                "area_of_patch or lay them side by side with mosaic"
            )
        return area_of_patch(data)
    check_area(data)
    return data


def _area_of_picture(data: xr.DataArray, sensor: Sensor, unit: str) -> xr.Dataset:
    if "band" not in data.coords:
        raise ValueError("wanted the names of the bands in the coordinate 'band', got none")
    time = data["time"].values if "time" in data.dims else None
    data = data.rename(time="season") if "time" in data.dims else data
    grid = grid_of(data)
    wanted = AREA_DIMS if "season" in data.dims else AREA_DIMS[1:]
    if set(data.dims) != set(wanted):
        raise ValueError(f"wanted the dimensions {wanted}, got {data.dims}")
    return make_area(
        data.transpose(*wanted).data, bands=[str(name) for name in data["band"].values], sensor=sensor,
        crs=grid.crs, transform=grid.transform, unit=unit or data.attrs.get("unit", "dn"), time=time,
    )  # fmt: skip


def area_of_patch(cube: xr.Dataset, patch: int | str = 0) -> xr.Dataset:
    """A patch of a cube, with all its seasons, as an area; a lazy cube stays lazy.

    Args:
        cube: A cube whose patches may have any size.
        patch: Row of the patch, or its name.

    Raises:
        LookupError: No such patch.
        ValueError: Not a cube, or nobody knows where the patch lies.
    """
    check_cube(cube)
    names = cube["patch"].values.tolist()
    if isinstance(patch, str) and patch not in names:
        raise LookupError(f"the cube has no patch {patch!r}; its first is {names[0]!r}, of {len(names)}")
    row = names.index(patch) if isinstance(patch, str) else patch
    one = cube.isel(patch=row)
    if int(one["epsg"]) <= 0:
        raise ValueError(f"wanted a patch with a place, got {names[row]!r}, whose coordinates are unknown")
    size = float(cube.attrs["pixel_size_m"])
    grid = Grid.of(int(one["epsg"]), (size, 0, float(one["x0"]), 0, -size, float(one["y0"])))
    area = one[["reflectance"]].reset_coords(drop=True)
    kept = {"band": cube["band"], "time": ("season", one["time"].values)}
    area = area.assign_coords({**kept, **grid.coords(area.sizes["y"], area.sizes["x"])})
    area.attrs = {**cube.attrs, "patch": str(names[row])}
    check_area(area)
    return area


def mosaic(cube: xr.Dataset) -> xr.Dataset:
    """The patches of a cube side by side as one area in memory; where none lies, there is no data.

    Seasons are taken by their number; ``time`` is that of the first patch. Where patches overlap, the later
    one counts.

    Raises:
        ValueError: Not a cube, several zones, or patches off one common grid.
    """
    check_cube(cube)
    zones = np.unique(cube["epsg"].values)
    if len(zones) != 1 or zones[0] <= 0:
        raise ValueError(f"wanted patches of one UTM zone to lay side by side, got {zones.tolist()}")
    size = float(cube.attrs["pixel_size_m"])
    left, top = float(cube["x0"].min()), float(cube["y0"].max())
    columns, rows = (cube["x0"].values - left) / size, (top - cube["y0"].values) / size
    at = np.rint([rows, columns]).astype(int)
    off = float(np.abs(np.stack([rows, columns]) - at).max())
    if off > 0.01:
        raise ValueError(f"wanted patches on one grid, got some {off:.2f} px beside it; warp them first")
    height, width = cube.sizes["y"], cube.sizes["x"]
    pixels = cube["reflectance"]
    shape = (*pixels.shape[1:3], at[0].max() + height, at[1].max() + width)
    whole = np.zeros(shape, pixels.dtype)
    for number, (row, column) in enumerate(at.T):
        whole[..., row : row + height, column : column + width] = pixels[number].values
    return make_area(
        whole, bands=cube["band"].values.tolist(), sensor=sensor_named(cube.attrs["sensor"]),
        crs=int(zones[0]), transform=(size, 0, left, 0, -size, top), unit=cube.attrs["unit"],
        time=cube["time"].values[0], attrs=dict(cube.attrs),
    )  # fmt: skip
