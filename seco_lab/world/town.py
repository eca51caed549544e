"""Built-up land: streets, houses on lots, blocks of flats, halls, yards and tanks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.cells import Cells, cells
from seco_lab.world.districts import Districts
from seco_lab.world.frame import Frame
from seco_lab.world.hashing import draws, hashed, white
from seco_lab.world.landcover import COVER, Kind
from seco_lab.world.noise import blends, noise, octaves
from seco_lab.world.parcels import turned
from seco_lab.world.patchwork import Layer, Patchwork, edge, share, stripe


@dataclass(frozen=True)
class Streets:
    """A town's plan in its own turned coordinates; arrays of shape (size, size).

    Attributes:
        u: Coordinate along the first direction, metres.
        v: Coordinate along the second direction, metres.
        key: Hash of the quarter.
        street_m: Distance to the middle of the nearest street.
        u_in: Distance from the middle of the street in the first direction, for lots.
        v_in: The same in the second direction.
        block: Hash of the block between streets.
        width_m: Width of the streets.
        quarters: The quarters themselves.
    """

    u: NDArray[np.float32]
    v: NDArray[np.float32]
    key: NDArray[np.uint32]
    street_m: NDArray[np.float32]
    u_in: NDArray[np.float32]
    v_in: NDArray[np.float32]
    block: NDArray[np.uint32]
    width_m: NDArray[np.float32]
    quarters: Cells

    def draw(self, stream: int) -> NDArray[np.float32]:
        """One number in [0, 1) a quarter, at its pixels, shape (size, size)."""
        return self.quarters.at(draws(self.quarters.key, stream))


def streets(
    frame: Frame, word: str, *, quarter_m: float, pitch_u: tuple[float, float], pitch_v: tuple[float, float]
) -> Streets:
    """A plan of streets: quarters of about ``quarter_m``, each with its own direction, pitch and bend."""
    salt = frame.salt("streets", word)
    gx, gy = frame.grid
    quarters = cells(gx, gy, frame.origin, quarter_m, salt)
    quarter, rim, at = quarters.key, quarters.border_m(), quarters.at
    angle = turned(frame, quarters)
    bend = at(2 + 26 * draws(quarter, 7) ** 2)
    bend_x, bend_y = blends(frame, [(1.0, 210, salt + 1)], [(1.0, 210, salt + 2)])
    x = gx - at(quarters.centre[:, 0]) + bend * bend_x
    y = gy - at(quarters.centre[:, 1]) + bend * bend_y
    c, s = at(np.cos(angle)), at(np.sin(angle))
    u, v = x * c + y * s, y * c - x * s
    pu = at(pitch_u[0] + (pitch_u[1] - pitch_u[0]) * draws(quarter, 8))
    pv = at(pitch_v[0] + (pitch_v[1] - pitch_v[0]) * draws(quarter, 9))
    cu, cv = np.floor(u / pu), np.floor(v / pv)
    u_in, v_in = u - cu * pu, v - cv * pv
    to_u, to_v = np.minimum(u_in, pu - u_in), np.minimum(v_in, pv - v_in)
    key = at(quarter)
    block = hashed(salt + 3, cu.astype(np.int32), cv.astype(np.int32), key)
    width = at(6.0 + 7.0 * draws(quarter, 10))
    street = np.minimum(np.minimum(to_u, to_v), rim)
    return Streets(u, v, key, street, u_in, v_in, block, width, quarters)


@dataclass(frozen=True)
class Lots:
    """Where each pixel lies on its lot: offsets from the lot's building, metres, and its hash."""

    du: NDArray[np.float32]
    dv: NDArray[np.float32]
    key: NDArray[np.uint32]


def lots(plan: Streets, size_u: NDArray, size_v: NDArray, wander: float) -> Lots:
    """Divide blocks into lots, with the building's middle shifted on its lot by up to ``wander`` of it."""
    cu, cv = np.floor(plan.u / size_u), np.floor(plan.v / size_v)
    key = hashed(17, cu.astype(np.int32), cv.astype(np.int32), plan.key)
    du = plan.u - (cu + 0.5 + wander * (draws(key, 1) - 0.5)) * size_u
    dv = plan.v - (cv + 0.5 + wander * (draws(key, 2) - 0.5)) * size_v
    return Lots(du.astype(np.float32), dv.astype(np.float32), key)


def box(du: NDArray, dv: NDArray, half_u: NDArray, half_v: NDArray) -> NDArray[np.float32]:
    """Share of a pixel covered by a rectangle, from the offsets to its middle."""
    over_u = np.minimum(du + 5, half_u) - np.maximum(du - 5, -half_u)
    over_v = np.minimum(dv + 5, half_v) - np.maximum(dv - 5, -half_v)
    return share(over_u / 10) * share(over_v / 10)


def _roofs(key: NDArray, style: NDArray, palettes: list[tuple[Kind, ...]]) -> NDArray[np.uint8]:
    """A roof for each building: the style of the place decides among which."""
    table = np.array([[int(kind) for kind in palette] for palette in palettes], np.uint8)
    return table[style, (draws(key, 5) * table.shape[1]).astype(int)]


_HOUSES = [
    (Kind.ROOF_RED, Kind.ROOF_RED, Kind.ROOF_RED, Kind.ROOF_DARK, Kind.ROOF_GREY, Kind.ROOF_RED),
    (Kind.ROOF_DARK, Kind.ROOF_DARK, Kind.ROOF_GREY, Kind.ROOF_RED, Kind.ROOF_DARK, Kind.ROOF_GREY),
    (Kind.ROOF_PALE, Kind.ROOF_WHITE, Kind.ROOF_PALE, Kind.ROOF_GREY, Kind.ROOF_RED, Kind.ROOF_RED),
    (Kind.ROOF_GREY, Kind.ROOF_DARK, Kind.ROOF_DARK, Kind.ROOF_PALE, Kind.ROOF_RED, Kind.ROOF_GREY),
]


def _style(place: Districts) -> NDArray[np.int64]:
    """Style of building of each district: pale roofs where it is hot and dry, slate where it is cold."""
    sunny = np.clip(place.climate.dry + 0.6 * place.climate.summer_dry, 0, 1) * 0.75
    mark = place.draw(31)
    other = np.array([0, 1, 3])[(place.draw(32) * 3).astype(int)]
    return np.where(mark < sunny, 2, other)


def town(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Villages, suburbs and dense quarters."""
    plan = streets(frame, "town", quarter_m=520, pitch_u=(70, 180), pitch_v=(44, 95))
    dense = place.at(np.clip(place.draw(33) * 1.25 - 0.1, 0, 1))
    green = 1.0 - dense
    salt = frame.salt("town")
    mark = plan.draw(21)
    lot_u = (13 + 13 * mark + 10 * green).astype(np.float32)
    lot_v = (13 + 15 * plan.draw(22)).astype(np.float32)
    lot = lots(plan, lot_u, lot_v, 0.35)
    fill = 0.26 + 0.19 * dense
    half_u = lot_u * fill * (0.75 + 0.5 * draws(lot.key, 3))
    half_v = lot_v * fill * (0.75 + 0.5 * draws(lot.key, 4))
    built = draws(lot.key, 6) < 0.55 + 0.40 * dense
    inside = edge(plan.street_m - plan.width_m / 2 - 4)
    open_land = draws(plan.block, 24) <= 0.04 + 0.10 * green  # parks and squares
    alpha = box(lot.du, lot.dv, half_u, half_v) * built * inside * ~open_land
    roofs = _roofs(lot.key, place.at(_style(place)), _HOUSES)
    houses = Layer(alpha, roofs, _few(lot.key), height_m=5 + 6 * dense, building=True)
    layers = [_carriageway(plan, salt), _trees(frame, green, salt), houses, *_slabs(plan, place)]
    return _ground(frame, plan, dense, open_land, salt), layers


def _few(key: NDArray) -> NDArray[np.uint32]:
    """Brightness classes of roofs: few different rows keep the palette short."""
    return (draws(key, 8) * 24).astype(np.uint32) + np.uint32(1000)


def _carriageway(plan: Streets, salt: int) -> Layer:
    """Streets; paler in some quarters."""
    kind = np.where(draws(plan.quarters.key, 25) < 0.75, np.uint8(Kind.ASPHALT), np.uint8(Kind.CONCRETE))
    alpha = stripe(plan.street_m, plan.width_m) * np.float32(0.9)
    return Layer(alpha, plan.quarters.at(kind), salt & 0xF)


def _ground(frame: Frame, plan: Streets, dense: NDArray, open_land: NDArray, salt: int) -> Patchwork:
    """Gardens, courtyards and parks between the houses."""
    paved = draws(plan.block, 26) < 0.05 + 0.62 * dense
    kind = np.where(paved, np.uint8(Kind.YARD), np.uint8(Kind.GARDEN))
    kind[open_land & (draws(plan.block, 27) < 0.5)] = Kind.PASTURE
    texture = 0.9 * white(frame.column, frame.row, frame.size, salt) + 0.5 * noise(frame, 40, salt + 2)
    shade = 0.07 * white(frame.column, frame.row, frame.size, salt + 77)
    cover = np.full(kind.shape, COVER["residential"], np.uint8)
    return Patchwork(kind, plan.block, texture.astype(np.float32), shade.astype(np.float32), cover)


def _trees(frame: Frame, green: NDArray, salt: int) -> Layer:
    """Garden and street trees."""
    field = noise(frame, 24, salt + 11)
    return Layer(
        edge(5 * (field - 1.5 + 1.1 * green)) * np.float32(0.85), Kind.HEDGE, salt & 0xFF, height_m=7.0
    )


def _slabs(plan: Streets, place: Districts) -> list[Layer]:
    """Long blocks of flats in some quarters: slabs, or houses round a courtyard."""
    chosen = plan.draw(28) < 0.34
    if not chosen.any():
        return []
    chosen &= draws(plan.block, 29) < 0.8
    size = (46 + 44 * plan.draw(30)).astype(np.float32)
    lot = lots(plan, size, size * 0.7, 0.1)
    depth = 6 + 3 * plan.draw(31)
    slab = box(lot.du, lot.dv, size * 0.36, depth)
    ring = box(lot.du, lot.dv, size * 0.40, size * 0.28)
    ring = ring - box(lot.du, lot.dv, size * 0.40 - 2 * depth, size * 0.28 - 2 * depth)
    alpha = np.where(plan.draw(32) < 0.5, slab, share(ring)) * chosen
    alpha = alpha * edge(plan.street_m - plan.width_m / 2)
    kind = _roofs(lot.key, place.at(_style(place)), _HOUSES)
    return [Layer(alpha.astype(np.float32), kind, _few(lot.key), height_m=14.0, building=True)]


_HALLS = [
    (Kind.ROOF_WHITE, Kind.ROOF_GREY, Kind.ROOF_GREY, Kind.ROOF_DARK, Kind.ROOF_PALE, Kind.ROOF_GREY),
    (Kind.ROOF_GREY, Kind.ROOF_DARK, Kind.ROOF_GREY, Kind.ROOF_WHITE, Kind.ROOF_DARK, Kind.ROOF_BLUE),
    (Kind.ROOF_WHITE, Kind.ROOF_WHITE, Kind.ROOF_PALE, Kind.ROOF_GREY, Kind.ROOF_RED, Kind.ROOF_GREY),
]


def industry(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """Halls, warehouses, yards, car parks and tanks."""
    plan = streets(frame, "industry", quarter_m=700, pitch_u=(150, 420), pitch_v=(110, 300))
    salt = frame.salt("industry")
    scale = (0.5 + 1.9 * plan.draw(21) ** 1.7).astype(np.float32)
    lot_u, lot_v = 70 * scale, 52 * scale * (0.7 + 0.8 * plan.draw(22))
    lot = lots(plan, lot_u, lot_v, 0.25)
    half_u = lot_u * (0.14 + 0.33 * draws(lot.key, 3))
    half_v = lot_v * (0.16 + 0.30 * draws(lot.key, 4))
    built = (draws(lot.key, 6) < 0.74) * edge(plan.street_m - plan.width_m / 2 - 3)
    style = place.at((place.draw(34) * len(_HALLS)).astype(int))
    tank_farm = draws(plan.block, 36) < 0.08
    halls = box(lot.du, lot.dv, half_u, half_v) * built * ~tank_farm
    roof = Layer(halls, _roofs(lot.key, style, _HALLS), _few(lot.key), height_m=9.0, building=True)
    layers = [
        _carriageway(plan, salt),
        _sheds(plan, style, salt),
        roof,
        _ridges(lot, halls),
        *_tanks(plan, tank_farm),
    ]
    return _yards(frame, plan, salt), layers


def _yards(frame: Frame, plan: Streets, salt: int) -> Patchwork:
    """Asphalt, concrete, gravel and grass between the halls."""
    mark = draws(plan.block, 26)
    table = np.array([Kind.ASPHALT, Kind.ASPHALT, Kind.YARD, Kind.CONCRETE, Kind.GARDEN, Kind.YARD], np.uint8)
    kind = table[(mark * len(table)).astype(int)]
    overgrown, texture, shade = blends(
        frame, octaves(110, 2, salt + 3), [(0.6, 45, salt + 2)], [(0.05, 30, salt + 5)]
    )
    kind[overgrown > 1.0] = Kind.GRASS
    texture += 0.5 * white(frame.column, frame.row, frame.size, salt)
    shade += 0.09 * white(frame.column, frame.row, frame.size, salt + 77)
    cover = np.full(kind.shape, COVER["industrial"], np.uint8)
    return Patchwork(kind, plan.block, texture.astype(np.float32), shade.astype(np.float32), cover)


def _sheds(plan: Streets, style: NDArray, salt: int) -> Layer:
    """Small buildings, containers and rows of lorries between the halls."""
    size = (15 + 14 * plan.draw(35)).astype(np.float32)
    lot = lots(plan, size, size, 0.3)
    alpha = box(lot.du, lot.dv, size * 0.32, size * 0.26) * (draws(lot.key, 6) < 0.34)
    alpha = alpha * edge(plan.street_m - plan.width_m / 2)
    return Layer(alpha, _roofs(lot.key, style, _HALLS), _few(lot.key), height_m=4.0, building=True)


def _ridges(lot: Lots, halls: NDArray) -> Layer:
    """Darker bands and skylights on large roofs."""
    period = 14 + 22 * draws(lot.key, 9)
    band = 0.5 + 0.5 * np.cos(lot.du * (2 * np.pi / period))
    strength = 0.45 * draws(lot.key, 10) ** 2
    return Layer((halls * band * strength).astype(np.float32), Kind.ROOF_DARK, 1003)


def _tanks(plan: Streets, farm: NDArray[np.bool_]) -> list[Layer]:
    if not farm.any():
        return []
    size = (42 + 36 * plan.draw(37)).astype(np.float32)
    lot = lots(plan, size, size, 0.1)
    radius = size * (0.22 + 0.16 * draws(lot.key, 3))
    alpha = edge(radius - np.hypot(lot.du, lot.dv)) * (farm & (draws(lot.key, 6) < 0.8))
    return [Layer(alpha.astype(np.float32), Kind.ROOF_WHITE, _few(lot.key), height_m=8.0, building=True)]
