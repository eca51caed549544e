"""Air between ground and sensor: haze, clouds and their shadows, and the whole path for L1C."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.climate import climate_at
from seco_lab.world.frame import Frame
from seco_lab.world.hashing import chance
from seco_lab.world.noise import blends, octaves

# What clear air adds to reflectance with the sun overhead, by wavelength as in Rayleigh scattering, and the
# share of light that gases let through twice.
_RAYLEIGH_490 = 0.046
_GASES = {
    "B01": 0.97, "B02": 0.97, "B03": 0.93, "B04": 0.95, "B05": 0.93, "B06": 0.94, "B07": 0.97,
    "B08": 0.93, "B8A": 0.98, "B09": 0.34, "B10": 0.01, "B11": 0.96, "B12": 0.94,
}  # fmt: skip
CLOUD_BRIGHTNESS = {"B09": 0.62, "B10": 0.25, "B11": 0.52, "B12": 0.40}
_TILE_M = 40_000


@dataclass(frozen=True)
class Clouds:
    """Clouds over a window on one day; each array (size, size), 0 to 1."""

    veil: NDArray[np.float32]
    shadow: NDArray[np.float32]


def _tile(frame: Frame, day: int, stream: int) -> float:
    """A number in [0, 1) for the air over 40 km of country on a day."""
    return chance(frame.salt("air", stream), *frame.square(_TILE_M), day)


@lru_cache(maxsize=4096)
def _dryness(lon: float, lat: float) -> float:
    return float(climate_at(lon, lat).dry)


def cloud_amount(frame: Frame, day: int) -> float:
    """How cloudy the sky over a window is on a day, 0 (clear) to 1 (overcast); dry countries are clearer."""
    mark = _tile(frame, day, 1)
    clear = 0.38 + 0.4 * _dryness(*frame.anchor)
    return 0.0 if mark < clear else float(min(1.0, ((mark - clear) / (1 - clear)) ** 1.2 * 1.15))


def clouds(frame: Frame, day: int, amount: float, elevation: float, azimuth: float) -> Clouds:
    """Clouds and shadows for a day; the shadow of a cloud at 1.2 km falls away from the sun."""
    veil = _veil(frame, day, amount)
    reach = 1_200.0 / np.tan(elevation) / 10.0
    columns, rows = round(reach * np.sin(azimuth)), -round(reach * np.cos(azimuth))
    aside = Frame(frame.seed, frame.epsg, frame.column + columns, frame.row + rows, frame.size)
    return Clouds(veil, (_veil(aside, day, amount) * (1 - veil)).astype(np.float32))


def _veil(frame: Frame, day: int, amount: float) -> NDArray[np.float32]:
    salt = frame.salt("cloud", day)
    field, gauze = blends(frame, octaves(2_600, 6, salt, gain=0.6), [(0.5, 3_500, salt + 7)])
    thin = 0.25 * np.clip(amount * 1.4 + gauze, 0, 1)
    thick = 1 / (1 + np.exp(-np.clip(7 * (field + 3.6 * amount - 1.9), -30, 30)))
    return np.maximum(thin, thick).astype(np.float32)


def haze(frame: Frame, day: int, wavelength_nm: NDArray) -> NDArray[np.float32]:
    """Residual haze of a day that the correction to the surface left behind, shape (C,), reflectance."""
    strength = 0.004 + 0.030 * _tile(frame, day, 2) ** 4
    slope = 0.8 + 1.2 * _tile(frame, day, 3)
    return (strength * (wavelength_nm / 490.0) ** -slope).astype(np.float32)


def air_path(
    bands: tuple[str, ...], wavelength_nm: NDArray, elevation: float, turbid: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What air adds to top-of-atmosphere reflectance and how much of the ground it lets through, each (C,).

    Args:
        bands: Names of the bands.
        wavelength_nm: Their centres.
        elevation: Of the sun, radians.
        turbid: Aerosol, 0 (clean) to 1 (hazy).
    """
    mass = 0.5 * (1 + 1 / np.sin(elevation))
    rayleigh = _RAYLEIGH_490 * (wavelength_nm / 490.0) ** -4.05 * mass
    aerosol = (0.006 + 0.050 * turbid) * (wavelength_nm / 490.0) ** -1.25 * mass
    gases = np.array([_GASES[name] for name in bands])
    through = gases * np.exp(-0.9 * (rayleigh + aerosol))
    hidden = np.array([name == "B10" for name in bands])
    return (np.where(hidden, 0.001, rayleigh + aerosol)).astype(np.float32), through.astype(np.float32)


def turbidity(frame: Frame, day: int) -> float:
    """Aerosol over a window on a day, 0 to 1, mostly low."""
    return _tile(frame, day, 2) ** 3


def cloud_colour(bands: tuple[str, ...], day_mark: float) -> NDArray[np.float32]:
    """Reflectance of thick cloud, shape (C,)."""
    return np.array([CLOUD_BRIGHTNESS.get(name, 0.80) for name in bands], np.float32) * (
        0.75 + 0.35 * day_mark
    )
