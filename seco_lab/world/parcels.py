"""Farmland: blocks of turned parcels with rows and tracks, pastures with hedges, orchards and vineyards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.cells import Cells, cells
from seco_lab.world.districts import Districts
from seco_lab.world.frame import Frame
from seco_lab.world.hashing import draws, hashed, uniform, white
from seco_lab.world.landcover import COVER, Kind
from seco_lab.world.noise import fbm, noise, noise_at
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


def _cut(
    coordinate: NDArray, width: NDArray, key: NDArray, salt: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Cut a line into pieces of uneven length: index of the piece and distance to its nearer end."""
    scaled = coordinate / width
    cell = np.floor(scaled).astype(np.int32)
    ends = [cell + step + 0.45 * (uniform(salt, cell + step, key) - 0.5) * 2 for step in (0, 1)]
    before, after = scaled < ends[0], scaled >= ends[1]
    piece = cell - before + after
    distance = np.minimum(np.abs(scaled - ends[0]), np.abs(ends[1] - scaled)) * width
    return piece.astype(np.int32), distance.astype(np.float32)


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
    bend = 14 * noise(frame, 320, salt + 5)
    x, y = gx + bend, gy + 14 * noise(frame, 320, salt + 6)
    blocks = cells(x, y, frame.origin, block_m, salt)
    index, key, centre, block_edge = blocks.index, blocks.key, blocks.centre, blocks.border_m()
    angle = turned(frame, blocks)
    c, s = np.cos(angle)[index], np.sin(angle)[index]
    dx, dy = x - centre[index, 0], y - centre[index, 1]
    across, along = dx * c + dy * s, dy * c - dx * s
    low, high = width_m
    width = (low * (high / low) ** draws(key, 3)).astype(np.float32)
    longer = (length[0] + (length[1] - length[0]) * draws(key, 4)).astype(np.float32)
    strip, to_side = _cut(across, width[index], key[index], salt + 7)
    strip_key = hashed(salt, strip, key[index])
    piece, to_end = _cut(along, (width * longer)[index], strip_key, salt + 8)
    border = np.minimum(np.minimum(to_side, to_end), block_edge)
    return Parcels(hashed(salt + 9, piece, strip_key), border, along, across, block_edge)


def turned(frame: Frame, blocks: Cells) -> NDArray[np.float32]:
    """Direction of each block: for most that of the country around, with or without a right angle."""
    x, y = blocks.centre[:, 0] + frame.origin[0], blocks.centre[:, 1] + frame.origin[1]
    country = noise_at(x, y, 4_000, frame.salt("direction")) * np.float32(1.2)
    country = country + np.float32(np.pi / 2) * (draws(blocks.key, 6) < 0.25)
    return np.where(draws(blocks.key, 5) < 0.65, country, draws(blocks.key, 6) * np.float32(np.pi))


def _choose(key: NDArray, stream: int, shares: dict[Kind, NDArray | float]) -> NDArray[np.uint8]:
    """A kind for each key, drawn by shares that may differ from pixel to pixel."""
    total = sum(shares.values())
    mark = draws(key, stream) * total
    chosen, floor = np.full(key.shape, int(next(iter(shares))), np.uint8), 0.0
    for kind, share in shares.items():
        chosen[mark >= floor] = int(kind)
        floor = floor + share
    return chosen


def rows(part: Parcels, low_m: float, high_m: float) -> NDArray[np.float32]:
    """Rows and tramlines: a wave across the parcel, with its own spacing, strength and stretch."""
    spacing = low_m * (high_m / low_m) ** draws(part.key, 11)
    wave = np.sin(part.across * (2 * np.pi / spacing) + 6.28 * draws(part.key, 12))
    slow = np.sin(part.along * (2 * np.pi / (spacing * 7)) + 6.28 * draws(part.key, 13))
    return (wave + 0.3 * slow).astype(np.float32) * draws(part.key, 14) ** 2


def fields(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Arable land."""
    part = parcels(frame, "fields", block_m=760, width_m=(70, 420), length=(0.7, 2.8))
    here = place.index
    warm = np.clip(place.climate.mean_c / 20, 0, 1)[here]
    dry = place.climate.dry[here]
    shares = {
        Kind.WINTER_CEREAL: 0.34 - 0.1 * warm,
        Kind.SUMMER_CROP: 0.20 + 0.0 * warm,
        Kind.RAPESEED: 0.10 * (1 - warm),
        Kind.ROOT_CROP: 0.12 * (1 - 0.5 * dry),
        Kind.FODDER: 0.10 + 0.0 * warm,
        Kind.FALLOW: 0.10 + 0.20 * dry,
        Kind.RICE: 0.05 * warm * (1 - dry),
    }
    kind = _choose(part.key, 1, shares)
    salt = frame.salt("fields")
    texture = 0.55 * fbm(frame, 130, 3, salt) + 0.6 * rows(part, 16, 60) + 0.15 * white(*_spot(frame), salt)
    shade = 0.055 * fbm(frame, 210, 3, salt + 9) + 0.045 * rows(part, 18, 75)
    cover = np.full(kind.shape, COVER["annual_crop"], np.uint8)
    return Patchwork(kind, part.key, texture, shade, cover), [_margins(part), _tracks(part, salt, 0.55)]


def _spot(frame: Frame) -> tuple[int, int, int]:
    return frame.column, frame.row, frame.size


def _margins(part: Parcels) -> Layer:
    """Grassy margins between some parcels."""
    some = draws(part.key, 16) < 0.4
    return Layer(stripe(part.border_m, 5.0) * some * np.float32(0.7), Kind.GRASS, 77)


def _tracks(part: Parcels, salt: int, share: float) -> Layer:
    """Tracks round the blocks."""
    width = 3.0 + 5.0 * ((salt >> 3) % 97) / 97
    return Layer(stripe(part.block_m, width) * np.float32(share), Kind.TRACK, salt & 0xFFFF)


def pastures(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Grassland: hedged, with single trees; some parcels are mown or ploughed."""
    part = parcels(frame, "pasture", block_m=620, width_m=(110, 400), length=(0.7, 2.0))
    salt = frame.salt("pasture")
    kind = _choose(part.key, 1, {Kind.PASTURE: 0.91, Kind.FODDER: 0.06, Kind.WINTER_CEREAL: 0.03})
    texture = 0.8 * fbm(frame, 170, 4, salt) + 0.2 * white(*_spot(frame), salt) + 0.35 * rows(part, 25, 80)
    shade = 0.045 * fbm(frame, 120, 3, salt + 9)
    hedged = (draws(part.key, 16) < 0.6).astype(np.float32)
    wild = edge(3.2 + 3.2 * noise(frame, 30, salt + 2) - part.border_m) * hedged
    trees = edge(6 * (noise(frame, 33, salt + 3) - 2.15)) * np.float32(0.9)
    groves = edge(60 * (fbm(frame, 190, 4, salt + 4, gain=0.65) - 1.9))
    alpha = np.maximum(np.maximum(wild, trees), groves)
    cover = np.full(kind.shape, COVER["pasture"], np.uint8)
    hedge = Layer(alpha, Kind.HEDGE, salt & 0xFFF, height_m=8.0)
    return Patchwork(kind, part.key, texture, shade, cover), [hedge, _tracks(part, salt, 0.4)]


def orchards(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Permanent crops: small parcels of trees in a grid, vines in rows, some greenhouses and fields."""
    part = parcels(frame, "orchard", block_m=420, width_m=(35, 190), length=(0.8, 3.0))
    salt = frame.salt("orchard")
    warm = np.clip(place.climate.mean_c / 16, 0.1, 1)[place.index]
    shares = {
        Kind.ORCHARD: 0.44 + 0.0 * warm,
        Kind.VINEYARD: 0.26 + 0.0 * warm,
        Kind.FALLOW: 0.12 + 0.0 * warm,
        Kind.WINTER_CEREAL: 0.07 + 0.0 * warm,
        Kind.GRASS: 0.07 + 0.0 * warm,
        Kind.GREENHOUSE: 0.04 * warm,
    }
    kind = _choose(part.key, 1, shares)
    grid = _dots(part)
    lines = rows(part, 9, 34) * 1.6
    planted = np.where(kind == Kind.ORCHARD, grid, np.where(kind == Kind.VINEYARD, lines, 0.3 * lines))
    uneven = fbm(frame, 90, 3, salt)
    texture = planted + 0.5 * uneven + 0.3 * white(*_spot(frame), salt)
    shade = 0.06 * uneven + 0.04 * lines
    cover = np.full(kind.shape, COVER["permanent_crop"], np.uint8)
    return Patchwork(kind, part.key, texture, shade, cover), [_paths(part, salt), _banks(part, frame, salt)]


def _dots(part: Parcels) -> NDArray[np.float32]:
    """Trees planted in a grid, seen through pixels of 10 m."""
    spacing = 8.0 + 12.0 * draws(part.key, 11) ** 1.5
    u = np.cos(part.across * (2 * np.pi / spacing) + 6.28 * draws(part.key, 12))
    v = np.cos(part.along * (2 * np.pi / spacing) + 6.28 * draws(part.key, 13))
    return ((u + v + u * v) * (0.35 + 0.75 * draws(part.key, 14))).astype(np.float32)


def _paths(part: Parcels, salt: int) -> Layer:
    some = np.float32(0.2) + np.float32(0.6) * (draws(part.key, 17) < 0.5)
    return Layer(stripe(part.border_m, 4.0) * some, Kind.TRACK, salt & 0xFFFF)


def _banks(part: Parcels, frame: Frame, salt: int) -> Layer:
    """Overgrown banks between terraces."""
    alpha = edge(2 + 5 * noise(frame, 60, salt + 4) - part.border_m) * (draws(part.key, 18) < 0.3)
    return Layer(alpha.astype(np.float32) * np.float32(0.8), Kind.SHRUB, salt & 0xFFF, height_m=3.0)
