"""The lit ground: every pixel is a mixture of materials, so one sparse product paints it on all days."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from seco_lab.world.palette import Palette
from seco_lab.world.patchwork import ALL, NOTHING
from seco_lab.world.scene import Paint, Scene

_TALLEST = np.array(1.2, np.float32)  # in pixels of shadow: what lies further away is not seen
# Positions of the layers of a scene that stand, and the positions of the days on which just these do.
Standing = dict[tuple[int, ...], list[int]]


def painted(
    scene: Scene, colours: Palette, standing_on: Standing, elevation: NDArray[np.float64]
) -> list[NDArray[np.float32]]:
    """Reflectance of the ground in even light, for each day an array (C, pixels).

    Args:
        scene: What stands where.
        colours: Of its materials on these days.
        standing_on: What :func:`standing` says of the days.
        elevation: Of the sun, radians, shape (T,): furrows and crowns show more under a low sun.
    """
    contrast = np.clip(0.8 / np.tan(elevation), 0.5, 1.6).astype(np.float32)
    bands, count = colours.mean.shape[1:]
    plain = np.concatenate([colours.mean.transpose(2, 0, 1), colours.swing.transpose(2, 0, 1)])
    plain = plain.reshape(2 * count, -1)
    table = np.concatenate([plain, plain * contrast.repeat(bands)]).reshape(4 * count, -1, bands)
    planes: dict[int, NDArray[np.float32]] = {}
    for layers, which in standing_on.items():
        mixture = _mixture(scene, [scene.paints[k] for k in layers])
        some = (table if len(standing_on) == 1 else table[:, which]).reshape(len(table), -1)
        image = (mixture @ some).reshape(scene.base.size, len(which), -1)
        for position, t in enumerate(which):
            planes[t] = image[:, position].T
    return [planes[t] for t in range(len(elevation))]


def standing(scene: Scene, days: NDArray[np.int64]) -> Standing:
    """Which days show which layers; mostly all of them show the same."""
    groups: Standing = {}
    for t, day in enumerate(days):
        layers = tuple(k for k, paint in enumerate(scene.paints) if paint.layer.stands_on(int(day)))
        groups.setdefault(layers, []).append(t)
    return groups


def _mixture(scene: Scene, paints: list[Paint]) -> csr_array:
    """What each pixel is made of, shape (pixels, 4 R).

    The columns are R materials, their swings (a greener pixel), and both again for the pixel's own shade.
    """
    count = len(scene.rows.kind)
    seen = np.ones(scene.base.size, np.float32)  # what the layers above let through
    pixel, column, share = [], [], []
    for paint in reversed(paints):
        below = seen[paint.pixel]
        pixel.append(paint.pixel)
        column.append(paint.row)
        share.append(paint.alpha * below)
        seen[paint.pixel] = below * (1 - paint.alpha)
    textured = seen * scene.texture
    pixel += [np.arange(scene.base.size, dtype=np.int32)] * 4
    column += [scene.base + np.int32(k * count) for k in range(4)]
    share += [seen, textured, seen * scene.shade, textured * scene.shade]
    entries = coo_array(
        (np.concatenate(share), (np.concatenate(pixel), np.concatenate(column))),
        shape=(scene.base.size, 4 * count),
    )
    entries.has_canonical_format = True  # a product adds double entries up anyway; sorting them out is slower
    return entries.tocsr()


def lit(
    scene: Scene, standing_on: Standing, elevation: NDArray[np.float64], azimuth: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Brightness of each pixel, (T, pixels): slopes towards the sun are brighter, tall things cast shadows.

    Args:
        scene: What stands where.
        standing_on: What :func:`standing` says of the days.
        elevation: Of the sun, radians, shape (T,).
        azimuth: Of the sun, radians from north, shape (T,).
    """
    flat = (1 / np.tan(elevation)).astype(np.float32)
    sun = np.stack([np.sin(azimuth), np.cos(azimuth)], 1).astype(np.float32)
    level = sun[:, :1] * scene.slope_east
    level += sun[:, 1:] * scene.slope_north
    steep = np.abs(level)
    steep += 1
    level /= steep
    level *= np.float32(0.8) * flat[:, None]
    level += 1
    np.clip(level, 0.25, 1.9, out=level)
    for layers, which in standing_on.items():
        height = _height(scene, [scene.paints[k] for k in layers])
        if height is not None:
            for t in which:
                level[t] *= 1 - np.float32(0.5) * _cast(height, sun[t], flat[t]).ravel()
    return level


def _height(scene: Scene, paints: list[Paint]) -> NDArray[np.float32] | None:
    """Height of what stands on each pixel, metres, shape (size, size); None for flat country."""
    tall = [paint for paint in paints if paint.layer.height_m is not None]
    if not tall:
        return None
    height = np.zeros(scene.base.size, np.float32)
    for paint in tall:
        over = np.broadcast_to(paint.layer.height_m, scene.cover.shape).ravel()[paint.pixel]
        height[paint.pixel] = np.maximum(height[paint.pixel], paint.alpha * over)
    return height.reshape(scene.cover.shape)


def _cast(height: NDArray[np.float32], sun: NDArray[np.float32], flat: np.float32) -> NDArray[np.float32]:
    """Share of each pixel in the shadow of its neighbours towards the sun, shape (size, size).

    Args:
        height: Metres, shape (size, size).
        sun: Direction to the sun, to the east and to the north.
        flat: Length of a shadow, in heights.
    """
    tall = (height * (np.float32(0.1) * flat)).clip(NOTHING, _TALLEST)
    east, north = np.abs(sun) / np.abs(sun).sum()
    shadow = np.float32(-0.8) * tall
    # The sun in the east throws the shadow of a pixel on that to its west.
    to, of = (slice(None, -1), slice(1, None)) if sun[0] > 0 else (slice(1, None), slice(None, -1))
    shadow[:, to] += east * tall[:, of]
    to, of = (slice(1, None), slice(None, -1)) if sun[1] > 0 else (slice(None, -1), slice(1, None))
    shadow[to] += north * tall[of]
    return shadow.clip(NOTHING, ALL, out=shadow)
