"""Where the patches of a cube lie: UTM grids and footprints."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.places.utm import utm_zone

if TYPE_CHECKING:
    import geopandas
    import xarray as xr
    from pyproj import Transformer


def utm_epsg(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int32]:
    """EPSG code of the UTM zone of each point; 0 where a coordinate is not finite."""
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    known = np.isfinite(lon) & np.isfinite(lat)
    zone = utm_zone(np.where(known, lon, 0.0), np.where(known, lat, 0.0))
    return np.where(known, np.where(lat >= 0, 32600, 32700) + zone, 0).astype(np.int32)


@lru_cache(maxsize=256)
def _transformer(from_epsg: int, to_epsg: int) -> Transformer:
    """The way from one coordinate system to another, x before y; making it takes longer than going it."""
    from pyproj import Transformer

    return Transformer.from_crs(from_epsg, to_epsg, always_xy=True)


def utm_corner(
    lon: ArrayLike, lat: ArrayLike, *, size_px: int | tuple[int, int], pixel_size_m: float
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """UTM zone and upper-left corner of patches given by their centres.

    Args:
        lon: Shape (P,), degrees WGS 84; NaN where the place is unknown.
        lat: Shape (P,), degrees WGS 84.
        size_px: Side of the patch, or its height and width.
        pixel_size_m: Ground size of a pixel.

    Returns:
        ``epsg`` (0 where unknown), ``x0`` and ``y0`` in metres (NaN where unknown), each of shape (P,).
    """
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    height, width = (size_px, size_px) if isinstance(size_px, int) else size_px
    epsg = utm_epsg(lon, lat)
    x0, y0 = np.full(lon.shape, np.nan), np.full(lon.shape, np.nan)
    for code in np.unique(epsg[epsg > 0]):
        here = epsg == code
        x, y = _transformer(4326, int(code)).transform(lon[here], lat[here])
        x0[here], y0[here] = x - width / 2 * pixel_size_m, y + height / 2 * pixel_size_m
    return epsg, x0, y0


def centres_of(
    epsg: ArrayLike, x0: ArrayLike, y0: ArrayLike, *, side_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of the middle of each square.

    Args:
        epsg: Shape (P,), UTM zones.
        x0: Shape (P,), left edges in metres.
        y0: Shape (P,), upper edges.
        side_m: Side of all of them.

    Returns:
        ``lon`` and ``lat`` in degrees WGS 84, each of shape (P,).
    """
    epsg, x, y = np.asarray(epsg), np.asarray(x0, float) + side_m / 2, np.asarray(y0, float) - side_m / 2
    lon, lat = np.empty(x.shape), np.empty(x.shape)
    for code in np.unique(epsg):
        here = epsg == code
        lon[here], lat[here] = _transformer(int(code), 4326).transform(x[here], y[here])
    return lon, lat


def footprints(cube: xr.Dataset) -> geopandas.GeoDataFrame:
    """Outlines of all patches, one row each, in degrees WGS 84.

    Returns:
        Columns patch, lon, lat, epsg, first and last date, where there is one also label and split, and the
        outline as geometry; None where the place of a patch is unknown.
    """
    import geopandas
    import pandas as pd

    columns = {name: cube[name].values for name in ("patch", "lon", "lat", "epsg")}
    columns |= {name: cube[name].values for name in ("label", "split") if name in cube.coords}
    time = cube["time"].values
    columns |= {"first": time[:, 0], "last": time[:, -1]}
    if time.shape[1] > 1:
        ordered = pd.DataFrame(time)
        columns |= {"first": ordered.min(axis=1).values, "last": ordered.max(axis=1).values}
    return geopandas.GeoDataFrame(columns, geometry=_outlines(cube), crs=4326)


def _outlines(cube: xr.Dataset) -> NDArray[np.object_]:
    """Polygon of each patch in degrees, None where epsg is 0."""
    import shapely
    from pyproj import Transformer

    epsg, x0, y0 = (cube[name].values for name in ("epsg", "x0", "y0"))
    pixel = float(cube.attrs["pixel_size_m"])
    width, height = cube.sizes["x"] * pixel, cube.sizes["y"] * pixel
    outlines = np.full(epsg.shape, None, dtype=object)
    for code in np.unique(epsg[epsg > 0]):
        here = np.flatnonzero(epsg == code)
        x = x0[here, None] + np.array([0, width, width, 0])
        y = y0[here, None] - np.array([0, 0, height, height])
        lon, lat = Transformer.from_crs(int(code), 4326, always_xy=True).transform(x, y)
        outlines[here] = shapely.polygons(np.stack([lon, lat], axis=-1))
    return outlines
