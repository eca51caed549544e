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
        passes: Number of the pass in which a satellite took each scene, shape (N,).
        shared: Whether another scene was taken in the same pass, shape (N,).
    """

    name: str
    grid: TileGrid
    scenes: NDArray[np.object_]
    time: NDArray[np.datetime64]
    cloud: NDArray[np.float64]
    outlines: NDArray[np.object_]
    passes: NDArray[np.intp]
    shared: NDArray[np.bool_]


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
    passes = _passes(ordered)
    return Tile(
        name,
        grid,
        np.array([*ordered, None], object)[:-1],
        np.array([scene.time for scene in ordered], "datetime64[ms]"),
        np.array([scene.scene_cloud_cover for scene in ordered]),
        np.array([outline_utm(scene, grid.epsg) for scene in ordered], object),
        passes,
        np.bincount(passes)[passes] > 1,
    )


def outline_utm(scene: Scene, epsg: int) -> shapely.Geometry:
    """The outline of a scene in metres: there the antimeridian is a line like any other."""
    transform = to_utm(epsg).transform
    outline = shapely.transform(scene.footprint, lambda p: np.stack(transform(p[:, 0], p[:, 1]), axis=1))
    whole = shapely.buffer(shapely.make_valid(outline), _TOUCH_M)
    shapely.prepare(whole)
    return whole


def seeing(tile: Tile, corner: Corner, size_px: int, *, margin_m: float = 0.0) -> list[tuple[int, ...]]:
    """Numbers of the scenes that show the whole patch: of each pass one, or several that do so together.

    A tile is two scenes of one pass where a datastrip ends in it; each shows its own half.

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
    whole = shapely.contains_properly(tile.outlines, patch)
    shots = one_of_each_pass(tile, np.flatnonzero(whole))
    parts = np.flatnonzero(~whole & tile.shared & ~np.isin(tile.passes, list(shots)))
    for number in np.unique(tile.passes[parts]).tolist():
        if together := _together(tile, parts[tile.passes[parts] == number], patch):
            shots[number] = together
    return sorted(shots.values())


def one_of_each_pass(tile: Tile, rows: NDArray[np.intp]) -> dict[int, tuple[int, ...]]:
    """Of scenes of one pass the latest processing, by the number of the pass.

    Item names do not tell: catalogues rename, number (_0_, _1_) and process again.
    """
    best: dict[int, tuple[int, ...]] = {}
    for row in rows.tolist():
        number = int(tile.passes[row])
        (other,) = best.get(number, (row,))
        best[number] = (max(other, row, key=lambda r: _processed(tile.scenes[r])),)
    return best


def _together(tile: Tile, rows: NDArray[np.intp], patch: shapely.Polygon) -> tuple[int, ...]:
    """As few scenes of a pass as show the patch together, the one that shows most of it first; or none."""

    def show(some: Sequence[int]) -> bool:
        return bool(shapely.contains_properly(shapely.union_all(tile.outlines[list(some)]), patch))

    kept = sorted(rows.tolist(), key=lambda row: _processed(tile.scenes[row]))
    if not show(kept):
        return ()
    for row in tuple(kept):  # an earlier processing is the first to go
        fewer = [other for other in kept if other != row]
        kept = fewer if show(fewer) else kept
    return tuple(sorted(kept, key=lambda row: -shapely.intersection(tile.outlines[row], patch).area))


def _processed(scene: Scene) -> tuple[str, int]:
    created = scene.created.astype("datetime64[ms]")
    return scene.baseline, -1 if np.isnat(created) else int(created.astype("int64"))


def _passes(scenes: Sequence[Scene]) -> NDArray[np.intp]:
    """Number of the pass in which a satellite took each scene; the scenes are in order of time."""
    last: dict[str, tuple[int, np.datetime64]] = {}
    numbers = np.arange(len(scenes))
    for row, scene in enumerate(scenes):
        number, time = last.get(scene.platform, (row, scene.time))
        numbers[row] = number if scene.time - time <= _SAME_PASS else row
        last[scene.platform] = (int(numbers[row]), scene.time)
    return numbers
