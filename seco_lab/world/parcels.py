"""Farmland: blocks of turned parcels with rows and tracks, pastures with hedges, orchards and vineyards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.cells import Cells, cells
from seco_lab.world.districts import Districts
from seco_lab.world.frame import Frame
from seco_lab.world.hashing import Runs, draws, hashed, runs, uniform, white
from seco_lab.world.landcover import COVER, Kind
from seco_lab.world.noise import blends, noise_at, octaves
from seco_lab.world.patchwork import Layer, Patchwork, edge, stripe


@dataclass(frozen=True)
class Parcels:
    """Parcels of a window; arrays of shape (size, size).

    Attributes:
        key: Hash of the parcel.
        border_m: Distance to its border.
        along: Coordinate along the parcel's rows, metres.
        across: Coordinate across them, metres.
        block_m: Distance to the border of the block of parcels.
    """

    key: NDArray[np.uint32]
    border_m: NDArray[np.float32]
    along: NDArray[np.float32]
    across: NDArray[np.float32]
    block_m: NDArray[np.float32]

    @cached_property
    def _runs(self) -> Runs:
        return runs(self.key)

    def draw(self, stream: int) -> NDArray[np.float32]:
        """One number in [0, 1) a parcel, at its pixels, shape (size, size)."""
        one_each = draws(self.key.ravel()[self._runs.first], stream)
        return self._runs.spread(one_each).reshape(self.key.shape)


def _cut(
    coordinate: NDArray, width: NDArray, key: NDArray, salt: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Cut a line into pieces of uneven length: index of the piece and distance to its nearer end."""
    scaled = coordinate / width
    cell = np.floor(scaled).astype(np.int32)
    part = scaled - cell.astype(np.float32)
    same = runs(cell, key)
    some, keys = cell.ravel()[same.first], key.ravel()[same.first]
    ends = (0.9 * uniform(salt, some + step, keys) + np.float32(step - 0.45) for step in (0, 1))
    start, end = (same.spread(place).reshape(cell.shape) for place in ends)
    to_start, to_end = part - start, end - part
    distance = np.minimum(np.abs(to_start), np.abs(to_end)) * width
    return cell - (to_start < 0) + (to_end <= 0), distance


def parcels(
    frame: Frame, word: str, *, block_m: float, width_m: tuple[float, float], length: tuple[float, float]
) -> Parcels:
    """Cut the country into blocks, and each block into strips and parcels along its own direction.

    Args:
        frame: Where.
        word: Which parcels: another word gives unrelated ones.
        block_m: Size of a block.
        width_m: Least and greatest width of a parcel.
        length: Least and greatest length, in widths.
    """
    salt = frame.salt("parcels", word)
    gx, gy = frame.grid
    bend_x, bend_y = blends(frame, [(14.0, 320, salt + 5)], [(14.0, 320, salt + 6)])
    x, y = gx + bend_x, gy + bend_y
    blocks = cells(x, y, frame.origin, block_m, salt)
    key, block_edge = blocks.key, blocks.border_m()
    angle = turned(frame, blocks)
    c, s = blocks.at(np.cos(angle)), blocks.at(np.sin(angle))
    dx, dy = x - blocks.at(blocks.centre[:, 0]), y - blocks.at(blocks.centre[:, 1])
    across, along = dx * c + dy * s, dy * c - dx * s
    low, high = width_m
    width = (low * (high / low) ** draws(key, 3)).astype(np.float32)
    longer = (length[0] + (length[1] - length[0]) * draws(key, 4)).astype(np.float32)
    block = blocks.at(key)
    strip, to_side = _cut(across, blocks.at(width), block, salt + 7)
    strip_key = _joint(salt, strip, block)
    piece, to_end = _cut(along, blocks.at(width * longer), strip_key, salt + 8)
    border = np.minimum(np.minimum(to_side, to_end), block_edge)
    return Parcels(_joint(salt + 9, piece, strip_key), border, along, across, block_edge)


def _joint(salt: int, piece: NDArray[np.int32], key: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Hash of each pixel's piece of what ``key`` names."""
    same = runs(piece, key)
    mixed = hashed(salt, piece.ravel()[same.first], key.ravel()[same.first])
    return same.spread(mixed).reshape(key.shape)


def turned(frame: Frame, blocks: Cells) -> NDArray[np.float32]:
    """Direction of each block: for most that of the country around, with or without a right angle."""
    x, y = blocks.centre[:, 0] + frame.origin[0], blocks.centre[:, 1] + frame.origin[1]
    country = noise_at(x, y, 4_000, frame.salt("direction")) * np.float32(1.2)
    country = country + np.float32(np.pi / 2) * (draws(blocks.key, 6) < 0.25)
    return np.where(draws(blocks.key, 5) < 0.65, country, draws(blocks.key, 6) * np.float32(np.pi))


def _choose(
    part: Parcels, stream: int, place: Districts, shares: dict[Kind, NDArray | float]
) -> NDArray[np.uint8]:
    """A kind for each parcel, drawn by shares that may differ between districts.

    Args:
        part: The parcels.
        stream: Which draw.
        place: The districts.
        shares: Of each kind, one number or one a district.
    """
    each = [np.broadcast_to(share, place.key.shape) for share in shares.values()]
    floors = np.cumsum(each, 0, dtype=np.float32)
    mark = part.draw(stream) * place.at(floors[-1])
    above = np.zeros(mark.shape, np.uint8)
    for floor in floors[:-1]:
        above += mark >= place.at(floor)
    return np.array(list(shares), np.uint8)[above]


def rows(part: Parcels, *spacings_m: tuple[float, float]) -> list[NDArray[np.float32]]:
    """Rows and tramlines: a wave across the parcel, with its own spacing, strength and stretch.

    Args:
        part: The parcels.
        spacings_m: Least and greatest distance between rows; each gives one pattern.
    """
    mark, across, along = part.draw(11), 6.28 * part.draw(12), 6.28 * part.draw(13)
    strength = part.draw(14) ** 2
    found = []
    for low, high in spacings_m:
        turns = 2 * np.pi / (low * (high / low) ** mark)
        wave = np.sin(part.across * turns + across)
        found.append((wave + 0.3 * np.sin(part.along * (turns / 7) + along)) * strength)
    return found


def fields(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Arable land."""
    part = parcels(frame, "fields", block_m=760, width_m=(70, 420), length=(0.7, 2.8))
    warm = np.clip(place.climate.mean_c / 20, 0, 1)
    dry = place.climate.dry
    shares = {
        Kind.WINTER_CEREAL: 0.34 - 0.1 * warm,
        Kind.SUMMER_CROP: 0.20,
        Kind.RAPESEED: 0.10 * (1 - warm),
        Kind.ROOT_CROP: 0.12 * (1 - 0.5 * dry),
        Kind.FODDER: 0.10,
        Kind.FALLOW: 0.10 + 0.20 * dry,
        Kind.RICE: 0.05 * warm * (1 - dry),
    }
    kind = _choose(part, 1, place, shares)
    salt = frame.salt("fields")
    texture, shade = blends(
        frame, octaves(130, 3, salt, weight=0.55), octaves(210, 3, salt + 9, weight=0.055)
    )
    fine, coarse = rows(part, (16, 60), (18, 75))
    texture += 0.6 * fine + 0.15 * white(*_spot(frame), salt)
    shade += 0.045 * coarse
    cover = np.full(kind.shape, COVER["annual_crop"], np.uint8)
    return Patchwork(kind, part.key, texture, shade, cover), [_margins(part), _tracks(part, salt, 0.55)]


def _spot(frame: Frame) -> tuple[int, int, int]:
    return frame.column, frame.row, frame.size


def _margins(part: Parcels) -> Layer:
    """Grassy margins between some parcels."""
    some = part.draw(16) < 0.4
    return Layer(stripe(part.border_m, 5.0) * some * np.float32(0.7), Kind.GRASS, 77)


def _tracks(part: Parcels, salt: int, share: float) -> Layer:
    """Tracks round the blocks."""
    width = 3.0 + 5.0 * ((salt >> 3) % 97) / 97
    return Layer(stripe(part.block_m, width) * np.float32(share), Kind.TRACK, salt & 0xFFFF)


def pastures(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Grassland: hedged, with single trees; some parcels are mown or ploughed."""
    part = parcels(frame, "pasture", block_m=620, width_m=(110, 400), length=(0.7, 2.0))
    salt = frame.salt("pasture")
    shares = {Kind.PASTURE: 0.91, Kind.FODDER: 0.06, Kind.WINTER_CEREAL: 0.03}
    kind = _choose(part, 1, place, shares)
    texture, shade, rank, single, wooded = blends(
        frame,
        octaves(170, 4, salt, weight=0.8),
        octaves(120, 3, salt + 9, weight=0.045),
        [(3.2, 30, salt + 2)],
        [(6.0, 33, salt + 3)],
        octaves(190, 4, salt + 4, gain=0.65, weight=60.0),
    )
    texture += 0.2 * white(*_spot(frame), salt) + 0.35 * rows(part, (25, 80))[0]
    hedged = (part.draw(16) < 0.6).astype(np.float32)
    wild = edge(3.2 + rank - part.border_m) * hedged
    trees = edge(single - 6 * 2.15) * np.float32(0.9)
    groves = edge(wooded - 60 * 1.9)
    alpha = np.maximum(np.maximum(wild, trees), groves)
    cover = np.full(kind.shape, COVER["pasture"], np.uint8)
    hedge = Layer(alpha, Kind.HEDGE, salt & 0xFFF, height_m=8.0)
    return Patchwork(kind, part.key, texture, shade, cover), [hedge, _tracks(part, salt, 0.4)]


def orchards(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Permanent crops: small parcels of trees in a grid, vines in rows, some greenhouses and fields."""
    part = parcels(frame, "orchard", block_m=420, width_m=(35, 190), length=(0.8, 3.0))
    salt = frame.salt("orchard")
    warm = np.clip(place.climate.mean_c / 16, 0.1, 1)
    shares = {
        Kind.ORCHARD: 0.44,
        Kind.VINEYARD: 0.26,
        Kind.FALLOW: 0.12,
        Kind.WINTER_CEREAL: 0.07,
        Kind.GRASS: 0.07,
        Kind.GREENHOUSE: 0.04 * warm,
    }
    kind = _choose(part, 1, place, shares)
    grid = _dots(part)
    lines = rows(part, (9, 34))[0] * 1.6
    planted = np.where(kind == Kind.ORCHARD, grid, np.where(kind == Kind.VINEYARD, lines, 0.3 * lines))
    uneven, overgrown = blends(frame, octaves(90, 3, salt), [(5.0, 60, salt + 4)])
    texture = planted + 0.5 * uneven + 0.3 * white(*_spot(frame), salt)
    shade = 0.06 * uneven + 0.04 * lines
    cover = np.full(kind.shape, COVER["permanent_crop"], np.uint8)
    return Patchwork(kind, part.key, texture, shade, cover), [
        _paths(part, salt),
        _banks(part, overgrown, salt),
    ]


def _dots(part: Parcels) -> NDArray[np.float32]:
    """Trees planted in a grid, seen through pixels of 10 m."""
    spacing = 8.0 + 12.0 * part.draw(11) ** 1.5
    u = np.cos(part.across * (2 * np.pi / spacing) + 6.28 * part.draw(12))
    v = np.cos(part.along * (2 * np.pi / spacing) + 6.28 * part.draw(13))
    return ((u + v + u * v) * (0.35 + 0.75 * part.draw(14))).astype(np.float32)


def _paths(part: Parcels, salt: int) -> Layer:
    some = np.float32(0.2) + np.float32(0.6) * (part.draw(17) < 0.5)
    return Layer(stripe(part.border_m, 4.0) * some, Kind.TRACK, salt & 0xFFFF)


def _banks(part: Parcels, overgrown: NDArray[np.float32], salt: int) -> Layer:
    """Overgrown banks between terraces."""
    alpha = edge(2 + overgrown - part.border_m) * (part.draw(18) < 0.3)
    return Layer(alpha.astype(np.float32) * np.float32(0.8), Kind.SHRUB, salt & 0xFFF, height_m=3.0)
