"""Points as a picture in Web Mercator: any number of them on any map that can lay an image over its tiles."""

from __future__ import annotations

import numpy as np

from seco_lab.viz.basemap import from_mercator, to_mercator

Bounds = tuple[float, float, float, float]  # west, south, east, north in degrees
RIM = (40, 44, 48)


def disc_offsets(radius_px: int) -> list[tuple[int, int]]:
    """Pixel offsets (dx, dy) of a filled disc."""
    span = range(-radius_px, radius_px + 1)
    return [(dx, dy) for dy in span for dx in span if dx * dx + dy * dy <= radius_px * (radius_px + 0.6)]


def radius_for(count: int) -> int:
    """Radius in pixels at which ``count`` points stay apart on a screen."""
    return next(
        (radius for limit, radius in ((300, 6), (3_000, 4), (30_000, 2), (300_000, 1)) if count <= limit), 0
    )


def point_raster(
    lonlat: np.ndarray,
    rgb: np.ndarray,
    bounds: Bounds,
    *,
    pixels_per_unit: float,
    radius_px: int | None = None,
) -> np.ndarray:
    """Points drawn into a transparent picture of an extent, rows evenly spaced in Web Mercator.

    Args:
        lonlat: Shape (P, 2), degrees; NaN is left out.
        rgb: Shape (P, 3), uint8; later points lie on top.
        bounds: West, south, east, north of the picture.
        pixels_per_unit: Width of the whole world in pixels at the wanted scale, 256 x 2^zoom.
        radius_px: Of each point; by default smaller the more there are.

    Returns:
        Shape (H, W, 4), uint8; at most 2,048 pixels on a side.
    """
    (x0, y1), (x1, y0) = to_mercator(np.array(bounds[0::2]), np.array(bounds[1::2]))
    scale = min(pixels_per_unit, 2048 / max(x1 - x0, y1 - y0))
    width, height = (max(1, int(np.ceil((b - a) * scale))) for a, b in ((x0, x1), (y0, y1)))
    at = (to_mercator(lonlat[:, 0], lonlat[:, 1]) - (x0, y0)) * scale
    radius = radius_for(len(lonlat)) if radius_px is None else radius_px
    inside = ((at > -radius) & (at < (width + radius, height + radius))).all(1)
    at, tint = at[inside].astype(np.int64), rgb[inside]
    picture = np.zeros((height, width, 4), np.uint8)
    if radius > 2:
        rim = np.broadcast_to(np.uint8([*RIM, 255]), (len(at), 4))
        stamp(picture, at, rim, disc_offsets(radius + 1))
    stamp(picture, at, np.pad(tint, ((0, 0), (0, 1)), constant_values=255), disc_offsets(radius))
    return picture


def points_in_sight(
    lonlat: np.ndarray, rgb: np.ndarray, view: Bounds | None, *, zoom: float
) -> tuple[np.ndarray, Bounds]:
    """Points as a picture of what a map shows and a margin around it, and the bounds of that picture.

    Args:
        lonlat: Shape (P, 2), degrees.
        rgb: Shape (P, 3), uint8.
        view: What the map shows; all points where that is not known.
        zoom: Zoom of the map, the world being 256 x 2^zoom pixels wide.
    """
    west, south, east, north = view or (0.0, 0.0, 0.0, 0.0)
    if east > west and north > south:
        seen = padded((max(west, -180.0), max(south, -85.0), min(east, 180.0), min(north, 85.0)))
    else:
        seen = extent_of(lonlat)
    return point_raster(lonlat, rgb, seen, pixels_per_unit=256 * 2.0**zoom), seen


def stamp(picture: np.ndarray, at: np.ndarray, values: np.ndarray, offsets: list[tuple[int, int]]) -> None:
    """Write values (P,) or (P, C) into a picture, around pixels (P, 2), x first, at each of the offsets."""
    height, width = picture.shape[:2]
    for dx, dy in offsets:
        x, y = at[:, 0] + dx, at[:, 1] + dy
        keep = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        picture[y[keep], x[keep]] = values[keep]


def padded(bounds: Bounds, share: float = 0.25) -> Bounds:
    """Bounds widened on each side, measured in Web Mercator and cut off at the edge of the world."""
    (x0, y1), (x1, y0) = to_mercator(np.array(bounds[0::2]), np.array(bounds[1::2]))
    px, py = (x1 - x0) * share, (y1 - y0) * share
    corners = np.clip([[x0 - px, y1 + py], [x1 + px, y0 - py]], 0, 1)
    lon, lat = from_mercator(corners)
    return float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1])


def extent_of(lonlat: np.ndarray) -> Bounds:
    """Bounds of the finite points with some room around; the inhabited world where there are none."""
    good = lonlat[np.isfinite(lonlat).all(1)]
    if not len(good):
        return -170.0, -60.0, 170.0, 75.0
    (west, south), (east, north) = good.min(0), good.max(0)
    room = max(0.01, 0.05 * max(east - west, north - south))
    return (
        max(-180.0, float(west) - room),
        max(-85.0, float(south) - room),
        min(180.0, float(east) + room),
        min(85.0, float(north) + room),
    )
