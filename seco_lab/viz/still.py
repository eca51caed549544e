"""The explorer as a still picture, drawn in milliseconds, for readers without a kernel."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from seco_lab.viz.basemap import country_rings, to_mercator
from seco_lab.viz.raster import disc_offsets, radius_for, stamp

HEIGHT_PX, MAP_PX, PLANE_PX, GAP_PX = 400, 640, 400, 12
POINTS_MOST = 60_000  # evenly spaced; more do not show on so few pixels
WORLD = ((-180.0, 180.0), (76.0, -58.0))  # lon, lat of the map's corners
SEA, LAND, BORDER, PAPER = "#dde7ec", "#f4f2ec", "#c9c4b6", "#fbfbfa"
PALE = np.array([217, 219, 222])  # what places turn to that are not selected; the widget does the same


def still_png(
    lonlat: np.ndarray,
    plane: np.ndarray,
    rgb: np.ndarray,
    *,
    hidden: np.ndarray | None = None,
    chosen: Sequence[int] | np.ndarray = (),
) -> bytes:
    """Map and embedding plane side by side as a PNG.

    Args:
        lonlat: Shape (P, 2), degrees; NaN is left out.
        plane: Shape (P, 2) in the unit square, y downward; NaN is left out.
        rgb: Shape (P, 3), uint8.
        hidden: Mask (P,) of places that are left out.
        chosen: Numbers of places that stand out, the others pale; empty for all alike.
    """
    order, rgb = _drawn(rgb, hidden, np.asarray(chosen, np.int64))
    lonlat, plane = lonlat[order], plane[order]
    whole = Image.new("RGB", (MAP_PX + GAP_PX + PLANE_PX, HEIGHT_PX), "white")
    whole.paste(_with_points(_world(), _map_pixels(lonlat), rgb), (0, 0))
    square = Image.new("RGB", (PLANE_PX, HEIGHT_PX), PAPER)
    whole.paste(_with_points(square, plane * PLANE_PX, rgb), (MAP_PX + GAP_PX, 0))
    buffer = io.BytesIO()
    whole.save(buffer, "PNG", compress_level=2)  # a third of the time, little more bytes
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _world() -> Image.Image:
    """Sea, land and borders; not to be drawn on."""
    picture = Image.new("RGB", (MAP_PX, HEIGHT_PX), SEA)
    world = ImageDraw.Draw(picture)
    for ring in country_rings():
        world.polygon([tuple(at) for at in _map_pixels(ring)], fill=LAND, outline=BORDER)
    return picture


def _drawn(
    rgb: np.ndarray, hidden: np.ndarray | None, chosen: np.ndarray
) -> tuple[np.ndarray | slice, np.ndarray]:
    """Rows in the order in which they are drawn, and their colours: pale ones below, chosen ones on top."""
    few = slice(None, None, max(1, len(rgb) // POINTS_MOST))
    if hidden is None and not len(chosen):
        return few, rgb[few]
    kept = np.ones(len(rgb), bool) if hidden is None else ~hidden
    bright = np.isin(np.arange(len(rgb)), chosen) if len(chosen) else np.ones(len(rgb), bool)
    pale = (rgb * 0.14 + PALE * 0.86).astype(np.uint8)
    order = np.concatenate([np.flatnonzero(kept & ~bright), np.flatnonzero(kept & bright)])
    order = order[:: max(1, len(order) // POINTS_MOST)]
    return order, np.where(bright[order, None], rgb[order], pale[order])


def _map_pixels(lonlat: np.ndarray) -> np.ndarray:
    """Degrees (N, 2) as pixels (N, 2) of the map."""
    (x0, y0), (x1, y1) = to_mercator(*map(np.array, WORLD))
    return (to_mercator(lonlat[:, 0], lonlat[:, 1]) - (x0, y0)) / (x1 - x0, y1 - y0) * (MAP_PX, HEIGHT_PX)


def _with_points(paper: Image.Image, at: np.ndarray, rgb: np.ndarray) -> Image.Image:
    """The paper with a disc at each finite position."""
    good = np.isfinite(at).all(1)
    layer = np.zeros((paper.height, paper.width, 4), np.uint8)
    radius = max(0, radius_for(len(at)) - 2)
    stamp(layer, at[good].astype(np.int64), rgb[good], disc_offsets(radius))
    points = Image.fromarray(layer)
    return Image.composite(points.convert("RGB"), paper, points.getchannel("A"))
