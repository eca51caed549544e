"""What a view of an area shows: colours of its cells, what is similar to one of them, pictures of windows.

Plain numpy, no widget: the map and the figure both ask here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.cube import Grid, as_area, grid_of
from seco_lab.embeddings import check_area_embeddings
from seco_lab.viz.area_colours import NO_DATA, area_picture, directions
from seco_lab.viz.colours import MISSING_RGB, scale_colours
from seco_lab.viz.thumbnails import rgb_bands, to_picture
from seco_lab.viz.warp import Overlay, cell_of, is_geographic, lonlat_of

PCA = "PCA as RGB"
SIMILARITY = "similarity to the clicked place"
TRUE_COLOUR = "true colour"
_TRUE_COLOUR_PX = 1024


@dataclass(frozen=True)
class Found:
    """A cell of an area.

    Attributes:
        row: Row of the cell.
        column: Column of the cell.
        lon: Its middle in degrees.
        lat: Its middle in degrees.
        similarity: Cosine to the cell asked for; 1 for that cell itself.
    """

    row: int
    column: int
    lon: float
    lat: float
    similarity: float


class AreaScene:
    """Embeddings of an area, in memory, with everything derived from them.

    Attributes:
        grid: Grid of the cells.
        shape: Rows and columns of cells.
        seasons: How many seasons there are.
        colour_options: Names that ``layer`` understands.
    """

    def __init__(self, embeddings: xr.Dataset, scene: xr.Dataset | None = None) -> None:
        """Take embeddings of an area and, for pictures, the scene that they were made of.

        Raises:
            ValueError: Not embeddings of an area, or none of its cells has one.
            LookupError: The scene has no red, green and blue band.
        """
        check_area_embeddings(embeddings)
        self._embeddings = embeddings.compute()
        self.grid = grid_of(embeddings)
        self.seasons, self._dim, *self.shape = self._embeddings["embedding"].shape
        self._rgb = np.moveaxis(area_picture(self._embeddings).values, 1, -1)
        self._unit: dict[int, NDArray] = {}
        self._area = None if scene is None else as_area(scene)
        self._bands = None if scene is None else list(rgb_bands(scene))
        self._overlays: dict[str, Overlay] = {}
        self.colour_options = [PCA, SIMILARITY, *([] if scene is None else [TRUE_COLOUR])]

    def season_labels(self) -> list[str]:
        """A name for each season: its date where it is known."""
        if "time" not in self._embeddings.coords:
            return [str(i + 1) for i in range(self.seasons)]
        days = self._embeddings["time"].values.astype("datetime64[D]")
        return [str(i) if np.isnat(day) else str(day) for i, day in enumerate(days, 1)]

    def similarities(self, season: int, row: int, column: int) -> NDArray[np.float32]:
        """Cosine (H, W) of every cell to one cell of the same season; NaN where undefined."""
        if season not in self._unit:
            self._unit = {season: directions(self._embeddings["embedding"].values[season], axis=0)}
        unit = self._unit[season].reshape(self._dim, -1)
        return (np.ascontiguousarray(unit[:, row * self.shape[1] + column]) @ unit).reshape(self.shape)

    def similar(self, season: int, row: int, column: int, count: int) -> list[Found]:
        """The cell itself and the ``count`` most similar ones whose windows do not overlap each other's."""
        cosine = self.similarities(season, row, column)
        left = np.where(np.isfinite(cosine), cosine, -np.inf)
        apart = self._cells_apart()
        found = [self._found(row, column, 1.0)] if np.isfinite(left[row, column]) else []
        for _ in range(count if found else 0):
            last = found[-1]
            rows = slice(max(0, last.row - apart + 1), last.row + apart)
            left[rows, max(0, last.column - apart + 1) : last.column + apart] = -np.inf
            best = np.unravel_index(int(left.argmax()), left.shape)
            if not np.isfinite(left[best]):
                break
            found.append(self._found(int(best[0]), int(best[1]), float(left[best])))
        return found

    def _cells_apart(self) -> int:
        """Cells between the middles of two windows that do not overlap."""
        window, stride = (int(self._embeddings.attrs.get(key, 1)) for key in ("window_px", "stride_px"))
        return max(1, -(-window // stride))

    def _found(self, row: int, column: int, similarity: float) -> Found:
        lon, lat = lonlat_of(self.grid, np.array(row), np.array(column))
        return Found(row, column, float(lon), float(lat), similarity)

    def cell_at(self, lon: float, lat: float) -> tuple[int, int] | None:
        """Row and column of the cell at a point, None beside the area."""
        row, column = (int(n) for n in cell_of(self.grid, np.array(lon), np.array(lat)))
        inside = 0 <= row < self.shape[0] and 0 <= column < self.shape[1]
        return (row, column) if inside else None

    def rgb(
        self, by: str, season: int, cell: tuple[int, int] | None
    ) -> tuple[NDArray, NDArray, dict[str, Any]]:
        """Colours (H, W, 3) uint8, where they are known (H, W), and their legend.

        Raises:
            LookupError: Unknown ``by``; the message lists the options.
        """
        if by == PCA:
            return self._rgb[season], (self._rgb[season] != NO_DATA).any(-1), {"kind": "pca"}
        if by == TRUE_COLOUR and self._area is not None:
            return self._true_colour(season)
        if by != SIMILARITY:
            raise LookupError(f"cannot colour by {by!r}; known are {', '.join(self.colour_options)}")
        if cell is None:
            known = np.isfinite(self._embeddings["embedding"].values[season, 0])
            return np.full((*self.shape, 3), MISSING_RGB, np.uint8), known, {"kind": "none"}
        cosine = self.similarities(season, *cell)
        colours, legend = scale_colours(cosine.ravel())
        return colours.reshape(*self.shape, 3), np.isfinite(cosine), legend

    def _true_colour(self, season: int) -> tuple[NDArray, NDArray, dict[str, Any]]:
        """The scene itself, thinned out to a size that a browser takes."""
        step = self._thinned()
        counts = (
            self._area["reflectance"]
            .isel(season=season)
            .sel(band=self._bands)[:, step // 2 :: step, step // 2 :: step]
            .values
        )
        return to_picture(counts, self._area.attrs["unit"]), (counts != 0).any(0), {"kind": "picture"}

    def true_colour_grid(self) -> Grid:
        """Grid of the picture in true colour; ask only where there is a scene."""
        return grid_of(self._area).coarser(self._thinned())

    def aspect(self) -> float:
        """Height of a unit of the grid over its width, as drawn: above 1 for degrees off the equator."""
        middle = self._found(self.shape[0] // 2, self.shape[1] // 2, 1.0).lat
        return 1 / max(0.05, float(np.cos(np.radians(middle)))) if is_geographic(self.grid.crs) else 1.0

    def _thinned(self) -> int:
        return max(1, -(-max(self._area.sizes["y"], self._area.sizes["x"]) // _TRUE_COLOUR_PX))

    def layer(
        self, by: str, season: int, cell: tuple[int, int] | None
    ) -> tuple[NDArray, Overlay, dict[str, Any]]:
        """A picture (h, w, 4) for a map in Web Mercator, where it lies, and its legend."""
        rgb, known, legend = self.rgb(by, season, cell)
        key = TRUE_COLOUR if by == TRUE_COLOUR else "cells"
        if key not in self._overlays:
            grid = self.true_colour_grid() if by == TRUE_COLOUR else self.grid
            self._overlays[key] = Overlay.of(grid, *rgb.shape[:2])
        return self._overlays[key].picture(rgb, known), self._overlays[key], legend

    def window_picture(self, season: int, row: int, column: int) -> NDArray[np.uint8] | None:
        """The window around a cell in true colour, (h, w, 3); None without a scene."""
        if self._area is None:
            return None
        window, stride = (int(self._embeddings.attrs.get(key, 1)) for key in ("window_px", "stride_px"))
        parts = []
        for at, length in ((row, self._area.sizes["y"]), (column, self._area.sizes["x"])):
            first = int(np.clip((at + 0.5) * stride - window / 2, 0, max(0, length - window)))
            parts.append(slice(first, first + window))
        counts = self._area["reflectance"].isel(season=season).sel(band=self._bands)[:, parts[0], parts[1]]
        return to_picture(counts.values, self._area.attrs["unit"])
