"""A window of the world put together: materials by row, layers, relief and truth, before any date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seco_lab.world import nature, parcels, town
from seco_lab.world.districts import Character, Districts, districts
from seco_lab.world.events import EventWindow, events
from seco_lab.world.frame import Frame
from seco_lab.world.hashing import hashed, runs
from seco_lab.world.lines import lines
from seco_lab.world.patchwork import Layer, Patchwork
from seco_lab.world.water import water

_GENERATORS: dict[Character, Callable[[Frame, Districts], tuple[Patchwork, list[Layer]]]] = {
    Character.FIELDS: parcels.fields,
    Character.FOREST: nature.forest,
    Character.WILD: nature.wild,
    Character.INDUSTRY: town.industry,
    Character.PASTURE: parcels.pastures,
    Character.ORCHARDS: parcels.orchards,
    Character.TOWN: town.town,
    Character.WATER: water,
    Character.WETLAND: nature.wetland,
    Character.BARE: nature.bare,
    Character.ICE: nature.ice,
}


@dataclass(frozen=True)
class Rows:
    """The different materials of a window, R of them: kind, hash and district of each, shape (R,)."""

    kind: NDArray[np.uint8]
    key: NDArray[np.uint32]
    district: NDArray[np.int64]


@dataclass(frozen=True)
class Paint:
    """A layer as the painter uses it: K pixels that it touches.

    Attributes:
        pixel: Flat positions, shape (K,).
        alpha: Share of each pixel, shape (K,).
        row: Material of each pixel, shape (K,), rows of ``Scene.rows``.
        layer: What it came from.
    """

    pixel: NDArray[np.int32]
    alpha: NDArray[np.float32]
    row: NDArray[np.int32]
    layer: Layer


@dataclass(frozen=True)
class Scene:
    """Everything about a window that does not depend on the day.

    Attributes:
        frame: Where.
        place: Its districts.
        rows: Its materials.
        base: Material of each pixel of the ground, flat, shape (size * size,).
        texture: Greener or brighter than the parcel, flat.
        shade: Static brightness, flat.
        slope_east: Rise to the east, flat.
        slope_north: Rise to the north, flat.
        paints: Layers over the ground, lowest first.
        cover: Land cover of the ground, shape (size, size), before the layers.
    """

    frame: Frame
    place: Districts
    rows: Rows
    base: NDArray[np.int32]
    texture: NDArray[np.float32]
    shade: NDArray[np.float32]
    slope_east: NDArray[np.float32]
    slope_north: NDArray[np.float32]
    paints: tuple[Paint, ...]
    cover: NDArray[np.uint8]


def build_scene(frame: Frame, window: EventWindow | None = None) -> Scene:
    """Everything in a window that does not depend on the day.

    Args:
        frame: Where.
        window: Days within which changes happen; None for a world without change.
    """
    return build_scenes([frame], window)[0]


def build_scenes(frames: Sequence[Frame], window: EventWindow | None = None) -> list[Scene]:
    """The scenes of :func:`build_scene` for several windows, in less time than one by one."""
    places = districts(frames)
    return [_built(frame, place, window) for frame, place in zip(frames, places, strict=True)]


def _built(frame: Frame, place: Districts, window: EventWindow | None) -> Scene:
    ground, layers = _ground(frame, place)
    layers += lines(frame, place)
    if window is not None:
        layers += events(frame, window, _cover_now(ground.cover, layers))
    rows, base, paints = _paints(ground, layers, place)
    east, north = nature.relief(frame, place)
    flat = (np.clip(ground.texture.ravel(), -1.8, 1.8), ground.shade.ravel(), east.ravel(), north.ravel())
    return Scene(frame, place, rows, base, *flat, paints, ground.cover)


def _ground(frame: Frame, place: Districts) -> tuple[Patchwork, list[Layer]]:
    """The patchwork of all districts, each drawn by its own generator and cut to its district."""
    parts: dict[str, NDArray] = {}
    layers: list[Layer] = []
    for character in place.present:
        here = place.at(place.character == character)
        patchwork, over = _GENERATORS[Character(int(character))](frame, place)
        for name in ("kind", "key", "texture", "shade", "cover"):
            value = getattr(patchwork, name)
            parts[name] = np.where(here, value, parts[name]) if name in parts else value
        layers += over if here.all() else [replace(layer, alpha=layer.alpha * here) for layer in over]
    return Patchwork(**parts), layers


def _paints(
    ground: Patchwork, layers: list[Layer], place: Districts
) -> tuple[Rows, NDArray[np.int32], tuple[Paint, ...]]:
    """Number the materials: every different (hash, kind, district) becomes one row."""
    district = place.index.ravel()
    kinds, keys, where = [ground.kind.ravel()], [ground.key.ravel()], [district]
    touched = []
    for layer in layers:
        pixel = np.flatnonzero(layer.alpha.ravel() > 0.02)
        if len(pixel):
            touched.append((layer, pixel))
            kinds.append(_of_pixels(layer.kind, pixel, np.uint8))
            keys.append(_of_pixels(layer.key, pixel, np.uint32))
            where.append(district[pixel])
    parts = [np.concatenate(parts) for parts in (kinds, keys, where)]
    same = runs(*parts)
    kind, key, at = (part[same.first] for part in parts)
    _, example, row = np.unique(hashed(1, kind, key, at), return_index=True, return_inverse=True)
    rows, row = Rows(kind[example], key[example], at[example]), same.spread(row.astype(np.int32))
    paints, start = [], district.size
    for layer, pixel in touched:
        part = row[start : start + len(pixel)]
        alpha = layer.alpha.ravel()[pixel].astype(np.float32)
        paints.append(Paint(pixel.astype(np.int32), alpha, part, layer))
        start += len(pixel)
    return rows, row[: district.size], tuple(paints)


def _of_pixels(value: NDArray | int, pixel: NDArray[np.int64], kind: type) -> NDArray:
    """Numbers of some pixels, of which there is one for all or one a pixel of the window."""
    return np.full(len(pixel), value, kind) if np.ndim(value) == 0 else np.ravel(value)[pixel].astype(kind)


def _cover_now(cover: NDArray[np.uint8], layers: list[Layer]) -> NDArray[np.uint8]:
    """Land cover with the permanent layers on it."""
    cover = cover.copy()
    for layer in layers:
        if layer.cover is not None:
            cover[layer.alpha > 0.5] = layer.cover
    return cover


def cover_on(scene: Scene, day: int) -> NDArray[np.uint8]:
    """Land cover on a day, codes of LAND_COVER, shape (size, size)."""
    cover = scene.cover.ravel().copy()
    for paint in scene.paints:
        layer = paint.layer
        if layer.cover is not None and layer.stands_on(day):
            cover[paint.pixel[paint.alpha > 0.5]] = layer.cover
    return cover.reshape(scene.cover.shape)


def buildings_on(scene: Scene, day: int) -> NDArray[np.float32]:
    """Share of each pixel under a roof on a day, shape (size, size)."""
    share = np.zeros(scene.base.shape, np.float32)
    for paint in scene.paints:
        layer = paint.layer
        if not layer.stands_on(day):
            continue
        if layer.building:
            share[paint.pixel] = np.maximum(share[paint.pixel], paint.alpha)
        elif layer.cover is not None:
            share[paint.pixel] *= 1 - paint.alpha
    return share.reshape(scene.cover.shape)
