"""One place: its tile, and the candidate scenes of each season, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.catalogs.base import Scene
from seco_lab.catalogs.grid import Corner, TileGrid, corner_near, depth_m
from seco_lab.catalogs.ladder import Rung, ranked
from seco_lab.catalogs.tiles import Tile, seeing

LAT_LIMITS = (-80.0, 84.0)  # beyond lie the polar zones (UPS), which MGRS tiles of Sentinel-2 do not have


@dataclass(frozen=True)
class Chosen:
    """What was found for a place.

    Attributes:
        tile: Name of the tile that all its scenes share.
        grid: Extent of the tile.
        corner: Upper-left corner of the patch.
        scenes: For each season the candidates in order, each with the name of its step; a candidate is one
            scene, or several of one pass that show the patch only together.
    """

    tile: str
    grid: TileGrid
    corner: Corner
    scenes: tuple[tuple[tuple[tuple[Scene, ...], str], ...], ...]


@dataclass(frozen=True)
class Missing:
    """Why a place has no scenes.

    Attributes:
        why: A word or two: polar, no tile, no scene, cloudy scenes, cut off, no bands, overlap.
        detail: A sentence.
        seasons: Which seasons lack a scene; empty where no season is to blame.
    """

    why: str
    detail: str
    seasons: tuple[int, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What is looked for at every place.

    Attributes:
        size_px: Side of a patch.
        steps: As from ``ladder``.
        limit: Most candidates of a season.
        margin_m: How far a patch may still be shifted.
    """

    size_px: int
    steps: Sequence[Rung]
    limit: int
    margin_m: float


def select(
    lon: float, lat: float, dates: NDArray[np.datetime64], tiles: Sequence[Tile], wish: Wish
) -> Chosen | Missing:
    """The scenes of a place, all of one tile: the one in which the patch lies deepest and no season is empty.

    One tile has one pixel grid, so nothing is resampled and the dates of a place fit pixel upon pixel.

    Args:
        lon: Of the place, degrees.
        lat: Of the place, degrees.
        dates: Shape (T,).
        tiles: Scenes found around the place.
        wish: What is looked for.
    """
    if not LAT_LIMITS[0] <= lat <= LAT_LIMITS[1]:
        return Missing(
            "polar", f"latitude {lat:.2f} lies in a polar zone (UPS), where Sentinel-2 has no tiles"
        )
    first: Missing | None = None
    for tile, corner in _deepest_first(lon, lat, tiles, wish):
        shots = seeing(tile, corner, wish.size_px, margin_m=wish.margin_m)
        rows = np.array([shot[0] for shot in shots], np.intp)
        found = [
            ranked(tile.time[rows], tile.cloud[rows], dates, season, wish.steps, wish.limit)
            for season in range(len(dates))
        ]
        if all(found):
            scenes = tuple(
                tuple((tuple(tile.scenes[list(shots[i])]), step) for i, step in one) for one in found
            )
            return Chosen(tile.name, tile.grid, corner, scenes)
        empty = tuple(season for season, one in enumerate(found) if not one)
        first = first or _missing(tile, rows, dates, empty, wish.steps)
    if first:
        return first
    if not tiles:
        return Missing("no scene", "no scene was found around it")
    return Missing("no tile", "no tile holds the whole patch")


def _deepest_first(lon: float, lat: float, tiles: Sequence[Tile], wish: Wish) -> list[tuple[Tile, Corner]]:
    """Tiles that hold the whole patch, with its corner in each."""
    held = []
    for tile in tiles:
        corner = corner_near(tile.grid, lon, lat, wish.size_px)
        depth = depth_m(tile.grid, corner, wish.size_px)
        if depth >= 0:
            held.append((-depth, tile.name, tile, corner))
    return [(tile, corner) for *_, tile, corner in sorted(held, key=lambda entry: entry[:2])]


def _missing(
    tile: Tile,
    rows: NDArray[np.intp],
    dates: NDArray[np.datetime64],
    empty: tuple[int, ...],
    steps: Sequence[Rung],
) -> Missing:
    """What stood in the way of the first season that is empty."""
    date, widest = dates[empty[0]], max(step.days for step in steps)
    near = np.abs(tile.time - date) <= np.timedelta64(round(widest * 24), "h")
    cloudy = near[rows] & (tile.cloud[rows] > steps[-1].max_cloud)
    cut = int(near.sum() - near[rows].sum())
    why = "cloudy scenes" if cloudy.any() else "cut off" if cut else "no scene"
    detail = f"season {empty[0]} ({date.astype('datetime64[D]')}): {near.sum()} scenes within {widest:g} days"
    if near.any():
        detail += f", {cut} of them do not show the whole patch or repeat one"
        detail += f", {cloudy.sum()} have more than {steps[-1].max_cloud:g} % cloud"
    return Missing(why, detail, empty)
