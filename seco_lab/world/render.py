"""A scene on given days: colours painted, lit, seen through air and recorded by the instrument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seco_lab.sensors import Sensor
from seco_lab.world import atmosphere, optics
from seco_lab.world.climate import sun
from seco_lab.world.paint import lit, painted, standing
from seco_lab.world.palette import Palette, palettes
from seco_lab.world.scene import Scene
from seco_lab.world.spectra import BANDS

_DARKEST = np.float32(5e-4)


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
    def factors(self) -> NDArray[np.int64]:
        """Shape (C,), native pixels of the bands in units of 10 m."""
        return np.array([round(self.sensor.band(name).resolution_m / 10) for name in self.bands])

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Shape (C,), positions of the bands by resolution, in which they are drawn."""
        return self.factors.argsort(kind="stable")

    @cached_property
    def resolutions(self) -> dict[int, int]:
        """How many bands there are of each native pixel, in the order in which they are drawn."""
        return {int(factor): int((self.factors == factor).sum()) for factor in np.unique(self.factors)}

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """Names of the bands as they are drawn."""
        return tuple(self.bands[k] for k in self.order)

    @cached_property
    def wavelength_nm(self) -> NDArray[np.float64]:
        """Shape (C,), of the bands as they are drawn."""
        return np.array([self.sensor.band(name).wavelength_nm for name in self.drawn])


@dataclass(frozen=True)
class _Pass:
    """One day: when, and where the sun stood (radians)."""

    day: int
    elevation: float
    azimuth: float


def render(
    scene: Scene, days: NDArray[np.int64], view: View
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Counts of a patch on each day, and how much of it is cloud.

    Returns:
        Shape (T, C, size, size) uint16, reflectance x 10000; and shape (T,), percent.
    """
    return next(render_each([scene], [days], [view]))


def render_each(
    scenes: Sequence[Scene], days: Sequence[NDArray[np.int64]], views: Sequence[View]
) -> Iterator[tuple[NDArray[np.uint16], NDArray[np.float32]]]:
    """What :func:`render` gives for each of several scenes, in less time than one by one.

    Args:
        scenes: What stands where.
        days: Of each scene, equally many, shape (T,).
        views: Of each scene, all of the same bands.
    """
    days = [np.asarray(each, np.int64) for each in days]
    # B10 sees no ground; any spectrum does for it, as the air hides it.
    columns = np.array([BANDS.index(name) if name in BANDS else 0 for name in views[0].drawn])
    for each in zip(scenes, days, views, palettes(scenes, days, columns), strict=True):
        yield _rendered(*each)


def _rendered(
    scene: Scene, days: NDArray[np.int64], view: View, colours: Palette
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    elevation, azimuth = sun(days, scene.frame.anchor[1])
    standing_on = standing(scene, days)
    ground = painted(scene, colours, standing_on, elevation)
    level = lit(scene, standing_on, elevation, azimuth)
    size = view.window[2]
    image = np.empty((len(days), len(view.bands), size, size), np.uint16)
    cloudy = np.zeros(len(days), np.float32)
    canvas = np.empty((len(view.bands), scene.frame.size, scene.frame.size), np.float32)
    flat = canvas.reshape(len(canvas), -1)
    darkest = np.full(flat.shape[1], _DARKEST)
    for t, day in enumerate(days):
        when = _Pass(int(day), float(elevation[t]), float(azimuth[t]))
        np.multiply(ground[t], level[t], out=flat)
        np.maximum(flat, darkest, out=flat)  # several times as fast as with one number
        if view.clouds:
            cloudy[t] = _cover_with_clouds(scene, canvas, when, view)
        _look_through_air(scene, canvas, when, view)
        _record(scene, canvas, when.day, view, image[t])
    return image, cloudy


def _cover_with_clouds(scene: Scene, image: NDArray[np.float32], when: _Pass, view: View) -> float:
    """Draw clouds and their shadows into the image; percent of the patch that is cloud."""
    amount = atmosphere.cloud_amount(scene.frame, when.day)
    if amount <= 0:
        return 0.0
    sky = atmosphere.clouds(scene.frame, when.day, amount, when.elevation, when.azimuth)
    through = (1 - np.float32(0.55) * sky.shadow) * (1 - sky.veil)
    for layer, colour in zip(image, atmosphere.cloud_colour(view.drawn, amount), strict=True):
        layer *= through
        layer += colour * sky.veil
    top, left, size = view.window
    return float(100 * (sky.veil[top : top + size, left : left + size] > 0.4).mean())


def _look_through_air(scene: Scene, image: NDArray[np.float32], when: _Pass, view: View) -> None:
    """Add the light of the air in place: all of it for L1C, what correction left for L2A."""
    if view.sensor.name == "sentinel2-l1c":
        turbid = atmosphere.turbidity(scene.frame, when.day)
        path, through = atmosphere.air_path(view.drawn, view.wavelength_nm, when.elevation, turbid)
        image *= through[:, None, None]
    else:
        path = atmosphere.haze(scene.frame, when.day, view.wavelength_nm)
    image += path[:, None, None]


def _record(scene: Scene, image: NDArray[np.float32], day: int, view: View, out: NDArray[np.uint16]) -> None:
    """Write the counts of one day, shape (C, size, size); bands that share a resolution go together."""
    optics.grain(image, scene.frame, day, view.drawn)
    shift = optics.shift_of(scene.frame, day)
    start = 0
    seen = optics.native(image, view.resolutions, view.window, shift)
    for factor, cells in zip(view.resolutions, seen, strict=True):
        stop = start + len(cells)
        out[view.order[start:stop]] = optics.on_10_m(optics.counts(cells), factor, view.window)
        start = stop
