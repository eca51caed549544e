"""Colour of every material on every day: phenology, soil, water and snow mixed from pure spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.climate import Climate, weather
from seco_lab.world.districts import Districts
from seco_lab.world.hashing import draws, hashed
from seco_lab.world.landcover import RECIPES, Kind
from seco_lab.world.scene import Rows, Scene
from seco_lab.world.spectra import INDEX, SOILS, SPECTRA

_CURVES = ("crop", "grass", "leaf", "ever", "cut", "none")
# One entry a kind, in the order of Kind.
_R = [RECIPES[kind] for kind in Kind]
_CURVE = np.array([_CURVES.index(r.curve) for r in _R])
_GREEN, _DRY = np.array([INDEX[r.green] for r in _R]), np.array([INDEX[r.dry] for r in _R])
_GROUND = np.array([INDEX.get(r.ground, -1) for r in _R])
_NUMBERS = np.array([(r.cover, r.vary, r.tone, r.texture, r.snow, *r.cuts) for r in _R], np.float32)
_SOILED = np.array([r.ground == "soil" for r in _R])
_WET = np.array([k >= Kind.WATER_CLEAR for k in Kind])
# Full canopies look much the same everywhere; soils, roofs and roads do not.
_DARKER = 0.17  # pixels of real scenes are darker than pure materials: shade between plants, houses and clods
_EVEN = np.array([r.cover > 0.8 for r in _R], np.float32)
_ARABLE = np.array([Kind.WINTER_CEREAL, Kind.SUMMER_CROP, Kind.RAPESEED, Kind.ROOT_CROP, Kind.FALLOW])
_ROTATES = np.isin(np.arange(len(_R)), _ARABLE)
_FIRST_LIGHT = np.isin(np.arange(len(_R)), (Kind.WINTER_CEREAL, Kind.RAPESEED))


@dataclass(frozen=True)
class Palette:
    """Reflectance of R materials on T days in C bands.

    Attributes:
        mean: Colour of the material, shape (T, C, R).
        swing: What a pixel that is one unit greener (or brighter) adds, shape (T, C, R).
    """

    mean: NDArray[np.float32]
    swing: NDArray[np.float32]


@dataclass(frozen=True)
class _Season:
    """Climate and weather of each row: means and swings (R,), all else, and the year, (T, R)."""

    phase: NDArray[np.float32]
    celsius: NDArray[np.float32]
    moist: NDArray[np.float32]
    mean_c: NDArray[np.float32]
    swing_c: NDArray[np.float32]
    year: NDArray[np.int64]


def palettes(
    scenes: Sequence[Scene], days: Sequence[NDArray[np.int64]], columns: NDArray[np.int64]
) -> list[Palette]:
    """Colours of all materials of each scene; most have few, so those of all scenes are mixed together.

    Args:
        scenes: Where.
        days: Of each scene, shape (T,), days since 1970-01-01.
        columns: Shape (C,), positions in ``spectra.BANDS``.
    """
    places = [scene.place for scene in scenes]
    rows = _all_rows(scenes)
    season = _season(scenes, np.stack(days, 1), rows.district)
    kind = _rotation(rows, season)
    green, dry = _growth(rows, kind, season)
    colour = SPECTRA[:, columns]
    leaf = _rows(colour, _GREEN[kind]) + _bloom(kind, season)[..., None] * (
        colour[INDEX["flower"]] - colour[INDEX["crop"]]
    )
    straw = _rows(colour, _DRY[kind])
    stops = np.cumsum([len(scene.rows.kind) for scene in scenes])[:-1]
    under = _ground(_soils(places, rows, colour, stops), kind, season, colour)
    green3, dry3 = green[..., None], dry[..., None]
    mean = green3 * leaf + dry3 * straw + (1 - green3 - dry3) * under
    reach = np.maximum(_NUMBERS[kind, 0], 0.05)
    swing = (green / reach)[..., None] * (leaf - under) + (dry3 / reach[..., None]) * (straw - under)
    bald = (_CURVE[kind] == _CURVES.index("none"))[..., None]
    swing = np.where(bald, 1.2 * under, swing)
    swing = swing * _NUMBERS[kind, 3][..., None]
    tone = _tone(places, rows, kind, season)[..., None]
    both = _snowed(mean * tone, swing * tone, kind, season, colour)
    parts = (np.split(each.astype(np.float32, copy=False).transpose(0, 2, 1), stops, 2) for each in both)
    return [Palette(*each) for each in zip(*parts, strict=True)]


def _all_rows(scenes: Sequence[Scene]) -> Rows:
    """The rows of all scenes, with their districts counted through."""
    counts = [len(scene.place.key) for scene in scenes]
    before = accumulate(counts, initial=0)
    district = [scene.rows.district + first for scene, first in zip(scenes, before, strict=False)]
    kind, key = (np.concatenate([getattr(scene.rows, name) for scene in scenes]) for name in ("kind", "key"))
    return Rows(kind, key, np.concatenate(district))


def _rows(colour: NDArray[np.float32], which: NDArray[np.int64]) -> NDArray[np.float32]:
    """Spectra by number; for a number below 0, which means none, the first."""
    return colour.take(which, axis=0, mode="clip")


def _season(scenes: Sequence[Scene], days: NDArray[np.int64], at: NDArray[np.int64]) -> _Season:
    """Climate and weather of rows in districts ``at``, on the days of each scene, shape (T, scenes)."""
    counts = [len(scene.place.key) for scene in scenes]
    climate = Climate.joined([scene.place.climate for scene in scenes])
    rugged = np.concatenate([scene.place.rugged for scene in scenes])
    salts = np.repeat([scene.frame.salt("weather") for scene in scenes], counts)
    days = days.repeat(counts, axis=1)
    phase, celsius, moist = weather(days, climate, salts)
    celsius = celsius - 2.0 * rugged**2
    year = np.floor((days - 15) / 365.2425 + 0.5 * climate.south + 0.25).astype(np.int64)
    parts = (phase, celsius, moist, climate.mean_c, climate.swing_c)
    return _Season(*(part.astype(np.float32).take(at, axis=-1) for part in parts), year.take(at, axis=-1))


def _rotation(rows: Rows, season: _Season) -> NDArray[np.uint8]:
    """Kind of each row on each day: arable parcels change their crop from year to year, shape (T, R)."""
    kind = rows.kind
    mark = hashed(41, season.year, rows.key)
    other = _ARABLE[(draws(mark, 1) * len(_ARABLE)).astype(int)]
    return np.where(_ROTATES[rows.kind] & (draws(mark, 2) < 0.6), other, kind).astype(np.int64)


def _rise(x: NDArray, width: float) -> NDArray:
    """From 0 to 1 around 0, over a few widths."""
    falling = (x / -width).clip(-30, 30)
    np.exp(falling, out=falling)
    falling += 1
    return np.divide(1, falling, out=falling)


def _growth(rows: Rows, kind: NDArray, season: _Season) -> tuple[NDArray, NDArray]:
    """Green and withered cover, each (T, R)."""
    cover, vary = _NUMBERS[kind, 0], _NUMBERS[kind, 1]
    cover = np.clip(cover + vary * (2 * draws(rows.key, 51) - 1), 0, 0.98)
    warmth = _rise(season.celsius - 5, 2.5)
    curve = _CURVE[kind]
    green, dry = np.zeros_like(cover), np.zeros_like(cover)
    crop = curve == _CURVES.index("crop")
    if crop.any():
        grown, straw = _crop(rows, kind, season, cover)
        green, dry = np.where(crop, grown, green), np.where(crop, straw, dry)
    grass = (
        (0.30 + 0.70 * warmth)
        * (0.07 + 0.93 * _rise(season.moist - 0.34 + 0.1 * (cover - 0.5), 0.07))
        * cover
    )
    leaf = cover * _leaves(rows, season)
    ever = cover * (0.88 + 0.12 * warmth) * (0.55 + 0.45 * _rise(season.moist - 0.2, 0.08))
    mown = 0.45 + 0.55 * np.abs(np.sin(np.pi * (season.phase * 5 + draws(rows.key, 52))))
    by_curve = (green, grass, leaf, ever, cover * mown * (0.3 + 0.7 * warmth), np.zeros_like(cover))
    withered = (
        dry,
        0.62 * (1 - grass),
        0.85 * (cover - leaf),
        0.4 * (1 - ever),
        0.3 * (cover - 0.45 * cover),
    )
    green = np.choose(curve, by_curve, mode="clip")
    return green, np.choose(curve, (*withered, np.zeros_like(cover)), mode="clip") * (cover > 0)


def _leaves(rows: Rows, season: _Season) -> NDArray:
    """Share of leaves that are out: spring comes a little later, autumn earlier, than warmth alone says."""
    felt = season.celsius - 1.2 * np.sin(2 * np.pi * season.phase) + 2.0 * (draws(rows.key, 53) - 0.5)
    out = _rise(felt - 8.3, 1.3)
    tropical = season.swing_c < 4.5
    thirsty = 0.45 + 0.55 * _rise(season.moist - 0.25, 0.06)
    return np.where(tropical, 1.0, out) * thirsty


def _crop(rows: Rows, kind: NDArray, season: _Season, cover: NDArray) -> tuple[NDArray, NDArray]:
    """Green and withered cover of field crops: emergence, ripening, harvest, stubble, bare soil."""
    emerge, ripe, reap = (_NUMBERS[kind, k] for k in (5, 6, 7))
    phase = np.where(season.swing_c < 4.5, (2 * season.phase) % 1.0, season.phase)
    phase = phase + 0.07 * (draws(rows.key, 54) - 0.5) + 0.004 * np.clip(season.mean_c - 11, -6, 6)
    grow = _rise(phase - emerge, 0.022) * _rise(ripe - phase, 0.02)
    sown = _FIRST_LIGHT[kind] * (0.35 * _rise(phase - 0.86, 0.02) + 0.35 * _rise(0.25 - phase, 0.02))
    green = cover * np.maximum(grow, sown * (phase < 1.2))
    standing = _rise(phase - ripe, 0.02) * _rise(reap - phase, 0.006)
    stubble = _rise(phase - reap, 0.006) * np.exp(-np.clip(phase - reap, 0, 1) / 0.08)
    keep = draws(rows.key, 55) < 0.6
    dry = 0.92 * standing + 0.6 * stubble * keep
    return green, np.clip(np.minimum(dry, 1 - green), 0, 1)


def _bloom(kind: NDArray, season: _Season) -> NDArray:
    """Share of rapeseed in flower."""
    peak = np.exp(-(((season.phase - 0.285) / 0.022) ** 2))
    return 0.85 * peak * (kind == Kind.RAPESEED)


def _soils(places: Sequence[Districts], rows: Rows, colour: NDArray, stops: NDArray) -> NDArray:
    """Colour of the dry soil of each row, (R, C); ``stops`` are the rows where the next scene begins."""
    light, red = np.concatenate([place.soil for place in places])[rows.district].T
    light = np.clip(light + 0.55 * (draws(rows.key, 56) - 0.5), 0, 1)
    red = np.clip(red + 0.35 * (draws(rows.key, 57) - 0.5), 0, 1)
    shares = np.stack([(1 - light) * (1 - red), (1 - light) * red, light * (1 - red), light * red], -1)
    soils = colour[[INDEX[name] for name in SOILS]]
    # One product for all scenes might round a row otherwise when other scenes lie beside it.
    return np.concatenate([part @ soils for part in np.split(shares, stops)])


def _ground(soil: NDArray, kind: NDArray, season: _Season, colour: NDArray) -> NDArray:
    """Colour of the ground under the plants, (T, R, C)."""
    wet = 0.82 + 0.25 * (1 - season.moist)[..., None]
    return np.where(_SOILED[kind][..., None], soil * wet, _rows(colour, _GROUND[kind]))


def _tone(places: Sequence[Districts], rows: Rows, kind: NDArray, season: _Season) -> NDArray:
    """Brightness relative to the recipe, (T, R): by district, by parcel, and a little by year."""
    spread = _NUMBERS[kind, 2]
    yearly = draws(hashed(43, season.year, rows.key), 3)
    parcel = spread * (2.2 * (draws(rows.key, 58) - 0.5) + 0.8 * (yearly - 0.5))
    brightness = draws(np.concatenate([place.key for place in places]), 59)
    country = (0.7 * (brightness[rows.district] - 0.5) - _DARKER) * ~_WET[kind]
    return np.exp(parcel + country * (1.0 - 0.5 * _EVEN[kind]))


def _snowed(
    mean: NDArray, swing: NDArray, kind: NDArray, season: _Season, colour: NDArray
) -> tuple[NDArray, NDArray]:
    """Lay snow on the ground and ice on the water when it is cold."""
    freeze = np.where(_WET[kind], -8.0, -0.8)
    lying = _rise(freeze - season.celsius, 0.9) * np.where(_WET[kind], 0.9, _NUMBERS[kind, 4])
    lying = lying[..., None]
    return mean + lying * (0.92 * colour[INDEX["ice"]] - mean), swing * (1 - 0.8 * lying)
