"""What was found in scenes, drawn over them: boxes, masks, and change between two dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from seco_lab.viz.figure import empty_figure
from seco_lab.viz.thumbnails import season_pictures, to_picture

INK = "#1d252b"
# Colours that people with colour-blindness tell apart: in both, in the truth alone, in the answer alone.
BOTH_RGB, MISSED_RGB, WRONG_RGB = (0, 158, 115), (230, 97, 1), (240, 228, 66)
MEANING = {"found": BOTH_RGB, "missed": MISSED_RGB, "false alarm": WRONG_RGB}


def agreement(told: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Colours of agreement.

    Args:
        told: Shape (H, W), bool: what was answered.
        truth: Shape (H, W), bool: what is there.

    Returns:
        Colours (H, W, 3) and where there is one to show (H, W).
    """
    told, truth = np.asarray(told, bool), np.asarray(truth, bool)
    rgb = np.zeros((*told.shape, 3), np.uint8)
    for where, colour in ((told & truth, BOTH_RGB), (truth & ~told, MISSED_RGB), (told & ~truth, WRONG_RGB)):
        rgb[where] = colour
    return rgb, told | truth


def objects_figure(
    scenes: Mapping[str, xr.Dataset],
    found: Mapping[str, ArrayLike] | None = None,
    *,
    least_side_px: float = 0.0,
    tile_in: float = 2.6,
) -> Figure:
    """Scenes with the boxes of the truth (thin) and those that were found (thick), side by side.

    Args:
        scenes: By name; each a cube of one patch with ``boxes``.
        found: By name, boxes (N, 4): left, top, right, bottom.
        least_side_px: Smaller boxes of the truth are not drawn.
        tile_in: Width of a scene in inches.
    """
    figure, axes = _row(scenes, tile_in, "objects: truth orange, found green")
    for axis, (name, scene) in zip(axes, scenes.items(), strict=True):
        axis.imshow(scene_picture(scene), interpolation="nearest")
        table = scene["boxes"].values[0]
        large = (table[:, 3:] - table[:, 1:3]).min(1, initial=np.inf) >= max(least_side_px, 1e-9)
        _draw_boxes(axis, table[large & (table[:, 0] >= 0), 1:], MISSED_RGB, 1.0)
        if found is not None:
            _draw_boxes(axis, np.asarray(found[name], float).reshape(-1, 4), BOTH_RGB, 1.8)
    return figure


def masks_figure(
    scenes: Mapping[str, xr.Dataset], told: Mapping[str, ArrayLike], *, tile_in: float = 2.6
) -> Figure:
    """Scenes, and below each where its mask and the answer agree.

    Args:
        scenes: By name; each a cube of one patch with ``mask``.
        told: By name, class of each pixel (H, W); class 0 is background.
        tile_in: Width of a scene in inches.
    """
    figure, axes = _row(scenes, tile_in, "found green, missed orange, false alarm yellow", rows=2)
    for (above, below), (name, scene) in zip(axes.reshape(2, -1).T, scenes.items(), strict=True):
        picture = scene_picture(scene)
        above.imshow(picture, interpolation="nearest")
        rgb, shown = agreement(np.asarray(told[name]) > 0, (m := scene["mask"].values[0]) > 0)
        shown &= m != 255
        below.imshow(np.where(shown[..., None], rgb, picture // 2 + 96), interpolation="nearest")
    return figure


def change_figure(pair: xr.Dataset, scores: ArrayLike, *, threshold: float, tile_in: float = 2.8) -> Figure:
    """Before, after, the score of change, and where it agrees with the truth.

    Args:
        pair: A cube of one patch and two dates, with ``mask`` where the truth is known.
        scores: Shape (H, W), higher means more likely changed.
        threshold: From here on a pixel is called changed.
        tile_in: Width of a panel in inches.
    """
    scores = np.asarray(scores)
    before, after = season_pictures(pair, 0)
    told = scores >= threshold
    truth = pair["mask"].values[0] == 1 if "mask" in pair.variables else told
    rgb, shown = agreement(told, truth)
    panels = {
        "before": before,
        "after": after,
        "score": np.minimum(scores, np.quantile(scores, 0.98)),  # a few extremes would hide the rest
        "found green, missed orange, false alarm yellow": np.where(shown[..., None], rgb, after // 2 + 96),
    }
    height, width = scores.shape
    figure = empty_figure(len(panels) * tile_in, tile_in * height / width + 0.3)
    for axis, (title, picture) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        axis.imshow(picture, interpolation="nearest", cmap="cividis")
        axis.set(xticks=[], yticks=[])
        axis.set_title(title, fontsize=7, loc="left", color=INK)
    return figure


def scene_picture(scene: xr.Dataset) -> NDArray[np.uint8]:
    """The first date of a scene in true colour (H, W, 3), or its first band in grey."""
    held = [str(name) for name in scene["band"].values]
    try:
        return season_pictures(scene.isel(season=[0]), 0)[0]
    except LookupError:
        grey = scene["reflectance"][0, 0, [0] * 3].values
        assert held
        return to_picture(grey, str(scene.attrs["unit"]))


def _row(
    scenes: Mapping[str, xr.Dataset], tile_in: float, title: str, *, rows: int = 1
) -> tuple[Figure, NDArray]:
    """A row of empty panels with the names of the scenes.

    Raises:
        ValueError: No scene.
    """
    if not scenes:
        raise ValueError("no scene was given, so there is nothing to draw")
    count = len(scenes)
    figure = empty_figure(count * tile_in, rows * tile_in + 0.5)
    axes = figure.subplots(rows, count, squeeze=False)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
    for axis, name in zip(axes[0], scenes, strict=True):
        axis.set_title(name, fontsize=8, color=INK)
    figure.suptitle(title, fontsize=8, color=INK)
    return figure, axes.ravel()


def _draw_boxes(axis: Axes, boxes: NDArray, rgb: Sequence[int], width: float) -> None:
    colour = tuple(value / 255 for value in rgb)
    for left, top, right, bottom in boxes.tolist():
        # Pixel centres are at whole numbers, edges half a pixel before them.
        corner, size = (left - 0.5, top - 0.5), (right - left, bottom - top)
        axis.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=width))
