"""``EmbeddingExplorer``: a map and an embedding plane, linked, in a notebook; up to a million places."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
import xarray as xr

from seco_lab.viz.basemap import largest_cities, packed_land
from seco_lab.viz.packing import pack_mercator, pack_plane
from seco_lab.viz.scene import PCA, SIMILARITY, Scene, scene_of
from seco_lab.viz.still import still_png
from seco_lab.viz.webassets import explorer_module, read_asset

NAMES_LIMIT = 20_000  # above this the tooltip says the number of a place instead of its name


class EmbeddingExplorer(anywidget.AnyWidget):
    """Embeddings on a map and in a plane; a click shows a place through the year beside what is most like it.

    Set ``season``, ``selected``, ``colour_by`` or ``space`` from Python, or use mouse and keyboard: both do
    the same. What is wrong with the data is listed in ``problems`` and under the widget; the rest is shown.

    Args:
        embeddings: ``embedding`` (patch, season, dim), ``lon``, ``lat``, ``time``; see ``embedding_table``.
        cube: Source of the pictures; matched by ``patch``.
        columns: Name -> (P,) further values to colour by.
        plane: Positions (P, T, 2) or (P, 2) instead of the PCA of the first space, for example of UMAP.
        neighbours: How many nearest neighbours a click shows.
        tiles: Address of online map tiles, such as ``"https://tile.example/{z}/{x}/{y}.png"``; none by
            default, so that nothing is fetched.
        tiles_credit: The credit that those tiles ask for.

    Raises:
        ValueError: No embeddings, or shapes that do not fit; see ``embedding_table``.
    """

    _esm = explorer_module()
    _css = read_asset("explorer.css")

    count = traitlets.Int(0, min=0).tag(sync=True)
    mercator = traitlets.Bytes(b"").tag(sync=True)
    plane = traitlets.Bytes(b"").tag(sync=True)
    colours = traitlets.Bytes(b"").tag(sync=True)
    legend = traitlets.Dict().tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    land = traitlets.Bytes(b"").tag(sync=True)
    cities = traitlets.List().tag(sync=True)
    tiles = traitlets.Unicode("").tag(sync=True)
    tiles_credit = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(380, min=120).tag(sync=True)
    season = traitlets.Int(0).tag(sync=True)
    season_labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    colour_by = traitlets.Unicode(PCA).tag(sync=True)
    colour_options = traitlets.List(traitlets.Unicode()).tag(sync=True)
    space = traitlets.Unicode("").tag(sync=True)
    spaces = traitlets.List(traitlets.Unicode()).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    detail = traitlets.Dict().tag(sync=True)
    problems = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        embeddings: xr.Dataset | xr.DataArray,
        cube: xr.Dataset | None = None,
        *,
        columns: Mapping[str, Sequence] | None = None,
        plane: np.ndarray | None = None,
        neighbours: int = 6,
        tiles: str = "",
        tiles_credit: str = "",
    ) -> None:
        self.scene: Scene = scene_of(embeddings, cube, columns=columns)
        table = self.scene.table
        first = next(iter(table.spaces))
        if plane is not None:
            self.scene.use_plane(first, plane)
        self._neighbours = neighbours
        super().__init__(
            count=table.count,
            mercator=pack_mercator(table.lonlat),
            names=table.names.tolist() if table.count <= NAMES_LIMIT else [],
            land=packed_land(),
            cities=[list(city) for city in largest_cities()],
            tiles=tiles,
            tiles_credit=tiles_credit,
            season_labels=table.season_labels(),
            colour_options=self.scene.colour_options,
            spaces=list(table.spaces),
            space=first,
            problems=list(self.scene.problems),
        )
        self._ready = True
        self._show_points()

    @traitlets.validate("season")
    def _season_exists(self, proposal: Mapping[str, Any]) -> int:
        return _within(proposal["value"], 0, self.scene.table.seasons - 1, "season")

    @traitlets.validate("selected")
    def _place_exists(self, proposal: Mapping[str, Any]) -> int:
        return _within(proposal["value"], -1, self.scene.table.count - 1, "selected")

    @traitlets.validate("colour_by")
    def _colour_known(self, proposal: Mapping[str, Any]) -> str:
        return _one_of(proposal["value"], self.scene.colour_options, "colour_by")

    @traitlets.validate("space")
    def _space_known(self, proposal: Mapping[str, Any]) -> str:
        return _one_of(proposal["value"], list(self.scene.table.spaces), "space")

    @traitlets.observe("season", "space")
    def _on_frame(self, _change: Mapping[str, Any]) -> None:
        self._guarded(self._show_points)
        self._guarded(self._show_detail)

    @traitlets.observe("colour_by")
    def _on_colour(self, _change: Mapping[str, Any]) -> None:
        self._guarded(self._show_colours)

    @traitlets.observe("selected")
    def _on_select(self, _change: Mapping[str, Any]) -> None:
        if self.colour_by == SIMILARITY:
            self._guarded(self._show_colours)
        self._guarded(self._show_detail)

    def _guarded(self, action: Any) -> None:
        """Run an answer to the browser; a failure becomes a sentence under the widget instead of vanishing.

        Exceptions in a comm callback reach nobody, so every kind is caught here, and only here.
        """
        if not getattr(self, "_ready", False):
            return
        try:
            action()
        except Exception as error:
            self.problems = [*self.scene.problems, f"{type(error).__name__}: {error}"]

    def _show_points(self) -> None:
        self.plane = pack_plane(self.scene.plane(self.space)[:, self.season])
        self._show_colours()

    def _show_colours(self) -> None:
        rgb, legend = self.scene.colours(self.colour_by, self.space, self.season, self.selected)
        with self.hold_sync():
            self.colours = rgb.tobytes()
            self.legend = legend

    def _show_detail(self) -> None:
        if self.selected < 0:
            self.detail = {}
            return
        self.detail = self.scene.detail(self.space, self.season, self.selected, self._neighbours)

    def png(self) -> bytes:
        """The map and the plane as they stand, as a PNG picture."""
        rgb, _ = self.scene.colours(self.colour_by, self.space, self.season, self.selected)
        plane = self.scene.plane(self.space)[:, self.season]
        return still_png(self.scene.table.lonlat, plane, rgb)

    def to_html(self, path: str | Path, *, title: str = "Embeddings on a map") -> Path:
        """Write the explorer as one self-contained page that needs neither Python nor a network.

        Returns:
            The path written.
        """
        from seco_lab.viz.report import write_explorer_page

        return write_explorer_page(path, self.scene, space=self.space, title=title)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        data, metadata = bundle
        # Seen where no kernel or widget library runs: reopened notebooks, code hosts, exports.
        return {**data, "image/png": base64.b64encode(self.png()).decode()}, metadata


def _within(value: int, low: int, high: int, name: str) -> int:
    """The value, or a TraitError that names the range."""
    if not low <= value <= high:
        raise traitlets.TraitError(f"{name} must lie between {low} and {high}, got {value}")
    return value


def _one_of(value: str, options: Sequence[str], name: str) -> str:
    """The value, or a TraitError that lists the options."""
    if value not in options:
        raise traitlets.TraitError(f"{name} must be one of {', '.join(options)}, got {value!r}")
    return value
