"""Lines through the country: rivers, motorways and small roads, as zero lines of smooth noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.districts import Character, Districts
from seco_lab.world.frame import Frame
from seco_lab.world.landcover import COVER, Kind
from seco_lab.world.noise import Octave, blends, from_zero, noise, slopes
from seco_lab.world.patchwork import Layer, edge, stripe
from seco_lab.world.water import waters

_WIDEST_M = 190.0  # half of the widest river
_BANKS_M = 65.0  # no tree of a bank reaches farther from the water


# Winding lines: wavelength in metres, and how strongly they bend at a quarter of it.
_LINES = {
    "river": (3_300, 0.22),
    "motorway": (2_100, 0.0),
    "ramp": (520, 0.0),
    "road": (1_500, 0.12),
    "path": (430, 0.35),
}


def distances(frame: Frame, *words: str) -> list[NDArray[np.float32]]:
    """Distance to the nearest of each kind of winding lines that never end, metres, each (size, size)."""
    found = slopes(frame, *(_winding(frame, word) for word in words))
    return [np.abs(from_zero(*each, 0.25 / _LINES[word][0])) for word, each in zip(words, found, strict=True)]


def _winding(frame: Frame, word: str) -> list[Octave]:
    """The noise whose zero lines they are."""
    (wavelength, bends), salt = _LINES[word], frame.salt("line", word)
    return [(1.0, wavelength, salt)] + ([(bends, wavelength / 3.7, salt + 1)] if bends else [])


def lines(frame: Frame, place: Districts) -> list[Layer]:
    """Small roads, rivers over them, and motorways over both."""
    road, river, motorway = distances(frame, "road", "river", "motorway")
    return [
        *_small_roads(frame, place, road),
        *_rivers(frame, place, river),
        *_motorways(frame, place, motorway),
    ]


def _rivers(frame: Frame, place: Districts, away: NDArray[np.float32]) -> list[Layer]:
    """Rivers with wooded or gravelly banks; dry beds where it hardly rains; a creek here and there."""
    if away.min() > _WIDEST_M + 60:
        return []
    salt = frame.salt("river width")
    (width,) = blends(frame, [(0.75, 6_000, salt), (0.12, 300, salt + 1)])
    half = np.clip(46 * np.exp(width), 14, _WIDEST_M)
    if (half - away).max() < -_BANKS_M:
        return []
    dried, bank, woods = blends(
        frame,
        [(1.0, 5_000, salt + 2)],
        [(16.0, 1_500, salt + 3), (9.0, 70, salt + 4)],
        [(1.0, 2_500, salt + 5)],
    )
    arid = place.at(place.climate.dry > 0.75)
    gate = place.at(place.character != Character.WATER).astype(np.float32)
    wet = gate.copy()
    gate *= ~(arid & (dried > -0.2))
    wooded = woods > -0.4
    verge = Layer(
        edge(half + np.clip(14 + bank, 0, 60) - away) * wooded * gate * np.float32(0.9),
        Kind.HEDGE,
        5,
        None,
        9.0,
    )
    shingle = Layer(
        edge(half + 7 - away) * np.where(wooded, 0.25, 0.6).astype(np.float32) * wet, Kind.TRACK, 9
    )
    return [verge, shingle, *waters(frame, edge(half - away) * gate, COVER["river"], 0.6)]


def _motorways(frame: Frame, place: Districts, away: NDArray[np.float32]) -> list[Layer]:
    """Two carriageways with a green strip between them and embankments; some are wide single roads."""
    salt = frame.salt("motorway")
    if away.min() > 60:
        return []
    empty = place.among(Character.WATER, Character.ICE) | (place.climate.groups[:, 5] > 0.5)
    gate = place.at(~empty).astype(np.float32)
    broad, gaps = blends(frame, [(5.0, 4_000, salt)], [(7.0, 55, salt + 2)])
    broad = np.clip(11 + broad, 6.5, 17)
    verge = Layer(edge(broad + 16 - away) * gate * np.float32(0.75), Kind.PASTURE, 3)
    row = edge(3 + gaps - np.abs(away - broad - 20)) * gate
    trees = Layer(row, Kind.HEDGE, 4, None, 8.0)
    road = Layer(stripe(away, 2 * broad) * gate, Kind.ASPHALT, 11, COVER["highway"])
    strip = Layer(stripe(away, 4.5) * gate * (broad > 9) * np.float32(0.7), Kind.GRASS, 12)
    return [verge, trees, road, strip, *_ramps(frame, away, gate, salt)]


def _ramps(frame: Frame, away: NDArray, gate: NDArray, salt: int) -> list[Layer]:
    """Slip roads and crossings: a second zero line, seen only near the motorway."""
    reach, some = blends(frame, [(60.0, 900, salt + 5)], [(1.0, 1_300, salt + 6)])
    near = edge(110 + reach - away) * (some > 0.1)
    if not near.any():
        return []
    (other,) = distances(frame, "ramp")
    return [Layer(stripe(other, 9.0) * near * gate, Kind.ASPHALT, 13, COVER["highway"])]


def _small_roads(frame: Frame, place: Districts, road: NDArray[np.float32]) -> list[Layer]:
    """Country roads and, in forest and wild land, tracks."""
    layers = []
    salt = frame.salt("roads")
    rural = ~place.among(Character.WATER, Character.ICE, Character.TOWN, Character.INDUSTRY)
    gate = place.at(rural).astype(np.float32)
    if road.min() < 20:
        layers.append(
            Layer(stripe(road, 7.0) * gate * np.float32(0.85), Kind.ASPHALT, 14, COVER["minor_road"])
        )
    woods = place.among(Character.FOREST, Character.WILD, Character.BARE)
    some = woods & place.seen & (place.draw(61) < 0.7)
    if some.any():
        (path,) = distances(frame, "path")
        seen = place.at(0.35 + 0.65 * place.draw(62)) * (noise(frame, 1_100, salt + 2) > -0.3)
        alpha = stripe(path, 4.5) * seen * place.at(some)
        layers.append(Layer(alpha.astype(np.float32), Kind.TRACK, 15))
    return layers
