"""What the explorer answers when its state changes, by mouse or from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import traitlets

from seco_lab.viz.explorer_state import write_state
from seco_lab.viz.explorer_traits import KEPT, ExplorerTraits
from seco_lab.viz.learning import LabelBook
from seco_lab.viz.packing import pack_plane
from seco_lab.viz.painting import LEARNED, LIKE, SIMILARITY, UNCERTAINTY, Look, Painter
from seco_lab.viz.scene import Scene
from seco_lab.viz.selecting import shown_by


class ExplorerAnswers(ExplorerTraits):
    """Reacts to each change of the shared state; ``EmbeddingExplorer`` gives it the data.

    Attributes:
        scene: The embeddings and what is derived from them.
        book: Labels and what was learned from them.
        painter: Colours.
    """

    scene: Scene
    book: LabelBook
    painter: Painter
    _neighbours: int
    _state_file: Path | None
    _ready = False
    _complaints: Mapping[str, str] = MappingProxyType({})

    def save_state(self, path: str | Path) -> Path:
        """Write what was done here (selection, labels, bookmarks, view) as JSON."""
        return write_state(path, {name: getattr(self, name) for name in KEPT}, self.scene.table.patch_hash)

    @traitlets.observe("season", "space", "compare")
    def _on_frame(self, change: Mapping[str, Any]) -> None:
        if change["name"] == "space":
            self._guarded(self._show_note)
        self._guarded(self._learn)
        self._guarded(self._show_points)
        self._guarded(self._show_detail)

    @traitlets.observe("colour_by", "clusters")
    def _on_colour(self, _change: Mapping[str, Any]) -> None:
        self._guarded(self._show_colours)

    @traitlets.observe("selected")
    def _on_select(self, _change: Mapping[str, Any]) -> None:
        if self.colour_by == SIMILARITY:
            self._guarded(self._show_colours)
        self._guarded(self._show_detail)

    @traitlets.observe("pins")
    def _on_pins(self, _change: Mapping[str, Any]) -> None:
        self._guarded(self._show_trails)

    @traitlets.observe("filters")
    def _on_filters(self, _change: Mapping[str, Any]) -> None:
        self._guarded(self._show_filtered)

    @traitlets.observe("liked", "disliked")
    def _on_examples(self, change: Mapping[str, Any]) -> None:
        if change["name"] == "liked" and not change["old"] and change["new"]:
            self.colour_by = LIKE
        elif self.colour_by == LIKE:
            self._guarded(self._show_colours)

    @traitlets.observe("classes", "marks")
    def _on_labels(self, _change: Mapping[str, Any]) -> None:
        self._guarded(self._relabel)

    @traitlets.observe(*(name for name in KEPT if name != "melt"))
    def _on_anything(self, _change: Mapping[str, Any]) -> None:
        # The melt alone is not worth a file sixty times a second; it is kept with the next change.
        if self._state_file is not None:
            self._guarded(self._keep_state)

    def _keep_state(self) -> None:
        self.save_state(self._state_file)

    def _guarded(self, action: Callable[[], Any]) -> None:
        """Run an answer to the browser; a failure becomes a sentence under the widget instead of vanishing.

        Exceptions in a comm callback reach nobody, so every kind is caught here, and only here.
        """
        if not self._ready:
            return
        try:
            action()
        except Exception as error:
            self.complain(action.__name__, sentence_of(error))
        else:
            self.complain(action.__name__, "")

    def complain(self, subject: str, text: str) -> None:
        """Show a sentence under the widget, below what is wrong with the data.

        Args:
            subject: What it is about; a later sentence on the same replaces it.
            text: The sentence, empty once all is well.
        """
        if self._complaints.get(subject, "") == text:
            return
        self._complaints = {**self._complaints, subject: text}
        self.problems = [*self.scene.problems, *filter(None, self._complaints.values())]

    def _look(self) -> Look:
        return Look(
            self.colour_by,
            self.space,
            self.season,
            self.selected,
            tuple(self.liked),
            tuple(self.disliked),
            self.clusters,
            self.compare,
        )

    def _show_space(self) -> None:
        self._show_points()
        self._show_note()

    def _show_note(self) -> None:
        self.space_note = self.scene.season_note(self.space)
        self._show_trails()

    def _show_points(self) -> None:
        self.plane = pack_plane(self.scene.plane(self.space)[:, self.season])
        if self.compare:
            self.rival_plane = pack_plane(self.scene.plane(self.compare)[:, self.season])
        self._show_colours()

    def _show_colours(self) -> None:
        look = self._look()
        try:
            rgb, legend = self.painter.paint(look)
        except Exception:
            self.legend = {"kind": "none", "of": look.asked}
            raise
        with self.hold_sync():
            self.colours = rgb.tobytes()
            self.legend = {**legend, "of": look.asked}

    def _show_detail(self) -> None:
        if self.selected < 0:
            self.detail = {}
            return
        asked = {name: getattr(self, name) for name in ("selected", "space", "season", "compare")}
        found = self.scene.detail(
            self.space, self.season, self.selected, self._neighbours, rival=self.compare
        )
        self.detail = {**found, "of": asked}

    def _show_trails(self) -> None:
        self.trails = [{"index": i, "path": self.scene.path(self.space, i)} for i in self.pins]

    def _show_filtered(self) -> None:
        passed = shown_by(self.filters, self.scene.table.columns)
        # Nothing to show is one byte short of "no filter": an empty set needs its zeros.
        self.shown = b"" if passed is None else np.packbits(passed, bitorder="little").tobytes()

    def _relabel(self) -> None:
        self.book.take(self.classes, self.marks)
        if self.classes and not self.marks:
            self.book.prepare(self.space, self.season)
        fresh = self.book.learned is None
        self._learn()
        if fresh and self.book.learned is not None:
            self.colour_by = LEARNED
        if self.colour_by in (LEARNED, UNCERTAINTY):
            self._show_colours()

    def _learn(self) -> None:
        self.book.learn(self.space, self.season)
        ready = self.book.learned is not None
        self.learned = {
            "next": self.book.next,
            "ready": ready,
            **({"text": self.book.text} if self.book.text else {}),
        }


def sentence_of(error: Exception) -> str:
    """What an error says; our own refusals are sentences already, others get their kind in front."""
    said = str(error.args[0]) if error.args else ""
    return said if isinstance(error, (ValueError, LookupError)) else f"{type(error).__name__}: {error}"
