"""What a view of embeddings shows: plane, colours, neighbours and the pictures of one place.

Plain numpy, no widget: the notebook widget, the leafmap panel and the report all ask here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from seco_lab.cube.vegetation import NEAR_INFRARED, RED, vegetation_index
from seco_lab.explore.seasons import season_distances, season_spread
from seco_lab.places import distance_km
from seco_lab.viz import colours
from seco_lab.viz.table import EmbeddingTable, embedding_table
from seco_lab.viz.thumbnails import false_colour_bands, rgb_bands, season_strip, seasons_on

PCA = "PCA as RGB"
SIMILARITY = "similarity to the selected place"
SPREAD = "change through the year"
TILE_PX = 64
_STRIPS_KEPT = 512


class Scene:
    """Embeddings (and their cube) with everything derived from them, computed when first asked for.

    Attributes:
        table: The checked embeddings.
        problems: Sentences to show under the view.
    """

    def __init__(
        self,
        table: EmbeddingTable,
        cube: xr.Dataset | None = None,
        *,
        tile_px: int = TILE_PX,
        problems: Sequence[str] = (),
    ) -> None:
        self.table = table
        self.tile_px = tile_px
        self._cube, problem = _with_pictures(cube)
        self.problems: tuple[str, ...] = (*problems, *table.problems, *problem)
        self._planes: dict[str, np.ndarray] = {}
        self._components: dict[str, np.ndarray] = {}
        self._pca: dict[str, np.ndarray] = {}
        self._strips: dict[tuple[str, int], str] = {}

    @property
    def colour_options(self) -> list[str]:
        """Names that ``colours`` understands."""
        spread = [SPREAD] if self.table.seasons > 1 else []
        return [PCA, SIMILARITY, *spread, *self.table.columns]

    def use_plane(self, space: str, plane: np.ndarray) -> None:
        """Take coordinates made elsewhere (UMAP, two columns) as the plane of a space.

        Args:
            space: Name of the space.
            plane: Shape (P, T, 2), or (P, 2) for the same in all seasons.

        Raises:
            ValueError: Another shape.
        """
        wanted = (self.table.count, self.table.seasons, 2)
        plane = np.asarray(plane, np.float32)
        plane = np.repeat(plane[:, None], wanted[1], axis=1) if plane.ndim == 2 else plane
        if plane.shape != wanted:
            raise ValueError(f"the plane needs shape {wanted} (patch, season, 2), got {plane.shape}")
        self._planes[space] = fit_square(plane)

    def plane(self, space: str) -> np.ndarray:
        """Positions (P, T, 2) float32 in the unit square, y downward; NaN where there is no embedding.

        All seasons share one projection, so that a place's path through the year has a meaning.
        """
        if space not in self._planes:
            self._planes[space] = fit_square(self.components(space)[..., :2])
        return self._planes[space]

    def components(self, space: str) -> np.ndarray:
        """The first three principal components (P, T, 3): two make the plane, all three the colours."""
        if space not in self._components:
            self._components[space] = self.table.spaces[space].components(3)
        return self._components[space]

    def colours(
        self, by: str, space: str, season: int, selected: int = -1
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Colours (P, 3) uint8 and their legend.

        Args:
            by: One of ``colour_options``.
            space: The embedding space that PCA, similarity and spread refer to.
            season: Index of the season.
            selected: The place that similarity refers to, -1 for none.

        Raises:
            LookupError: Unknown ``by``; the message lists the options.
        """
        if by == PCA:
            return self._pca_colours(space)[:, season], {"kind": "pca"}
        if by == SIMILARITY:
            return self._similarity_colours(space, season, selected)
        if by == SPREAD:
            return colours.scale_colours(season_spread(self.table.spaces[space]))
        if by not in self.table.columns:
            raise LookupError(f"cannot colour by {by!r}; known are {', '.join(self.colour_options)}")
        return colours.colours_of(self.table.columns[by])

    def _pca_colours(self, space: str) -> np.ndarray:
        """PCA colours (P, T, 3) uint8, one projection for all seasons."""
        if space not in self._pca:
            parts = self.components(space)
            rgb = colours.unit_to_rgb(colours.stretch(parts.reshape(-1, 3)))
            self._pca[space] = rgb.reshape(parts.shape)
        return self._pca[space]

    def _similarity_colours(
        self, space: str, season: int, selected: int
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Colours by cosine to the selected place; all grey without one."""
        if selected < 0:
            grey = np.full((self.table.count, 3), colours.MISSING_RGB, np.uint8)
            return grey, {"kind": "none", "text": "select a place to see what is similar to it"}
        return colours.scale_colours(self.similarities(space, season, selected))

    def similarities(self, space: str, season: int, index: int) -> np.ndarray:
        """Cosine (P,) float32 of every place to one place, both in the same season; NaN where undefined."""
        return self.table.spaces[space].cosines(season, index)

    def neighbours(self, space: str, season: int, index: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` places with the highest cosine to one place, best first, and these cosines.

        Fewer than ``k`` where there are fewer usable places; none where the place itself has no embedding.
        """
        cosine = self.similarities(space, season, index).copy()
        cosine[index] = np.nan
        usable = np.isfinite(cosine)
        k = min(k, int(usable.sum()))
        if k <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        ranked = np.where(usable, cosine, -np.inf)
        best = np.argpartition(ranked, -k)[-k:]
        best = best[np.argsort(-ranked[best], kind="stable")]
        return best, cosine[best]

    def strip(self, index: int) -> str:
        """Pictures of a place over its seasons as one data URI; empty where there are none."""
        return self._strip_of("true", index, None)

    def false_strip(self, index: int) -> str:
        """The same with near infrared as red; empty where the cube lacks that band."""
        if self._cube is None or false_colour_bands(self._cube) is None:
            return ""
        return self._strip_of("false", index, false_colour_bands(self._cube))

    def ndvi(self, index: int) -> list[float | None]:
        """NDVI of a place in each season, None where unknown; empty where the cube lacks the bands."""
        row = int(self.table.cube_rows[index])
        bands = () if self._cube is None else set(map(str, self._cube["band"].values))
        if row < 0 or not {RED, NEAR_INFRARED} <= set(bands):
            return []
        values = [*vegetation_index(self._cube, np.array([row]))[0], np.nan]
        shown = [values[season] for season in self._seasons(index, row)]
        return [None if np.isnan(value) else round(float(value), 3) for value in shown]

    def _seasons(self, index: int, row: int) -> Sequence[int]:
        """For each season of the embeddings that of the cube, -1 where it has none."""
        if self._cube.sizes["season"] == self.table.seasons:
            return range(self.table.seasons)
        return seasons_on(self._cube, row, self.table.times[index])

    def _strip_of(self, kind: str, index: int, bands: tuple[str, str, str] | None) -> str:
        """Pictures of the cube, kept for the next time; empty where the cube has no such place."""
        row = int(self.table.cube_rows[index])
        if self._cube is None or row < 0:
            return ""
        if (kind, row) not in self._strips:
            if len(self._strips) >= _STRIPS_KEPT:
                self._strips.pop(next(iter(self._strips)))
            seasons = self._seasons(index, row)
            strip = season_strip(self._cube, row, size_px=self.tile_px, bands=bands, seasons=seasons)
            self._strips[kind, row] = strip
        return self._strips[kind, row]

    def place(self, index: int) -> dict[str, Any]:
        """Name, position, dates, column values and pictures of one place, ready for JSON."""
        lon, lat = self.table.lonlat[index]
        dates = ["" if np.isnat(day) else str(day) for day in self.table.times[index]]
        return {
            "index": int(index),
            "name": str(self.table.names[index]),
            "lon": None if np.isnan(lon) else round(float(lon), 5),
            "lat": None if np.isnan(lat) else round(float(lat), 5),
            "dates": dates,
            "facts": [[name, fact_text(values[index])] for name, values in self.table.columns.items()],
            "strip": self.strip(index),
        }

    def detail(self, space: str, season: int, index: int, k: int = 6, *, rival: str = "") -> dict[str, Any]:
        """One place with its path through the plane and its nearest neighbours, ready for JSON.

        Args:
            space: The embedding space.
            season: Number of the season.
            index: The place.
            k: How many neighbours.
            rival: Another space whose neighbours are told, too; empty for none.
        """
        here = {
            **self.place(index),
            "false_strip": self.false_strip(index),
            "ndvi": self.ndvi(index),
            "path": self.path(space, index),
            "neighbours": self._near(space, season, index, k),
            "tile_px": self.tile_px,
        }
        return {**here, "rivals": self._near(rival, season, index, k)} if rival else here

    def path(self, space: str, index: int) -> list[list[float] | None]:
        """Where a place lies in the plane in each season, None where it has no embedding."""
        return [
            None if np.isnan(xy).any() else [float(xy[0]), float(xy[1])] for xy in self.plane(space)[index]
        ]

    def _near(self, space: str, season: int, index: int, k: int) -> list[dict[str, Any]]:
        """The nearest neighbours of a place, ready for JSON."""
        best, cosine = self.neighbours(space, season, index, k)
        return [
            {**self.place(int(i)), "similarity": round(float(value), 4), "km": self._km(index, int(i))}
            for i, value in zip(best, cosine, strict=True)
        ]

    def season_note(self, space: str) -> str:
        """How far the seasons of a place lie apart in a space, beside different places; in words."""
        if self.table.seasons < 2:
            return ""
        apart = season_distances(self.table.spaces[space])
        if apart is None:
            return ""
        seasons, places = apart
        ratio = seasons / max(places, 1e-9)
        told = f"{ratio:.0%} of it" if ratio < 1 else f"{ratio:.1f} times as much"
        return (
            f"In {space!r}, two places of one season differ by {places:.3f} (1 - cosine, mean), "
            f"two seasons of one place by {seasons:.3f}: {told}."
        )

    def _km(self, a: int, b: int) -> float | None:
        """Great-circle distance in km, None where a coordinate is unknown."""
        pair = self.table.lonlat[[a, b]]
        if np.isnan(pair).any():
            return None
        return round(float(distance_km(pair[0, 0], pair[0, 1], pair[1, 0], pair[1, 1])), 1)


def scene_of(
    embeddings: xr.Dataset | xr.DataArray,
    cube: xr.Dataset | None = None,
    *,
    columns: Mapping | None = None,
    problems: Sequence[str] = (),
) -> Scene:
    """The scene of a dataset of embeddings; arguments as ``embedding_table``; ``problems`` come first."""
    return Scene(embedding_table(embeddings, cube, columns=columns), cube, problems=problems)


def _with_pictures(cube: xr.Dataset | None) -> tuple[xr.Dataset | None, tuple[str, ...]]:
    """The cube if true-colour pictures can be made of it, otherwise a sentence that says why not."""
    if cube is None:
        return None, ("no cube was given: places are shown without pictures",)
    try:
        rgb_bands(cube)
    except LookupError as error:
        return None, (str(error.args[0]),)
    return cube, ()


def fit_square(plane: np.ndarray) -> np.ndarray:
    """Positions (..., 2) shifted and scaled into [0.02, 0.98], both axes alike, y turned downward."""
    axes = [plane[..., 0].ravel(), plane[..., 1].ravel()]
    if not any(np.isfinite(axis).any() for axis in axes):
        return np.full(plane.shape, np.nan, np.float32)
    limits = [(np.nanmin(axis), np.nanmax(axis)) for axis in axes]
    span = max(max(high - low for low, high in limits), 1e-9) / 0.96
    placed = [(axis - (low + high) / 2) / span for axis, (low, high) in zip(axes, limits, strict=True)]
    unit = np.stack([0.5 + placed[0], 0.5 - placed[1]], axis=-1)
    return unit.reshape(plane.shape).astype(np.float32)


def fact_text(value: Any) -> str:
    """A column's value as words."""
    if isinstance(value, (float, np.floating)):
        return "unknown" if np.isnan(value) else f"{value:.4g}"
    return str(value)
