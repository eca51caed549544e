"""Districts: pieces of country of one character (fields, forest, town, lake ...), about a kilometre wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seco_lab.places.land import is_land
from seco_lab.world.cells import Cells, cells
from seco_lab.world.climate import Climate, climate_at, mixed
from seco_lab.world.frame import Frame, lonlat_of
from seco_lab.world.hashing import draws, uniform
from seco_lab.world.noise import blends, noise_at

DISTRICT_M = 1600.0
# What changes over many kilometres: names of the noises and their wavelengths in metres.
_WIDE = {"rugged": 9_000, "soil light": 25_000, "soil red": 25_000}


class Character(IntEnum):
    """What a district is made of."""

    FIELDS = 0
    FOREST = 1
    WILD = 2
    INDUSTRY = 3
    PASTURE = 4
    ORCHARDS = 5
    TOWN = 6
    WATER = 7
    WETLAND = 8
    BARE = 9
    ICE = 10


# Rows: Köppen groups of climate.GROUPS; columns: Character. Weights, not shares.
_WEIGHTS = np.array(
    [
        # fields forest wild indus pasture orch town water wet bare ice
        [0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 1.00, 0.00, 0.00, 0.00],  # sea: not asked
        [0.14, 0.24, 0.10, 0.07, 0.08, 0.10, 0.13, 0.10, 0.05, 0.01, 0.00],  # tropical
        [0.13, 0.02, 0.22, 0.08, 0.03, 0.11, 0.12, 0.07, 0.02, 0.22, 0.00],  # arid
        [0.17, 0.14, 0.12, 0.09, 0.12, 0.12, 0.13, 0.12, 0.02, 0.01, 0.00],  # temperate
        [0.18, 0.18, 0.12, 0.09, 0.12, 0.07, 0.12, 0.13, 0.04, 0.01, 0.00],  # continental
        [0.00, 0.02, 0.42, 0.01, 0.03, 0.00, 0.02, 0.10, 0.10, 0.20, 0.20],  # polar
    ]
)


@dataclass(frozen=True)
class Districts:
    """The districts that a window touches or lies near.

    Attributes:
        index: Which district each pixel belongs to, shape (size, size), 0 to D - 1.
        edge_m: Distance to the nearest other district, shape (size, size), metres.
        character: Shape (D,), values of :class:`Character`.
        key: Shape (D,), a hash for everything that is decided per district.
        climate: Climate at the centres of the districts.
        soil: Lightness and redness of the soil, shape (D, 2), 0 to 1.
        rugged: Steepness of the relief, shape (D,), 0 (plain) to 1 (mountains).
        cells: The cells that they are.
    """

    index: NDArray[np.int64]
    edge_m: NDArray[np.float32]
    character: NDArray[np.int64]
    key: NDArray[np.uint32]
    climate: Climate
    soil: NDArray[np.float32]
    rugged: NDArray[np.float32]
    cells: Cells

    @cached_property
    def shore_m(self) -> NDArray[np.float32]:
        """Distance from water to the nearest land and from land to water, shape (size, size)."""
        return self.cells.border_m(self.character == Character.WATER)

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """Characters that the window really shows."""
        return np.flatnonzero(np.bincount(self.character[self.seen]))

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """Which districts the window really shows, shape (D,)."""
        return np.bincount(self.index.ravel(), minlength=len(self.key)) > 0

    def at(self, values: NDArray) -> NDArray:
        """A value of each district, shape (D,), at its pixels, shape (size, size)."""
        return self.cells.at(values)

    def among(self, *characters: Character) -> NDArray[np.bool_]:
        """Which districts are of one of these characters, shape (D,)."""
        return (self.character[:, None] == np.array(characters)).any(1)

    def draw(self, stream: int) -> NDArray[np.float32]:
        """One number in [0, 1) a district, shape (D,)."""
        return draws(self.key, stream)


def districts(frames: Sequence[Frame]) -> list[Districts]:
    """The districts of each window; what belongs to a district is found for those of all windows at once."""
    found = [_outlines(frame) for frame in frames]
    counts = [len(each.key) for each in found]

    def by_district(of_windows: Sequence[int]) -> NDArray[np.int64]:
        return np.repeat(of_windows, counts)

    x, y = np.concatenate([_middles(frame, each) for frame, each in zip(frames, found, strict=True)], 1)
    key = np.concatenate([each.key for each in found])
    lon, lat = lonlat_of(by_district([frame.epsg for frame in frames]), x, y)
    climate = climate_at(lon, lat)
    salts = np.stack([by_district([frame.salt(word) for frame in frames]) for word in _WIDE])
    wide = noise_at(x, y, np.array(list(_WIDE.values()))[:, None], salts)
    rugged, soil = _squash(wide[0] + 0.3), _soil(wide[1:], key)
    salts = by_district([frame.salt("character") for frame in frames])
    near = noise_at(x, y, 3_500, salts, layers=len(Character))
    character = np.where(is_land(lon, lat), _characters(key, climate, rugged, near), int(Character.WATER))
    parts, stop = [], 0
    for each, count in zip(found, counts, strict=True):
        part, stop = slice(stop, stop + count), stop + count
        of = (character[part], key[part], climate.of(part), soil[part], rugged[part])
        parts.append(Districts(each.index, each.border_m(), *of, each))
    return parts


def _outlines(frame: Frame) -> Cells:
    """Where the districts of a window lie; their borders wind a little."""
    gx, gy = frame.grid
    salt = frame.salt("district")
    warp_x, warp_y = blends(frame, *([(110.0, 500, salt + k), (25.0, 110, salt + k + 1)] for k in (1, 3)))
    return cells(gx + warp_x, gy + warp_y, frame.origin, DISTRICT_M, salt, reach_m=240.0)


def _middles(frame: Frame, found: Cells) -> NDArray[np.float32]:
    """Eastings and northings of the middles of cells, shape (2, M)."""
    return found.centre.T + np.array(frame.origin, np.float32)[:, None]


def _squash(value: NDArray) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-2.2 * value))).astype(np.float32)


def _soil(wide: NDArray, key: NDArray) -> NDArray[np.float32]:
    """Lightness and redness of the soil: by region, with some difference between neighbours."""
    parts = [
        _squash(1.1 * each + 1.3 * (draws(key, stream) - 0.5))
        for each, stream in zip(wide, (21, 22), strict=True)
    ]
    return np.stack(parts, -1)


def _characters(key: NDArray, climate: Climate, rugged: NDArray, near: NDArray) -> NDArray[np.int64]:
    """The character of each district: drawn by climate, with neighbours more alike than chance.

    Args:
        key: Hash of each district, shape (D,).
        climate: At their middles.
        rugged: Steepness of the relief, shape (D,).
        near: A noise for each character, shape (characters, D).
    """
    shares = climate.groups.copy()
    shares[:, 0] = 0.0
    shares[shares.sum(-1) < 1e-6, 3] = 1.0  # islands that the climate map does not know are temperate
    weights = mixed(shares / np.maximum(shares.sum(-1, keepdims=True), 1e-6), _WEIGHTS)
    weights[:, Character.FIELDS] *= 1.5 - rugged
    weights[:, Character.WILD] *= 0.6 + 0.8 * rugged
    cold = 1 / (1 + np.exp(0.8 * (climate.mean_c + 12 - 6 * rugged)))
    weights[:, Character.ICE] += 3.0 * cold
    score = np.log(np.maximum(weights, 1e-9))
    gumbel = -np.log(-np.log(np.clip(uniform(50, key[:, None], np.arange(len(Character))), 1e-6, 1 - 1e-6)))
    score += 0.7 * near.T + 0.75 * gumbel
    return score.argmax(-1)
