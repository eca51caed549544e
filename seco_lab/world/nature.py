"""Land that nobody tills: forest, heath and hills, wetland, desert, ice, and the relief under all of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.districts import Character, Districts
from seco_lab.world.frame import Frame
from seco_lab.world.hashing import hashed, white
from seco_lab.world.landcover import COVER, Kind
from seco_lab.world.noise import Octave, blends, from_zero, octaves, slopes
from seco_lab.world.patchwork import Layer, Patchwork, edge
from seco_lab.world.water import waters

# How much of the region's relief each character of country keeps.
_RELIEF = {
    Character.FIELDS: 0.12,
    Character.FOREST: 0.42,
    Character.WILD: 1.0,
    Character.INDUSTRY: 0.03,
    Character.PASTURE: 0.16,
    Character.ORCHARDS: 0.25,
    Character.TOWN: 0.04,
    Character.WATER: 0.0,
    Character.WETLAND: 0.02,
    Character.BARE: 0.9,
    Character.ICE: 0.7,
}

# Hills of the relief: wavelength and weight, metres.
_HILLS = ((900, 60.0), (400, 36.0), (190, 20.0), (85, 6.0))


def relief(frame: Frame, place: Districts) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope of the ground to the east and to the north (rise per metre), each (size, size)."""
    salt = frame.salt("relief")
    kept = np.array([_RELIEF[Character(int(c))] for c in place.character], np.float32)
    kept *= 5.0 * place.rugged**2.5
    east, north = np.zeros((2, frame.size, frame.size), np.float32)
    trees = _canopy(place)
    hills = [[(1.0, wavelength, salt + wavelength)] for wavelength, _ in _HILLS]
    crowns = [[(1.0, 24, frame.salt("crowns"))]] if trees.any() else []
    found = slopes(frame, *hills, *crowns)
    for (_, height), (value, dx, dy) in zip(_HILLS, found, strict=False):
        # Folding the noise at zero gives valleys and crests with sharp edges, as water cuts them.
        fold = np.tanh(4 * value) * np.float32(height)
        east += dx * fold
        north += dy * fold
    strength = place.at(kept) * np.clip(place.edge_m / 60, 0.25, 1)
    east *= strength
    north *= strength
    if crowns:  # bright towards the sun and dark behind
        east += found[-1][1] * trees
        north += found[-1][2] * trees
    return east, north


def _canopy(place: Districts) -> NDArray[np.float32]:
    """How strongly crowns of trees show at each pixel, shape (size, size)."""
    trees = (place.character == Character.FOREST).astype(np.float32) * (0.9 + 1.6 * place.draw(43))
    trees += (place.character == Character.WILD) * 0.5 * place.draw(43)
    return place.at(trees)


def _stands(frame: Frame, word: str, wavelength: float) -> list[Octave]:
    """The smooth noise whose slices are natural patches; :func:`_slices` numbers them."""
    return octaves(wavelength, 3, frame.salt("stands", word))


def _slices(frame: Frame, word: str, value: NDArray, levels: int) -> NDArray[np.uint32]:
    """Hashes of natural patches: slices through smooth noise."""
    return hashed(frame.salt("stands", word), np.floor(value * levels).astype(np.int32))


def forest(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Broad-leaved, coniferous and mixed forest with clearings."""
    salt = frame.salt("forest")
    cold = np.clip((9 - place.climate.mean_c) / 14, 0, 1)
    tropical = place.climate.groups[:, 1] > 0.5
    needle = np.clip(0.25 + 0.75 * cold + 1.1 * (place.draw(41) - 0.5), -0.6, 1.6)
    mix, gaps, crowns, shade, texture, stands = blends(
        frame,
        octaves(220, 5, salt, gain=0.7, weight=0.35),
        octaves(300, 4, salt + 7),
        [(1.0, 26, salt + 1)],
        octaves(200, 4, salt + 5, gain=0.7, weight=0.05),
        octaves(150, 3, salt + 3, weight=0.7),
        _stands(frame, "forest", 700),
    )
    kind = place.at(np.where(tropical, np.uint8(Kind.RAINFOREST), np.uint8(Kind.BROADLEAF)))
    kind[mix < place.at(needle - 0.5)] = Kind.CONIFER
    open_ground = gaps > place.at(2.4 - 1.2 * place.draw(42) ** 4)
    kind[open_ground] = Kind.CLEARING
    crowns += 2.2 * white(frame.column, frame.row, frame.size, salt)
    shade += place.at(0.03 + 0.05 * place.draw(43)) * crowns
    texture += 0.3 * crowns
    key = hashed(3, _slices(frame, "forest", stands, 1), kind)
    cover = np.where(open_ground, np.uint8(COVER["herbaceous"]), np.uint8(COVER["forest"]))
    return Patchwork(kind, key, texture, shade, cover), []


def wild(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Heath, scrub, steppe, natural grassland and tundra, with bare and stony places."""
    salt = frame.salt("wild")
    fine = place.at(place.draw(53))
    wide, narrow, shrubby, grain, dots, stands = blends(
        frame,
        octaves(330, 5, salt, gain=0.62),
        octaves((90, 130), 3, salt + 8, gain=0.7),
        octaves(200, 5, salt + 1, gain=0.65),
        [(1.0, 34, salt + 2)],
        [(7.0, 30, salt + 4)],
        _stands(frame, "wild", 520),
    )
    green = (1 - fine) * wide + fine * narrow
    bareness = place.at(place.climate.dry - 0.45 + 1.6 * (place.draw(44) - 0.5))
    polar = place.climate.groups[:, 5] > 0.5
    kind = place.at(np.where(polar, np.uint8(Kind.TUNDRA), np.uint8(Kind.GRASS)))
    kind[(shrubby > place.at(1.5 * (place.draw(45) - 0.35))) & ~place.at(polar)] = Kind.SHRUB
    rock = place.at(np.where(place.draw(46) < 0.5, np.uint8(Kind.ROCK), np.uint8(Kind.SOIL)))
    kind = np.where(green + 1.2 < bareness * 2.2, rock, kind)
    grain += 1.5 * white(frame.column, frame.row, frame.size, salt)
    texture = 0.75 * green + 0.35 * grain
    shade = 0.06 * shrubby + place.at(0.03 + 0.06 * place.draw(52)) * grain
    key = hashed(5, _slices(frame, "wild", stands, 2), kind)
    sparse = 7 * place.at(1.7 - 1.5 * place.draw(54) ** 2)
    bushes = Layer(edge(dots - sparse) * _bushy(place), Kind.SHRUB, salt & 0xFF, height_m=4.0)
    cover = np.full(kind.shape, COVER["herbaceous"], np.uint8)
    return Patchwork(kind, key, texture, shade, cover), [bushes]


def _bushy(place: Districts) -> NDArray[np.float32]:
    return place.at(np.clip(1.6 * place.draw(47) - 0.6, 0, 1)).astype(np.float32)


def bare(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Dunes, stony desert, salt flats, quarries and screes."""
    salt = frame.salt("bare")
    table = np.array([Kind.SAND, Kind.ROCK, Kind.SOIL, Kind.SALT, Kind.SOIL], np.uint8)
    kind = place.at(table[(place.draw(48) * len(table)).astype(int)])
    patches, dunes, ripples, stands = blends(
        frame,
        octaves(300, 5, salt, gain=0.6),
        [(1.0, (240, 90), salt + 1)],
        [(0.02, 30, salt + 2)],
        _stands(frame, "bare", 600),
    )
    kind[patches > 1.2] = Kind.ROCK
    shade = np.where(kind == Kind.SAND, 0.10 * (np.abs(dunes) - 0.8), 0.07 * patches) + ripples
    key = hashed(7, _slices(frame, "bare", stands, 2), kind)
    cover = np.full(kind.shape, COVER["bare"], np.uint8)
    return Patchwork(kind, key, 0.8 * patches, shade.astype(np.float32), cover), []


def wetland(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Reeds and mud with pools and winding creeks."""
    salt = frame.salt("wetland")
    level, texture, stands = blends(
        frame,
        octaves(280, 4, salt),
        octaves(120, 4, salt + 1, weight=0.8),
        _stands(frame, "wetland", 400),
    )
    kind = np.where(level > 0.6, np.uint8(Kind.SHRUB), np.uint8(Kind.REED))
    texture += 0.3 * white(frame.column, frame.row, frame.size, salt)
    key = hashed(9, _slices(frame, "wetland", stands, 2), kind)
    cover = np.full(kind.shape, COVER["wetland"], np.uint8)
    pools = waters(frame, edge(30 * (-0.9 - level)), COVER["sea_lake"], 0.5)
    creek = edge(6 - np.abs(from_zero(*slopes(frame, [(1.0, 260, salt + 5)])[0], 2e-3)))
    creeks = waters(frame, creek * np.float32(0.8), None, 0.5)
    return Patchwork(kind, key, texture, 0.04 * level, cover), pools + creeks


def ice(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Ice and eternal snow with rocks that stick out."""
    salt = frame.salt("ice")
    level, shade, stands = blends(
        frame,
        octaves(420, 5, salt),
        octaves(160, 3, salt + 1, weight=0.03),
        _stands(frame, "ice", 800),
    )
    rock = level > 1.0 + 0.8 * place.at(place.draw(49))
    kind = np.where(rock, np.uint8(Kind.ROCK), np.uint8(Kind.ICE))
    key = hashed(11, _slices(frame, "ice", stands, 1), kind)
    cover = np.full(kind.shape, COVER["snow_ice"], np.uint8)
    return Patchwork(kind, key, 0.3 * level, shade, cover), []
