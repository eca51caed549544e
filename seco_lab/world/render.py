"""A scene on given days: colours painted, lit, seen through air and recorded by the instrument."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seco_lab.sensors import Sensor
from seco_lab.world import atmosphere, optics
from seco_lab.world.climate import sun
from seco_lab.world.palette import Palette, palette
from seco_lab.world.scene import Scene
from seco_lab.world.spectra import BANDS


@dataclass(frozen=True)
class View:
    """What is wanted of a scene.

    Attributes:
        sensor: Surface reflectance (L2A) or top of atmosphere (L1C).
        bands: Names, in the order wanted.
        window: First row, first column and size of the patch in the scene's canvas.
        clouds: Whether there are any.
    """

    sensor: Sensor
    bands: tuple[str, ...]
    window: tuple[int, int, int]
    clouds: bool = True

    @cached_property
    def wavelength_nm(self) -> NDArray[np.float64]:
        """Shape (C,), of the bands."""
        return np.array([self.sensor.band(name).wavelength_nm for name in self.bands])

    @cached_property
    def factors(self) -> NDArray[np.int64]:
        """Shape (C,), native pixels of the bands in units of 10 m."""
        return np.array([round(self.sensor.band(name).resolution_m / 10) for name in self.bands])


@dataclass(frozen=True)
class _Sun:
    elevation: float
    azimuth: float


def render(
    scene: Scene, days: NDArray[np.int64], view: View
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Counts of a patch on each day, and how much of it is cloud.

    Returns:
        Shape (T, C, size, size) uint16, reflectance x 10000; and shape (T,), percent.
    """
    days = np.asarray(days, np.int64)
    # B10 sees no ground; any spectrum does for it, as the air hides it.
    columns = np.array([BANDS.index(name) if name in BANDS else 0 for name in view.bands])
    colours = palette(scene, days, columns)
    elevation, azimuth = sun(days, scene.frame.anchor[1])
    size = view.window[2]
    image = np.empty((len(days), len(view.bands), size, size), np.uint16)
    cloudy = np.zeros(len(days), np.float32)
    for t, day in enumerate(days):
        light = _Sun(float(elevation[t]), float(azimuth[t]))
        ground = _paint(scene, colours, t, int(day), light)
        image[t], cloudy[t] = _record(scene, ground, int(day), light, view)
    return image, cloudy


def _paint(scene: Scene, colours: Palette, t: int, day: int, light: _Sun) -> NDArray[np.float32]:
    """Reflectance of the lit ground, shape (C, pixels)."""
    mean, swing = colours.mean[t], colours.swing[t]
    # Rows are known to exist; "clip" spares the check of each.
    image, tint = (np.take(table, scene.base, axis=1, mode="clip") for table in (mean, swing))
    tint *= scene.texture
    image += tint
    image *= 1 + scene.shade * np.clip(0.8 / np.tan(light.elevation), 0.5, 1.6)
    height = np.zeros(scene.base.shape, np.float32)
    for paint in scene.paints:
        if not paint.layer.since <= day < paint.layer.until:
            continue
        old = np.take(image, paint.pixel, axis=1, mode="clip")
        new = np.take(mean, paint.row, axis=1, mode="clip")
        new -= old
        new *= paint.alpha
        new += old
        image[:, paint.pixel] = new
        tall = paint.layer.height_m
        if np.ndim(tall) or tall:
            tall = np.broadcast_to(tall, scene.cover.shape).ravel()[paint.pixel]
            height[paint.pixel] = np.maximum(height[paint.pixel], paint.alpha * tall)
    image *= _lit(scene, height, light)
    return np.maximum(image, 5e-4, out=image)


def _lit(scene: Scene, height: NDArray[np.float32], light: _Sun) -> NDArray[np.float32]:
    """Brightness of the ground: slopes towards the sun are brighter, and tall things cast shadows."""
    flat = 1 / np.tan(light.elevation)
    towards = scene.slope_east * np.sin(light.azimuth) + scene.slope_north * np.cos(light.azimuth)
    level = np.clip(1 + 0.8 * flat * towards / (1 + np.abs(towards)), 0.25, 1.9)
    if height.any():
        level = level * (1 - 0.5 * _cast(scene, height, light, flat))
    return level.astype(np.float32)


def _cast(scene: Scene, height: NDArray[np.float32], light: _Sun, flat: float) -> NDArray[np.float32]:
    """Share of each pixel in the shadow of its neighbour towards the sun."""
    size = scene.frame.size
    tall = np.clip(height * np.float32(0.1 * flat), 0, 1.2).reshape(size, size)
    east, north = -np.sin(light.azimuth), -np.cos(light.azimuth)
    column, row = (1 if east > 0 else -1), (-1 if north > 0 else 1)
    aside, along = np.roll(tall, column, 1), np.roll(tall, row, 0)
    shadow = (abs(east) * aside + abs(north) * along) / (abs(east) + abs(north))
    return np.clip(shadow - 0.8 * tall, 0, 1).ravel()


def _record(
    scene: Scene, ground: NDArray[np.float32], day: int, light: _Sun, view: View
) -> tuple[NDArray[np.uint16], float]:
    """Counts of one day and the percentage of cloud."""
    frame = scene.frame
    image = ground.reshape(len(ground), frame.size, frame.size)
    share = _cover_with_clouds(scene, image, day, light, view) if view.clouds else 0.0
    if view.sensor.name == "sentinel2-l1c":
        turbid = atmosphere.turbidity(frame, day)
        path, through = atmosphere.air_path(view.bands, view.wavelength_nm, light.elevation, turbid)
        image = image * through[:, None, None] + path[:, None, None]
    else:
        image += atmosphere.haze(frame, day, view.wavelength_nm)[:, None, None]
    optics.grain(image, frame, day, view.bands)
    seen = optics.see(image, view.factors, view.window, optics.shift_of(frame, day))
    return optics.counts(seen), share


def _cover_with_clouds(scene: Scene, image: NDArray[np.float32], day: int, light: _Sun, view: View) -> float:
    """Draw clouds and their shadows into the image; percent of the patch that is cloud."""
    amount = atmosphere.cloud_amount(scene.frame, day)
    if amount <= 0:
        return 0.0
    sky = atmosphere.clouds(scene.frame, day, amount, light.elevation, light.azimuth)
    colour = atmosphere.cloud_colour(view.bands, amount)[:, None, None]
    image *= 1 - 0.55 * sky.shadow
    image += sky.veil * (colour - image)
    top, left, size = view.window
    return float(100 * (sky.veil[top : top + size, left : left + size] > 0.4).mean())
