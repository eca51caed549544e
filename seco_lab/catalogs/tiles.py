"""Scenes by tile, and those that see the whole of a patch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from seco_lab.catalogs.base import Scene
from seco_lab.catalogs.grid import PIXEL_M, Corner, TileGrid, tile_grid, to_utm

_SAME_PASS = np.timedelta64(2, "m")  # a satellite needs 100 minutes to come round
_TOUCH_M = 30.0  # joins the halves of an outline that is cut at 180 degrees


@dataclass(frozen=True)
class Tile:
    """All scenes of one MGRS tile, in order of time.

    Attributes:
        name: Such as "33UUP".
        grid: Its extent.
        scenes: Shape (N,).
        time: Shape (N,).
        cloud: Per cent, shape (N,).
        outlines: What each scene shows, polygons in metres of the zone, shape (N,).
    """

    name: str
    grid: TileGrid
    scenes: NDArray[np.object_]
    time: NDArray[np.datetime64]
    cloud: NDArray[np.float64]
    outlines: NDArray[np.object_]


def tiles_of(scenes: Iterable[Scene], bands: Sequence[str]) -> list[Tile]:
    """The usable scenes by tile: those with every band wanted, whose files say where their pixels lie."""
    groups: dict[tuple[str, TileGrid], list[Scene]] = {}
    for scene in scenes:
        grid = tile_grid(scene)
        if grid is not None and all(band in scene.assets for band in bands):
            groups.setdefault((scene.tile, grid), []).append(scene)
    return [_tile(name, grid, found) for (name, grid), found in groups.items()]


def _tile(name: str, grid: TileGrid, scenes: list[Scene]) -> Tile:
    ordered = sorted(scenes, key=lambda scene: (scene.time, scene.item_id))
    return Tile(
        name,
        grid,
        np.array([*ordered, None], object)[:-1],
        np.array([scene.time for scene in ordered], "datetime64[ms]"),
        np.array([scene.scene_cloud_cover for scene in ordered]),
        np.array([outline_utm(scene, grid.epsg) for scene in ordered], object),
    )


def outline_utm(scene: Scene, epsg: int) -> shapely.Geometry:
    """The outline of a scene in metres: there the antimeridian is a line like any other."""
    transform = to_utm(epsg).transform
    outline = shapely.transform(scene.footprint, lambda p: np.stack(transform(p[:, 0], p[:, 1]), axis=1))
    whole = shapely.buffer(shapely.make_valid(outline), _TOUCH_M)
    shapely.prepare(whole)
    return whole


def seeing(tile: Tile, corner: Corner, size_px: int, *, margin_m: float = 0.0) -> NDArray[np.intp]:
    """Numbers of the scenes that show the whole patch, one for each pass.

    Args:
        tile: Scenes.
        corner: Upper-left corner of the patch.
        size_px: Its side.
        margin_m: Room that must be shown around it.
    """
    side_m = size_px * PIXEL_M
    patch = shapely.box(
        corner.x0 - margin_m,
        corner.y0 - side_m - margin_m,
        corner.x0 + side_m + margin_m,
        corner.y0 + margin_m,
    )
    return one_of_each_pass(tile.scenes, np.flatnonzero(shapely.contains_properly(tile.outlines, patch)))


def one_of_each_pass(scenes: NDArray[np.object_], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of scenes of a tile that one satellite took in one pass the latest processing: baseline, then created.

    Item names do not tell: catalogues rename, number (_0_, _1_) and process again.

    Args:
        scenes: In order of time.
        rows: Which of them to look at.
    """
    best: dict[str, list[int]] = {}
    for row in rows.tolist():
        passes = best.setdefault(scenes[row].platform, [])
        if passes and scenes[row].time - scenes[passes[-1]].time <= _SAME_PASS:
            passes[-1] = max(passes[-1], row, key=lambda r: _processed(scenes[r]))
        else:
            passes.append(row)
    return np.array(sorted(row for passes in best.values() for row in passes), np.intp)


def _processed(scene: Scene) -> tuple[str, int]:
    created = scene.created.astype("datetime64[ms]")
    return scene.baseline, -1 if np.isnat(created) else int(created.astype("int64"))
