"""``embedding_map``: embeddings as colours on a leafmap map, patches and neighbours in a panel beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import xarray as xr

from seco_lab.places import distance_km
from seco_lab.viz.map_panel import MapPanel
from seco_lab.viz.maps import LeafmapBackend, MapBackend
from seco_lab.viz.raster import extent_of
from seco_lab.viz.scene import SIMILARITY, Scene, scene_of
from seco_lab.viz.still import still_png

TILE_PX = 76
REACH_PX = 14  # how far from a point a click still means it
POINTS, MARKS = "places", "selected"


class EmbeddingMap(MapPanel):
    """A map whose points are coloured by their embeddings; made by ``embedding_map``.

    Attributes:
        season: Slider over the seasons; ``season.value`` from Python.
        place: Number of the selected place, -1 for none.
        colour: What the colours mean.
        panel: HTML with the selected place's patches and its neighbours.
    """

    def __init__(
        self, scene: Scene, backend: MapBackend, *, neighbours: int = 6, space: str | None = None
    ) -> None:
        """Link a scene and a map; see ``embedding_map``."""
        import ipywidgets

        self._scene = scene
        self._space = space or next(iter(scene.table.spaces))
        self._neighbours = neighbours
        labels = [(label, i) for i, label in enumerate(scene.table.season_labels())]
        wide = ipywidgets.Layout(width="auto")
        self.season = ipywidgets.SelectionSlider(options=labels, description="season", layout=wide)
        self.place = ipywidgets.BoundedIntText(
            -1, min=-1, max=scene.table.count - 1, description="place", layout=wide
        )
        self.colour = ipywidgets.Dropdown(options=scene.colour_options, description="colour", layout=wide)
        self.panel = ipywidgets.HTML(_hint())
        super().__init__(backend, [self.season, self.colour, self.place, self.panel], width_px=430)
        self._listen()
        self._draw_points()
        self._tell()

    def png(self) -> bytes:
        """The map as it stands beside the embedding plane, as a PNG picture."""
        chosen = [self.place.value] if self.place.value >= 0 else []
        plane = self._scene.plane(self._space)[:, self.season.value]
        return still_png(self._scene.table.lonlat, plane, self._colours(), chosen=chosen)

    def _listen(self) -> None:
        self.backend.on_click(lambda *event: self._guarded(lambda: self._clicked(*event)))
        self.season.observe(lambda _c: self._guarded(self._on_season), "value")
        self.place.observe(lambda _c: self._guarded(self._on_place), "value")
        self.colour.observe(lambda _c: self._guarded(self._draw_points), "value")

    def _standing_problems(self) -> Sequence[str]:
        return self._scene.problems

    def _clicked(self, lon: float, lat: float, metres_per_pixel: float) -> None:
        """Select the place under the pointer, if there is one."""
        index = nearest_place(self._scene.table.lonlat, lon, lat, REACH_PX * metres_per_pixel / 1000)
        if index >= 0:
            self.place.value = index

    def _on_season(self) -> None:
        self._draw_points()
        self._show_place()

    def _on_place(self) -> None:
        if self.colour.value == SIMILARITY:
            self._draw_points()
        self._show_place()

    def _show_place(self) -> None:
        """Fill the panel and ring the place and its neighbours."""
        index = self.place.value
        if index < 0:
            self.panel.value = _hint()
            self.backend.add_marks([], [], [], name=MARKS)
            return
        detail = self._scene.detail(self._space, self.season.value, index, self._neighbours)
        self.panel.value = panel_html(detail, self.season.value)
        marked = [m for m in [detail, *detail["neighbours"]] if m["lon"] is not None]
        texts = ["" if m is detail else str(detail["neighbours"].index(m) + 1) for m in marked]
        self.backend.add_marks([m["lon"] for m in marked], [m["lat"] for m in marked], texts, name=MARKS)

    def _draw_points(self) -> None:
        lon, lat = self._scene.table.lonlat.T
        self.backend.add_points(lon, lat, self._colours(), name=POINTS)

    def _colours(self) -> np.ndarray:
        """Colours (P, 3) of the places as they are chosen now."""
        rgb, _ = self._scene.colours(self.colour.value, self._space, self.season.value, self.place.value)
        return rgb


def embedding_map(
    embeddings: xr.Dataset,
    cube: xr.Dataset | None = None,
    *,
    columns: Mapping[str, Sequence] | None = None,
    backend: MapBackend | None = None,
    neighbours: int = 6,
    height_px: int = 480,
) -> EmbeddingMap:
    """Embeddings as colours on a map; click a place to see its seasons and its nearest neighbours.

    Args:
        embeddings: See ``seco_lab.viz.table.embedding_table``.
        cube: Source of the pictures.
        columns: Name -> (P,) further values to colour by.
        backend: The map; a ``LeafmapBackend`` around the places by default.
        neighbours: How many nearest neighbours a click shows.
        height_px: Height of the map.

    Raises:
        ValueError: No embeddings, or shapes that do not fit.
        ImportError: leafmap or ipywidgets is not installed.
    """
    scene = scene_of(embeddings, cube, columns=columns)
    chosen = backend or LeafmapBackend(extent_of(scene.table.lonlat), height_px=height_px)
    return EmbeddingMap(scene, chosen, neighbours=neighbours)


def nearest_place(lonlat: np.ndarray, lon: float, lat: float, reach_km: float) -> int:
    """Row of the place nearest to a point within ``reach_km``, -1 where there is none.

    Args:
        lonlat: Shape (P, 2), degrees; NaN rows are never found.
        lon: Degrees; maps that wrap around report values beyond 180.
        lat: Degrees.
        reach_km: How far at most.
    """
    far = distance_km(lonlat[:, 0], lonlat[:, 1], (lon + 180) % 360 - 180, lat)
    far = np.where(np.isfinite(far), far, np.inf)
    best = int(np.argmin(far))
    return best if far[best] <= reach_km else -1


def panel_html(detail: Mapping[str, Any], season: int) -> str:
    """A place with its neighbours as HTML: pictures over the seasons, dates, cosine and distance."""
    lon, lat = detail["lon"], detail["lat"]
    where = "position unknown" if lon is None else f"lon {lon:.3f}, lat {lat:.3f}"
    facts = " · ".join(f"{escape(name)}: {escape(value)}" for name, value in detail["facts"])
    weights = ["bold" if i == season else "normal" for i in range(len(detail["dates"]))]
    box = f"display:inline-block;width:{TILE_PX}px"
    dates = "".join(
        f"<span style='{box};font-weight:{weight}'>{escape(date or str(i))}</span>"
        for i, (date, weight) in enumerate(zip(detail["dates"], weights, strict=True), 1)
    )
    rows = "".join(_neighbour_html(rank, n) for rank, n in enumerate(detail["neighbours"], 1))
    rest = rows or "<p>No other place can be compared with this one.</p>"
    return (
        f"<div class='seco-panel' style='line-height:1.4'><b>{escape(detail['name'])}</b> {where}<br>"
        f"{_strip_html(detail, TILE_PX)}<div style='font-size:11px'>{dates}</div><small>{facts}</small><br>"
        f"<b>Most alike in this season</b>{rest}</div>"
    )


def _neighbour_html(rank: int, neighbour: Mapping[str, Any]) -> str:
    km = "" if neighbour["km"] is None else f", {neighbour['km']:,.0f} km away"
    text = f"{rank}. {escape(neighbour['name'])}: cosine {neighbour['similarity']:.3f}{km}"
    return f"<div class='seco-neighbour'>{_strip_html(neighbour, 44)}<small>{text}</small></div>"


def _strip_html(place: Mapping[str, Any], tile_px: int) -> str:
    """The pictures of a place over its seasons in one row."""
    if not place["strip"]:
        return "<div style='color:#66727b'>no pictures</div>"
    width = tile_px * len(place["dates"])
    alt = f"{escape(place['name'])} over {len(place['dates'])} seasons"
    gaps = f"repeating-linear-gradient(90deg,transparent 0 {tile_px - 3}px,#fff {tile_px - 3}px {tile_px}px)"
    paint = f"background:{gaps},url({place['strip']}) 0 0/{width}px {tile_px}px"
    return f"<div role='img' aria-label='{alt}' style='width:{width}px;height:{tile_px}px;{paint}'></div>"


def _hint() -> str:
    return (
        "<p style='color:#55626b'>Click a place to see it through the seasons and what is most like it.</p>"
    )
