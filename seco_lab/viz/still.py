"""The explorer as a still picture, drawn in milliseconds, for readers without a kernel."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from seco_lab.viz.basemap import country_rings, to_mercator
from seco_lab.viz.colours import rgb_of
from seco_lab.viz.packing import finite_rows
from seco_lab.viz.raster import disc_offsets, radius_for, stamp

HEIGHT_PX, MAP_PX, PLANE_PX, GAP_PX = 400, 640, 400, 12
POINTS_MOST = 60_000  # evenly spaced; more do not show on so few pixels
WORLD = ((-180.0, 180.0), (76.0, -58.0))  # lon, lat of the map's corners
# Colours of the paper, by their place in the palette; those of the points come after them.
PAPERS = ("#ffffff", "#dde7ec", "#f4f2ec", "#c9c4b6", "#fbfbfa")
WHITE, SEA, LAND, BORDER, PAPER = range(len(PAPERS))
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
    shades, palette = _few_colours(rgb)
    whole = np.full((HEIGHT_PX, MAP_PX + GAP_PX + PLANE_PX), WHITE, np.uint8)
    world, square = whole[:, :MAP_PX], whole[:, -PLANE_PX:]
    world[:], square[:] = _world(), PAPER
    _put_points(world, _map_pixels(lonlat[order]), shades)
    _put_points(square, plane[order] * PLANE_PX, shades)
    picture, buffer = Image.fromarray(whole), io.BytesIO()
    # The widget waits for this picture: a palette is quick, and a third of the bytes.
    picture.putpalette(palette)
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _few_colours(rgb: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Colours (N, 3) as places (N,) in a palette, and that palette; the colours of the paper come first."""
    papers = [value for paper in PAPERS for value in rgb_of(paper)]
    if not len(rgb):
        return np.empty(0, np.uint8), papers
    row = Image.fromarray(rgb[None]).quantize(256 - len(PAPERS), method=Image.Quantize.FASTOCTREE)
    return np.asarray(row)[0] + np.uint8(len(PAPERS)), [*papers, *row.getpalette()]


@lru_cache(maxsize=1)
def _world() -> np.ndarray:
    """Sea, land and borders (H, W), as places in the palette."""
    picture = Image.new("L", (MAP_PX, HEIGHT_PX), SEA)
    world = ImageDraw.Draw(picture)
    rings = country_rings()
    starts = np.cumsum([len(ring) for ring in rings])[:-1]
    for ring in np.split(_map_pixels(np.concatenate(rings)), starts):
        world.polygon(ring.ravel().tolist(), fill=LAND, outline=BORDER)
    return np.asarray(picture)


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


def _put_points(paper: np.ndarray, at: np.ndarray, shades: np.ndarray) -> None:
    """A disc on the paper (H, W) at each finite position."""
    good = finite_rows(at)
    stamp(paper, at[good].astype(np.int64), shades[good], disc_offsets(max(0, radius_for(len(at)) - 2)))
