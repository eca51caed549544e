"""NetCDF series: a variable per band, or one with a band dimension, along a dimension of dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.sources.base import BadFileError, Reading, Refused
from seco_lab.sources.geotiff_series import sensor_of
from seco_lab.sources.rasters import to_grid
from seco_lab.sources.series import Series, clear_pixels, reading_of

_BAND = re.compile(r"(?:^|.*[^A-Za-z0-9])B(\d{1,2}|8A)$")
# Scene classes of Sen2Cor that show the ground: vegetation, bare soil, water, unclassified, snow.
_SCL_CLEAR = (4, 5, 6, 7, 11)


def is_netcdf(path: Path) -> bool:
    """Whether a path is a NetCDF file or a folder of them."""
    return path.suffix == ".nc" if path.is_file() else any(path.glob("*.nc"))


def find_netcdf(
    path: Path,
    *,
    size_px: int = 64,
    seasons: int = 5,
    dates: Sequence[str] | None = None,
    min_clear: float = 0.95,
) -> Reading:
    """Reader that cuts NetCDF series into tiles and takes some clear dates of each.

    Files of the same dates and corner are one area seen at several resolutions; coarser bands are repeated on
    the finest grid. A pixel is clear by the scene classification ``SCL`` where there is one, else by
    ``series.clear_pixels``.

    Args:
        path: A file, or a folder of them.
        size_px: Side of a patch.
        seasons: Dates per patch, clear ones far apart in the year.
        dates: Days to take for all patches instead.
        min_clear: Share of a patch that must be clear.

    Raises:
        ValueError: No readable file, or a day that is not there.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.nc"))
    parts, refused = [], []
    for file in files:
        try:
            parts.append(_read_file(file))
        except BadFileError as bad:
            refused.append(Refused(str(file), str(bad)))
    if not parts:
        raise ValueError(f"{path} holds no readable NetCDF series; {refused[0].path} {refused[0].reason}")
    series = [_merged(group) for group in _groups(parts)]
    names = set.intersection(*(set(one.bands) for one in series))
    sensor = sensor_of(sorted(names))
    bands = tuple(name for name in sensor.band_names if name in names)
    series = [_with_bands(one, bands) for one in series]
    return reading_of(
        series, root=str(path), sensor=sensor, unit="dn", size_px=size_px, seasons=seasons, dates=dates,
        min_clear=min_clear, refused=refused, attrs={"source": f"NetCDF series {path.name}"},
    )  # fmt: skip


class _Part:
    """One file: bands by name, each (N, H, W) in counts, and where and when they are."""

    def __init__(self, name: str, dataset: xr.Dataset) -> None:
        self.name = name
        self.bands, dimension = _bands(dataset)
        self.time = dataset[dimension].values.astype("datetime64[ns]")
        self.scl = dataset["SCL"].values if "SCL" in dataset else None
        self.crs = _crs(dataset)
        x, y = dataset["x"].values.astype(float), dataset["y"].values.astype(float)
        self.transform = _transform(x, y)
        if y[0] < y[-1]:  # stored from south to north
            self.bands = {band: values[:, ::-1] for band, values in self.bands.items()}
            self.scl = None if self.scl is None else self.scl[:, ::-1]
        self.size = (len(y), len(x))


def _read_file(file: Path) -> _Part:
    """A file, or the reason why it is none of ours."""
    try:
        # Decoded by hand: a fill value that became NaN would turn counts into floats.
        with xr.open_dataset(file, engine="h5netcdf", mask_and_scale=False) as dataset:
            return _Part(file.stem, dataset.load())
    except BadFileError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise BadFileError(f"cannot be read, it may be truncated ({str(error).splitlines()[0]})") from error


def _bands(dataset: xr.Dataset) -> tuple[dict[str, NDArray], str]:
    """Bands by name in counts of reflectance x 10000, and the name of the dimension of dates."""
    found: dict[str, NDArray] = {}
    dimension = ""
    for name, variable in dataset.data_vars.items():
        first = str(variable.dims[0]) if variable.ndim in (3, 4) else ""
        if first not in dataset.coords or dataset[first].dtype.kind != "M":
            continue
        match = _BAND.match(str(name))
        if variable.ndim == 3 and match:
            found[f"B{match.group(1):0>2}"], dimension = _counts(variable), first
        elif variable.ndim == 4 and variable.dims[1] == "band" and "band" in dataset.coords:
            values, dimension = _counts(variable), first
            found |= {str(band): values[:, i] for i, band in enumerate(dataset["band"].values)}
    if not found:
        raise BadFileError("holds no variable named like a band (B02, S2-L2A-B02, ...) along dates")
    return found, dimension


def _counts(variable: xr.DataArray) -> NDArray:
    """Reflectance x 10000 as uint16, 0 = no data, whatever the file's scale and fill value."""
    values, attrs = variable.values, variable.attrs
    if str(attrs.get("_Unsigned", "")).lower() == "true":  # NetCDF 3 has no unsigned types
        values = values.view(values.dtype.str.replace("i", "u"))
    missing = ~np.isfinite(values) if values.dtype.kind == "f" else values == 65535
    for name in ("_FillValue", "missing_value"):
        if name in attrs:
            missing |= values == np.asarray(attrs[name]).astype(values.dtype)
    to_dn = float(attrs.get("scale_factor", 1.0 if values.dtype.kind == "f" else 1e-4)) * 1e4
    offset = float(attrs.get("add_offset", 0.0)) * 1e4
    scaled = values if to_dn == 1.0 and offset == 0.0 else np.round(np.nan_to_num(values) * to_dn + offset)
    return np.where(missing, 0, np.clip(scaled, 0, 65535)).astype(np.uint16)


def _crs(dataset: xr.Dataset) -> Any:
    """The CRS, from the grid mapping or the attributes."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    texts = [
        dataset[name].attrs.get("crs_wkt") for name in ("spatial_ref", "crs") if name in dataset.variables
    ]
    texts += [f"EPSG:{dataset.attrs['epsg']}" if "epsg" in dataset.attrs else None, dataset.attrs.get("crs")]
    for text in texts:
        if text:
            try:
                return CRS.from_user_input(str(text))
            except CRSError as error:
                raise BadFileError(f"has a CRS that is not understood ({text})") from error
    raise BadFileError("has no CRS: nobody knows where it lies")


def _transform(x: NDArray, y: NDArray) -> tuple[float, ...]:
    """Grid of pixel centres, north up."""
    if len(x) < 2 or len(y) < 2:
        raise BadFileError("has fewer than two pixels along an axis")
    dx, dy = abs(x[1] - x[0]), abs(y[1] - y[0])
    return (dx, 0.0, x.min() - dx / 2, 0.0, -dy, y.max() + dy / 2)


def _groups(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Files of one area: same dates, same upper-left corner."""
    groups: list[list[_Part]] = []
    for part in parts:
        for group in groups:
            same_dates = np.array_equal(group[0].time, part.time)
            corners = np.subtract(group[0].transform, part.transform)[[2, 5]]
            if same_dates and group[0].crs == part.crs and np.abs(corners).max() < part.transform[0] / 2:
                group.append(part)
                break
        else:
            groups.append([part])
    return groups


def _merged(group: Sequence[_Part]) -> Series:
    """One series of all bands of a group, on its finest grid, dates rising."""
    finest = min(group, key=lambda part: part.transform[0])
    bands = {band: to_grid(values, finest.size) for part in group for band, values in part.bands.items()}
    order = np.argsort(finest.time, kind="stable")
    names = tuple(bands)
    pixels = np.stack([bands[name] for name in names], axis=1)[order]
    clear = clear_pixels(pixels, names, "dn")
    scl = next((part.scl for part in group if part.scl is not None), None)
    if scl is not None:
        seen = to_grid(np.isin(scl, _SCL_CLEAR), finest.size)[order]
        clear = (pixels > 0).all(axis=1) & seen
    return Series(finest.name, pixels, clear, finest.time[order], names, finest.crs, finest.transform)


def _with_bands(series: Series, bands: tuple[str, ...]) -> Series:
    order = [series.bands.index(name) for name in bands]
    return Series(
        series.name, series.pixels[:, order], series.clear, series.time, bands, series.crs, series.transform
    )
