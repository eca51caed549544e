"""``EmbeddingExplorer``: a map and an embedding plane, linked, in a notebook; up to a million places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
import xarray as xr
from numpy.typing import ArrayLike

from seco_lab.viz.basemap import largest_cities, packed_land
from seco_lab.viz.explorer_answers import ExplorerAnswers
from seco_lab.viz.explorer_state import read_state
from seco_lab.viz.explorer_traits import KEPT
from seco_lab.viz.joining import thinned, with_models
from seco_lab.viz.learning import LabelBook
from seco_lab.viz.map_panel import with_still
from seco_lab.viz.packing import pack_mercator
from seco_lab.viz.painting import Painter
from seco_lab.viz.requests import Requests
from seco_lab.viz.scene import Scene, scene_of
from seco_lab.viz.selecting import (
    bits_of,
    chosen_of,
    column_info,
    places_frame,
    rows_of,
    write_frame,
)
from seco_lab.viz.still import still_png

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

NAMES_LIMIT = 20_000  # above this the tooltip says the number of a place instead of its name
ABILITIES = ["find", "label", "examples", "csv", "geojson", "parquet"]


class EmbeddingExplorer(ExplorerAnswers):
    """Embeddings on a map and in a plane; a click shows a place through the year beside what is most like it.

    Mouse and Python do the same: set ``season``, ``selected``, ``colour_by``, ``space``, ``view``, ``melt``
    or ``filters``, or use the widget. What is wrong with the data is listed in ``problems`` and under the
    widget; the rest is shown.

    Args:
        embeddings: ``embedding`` (patch, season, dim), ``lon``, ``lat``, ``time``; see ``embedding_table``.
        cube: Source of the pictures; matched by ``patch``.
        columns: Name -> (P,) further values to colour and filter by.
        models: Name -> embeddings of other models, matched by ``patch``: further spaces to compare.
        plane: Positions (P, T, 2) or (P, 2) instead of the PCA of the first space, for example of UMAP.
        neighbours: How many nearest neighbours a click shows.
        tiles: Address of online map tiles, such as ``"https://tile.example/{z}/{x}/{y}.png"``; none by
            default, so that nothing is fetched.
        tiles_credit: The credit that those tiles ask for.
        state_file: A JSON file that keeps selection, labels, bookmarks and view after each change; if it is
            there already, the explorer continues from it.

    Raises:
        ValueError: No embeddings, or shapes that do not fit; see ``embedding_table``.
    """

    def __init__(
        self,
        embeddings: xr.Dataset | xr.DataArray,
        cube: xr.Dataset | None = None,
        *,
        columns: Mapping[str, Sequence] | None = None,
        models: Mapping[str, xr.Dataset] | None = None,
        plane: np.ndarray | None = None,
        neighbours: int = 6,
        tiles: str = "",
        tiles_credit: str = "",
        state_file: str | Path | None = None,
    ) -> None:
        embeddings, columns, few = thinned(embeddings, columns)
        embeddings, lacking = with_models(embeddings, models or {})
        self.scene: Scene = scene_of(embeddings, cube, columns=columns, problems=(*few, *lacking))
        table = self.scene.table
        first = next(iter(table.spaces))
        if plane is not None:
            self.scene.use_plane(first, plane)
        self.book = LabelBook(self.scene)
        self.painter = Painter(self.scene, self.book)
        self._neighbours = neighbours
        self._state_file = None if state_file is None else Path(state_file)
        super().__init__(
            count=table.count,
            abilities=ABILITIES,
            mercator=pack_mercator(table.lonlat),
            names=table.names.astype(str).tolist() if table.count <= NAMES_LIMIT else [],
            land=packed_land(),
            cities=[list(city) for city in largest_cities()],
            tiles=tiles,
            tiles_credit=tiles_credit,
            season_labels=table.season_labels(),
            colour_options=self.painter.options,
            column_info=column_info(table.columns),
            spaces=list(table.spaces),
            space=first,
            problems=list(self.scene.problems),
        )
        self._requests = Requests(self)
        self.on_msg(self._requests)
        self._ready = True
        self._show_space()
        self._continue()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take changes from the browser, then answer the questions that were asked after them."""
        try:
            super().set_state(sync_data)
        finally:  # a change that is refused must not leave a question without an answer
            self._requests.answer_held(sync_data.get("asked", {}))

    @property
    def selection(self) -> GeoDataFrame:
        """The selected places: patch, lon, lat, dates, columns, label, and a point; one row each."""
        rows = rows_of(self.chosen, self.count)
        labels = {"class": [self.book.labels.get(int(row), "") for row in rows]} if self.book.labels else {}
        return places_frame(self.scene.table, rows, labels)

    def choose(self, places: ArrayLike) -> None:
        """Select places by their numbers or by a mask (P,); they stand out in every pane.

        Raises:
            ValueError: A place that is not there, or a mask of another length.
        """
        self.chosen = bits_of(chosen_of(places, self.count))

    def save_selection(self, path: str | Path) -> Path:
        """Write the selected places; the ending says how: .parquet (GeoParquet), .geojson or .csv.

        Raises:
            ValueError: Nothing is selected, or another ending.
        """
        if not self.chosen:
            raise ValueError("nothing is selected: draw a lasso in the widget, or call choose([...]) first")
        return write_frame(self.selection, path)

    def label(self, places: ArrayLike, name: str) -> None:
        """Label places, by their numbers or a mask, with a class; a new name makes a new class.

        Raises:
            ValueError: A place that is not there.
        """
        rows = np.flatnonzero(chosen_of(places, self.count)).tolist()
        names = [one["name"] for one in self.classes]
        if name not in names:
            colour = self.palette[len(names) % len(self.palette)]
            self.classes = [*self.classes, {"name": name, "colour": colour}]
        number = (names if name in names else [*names, name]).index(name)
        self.marks = [mark for mark in self.marks if mark[0] not in rows] + [[row, number] for row in rows]

    def save_labels(self, path: str | Path) -> Path:
        """Write the labels by patch name, as .json or as GeoParquet (.parquet)."""
        return self.book.save(path)

    def load_labels(self, path: str | Path) -> str:
        """Replace the labels by those of a file.

        Returns:
            A sentence on what was found, and on labels whose patches are not here.

        Raises:
            FileNotFoundError: No such file.
            ValueError: Not a file of labels.
        """
        classes, marks, said = self.book.load(path)
        self.marks = []
        self.classes = classes
        self.marks = marks
        return said

    def load_state(self, path: str | Path) -> None:
        """Continue from a file of ``save_state``.

        Raises:
            FileNotFoundError: No such file.
            ValueError: Not such a file, or made with other places.
        """
        state = read_state(path, self.scene.table.patch_hash)
        # The first label and the first example choose a colour; the one that was kept comes last.
        for name in (*KEPT, "colour_by"):
            if name in state:
                setattr(self, name, state[name])

    def _continue(self) -> None:
        """Take up the state file where there is one; one that does not fit is named and kept as it is."""
        if self._state_file is None or not self._state_file.exists():
            return
        path, self._state_file = self._state_file, None
        try:
            self.load_state(path)
            self._state_file = path
        except (ValueError, traitlets.TraitError) as error:
            self.complain("state", f"{error}; the file is left as it is, and nothing is saved to it")

    def png(self) -> bytes:
        """The map and the plane as they stand, as a PNG picture."""
        rgb = np.frombuffer(self.colours, np.uint8).reshape(-1, 3)  # as the browser has them
        plane = self.scene.plane(self.space)[:, self.season]
        hidden = np.zeros(self.count, bool)
        if self.shown:
            hidden[:] = True
            hidden[rows_of(self.shown, self.count)] = False
        return still_png(
            self.scene.table.lonlat, plane, rgb, hidden=hidden, chosen=rows_of(self.chosen, self.count)
        )

    def to_html(self, path: str | Path, *, title: str = "Embeddings on a map") -> Path:
        """Write the explorer as one self-contained page that needs neither Python nor a network.

        Returns:
            The path written.
        """
        from seco_lab.viz.report import write_explorer_page

        return write_explorer_page(path, self.scene, space=self.space, title=title)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**options)
        return None if bundle is None else with_still(bundle, self.png())
