"""``area_map``: embeddings of an area on a leafmap map; a click shows what else looks like that place."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import xarray as xr

from seco_lab.viz.area_figure import area_figure
from seco_lab.viz.area_scene import PCA, SIMILARITY, AreaScene, Found
from seco_lab.viz.map_panel import MapPanel
from seco_lab.viz.maps import LeafmapBackend, MapBackend
from seco_lab.viz.thumbnails import data_uri, shrink

LAYER, MARKS = "area", "selected cells"
TILE_PX = 64


class AreaMap(MapPanel):
    """A map with an area on it; made by ``area_map``.

    Attributes:
        colour: What the colours mean.
        season: Slider over the seasons.
        opacity: How far the map below shows through.
        cell: Row and column of the cell clicked, None before; set it with ``select``.
        panel: HTML with the place and what is most similar to it.
    """

    def __init__(self, scene: AreaScene, backend: MapBackend, *, neighbours: int = 5) -> None:
        """Link a scene and a map; see ``area_map``."""
        import ipywidgets

        self._scene, self._neighbours = scene, neighbours
        self.cell: tuple[int, int] | None = None
        labels = [(label, i) for i, label in enumerate(scene.season_labels())]
        wide = ipywidgets.Layout(width="auto")
        self.season = ipywidgets.SelectionSlider(options=labels, description="season", layout=wide)
        self.colour = ipywidgets.Dropdown(options=scene.colour_options, description="colour", layout=wide)
        self.opacity = ipywidgets.FloatSlider(
            0.85, min=0, max=1, step=0.05, description="opacity", layout=wide
        )
        self.panel = ipywidgets.HTML(_hint())
        season = [self.season] if scene.seasons > 1 else []
        super().__init__(backend, [*season, self.colour, self.opacity, self.panel], width_px=400)
        self._listen()
        self._draw()

    def select(self, row: int, column: int) -> None:
        """Ask for a cell, as a click does: the colours become similarity to it.

        Raises:
            ValueError: No such cell.
        """
        height, width = self._scene.shape
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"wanted a cell in {height} rows and {width} columns, got {row}, {column}")
        self.cell = (row, column)
        if self.colour.value == SIMILARITY:
            self._draw()
        else:
            self.colour.value = SIMILARITY
        self._show_cell()

    def png(self) -> bytes:
        """The area as it stands, as a PNG picture."""
        buffer = io.BytesIO()
        figure = area_figure(self._scene, season=self.season.value, cell=self.cell)
        figure.savefig(buffer, format="png", dpi=80)
        return buffer.getvalue()

    def _listen(self) -> None:
        self.backend.on_click(lambda lon, lat, _m: self._guarded(lambda: self._clicked(lon, lat)))
        self.colour.observe(lambda _c: self._guarded(self._draw), "value")
        self.opacity.observe(lambda _c: self._guarded(self._draw), "value")
        self.season.observe(lambda _c: self._guarded(self._on_season), "value")

    def _clicked(self, lon: float, lat: float) -> None:
        cell = self._scene.cell_at(lon, lat)
        if cell is not None:
            self.select(*cell)

    def _on_season(self) -> None:
        self._draw()
        self._show_cell()

    def _draw(self) -> None:
        picture, overlay, _ = self._scene.layer(self.colour.value, self.season.value, self.cell)
        self.backend.add_raster(picture, overlay.bounds, name=LAYER, opacity=self.opacity.value)

    def _show_cell(self) -> None:
        """Fill the panel and ring the cell and what is most similar to it."""
        if self.cell is None:
            return
        season = self.season.value
        found = self._scene.similar(season, *self.cell, self._neighbours)
        texts = ["", *(str(rank) for rank in range(1, len(found)))][: len(found)]
        self.backend.add_marks([f.lon for f in found], [f.lat for f in found], texts, name=MARKS)
        pictures = [self._scene.window_picture(season, f.row, f.column) for f in found]
        _, _, legend = self._scene.rgb(SIMILARITY, season, self.cell)
        self.panel.value = panel_html(found, pictures, legend)


def area_map(
    embeddings: xr.Dataset,
    scene: xr.Dataset | None = None,
    *,
    backend: MapBackend | None = None,
    neighbours: int = 5,
    height_px: int = 480,
) -> AreaMap:
    """Embeddings of an area on a map; click a place to see how similar everything else is to it.

    Works without a network; with one, tiles show below. A notebook that is reopened without a kernel shows a
    still figure.

    Args:
        embeddings: As ``embed_area`` or ``open_area_embeddings`` returns; held in memory.
        scene: What they were made of, for pictures of the windows and the colour "true colour".
        backend: The map; a ``LeafmapBackend`` around the area by default.
        neighbours: How many similar places a click shows.
        height_px: Height of the map.

    Raises:
        ValueError: Not embeddings of an area, or none of its cells has one.
        LookupError: The scene has no red, green and blue band.
        ImportError: leafmap or ipywidgets is not installed.
    """
    shown = AreaScene(embeddings, scene)
    bounds = shown.layer(PCA, 0, None)[1].bounds
    return AreaMap(shown, backend or LeafmapBackend(bounds, height_px=height_px), neighbours=neighbours)


def panel_html(found: list[Found], pictures: list[np.ndarray | None], legend: dict[str, Any]) -> str:
    """A cell and those most similar to it as HTML: pictures of their windows, cosines, the colour scale."""
    if not found:
        return "<p>There is no embedding at this place: the scene has no data here.</p>"
    ramp = ",".join(legend["colours"])
    bar = f"<div style='height:10px;background:linear-gradient(90deg,{ramp})'></div>"
    scale = f"{bar}<small>cosine {legend['low']:.2f} to {legend['high']:.2f}</small>"
    tiles = [
        _tile(rank, one, picture) for rank, (one, picture) in enumerate(zip(found, pictures, strict=True))
    ]
    first = found[0]
    where = f"<b>lon {first.lon:.4f}, lat {first.lat:.4f}</b> (row {first.row}, column {first.column})"
    return f"<div class='seco-area' style='line-height:1.4'>{where}{scale}<div>{''.join(tiles)}</div></div>"


def _tile(rank: int, one: Found, picture: np.ndarray | None) -> str:
    text = "here" if rank == 0 else f"{rank}: {one.similarity:.3f}"
    image = "" if picture is None else f"<img width={TILE_PX} src='{data_uri(shrink(picture, TILE_PX))}'><br>"
    box = "display:inline-block;margin:2px"
    return f"<span class='seco-similar' style='{box}'>{image}<small>{text}</small></span>"


def _hint() -> str:
    words = "Click the area: everything is coloured by how similar it is to that place."
    return f"<p style='color:#55626b'>{words}</p>"
