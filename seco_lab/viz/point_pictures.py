"""Points of a map backend: one picture of those in sight, drawn again after each move."""

from __future__ import annotations

import numpy as np

from seco_lab.viz.raster import Bounds, points_in_sight


class PointPictures:
    """What backends share that show points as a picture; a layer per point fails at ten thousand.

    A backend adds ``add_raster`` and tells what the browser shows by ``_view`` and ``_zoom``.
    """

    def __init__(self) -> None:
        self._points: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def add_points(self, lon: np.ndarray, lat: np.ndarray, rgb: np.ndarray, *, name: str) -> None:
        """Show points; see ``MapBackend``."""
        self._points[name] = (np.stack([lon, lat], 1).astype(np.float64), np.asarray(rgb, np.uint8))
        self._draw(name)

    def add_raster(self, picture: np.ndarray, bounds: Bounds, *, name: str, opacity: float = 1.0) -> None:
        """Show a picture; see ``MapBackend``."""
        raise NotImplementedError

    def _view(self) -> Bounds | None:
        """What the browser shows; None before it has answered."""
        raise NotImplementedError

    def _zoom(self) -> float:
        """The zoom, counted from a world of 256 pixels."""
        raise NotImplementedError

    def _redraw(self) -> None:
        for name in self._points:
            self._draw(name)

    def _draw(self, name: str) -> None:
        """Draw a set of points for the part of the world in sight and a margin around it."""
        picture, seen = points_in_sight(*self._points[name], self._view(), zoom=self._zoom())
        self.add_raster(picture, seen, name=name)
