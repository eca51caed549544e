"""Labelled scenes of the simulated world: places that change, and towns with their buildings, offline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.places import AroundCities, plan_places
from seco_lab.sensors import SENTINEL2_L1C
from seco_lab.sources.simulated import SimulatedSource
from seco_lab.world.truth import boxes_of

BEFORE, AFTER = np.datetime64("2018-06-15"), np.datetime64("2021-06-15")
_TRIES = 40  # places looked at for each town that is wanted


def simulated_cities(
    count: int = 10, *, size_px: int = 96, bands: str = "rgb", std_km: float = 50, seed: int = 3
) -> dict[str, xr.Dataset]:
    """Places of the simulated world at two dates with the true change, as ``load_oscd`` gives cities.

    Args:
        count: How many places.
        size_px: Side of a scene.
        bands: "rgb" or "all".
        std_km: How far from a city places lie.
        seed: Seed of the places.
    """
    places = plan_places(count, AroundCities(std_km), seed=seed).place_list()
    source = SimulatedSource(sensor=SENTINEL2_L1C, clouds=False, change=(BEFORE, AFTER), change_share=1.0)
    cube = source.load(places, np.array([BEFORE, AFTER]), size_px, bands)
    change = source.change(places, BEFORE, AFTER, size_px)["change"].values > 0
    cube = cube.assign(mask=(("patch", "y", "x"), change.astype(np.uint8)))
    cube.attrs["class_names"] = ["unchanged", "changed"]
    return {place.name: cube.isel(patch=[row]) for row, place in enumerate(places)}


def simulated_towns(
    count: int = 12, *, size_px: int = 96, least_side_px: float = 3, least_objects: int = 8, seed: int = 3
) -> dict[str, xr.Dataset]:
    """Scenes of the simulated world with ``boxes`` round their buildings and a ``mask`` of them.

    Most houses are no wider than a pixel of 10 m; only places with some larger buildings are taken.

    Args:
        count: How many scenes.
        size_px: Side of a scene.
        least_side_px: What counts as a larger building.
        least_objects: How many of them a scene must hold.
        seed: Seed of the places.

    Raises:
        LookupError: Too few such places.
    """
    return _scenes_with(_roofs, count, size_px, least_side_px, least_objects, seed)


def simulated_industry(
    count: int = 12, *, size_px: int = 96, least_side_px: float = 4, least_objects: int = 8, seed: int = 3
) -> dict[str, xr.Dataset]:
    """Scenes of the simulated world with ``boxes`` round halls and tanks, and a ``mask`` of them.

    Houses in a row share a roof at 10 m, so that no eye could say where one box ends; what stands on
    industrial ground stands apart. Houses are in the picture and have no box.

    Args:
        count: How many scenes.
        size_px: Side of a scene.
        least_side_px: What counts as a larger hall.
        least_objects: How many of them a scene must hold.
        seed: Seed of the places.

    Raises:
        LookupError: Too few such places.
    """
    return _scenes_with(_industrial_roofs, count, size_px, least_side_px, least_objects, seed)


def _roofs(truth: xr.Dataset) -> NDArray[np.bool_]:
    """Pixels of all buildings, shape (H, W)."""
    return truth["buildings"].values[0, 0]


def _industrial_roofs(truth: xr.Dataset) -> NDArray[np.bool_]:
    """Pixels of buildings on industrial ground, shape (H, W)."""
    ground = truth.attrs["land_cover_names"].index("industrial")
    return _roofs(truth) & (truth["land_cover"].values[0, 0] == ground)


def _scenes_with(
    wanted: Callable[[xr.Dataset], NDArray[np.bool_]],
    count: int,
    size_px: int,
    least_side_px: float,
    least_objects: int,
    seed: int,
) -> dict[str, xr.Dataset]:
    """Scenes by name that hold enough of what is wanted of the truth."""
    source, day = SimulatedSource(clouds=False), np.array(["2022-06-15"], "datetime64[D]")
    scenes: dict[str, xr.Dataset] = {}
    for place in plan_places(count * _TRIES, AroundCities(5), seed=seed).place_list():
        mask = wanted(source.truth([place], day, size_px))
        boxes = boxes_of(mask)
        large = (boxes[:, 3:] - boxes[:, 1:3]).min(1, initial=np.inf) >= least_side_px
        if large.sum() >= least_objects:
            scenes[place.name] = _labelled(source.load([place], day, size_px, "rgb"), mask, boxes)
        if len(scenes) == count:
            return scenes
    raise LookupError(
        f"only {len(scenes)} of {count * _TRIES} places hold {least_objects} buildings of {least_side_px:g} "
        "px; ask for fewer or smaller ones"
    )


def _labelled(cube: xr.Dataset, mask: NDArray[np.bool_], boxes: NDArray[np.float32]) -> xr.Dataset:
    """Pixels of a patch with its buildings."""
    labelled = cube.assign(
        mask=(("patch", "y", "x"), mask[None].astype(np.uint8)),
        boxes=(("patch", "box", "field"), boxes[None]),
    )
    labelled.attrs["class_names"] = ["background", "building"]
    return labelled
