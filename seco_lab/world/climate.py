"""Climate of a place and weather of a day: what decides leaf-out, harvest, drought and snow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.places.assets import climate_classes
from seco_lab.world.hashing import uniform

# Köppen groups of the bundled grid (0 is sea), and what each adds to the zonal mean.
GROUPS = ("sea", "tropical", "arid", "temperate", "continental", "polar")
_WARMER_C = np.array([2.0, 1.0, 1.5, 4.5, 1.0, -3.0])
_SWING = np.array([0.5, 0.25, 1.05, 0.62, 1.35, 1.1])
# Longitudes where summers are dry at 30 to 45 degrees, and how wide: the Mediterranean, California, Chile,
# the Cape and the south-west of Australia.
_DRY_SUMMERS = ((15.0, 28.0), (-120.0, 6.0), (-71.5, 3.0), (19.0, 4.0), (122.0, 12.0))
_DRY = np.array([0.2, 0.15, 0.9, 0.24, 0.22, 0.3])
_ONE_HOT = np.eye(6)
_SPELL_DAYS = (11, 17)  # of warmth and of rain
_EPOCH_DAY = np.datetime64("1970-01-01", "D")


@dataclass(frozen=True)
class Climate:
    """Climate at n points; all arrays have shape (n,).

    Attributes:
        groups: Shares of the Köppen groups, shape (n, 6).
        mean_c: Mean temperature, degrees Celsius.
        swing_c: Half the difference between the warmest and the coldest month.
        dry: Dryness, 0 (always wet) to 1 (desert).
        summer_dry: How much drier the warm half of the year is; negative where rain falls in summer.
        south: 1 south of the equator, else 0.
    """

    groups: NDArray[np.float64]
    mean_c: NDArray[np.float64]
    swing_c: NDArray[np.float64]
    dry: NDArray[np.float64]
    summer_dry: NDArray[np.float64]
    south: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence[Climate]) -> Climate:
        """That of all points of several, one after the other."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def of(self, part: slice) -> Climate:
        """That of some of the points."""
        return Climate(*(getattr(self, field.name)[part] for field in fields(self)))


def group_shares(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
    """Shares of the six Köppen groups around points, bilinear between cells, shape (n, 6)."""
    column = (np.asarray(lon, float) + 180.0) * 6 - 0.5
    row = np.clip((90.0 - np.asarray(lat, float)) * 6 - 0.5, 0, 1078.999)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    fx, fy = column - left, row - top
    shares = np.zeros((*np.shape(column), 6))
    for dy, wy in ((0, 1 - fy), (1, fy)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            shares += _ONE_HOT[climate_classes()[top + dy, (left + dx) % 2160]] * (wy * wx)[..., None]
    return shares


def mixed(shares: NDArray[np.float64], of_group: NDArray) -> NDArray[np.float64]:
    """Means of what each group has, shape (groups,) or (groups, k), by their shares, shape (..., groups).

    A matrix product may round a row otherwise when other rows lie beside it; this sum does not.
    """
    return sum(np.multiply.outer(shares[..., k], each) for k, each in enumerate(of_group))


def climate_at(lon: ArrayLike, lat: ArrayLike) -> Climate:
    """Climate of points given in degrees, each array of shape (n,)."""
    lat = np.asarray(lat, float)
    groups = group_shares(lon, lat)
    land = groups.copy()
    land[..., 0] *= 0.02  # the climate of a coast is that of its land
    land /= land.sum(-1, keepdims=True)
    away = np.abs(lat)
    warmer_c, swing, dry = mixed(land, _WARMER_C), mixed(land, _SWING), mixed(land, _DRY)
    mean_c = 27.0 - 0.0085 * away**2 + warmer_c
    swing_c = np.maximum(1.5, 0.25 * away * swing)
    west = sum(np.exp(-(((np.asarray(lon, float) - at) / wide) ** 2)) for at, wide in _DRY_SUMMERS)
    mediterranean = land[..., 3] * np.exp(-(((away - 37.5) / 6.0) ** 2)) * np.minimum(west, 1.0)
    monsoon = (0.35 * land[..., 1] + 0.08 * land[..., 2]) / (1 + np.exp((away - 26.0) / 1.5))
    summer_dry = 0.75 * mediterranean - monsoon
    return Climate(groups, mean_c, swing_c, dry, summer_dry, (lat < 0).astype(float))


def year_phase(days: ArrayLike, south: ArrayLike) -> NDArray[np.float64]:
    """Share of the year since midwinter (about 15 January in the north), shape (T, n).

    Args:
        days: Shape (T,) for all points alike, or (T, n).
        south: 1 for points south of the equator, else 0, shape (n,).
    """
    days = _by_point(days).astype(float)
    return (((days - 15.0) / 365.2425 + 0.5 * np.atleast_1d(south)[None]) % 1.0).astype(float)


def _by_point(days: ArrayLike) -> NDArray:
    """Days of shape (T,) as (T, 1)."""
    days = np.asarray(days)
    return days[:, None] if days.ndim == 1 else days


def weather(days: NDArray[np.int64], climate: Climate, salt: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Phase of the year, temperature (Celsius) and moisture (0 to 1) on given days, each (T, n).

    Weather is common to a zone: a spell of some ten days is warmer or colder, wetter or drier.

    Args:
        days: Shape (T,) for all points alike, or (T, n).
        climate: Of n points.
        salt: Of the zone, or of that of each point, shape (n,).
    """
    phase = year_phase(days, climate.south)
    warmth = -np.cos(2 * np.pi * phase)
    spell, rain = (
        _spells(_by_point(days), length, np.asarray(salt) + k) for k, length in enumerate(_SPELL_DAYS)
    )
    temperature = climate.mean_c + climate.swing_c * warmth + 2.5 * spell
    moisture = 1.0 - climate.dry - climate.summer_dry * warmth + 0.15 * rain
    return phase, temperature, np.clip(moisture, 0.02, 1.0)


def _spells(days: NDArray[np.int64], length: int, salt: NDArray[np.int64]) -> NDArray[np.float64]:
    """Smooth noise in time, about -1 to 1, of the shape that days and salts have together."""
    scaled = days.astype(float) / length
    left = np.floor(scaled).astype(np.int64)
    f = scaled - left
    f = f * f * (3 - 2 * f)
    start, end = uniform(salt, np.stack([left, left + 1]))
    return (start * (1 - f) + end * f) * 2.0 - 1.0


def sun(days: NDArray[np.int64], lat: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Elevation and azimuth of the sun at 10:30 local solar time, radians, each (T,); azimuth from north.

    The elevation is kept above 12 degrees, as no scene is taken in the dark.
    """
    declination = np.radians(-23.44) * np.cos(2 * np.pi * (np.asarray(days, float) + 10) / 365.2425)
    phi, hour = np.radians(lat), np.radians(-22.5)
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour)
    elevation = np.maximum(np.arcsin(np.clip(up, -1, 1)), np.radians(12.0))
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    return elevation, np.arctan2(east, north) % (2 * np.pi)


def days_of(dates: ArrayLike) -> NDArray[np.int64]:
    """Days since 1970-01-01 of datetime64 values."""
    return (np.asarray(dates).astype("datetime64[D]") - _EPOCH_DAY).astype(np.int64)
