"""``change_map``: two dates of a place on a leafmap map, with what changed and what was called changed."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seco_lab.cube import area_of_patch, grid_of
from seco_lab.viz.figure import figure_png
from seco_lab.viz.map_panel import MapPanel
from seco_lab.viz.maps import LeafmapBackend, MapBackend
from seco_lab.viz.overlays import show_pixels
from seco_lab.viz.scene_figures import MEANING, agreement, change_figure
from seco_lab.viz.thumbnails import season_pictures
from seco_lab.viz.warp import Overlay

PICTURE, ANSWER = "picture", "change"
_TRUTH_RGB, _TOLD_RGB = (230, 97, 1), (0, 114, 178)


class ChangeMap(MapPanel):
    """A map with both dates and layers of change; made by ``change_map``.

    Attributes:
        date: "before" or "after".
        layer: What lies over the picture.
        threshold: Slider: from here on a pixel is called changed.
        opacity: How far the picture shows through.
        legend: HTML with the meaning of the colours and the score at this threshold.
    """

    def __init__(
        self, pair: xr.Dataset, scores: NDArray[np.float32], threshold: float, backend: MapBackend
    ) -> None:
        """Link a pair and a map; see ``change_map``."""
        import ipywidgets

        self._pair, self._scores = pair, scores
        self._pictures = dict(zip(("before", "after"), season_pictures(pair, 0), strict=True))
        self._truth = pair["mask"].values[0] == 1 if "mask" in pair.variables else None
        self._overlay = overlay_of(pair)
        low, high = np.quantile(scores, [0.02, 0.999])
        low, high = min(float(low), threshold), max(float(high), threshold)
        names = ["truth", "prediction", "agreement"] if self._truth is not None else ["prediction"]
        self.date = ipywidgets.ToggleButtons(options=["before", "after"], value="after")
        self.layer = ipywidgets.Dropdown(options=["none", *names], value=names[-1], description="layer")
        step = (high - low) / 200 or 1e-6
        self.threshold = ipywidgets.FloatSlider(
            threshold, min=low, max=high, step=step, description="threshold", readout_format=".3g"
        )
        self.opacity = ipywidgets.FloatSlider(0.8, min=0, max=1, step=0.05, description="opacity")
        self.legend = ipywidgets.HTML()
        controls = [self.date, self.layer, self.threshold, self.opacity, self.legend]
        super().__init__(backend, controls, width_px=330)
        self.date.observe(lambda _c: self._guarded(self._draw_picture), "value")
        for control in (self.layer, self.threshold, self.opacity):
            control.observe(lambda _c: self._guarded(self._draw_answer), "value")
        self._draw_picture()

    def png(self) -> bytes:
        """Both dates and the change as it stands, as a PNG picture."""
        return figure_png(change_figure(self._pair, self._scores, threshold=self.threshold.value), dpi=80)

    def _draw_picture(self) -> None:
        rgb = self._pictures[self.date.value]
        show_pixels(self.backend, rgb, np.ones(rgb.shape[:2], bool), self._overlay, name=PICTURE)
        self._draw_answer()  # a layer that is drawn again would lie above the other

    def _draw_answer(self) -> None:
        told = self._scores >= self.threshold.value
        if self.layer.value == "agreement":
            rgb, shown = agreement(told, self._truth)
        else:
            shown = {"truth": self._truth, "prediction": told, "none": np.zeros_like(told)}[self.layer.value]
            rgb = _TRUTH_RGB if self.layer.value == "truth" else _TOLD_RGB
        show_pixels(self.backend, rgb, shown, self._overlay, name=ANSWER, opacity=self.opacity.value)
        self.legend.value = _legend(told, self._truth)


def change_map(
    pair: xr.Dataset,
    scores: ArrayLike,
    *,
    threshold: float,
    backend: MapBackend | None = None,
    height_px: int = 480,
) -> ChangeMap:
    """Two dates of a place on a map: lay truth, prediction or both over them, and move the threshold.

    Works without a network; with one, tiles show around the scene. A notebook that is reopened without a
    kernel shows a still figure.

    Args:
        pair: A cube of one patch and two dates, as ``load_oscd`` gives; with ``mask`` (1 = changed) where the
            truth is known.
        scores: Shape (H, W), higher means more likely changed.
        threshold: From here on a pixel is called changed.
        backend: The map; a ``LeafmapBackend`` around the scene by default.
        height_px: Height of the map.

    Raises:
        ValueError: Not a pair, scores of another size, or a place that is not known.
        LookupError: The pair has no red, green and blue band.
        ImportError: leafmap or ipywidgets is not installed.
    """
    scores, shape = np.asarray(scores, np.float32), (pair.sizes["y"], pair.sizes["x"])
    if pair.sizes["season"] != 2 or pair.sizes["patch"] != 1 or scores.shape != shape:
        raise ValueError(
            f"wanted a cube of one patch and two dates and a score for each of its {shape[0]} x {shape[1]} "
            f"px, got {pair.sizes['patch']} patches, {pair.sizes['season']} dates and scores {scores.shape}"
        )
    if not np.isfinite(pair["lon"].values).all():
        raise ValueError("nothing says where this pair lies, so it cannot be put on a map; see change_figure")
    bounds = overlay_of(pair).bounds
    return ChangeMap(pair, scores, threshold, backend or LeafmapBackend(bounds, height_px=height_px))


def overlay_of(pair: xr.Dataset) -> Overlay:
    """Where the pixels of a patch lie on a map."""
    area = area_of_patch(pair)
    return Overlay.of(grid_of(area), area.sizes["y"], area.sizes["x"])


def _legend(told: NDArray[np.bool_], truth: NDArray[np.bool_] | None) -> str:
    """Meaning of the colours, and precision, recall and F1."""
    if truth is None:
        return f"<p>{told.mean():.1%} of the pixels are called changed</p>"
    hits, calls, changed = (int(part.sum()) for part in (told & truth, told, truth))
    chips = "".join(
        f"<span style='background:rgb{rgb};padding:0 .6em;margin-right:.3em'></span>{name} &nbsp; "
        for name, rgb in MEANING.items()
    )
    numbers = (
        f"precision {hits / max(calls, 1):.0%}, recall {hits / max(changed, 1):.0%}, "
        f"F1 {2 * hits / max(calls + changed, 1):.0%}"
    )
    return f"<div class='seco-change' style='line-height:1.6'>{chips}<br>{numbers}</div>"
