"""Pairs of scenes as cubes: what of them can be judged, scenes cut into patches, maps put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.cube import make_cube
from seco_lab.sensors import sensor_named
from seco_lab.sources.oscd import UNLABELLED

PATCH_PX = 96
# Names of training and of test cities, fold by fold.
Folds = Sequence[tuple[tuple[str, ...], tuple[str, ...]]]


def pixels_of(city: xr.Dataset, bands: Sequence[str] | None = None) -> NDArray:
    """Counts (2, C, H, W) of a cube of one patch and two dates, bands in the order asked for.

    Raises:
        ValueError: Another number of patches or dates.
        LookupError: A band is missing.
    """
    if city.sizes["patch"] != 1 or city.sizes["season"] != 2:
        raise ValueError(
            "a pair of scenes is a cube of one patch and two seasons (dates), got "
            f"{city.sizes['patch']} patches and {city.sizes['season']} seasons; see load_oscd"
        )
    held = [str(name) for name in city["band"].values]
    missing = [name for name in bands or () if name not in held]
    if missing:
        raise LookupError(f"{name_of(city)} lacks band {missing[0]}; it has {', '.join(held)}")
    order = [held.index(name) for name in bands or held]
    return city["reflectance"].values[0][:, order]


def name_of(city: xr.Dataset) -> str:
    """Name of the scene."""
    return str(city["patch"].values[0])


def has_labels(city: xr.Dataset) -> bool:
    """Whether a scene has a change map."""
    return "mask" in city.variables and bool((city["mask"].values != UNLABELLED).any())


def judged(city: xr.Dataset) -> NDArray[np.bool_]:
    """Which pixels (H, W) count: labelled, and with data at both dates."""
    seen = (city["reflectance"].values[0] != 0).any(axis=1).all(axis=0)
    return seen & (city["mask"].values[0] != UNLABELLED)


def city_folds(cities: Mapping[str, xr.Dataset], *, groups: int | None = None) -> Folds:
    """Which cities train and which are tested, as pairs (train, test) of names.

    The official lists where both have labelled cities; else every city is tested once by what the others
    teach.

    Args:
        cities: Labelled cities by name.
        groups: So many groups of cities instead of one a city, for protocols that train long.

    Raises:
        ValueError: Fewer than two cities, or fewer than two groups.
    """
    splits = {n: str(c["split"].values[0]) if "split" in c.variables else "" for n, c in cities.items()}
    train, test = (tuple(n for n in cities if splits[n] == split) for split in ("train", "test"))
    if train and test:
        return ((train, test),)
    names = tuple(cities)
    groups = len(names) if groups is None else min(groups, len(names))
    if groups < 2:
        raise ValueError(
            f"leaving cities out needs two labelled cities and two groups or more, got "
            f"{len(names)} and {groups}"
        )
    tested = [names[number::groups] for number in range(groups)]
    return tuple((tuple(n for n in names if n not in part), part) for part in tested)


def cut_pairs(cities: Sequence[xr.Dataset], *, size_px: int = PATCH_PX) -> xr.Dataset:
    """Scenes of different sizes as one cube of equal patches: a grid from the upper left corner.

    As the official code cuts them: patches do not overlap, and what hangs over the border is filled with 0.
    Differs from it: the filling is marked in the mask (255) and neither trains nor counts.

    Args:
        cities: Cubes of one patch and two dates, of the same bands.
        size_px: Side of a patch.

    Returns:
        A cube ``(patch, season=2, band, y, x)`` with ``mask(patch, y, x)``; patches are named
        ``city-row-column`` by their upper left pixel, coordinate ``city(patch)`` has the name of the scene.

    Raises:
        ValueError: No scene, other bands in one of them, or a size below 1.
    """
    if not cities or size_px < 1:
        raise ValueError(f"cutting needs a scene and a size from 1 px, got {len(cities)} and {size_px}")
    first = cities[0]
    bands = [str(name) for name in first["band"].values]
    parts = [_patches(city, bands, size_px) for city in cities]
    owner = np.repeat(np.arange(len(cities)), [len(corners) for _, _, corners in parts])
    corners = [corner for _, _, some in parts for corner in some]
    places = [_centre(cities[n], *corner, size_px) for n, corner in zip(owner, corners, strict=True)]
    names = np.array([name_of(city) for city in cities], object)[owner]
    told = {key: first.attrs[key] for key in ("source", "licence", "attribution") if key in first.attrs}
    cube = make_cube(
        np.concatenate([pixels for pixels, _, _ in parts]),
        patch=[f"{n}-{row:04d}-{column:04d}" for n, (row, column) in zip(names, corners, strict=True)],
        time=np.concatenate([city["time"].values for city in cities])[owner],
        lon=[lon for lon, _ in places],
        lat=[lat for _, lat in places],
        sensor=sensor_named(first.attrs["sensor"]),
        bands=bands,
        pixel_size_m=float(first.attrs["pixel_size_m"]),
        unit=str(first.attrs["unit"]),
        mask=np.concatenate([mask for _, mask, _ in parts]),
        class_names=("unchanged", "changed"),
        attrs=told,
    )
    return cube.assign_coords(city=("patch", names))


def _patches(
    city: xr.Dataset, bands: Sequence[str], size_px: int
) -> tuple[NDArray, NDArray[np.uint8], list[tuple[int, int]]]:
    """Patches (N, 2, C, S, S), their masks (N, S, S) and their upper left corners."""
    pixels = pixels_of(city, bands)
    mask = np.full(pixels.shape[-2:], UNLABELLED, np.uint8)
    if "mask" in city.variables:
        mask = np.where(judged(city), city["mask"].values[0], UNLABELLED).astype(np.uint8)
    corners = corners_of(pixels.shape[-2:], size_px)
    return grid_of(pixels, size_px, 0), grid_of(mask, size_px, UNLABELLED), corners


def corners_of(shape: tuple[int, int], size_px: int) -> list[tuple[int, int]]:
    """Row and column of the upper left pixel of each patch, row by row."""
    rows, columns = (range(0, side, size_px) for side in shape)
    return [(row, column) for row in rows for column in columns]


def grid_of(image: NDArray, size_px: int, filling: int) -> NDArray:
    """An image (..., H, W) as patches (N, ..., S, S), row by row; what hangs over is filled."""
    height, width = image.shape[-2:]
    wider = [(0, 0)] * (image.ndim - 2) + [(0, -height % size_px), (0, -width % size_px)]
    image = np.pad(image, wider, constant_values=filling)
    rows, columns = (side // size_px for side in image.shape[-2:])
    parts = image.reshape(*image.shape[:-2], rows, size_px, columns, size_px)
    parts = np.moveaxis(parts, (-4, -2), (0, 1))
    return parts.reshape(rows * columns, *parts.shape[2:])


def ungrid(patches: NDArray, shape: tuple[int, int]) -> NDArray:
    """The image (H, W) of patches (N, S, S) that ``grid_of`` made."""
    size_px = patches.shape[-1]
    rows, columns = (-(-side // size_px) for side in shape)
    whole = patches.reshape(rows, columns, size_px, size_px).swapaxes(1, 2)
    return whole.reshape(rows * size_px, columns * size_px)[: shape[0], : shape[1]]


def _centre(city: xr.Dataset, row: int, column: int, size_px: int) -> tuple[float, float]:
    """Longitude and latitude of a patch, by its distance from the centre of the scene."""
    pixel = float(city.attrs["pixel_size_m"])
    lon, lat = float(city["lon"].values[0]), float(city["lat"].values[0])
    north = (city.sizes["y"] / 2 - row - size_px / 2) * pixel
    east = (column + size_px / 2 - city.sizes["x"] / 2) * pixel
    return lon + east / (111_320 * np.cos(np.radians(lat))), lat + north / 110_950
