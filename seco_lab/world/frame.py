"""The canvas on which a piece of the world is drawn: a square of 10 m pixels in one UTM zone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.world.hashing import salt_of

PIXEL_M = 10.0
MARGIN_PX = 2


@dataclass(frozen=True)
class Frame:
    """A square window of the world.

    Attributes:
        seed: Which world.
        epsg: UTM zone, 326xx or 327xx.
        column: Left edge in pixels of 10 m from easting 0.
        row: Upper edge in pixels from northing 0, counted downwards (so it is negative).
        size: Pixels along a side.
    """

    seed: int
    epsg: int
    column: int
    row: int
    size: int

    def salt(self, *words: int | str) -> int:
        """A salt for hashes and noise that belongs to this world and zone."""
        return salt_of(self.seed, self.epsg, *words)

    @property
    def start(self) -> tuple[float, float]:
        """Easting and northing of the centre of the first pixel, metres."""
        return (self.column + 0.5) * PIXEL_M, -(self.row + 0.5) * PIXEL_M

    @cached_property
    def x(self) -> NDArray[np.float64]:
        """Eastings of the pixel centres, shape (size,), metres."""
        return (self.column + np.arange(self.size) + 0.5) * PIXEL_M

    @cached_property
    def y(self) -> NDArray[np.float64]:
        """Northings of the pixel centres from top to bottom, shape (size,), metres."""
        return -(self.row + np.arange(self.size) + 0.5) * PIXEL_M

    @cached_property
    def grid(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Eastings and northings of all pixels relative to ``origin``, metres, each (size, size)."""
        x0, y0 = self.origin
        x, y = (self.x - x0).astype(np.float32), (self.y - y0).astype(np.float32)
        return np.broadcast_to(x, (self.size, self.size)), np.broadcast_to(y[:, None], (self.size, self.size))

    @cached_property
    def origin(self) -> tuple[float, float]:
        """A reference point near the window, the same for windows that overlap (metres)."""
        return float(self.x[0] // 10_000 * 10_000), float(self.y[0] // 10_000 * 10_000)

    def square(self, side_m: int) -> tuple[int, int]:
        """Which square of country the middle of the window lies in, counted from the zone's origin."""
        middle = self.size // 2 + 0.5
        return int((self.column + middle) * PIXEL_M // side_m), int(-(self.row + middle) * PIXEL_M // side_m)

    @cached_property
    def anchor(self) -> tuple[float, float]:
        """Longitude and latitude of the 20 km tile of the window, where what varies slowly is taken."""
        x, y = ((number + 0.5) * 20_000 for number in self.square(20_000))
        lon, lat = lonlat_of(self.epsg, x, y)
        return float(lon), float(lat)


_RADIUS_M = 0.9996 * 6_367_449.146  # of the rectifying sphere of WGS 84, times UTM's scale


def lonlat_of(epsg: ArrayLike, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of UTM coordinates in degrees, good to some metres (Krueger's series)."""
    epsg = np.asarray(epsg)
    xi = (np.asarray(y, float) - np.where(epsg >= 32700, 10_000_000.0, 0.0)) / _RADIUS_M
    eta = (np.asarray(x, float) - 500_000.0) / _RADIUS_M
    turned = xi - 8.3773e-4 * np.sin(2 * xi) * np.cosh(2 * eta)
    drawn = eta - 8.3773e-4 * np.cos(2 * xi) * np.sinh(2 * eta)
    conformal = np.arcsin(np.sin(turned) / np.cosh(drawn))
    lat = conformal + 3.356551e-3 * np.sin(2 * conformal) + 6.5718e-6 * np.sin(4 * conformal)
    lon = np.arctan2(np.sinh(drawn), np.cos(turned))
    central = (epsg % 100) * 6.0 - 183.0
    return (central + np.degrees(lon) + 180.0) % 360.0 - 180.0, np.degrees(lat)


def canvas(seed: int, epsg: int, x0: float, y0: float, size_px: int) -> tuple[Frame, int, int]:
    """The frame to draw for a patch, and where the patch lies in it.

    Bands of 60 m need whole cells, and blur and shadows need neighbours of every pixel of these cells, so the
    frame reaches ``MARGIN_PX`` beyond the cells of 60 m that the patch touches.

    Args:
        seed: Which world.
        epsg: UTM zone.
        x0: Left edge of the patch in metres, a multiple of 10.
        y0: Upper edge in metres, a multiple of 10.
        size_px: Side of the patch.

    Returns:
        The frame, and the row and column of the patch's first pixel in it.
    """
    column, row = round(x0 / PIXEL_M), -round(y0 / PIXEL_M)
    left, top = column // 6 * 6 - MARGIN_PX, row // 6 * 6 - MARGIN_PX
    reach = max(column - left, row - top) - MARGIN_PX + size_px
    size = -(-reach // 6) * 6 + 2 * MARGIN_PX
    return Frame(seed, epsg, left, top, size), row - top, column - left
