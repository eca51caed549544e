"""Open water: clear, green, turquoise and muddy waters that pass into one another, and their shores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.districts import Character, Districts
from seco_lab.world.frame import Frame
from seco_lab.world.hashing import white
from seco_lab.world.landcover import COVER, Kind
from seco_lab.world.noise import Octave, blends, octaves
from seco_lab.world.patchwork import Layer, Patchwork, edge

# How common each tint is, as the threshold of smooth noise that it starts from.
_TINTS = ((Kind.WATER_GREEN, 0.15), (Kind.WATER_TURQUOISE, 1.15), (Kind.WATER_MUDDY, 0.85))


def waters(frame: Frame, alpha: NDArray[np.float32], cover: int | None, murky: float) -> list[Layer]:
    """Layers of water over what ``alpha`` covers.

    The colour changes over kilometres and has no borders: tints lie over clear water with smooth shares.

    Args:
        frame: Where.
        alpha: Share of each pixel that is water, shape (size, size).
        cover: Code of LAND_COVER that it counts as.
        murky: How much further the tints go than in a clear lake; about 0 to 1.
    """
    layers = [Layer(alpha, Kind.WATER_CLEAR, 1, cover)]
    tints = blends(frame, *(_tint(frame, kind) for kind, _ in _TINTS))
    for (kind, start), tint in zip(_TINTS, tints, strict=True):
        share = np.clip(0.35 * (tint - start + murky), 0, 0.95)
        layers.append(Layer((alpha * share).astype(np.float32), kind, 1, None))
    return layers


def _tint(frame: Frame, kind: Kind) -> list[Octave]:
    salt = frame.salt("tint", int(kind))
    return [(1.0, 5_200, salt), *octaves(520, 3, salt + 1, weight=0.10)]


def water(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Lakes and sea: even, with slow currents; paler and browner towards the shore."""
    salt = frame.salt("water")
    shape = (frame.size, frame.size)
    here = place.at(place.character == Character.WATER)
    away = np.where(here, place.shore_m, 0).astype(np.float32)
    calm, currents, depth, sand = blends(
        frame,
        [(0.012, 60, salt + 1)],
        octaves(800, 3, salt + 2, weight=0.5),
        [(1.0, 900, salt + 3)],
        [(15.0, 1_400, salt + 4)],
    )
    calm += 0.006 * white(frame.column, frame.row, frame.size, salt)
    cover = np.full(shape, COVER["sea_lake"], np.uint8)
    ground = Patchwork(
        np.full(shape, int(Kind.WATER_CLEAR), np.uint8),
        np.ones(shape, np.uint32),
        currents,
        calm,
        cover,
    )
    shallow = np.exp(-away / (25 + 20 * depth**2)) * np.float32(0.55)
    layers = waters(frame, np.ones(shape, np.float32), None, 0.0)[1:]
    layers.append(Layer(shallow.astype(np.float32), Kind.WATER_MUDDY, 2))
    beach = sand - 4
    layers.append(Layer((edge(beach - away) * (beach > 3)).astype(np.float32), Kind.SAND, 3))
    return ground, layers
