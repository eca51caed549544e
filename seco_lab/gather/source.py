"""Where pixels come from, and a block of them, with a reason for every place that has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.cube import check_cube
from seco_lab.places import Place
from seco_lab.sensors import Sensor


class Source(Protocol):
    """Where pixels come from; every ``ImagerySource`` is one."""

    sensor: Sensor

    def load(
        self, places: Sequence[Place], dates: NDArray[np.datetime64], size_px: int, bands: str | Sequence[str]
    ) -> xr.Dataset:
        """A cube of these places and dates, in order; LookupError where there is no imagery."""


def load_block(
    source: Source,
    places: Sequence[Place],
    dates: NDArray[np.datetime64],
    size_px: int,
    bands: Sequence[str],
) -> tuple[xr.Dataset | None, dict[str, str]]:
    """A block, and why places are missing from it; halved again and again to find those without imagery."""
    try:
        return _loaded(source, places, dates, size_px, bands), {}
    except (KeyError, IndexError):
        raise  # a fault in the source, not a place without imagery
    except LookupError as error:
        if len(places) == 1:
            return None, {places[0].name: _sentence(error)}
    half = len(places) // 2
    first, why = load_block(source, places[:half], dates[:half], size_px, bands)
    second, more = load_block(source, places[half:], dates[half:], size_px, bands)
    cubes = [cube for cube in (first, second) if cube is not None]
    return (_joined(cubes) if cubes else None), why | more


def _joined(cubes: Sequence[xr.Dataset]) -> xr.Dataset:
    rules = {"data_vars": "minimal", "coords": "minimal", "compat": "override", "join": "override"}
    return xr.concat(cubes, "patch", **rules)


def _loaded(
    source: Source,
    places: Sequence[Place],
    dates: NDArray[np.datetime64],
    size_px: int,
    bands: Sequence[str],
) -> xr.Dataset:
    """A block as the source gives it, checked to be what was asked for."""
    cube = source.load(places, dates, size_px, bands)
    check_cube(cube)
    came = cube["patch"].values.tolist()
    if came != [place.name for place in places]:
        raise ValueError(
            f"{type(source).__name__} was asked for {len(places)} places from {places[0].name!r} on and gave "
            f"{len(came)} from {came[0]!r} on"
        )
    return cube


def _sentence(error: Exception) -> str:
    return " ".join(str(error.args[0] if error.args else error).split())


def without_poor(
    cube: xr.Dataset | None, max_nodata_share: float, max_cloud_cover: float | None
) -> tuple[xr.Dataset | None, dict[str, str]]:
    """The cube without places that are cloudy or lack data on any date, and why they went."""
    if cube is None:
        return None, {}
    if max_cloud_cover is not None and "cloud_cover" not in cube:
        raise ValueError("max_cloud_cover was given, but the source does not say how cloudy its images are")
    empty = _nodata_share(cube).max(axis=1)
    cloud = np.zeros(len(empty)) if max_cloud_cover is None else cube["cloud_cover"].values.max(axis=1)
    why = {}
    for name, e, c in zip(cube["patch"].values.tolist(), empty.tolist(), cloud.tolist(), strict=True):
        if e > max_nodata_share:
            why[name] = f"no data in {100 * e:.0f} % of a patch"
        elif max_cloud_cover is not None and c > max_cloud_cover:
            why[name] = f"cloud over {c:.0f} % of a patch"
    if not why:
        return cube, {}
    keep = [name not in why for name in cube["patch"].values.tolist()]
    return (cube.isel(patch=keep) if any(keep) else None), why


def _nodata_share(cube: xr.Dataset) -> NDArray[np.float64]:
    """Shape (P, T): as the source says, else the share of pixels that are 0 in every band."""
    if "nodata_share" in cube:
        return cube["nodata_share"].values
    return (cube["reflectance"].values == 0).all(axis=2).mean(axis=(2, 3))
