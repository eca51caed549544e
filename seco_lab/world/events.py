"""Changes of the ground on known days: construction, clear-cut and flood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.frame import Frame
from seco_lab.world.hashing import draws, hashed
from seco_lab.world.landcover import COVER, Kind
from seco_lab.world.lines import distances
from seco_lab.world.noise import noise
from seco_lab.world.patchwork import Layer, edge

EVENT_M = 440.0
CHANGES = ("none", "construction", "clear_cut", "flood")
_OPEN = ("annual_crop", "herbaceous", "pasture", "permanent_crop", "bare", "wetland")
_FLOOD_DAYS = 45
_REGION_M = 20_000.0  # rivers flood at one time


@dataclass(frozen=True)
class EventWindow:
    """Days (since 1970-01-01) within which the world changes, and how many of the sites do (0 to 1)."""

    first: int
    last: int
    share: float = 0.6


def events(frame: Frame, window: EventWindow, cover: NDArray[np.uint8]) -> list[Layer]:
    """Layers that appear on the days of the events that touch the window.

    One site a square of 440 m: building land where the country is open, a clear-cut where there is forest.
    Rivers flood their banks for some weeks once within the window.
    """
    layers = []
    for column, row in _squares(frame, EVENT_M):
        key = hashed(frame.salt("event"), np.array([column]), np.array([row]))
        if float(draws(key, 1)[0]) < window.share:
            layers += _site(frame, window, cover, key, column, row)
    return layers + _flood(frame, window, cover)


def _squares(frame: Frame, side_m: float) -> list[tuple[int, int]]:
    """Column and row of each square of country that the window touches."""
    columns = range(int(frame.x[0] // side_m), int(frame.x[-1] // side_m) + 1)
    rows = range(int(frame.y[-1] // side_m), int(frame.y[0] // side_m) + 1)
    return [(column, row) for row in rows for column in columns]


def _day(window: EventWindow, key: NDArray[np.uint32]) -> int:
    return window.first + int((window.last - window.first) * float(draws(key, 2)[0]))


def _site(
    frame: Frame, window: EventWindow, cover: NDArray, key: NDArray[np.uint32], column: int, row: int
) -> list[Layer]:
    """The plot of one site, as building land and as clear-cut, each only where it can happen."""
    angle, half_u, half_v = (float(draws(key, k)[0]) for k in (3, 4, 5))
    half_u, half_v = 50 + 130 * half_u, 40 + 90 * half_v
    gx, gy = frame.grid
    dx = gx + (frame.origin[0] - (column + 0.5) * EVENT_M)
    dy = gy + (frame.origin[1] - (row + 0.5) * EVENT_M)
    c, s = np.cos(angle * np.pi), np.sin(angle * np.pi)
    u, v = dx * c + dy * s, dy * c - dx * s
    # Plots end at the edge of their square, so that no other site need be asked.
    inside = np.minimum(EVENT_M / 2 - np.abs(dx), EVENT_M / 2 - np.abs(dy))
    plot = np.minimum(np.minimum(half_u - np.abs(u), half_v - np.abs(v)), inside)
    day = _day(window, key)
    build = edge(plot) * np.isin(cover, [COVER[name] for name in _OPEN])
    cut = edge(plot + 10 * noise(frame, 60, 5)) * (cover == COVER["forest"])
    halls = _halls(u, v, plot) * build
    number = int(key[0])
    return [
        Layer(build.astype(np.float32), Kind.YARD, number, COVER["industrial"], since=day),
        Layer(halls, Kind.ROOF_WHITE, number, None, 9.0, building=True, since=day + 40),
        Layer(cut.astype(np.float32), Kind.SOIL, number, COVER["bare"], since=day),
    ]


def _halls(u: NDArray, v: NDArray, plot: NDArray) -> NDArray[np.float32]:
    """Halls on building land: three rows of roofs with lanes between them."""
    lane = np.abs((v + 27) % 54 - 27)
    return (edge(20 - lane) * edge(plot - 14) * edge(np.abs(u) - 8)).astype(np.float32)


def _flood(frame: Frame, window: EventWindow, cover: NDArray) -> list[Layer]:
    """Rivers over their banks; at most one flood in the window for each region of 20 km."""
    (away,) = distances(frame, "river")
    if away.min() > 250:
        return []
    reach = 120 + 70 * noise(frame, 260, frame.salt("flood", 1))
    low = ~np.isin(
        cover, [COVER[name] for name in ("highway", "river", "sea_lake", "industrial", "residential")]
    )
    alpha = (edge(reach - away) * low).astype(np.float32)
    layers = []
    for column, row in _squares(frame, _REGION_M):
        key = hashed(frame.salt("flood"), np.array([column]), np.array([row]))
        if float(draws(key, 1)[0]) <= window.share:
            here = (frame.x // _REGION_M == column) & (frame.y // _REGION_M == row)[:, None]
            kind, number, day = Kind.WATER_MUDDY, int(key[0]), _day(window, key)
            until = day + _FLOOD_DAYS
            layers.append(Layer(alpha * here, kind, number, COVER["river"], since=day, until=until))
    return layers


def code_of(layer: Layer) -> int:
    """Code of CHANGES of a layer that came or went; 0 for what only goes along with another."""
    codes = {COVER["industrial"]: "construction", COVER["bare"]: "clear_cut", COVER["river"]: "flood"}
    return CHANGES.index(codes.get(layer.cover, "none")) if layer.cover is not None else 0
