"""Cut a real image series into patches: same-size tiles, for each of them some clear dates over the year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.input_spec import UNITS
from seco_lab.sensors import Sensor
from seco_lab.sources.base import BadFileError, PatchRecord, Reading, Refused
from seco_lab.sources.rasters import metres_per_pixel, place_of

Tile = tuple["Series", int, int]


@dataclass(frozen=True)
class Series:
    """All dates of one area, on one grid.

    Attributes:
        name: Becomes the first part of the patch ids.
        pixels: Shape (N, C, H, W), counts, 0 = no data.
        clear: Shape (N, H, W), bool: the ground is seen.
        time: Shape (N,), datetime64, rising.
        bands: C names.
        crs: A rasterio CRS.
        transform: (a, b, c, d, e, f) of the upper-left corner.
    """

    name: str
    pixels: NDArray
    clear: NDArray
    time: NDArray
    bands: tuple[str, ...]
    crs: Any
    transform: tuple[float, ...]


def clear_pixels(pixels: NDArray, bands: Sequence[str], unit: str) -> NDArray:
    """A cloud test for series that bring no cloud mask: a pixel is clear unless it is bright in the blue.

    Cloudy is reflectance above 0.10 in both B02 and B01 (coastal aerosol), or above 0.12 in B02 where B01 is
    missing. Snow, salt and bright sand count as cloud, shadow and thin cirrus as clear: for such places give
    the dates by hand. A pixel without data in any band is not clear.

    Args:
        pixels: Shape (N, C, H, W).
        bands: C names.
        unit: Key of ``UNITS``; where counts have no known reflectance, no pixel is called cloudy.

    Returns:
        Shape (N, H, W), bool.
    """
    clear = (pixels > 0).all(axis=1)
    factor = UNITS[unit]
    if factor is None or "B02" not in bands:
        return clear
    blue = pixels[:, list(bands).index("B02")]
    if "B01" not in bands:
        return clear & (blue <= 0.12 / factor)
    aerosol = pixels[:, list(bands).index("B01")]
    return clear & ~((blue > 0.10 / factor) & (aerosol > 0.10 / factor))


def pick_seasons(
    time: ArrayLike, clear: ArrayLike, *, seasons: int, min_clear: float = 0.95
) -> NDArray | None:
    """Clear dates that lie far apart in the year.

    Starts with the clearest date, then adds the one whose day of the year is farthest from those taken; of
    equally far ones the clearest, then the earliest.

    Args:
        time: Shape (N,), datetime64.
        clear: Shape (N,), share of the patch that is clear, 0 to 1.
        seasons: How many to take.
        min_clear: Share that makes a date eligible.

    Returns:
        Positions along ``time``, rising; None where too few dates are clear.
    """
    time, clear = np.asarray(time, "datetime64[ns]"), np.asarray(clear, float)
    able = np.flatnonzero(clear >= min_clear)
    if len(able) < seasons:
        return None
    day = (time[able] - time[able].astype("datetime64[Y]")) / np.timedelta64(1, "D")
    order = np.lexsort((able, -clear[able]))
    taken = [order[0]]
    while len(taken) < seasons:
        apart = np.abs(day[:, None] - day[taken][None])
        distance = np.minimum(apart, 365.25 - apart).min(axis=1)
        distance[taken] = -1.0
        taken.append(max(order, key=lambda i: (round(distance[i], 6), clear[able[i]])))
    return np.sort(able[taken])


def positions_of(time: NDArray, dates: Sequence[str]) -> NDArray:
    """Positions of days along ``time``.

    Raises:
        ValueError: A day is not in the series; the message lists those that are.
    """
    days = time.astype("datetime64[D]")
    found = []
    for date in dates:
        hits = np.flatnonzero(days == np.datetime64(date, "D"))
        if not hits.size:
            raise ValueError(f"the series has no image of {date}; it has {', '.join(map(str, days))}")
        found.append(hits[0])
    return np.sort(np.array(found))


def reading_of(
    series: Sequence[Series],
    *,
    root: str,
    sensor: Sensor,
    unit: str,
    size_px: int,
    seasons: int,
    dates: Sequence[str] | None,
    min_clear: float,
    attrs: dict[str, Any],
    refused: Sequence[Refused] = (),
) -> Reading:
    """Reader of all whole tiles of some series; what is left over at the right and lower edge is dropped.

    Args:
        series: Areas with the same bands.
        root: What was read, for messages.
        sensor: Sensor of the pixels.
        unit: Unit of the counts.
        size_px: Side of a patch.
        seasons: Dates per patch, chosen by ``pick_seasons`` for each patch on its own.
        dates: Days to take for all patches instead.
        min_clear: Share of a patch that must be clear; with given dates, that must hold data.
        attrs: Attributes of the cube.
        refused: Files that were refused before.

    Raises:
        ValueError: A given day is not in a series, or the patches are larger than the area.
    """
    jobs = [
        (one, top, left)
        for one in series
        for top in range(0, one.pixels.shape[2] - size_px + 1, size_px)
        for left in range(0, one.pixels.shape[3] - size_px + 1, size_px)
    ]
    if not jobs:
        sizes = ", ".join(f"{one.pixels.shape[2]} x {one.pixels.shape[3]}" for one in series)
        raise ValueError(
            f"patches of {size_px} px do not fit into {root}: its images have {sizes or 'no'} px"
        )
    fixed = {id(one): positions_of(one.time, dates) for one in series} if dates is not None else {}
    pixel = metres_per_pixel(series[0].crs, series[0].transform, _latitude(series[0]))

    def read(tile: Tile) -> PatchRecord:
        return _read_tile(tile, size_px, fixed.get(id(tile[0])), seasons, min_clear)

    note = "approximate: the images are in degrees, corners are those of a UTM square of that centre"
    return Reading(
        root=root,
        sensor=sensor,
        bands=series[0].bands,
        unit=unit,
        pixel_size_m=round(pixel, 1),
        jobs=jobs,
        read=read,
        names=_tile_name,
        attrs=attrs | ({"grid": note} if series[0].crs.is_geographic else {}),
        refused=tuple(refused),
    )


def _tile_name(tile: Tile) -> str:
    return f"{tile[0].name}_y{tile[1]:04d}_x{tile[2]:04d}"


def _latitude(series: Series) -> float:
    return place_of(series.crs, series.transform, series.pixels.shape[2:])[1]


def _read_tile(
    tile: Tile, size_px: int, fixed: NDArray | None, seasons: int, min_clear: float
) -> PatchRecord:
    """One patch with its dates, or the reason why there are too few."""
    one, top, left = tile
    window = np.s_[..., top : top + size_px, left : left + size_px]
    clear = one.clear[window].mean(axis=(1, 2))
    chosen = (
        fixed if fixed is not None else pick_seasons(one.time, clear, seasons=seasons, min_clear=min_clear)
    )
    if chosen is None:
        able = int((clear >= min_clear).sum())
        raise BadFileError(
            f"has {able} of {len(clear)} dates that are at least {min_clear:.0%} clear, wanted {seasons}"
        )
    a, b, c, d, e, f = one.transform
    corner = (a, b, c + a * left + b * top, d, e, f + d * left + e * top)
    lon, lat, grid = place_of(one.crs, corner, (size_px, size_px))
    return PatchRecord(
        patch=_tile_name(tile),
        pixels=one.pixels[window][chosen],
        time=one.time[chosen],
        lon=lon,
        lat=lat,
        grid=grid,
        cloud_cover=np.round(100 * (1 - clear[chosen]), 2),
    )
