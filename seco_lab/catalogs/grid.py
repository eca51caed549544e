"""Where a patch lies in the pixels of a tile: corners on the tile's own grid, never on one worked out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from seco_lab.catalogs.base import Scene

if TYPE_CHECKING:
    from pyproj import Transformer

PIXEL_M = 10.0
GRID_M = 60.0  # corners lie where pixels of 10, 20 and 60 m begin together
BLOCK_PX = 512  # internal tile of 10 m; also the half of one of 1024


@dataclass(frozen=True)
class TileGrid:
    """The extent of a tile in the UTM zone of its files, metres."""

    epsg: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Corner:
    """Upper-left corner of a patch, metres in the zone of its tile."""

    x0: float
    y0: float


def tile_grid(scene: Scene) -> TileGrid | None:
    """The tile of a scene as its files describe it; None where they do not, or are not in a UTM zone."""
    for asset in scene.assets.values():
        if asset.epsg is None or asset.transform is None or asset.shape is None:
            continue
        if asset.epsg // 100 not in (326, 327) or not 1 <= asset.epsg % 100 <= 60:
            return None
        width_m, _, left, _, height_m, top = asset.transform
        rows, columns = asset.shape
        return TileGrid(asset.epsg, left, top, left + columns * width_m, top + rows * height_m)
    return None


@lru_cache(maxsize=130)
def to_utm(epsg: int) -> Transformer:
    """From degrees (lon, lat) to metres of a UTM zone."""
    from pyproj import Transformer

    return Transformer.from_crs(4326, epsg, always_xy=True)


def corner_near(grid: TileGrid, lon: float, lat: float, size_px: int) -> Corner:
    """The corner of the patch whose centre is nearest to the place, on the 60 m lattice of the tile."""
    x, y = to_utm(grid.epsg).transform(lon, lat)
    half_m = size_px * PIXEL_M / 2
    return Corner(
        grid.left + round((x - half_m - grid.left) / GRID_M) * GRID_M,
        grid.top - round((grid.top - (y + half_m)) / GRID_M) * GRID_M,
    )


def depth_m(grid: TileGrid, corner: Corner, size_px: int) -> float:
    """Distance from the patch to the nearest edge of the tile; negative where it sticks out."""
    side_m = size_px * PIXEL_M
    return min(
        corner.x0 - grid.left,
        grid.right - corner.x0 - side_m,
        grid.top - corner.y0,
        corner.y0 - side_m - grid.bottom,
    )


def corners_in_blocks(
    grid: TileGrid, corner: Corner, size_px: int, block_px: int = BLOCK_PX
) -> Iterator[Corner]:
    """Corners that put the patch into one internal tile of the files, the least shift first.

    At most four, each within half an internal tile along each axis.

    Raises:
        ValueError: The patch is larger than an internal tile.
    """
    if size_px > block_px:
        raise ValueError(
            f"a patch of {size_px} px does not fit into an internal tile of {block_px} px; take snap='grid'"
        )
    across = _shifts(corner.x0 - grid.left, size_px, block_px)
    down = _shifts(grid.top - corner.y0, size_px, block_px)
    moves = sorted((math.hypot(dx, dy), dx, dy) for dx in across for dy in down)
    for _, dx, dy in moves:
        moved = Corner(corner.x0 + dx, corner.y0 - dy)
        if depth_m(grid, moved, size_px) >= 0:
            yield moved


def _shifts(begin_m: float, size_px: int, block_px: int) -> list[float]:
    """Moves along one axis after which no border of internal tiles cuts the patch, multiples of 60 m."""
    side_m, block_m = size_px * PIXEL_M, block_px * PIXEL_M
    border = math.floor((begin_m + side_m) / block_m) * block_m
    if begin_m >= border or begin_m + side_m == border:
        return [0.0]
    back = math.floor((border - side_m - begin_m) / GRID_M) * GRID_M
    on = math.ceil((border - begin_m) / GRID_M) * GRID_M
    return [
        move for move in (back, on) if abs(move) <= block_m / 2 and _whole(begin_m + move, side_m, block_m)
    ]


def _whole(begin_m: float, side_m: float, block_m: float) -> bool:
    return begin_m // block_m == (begin_m + side_m - PIXEL_M) // block_m
