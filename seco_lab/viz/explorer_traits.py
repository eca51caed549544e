"""The state that the explorer shares with the browser: one trait each, checked where it can be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from seco_lab.viz.colours import OKABE_ITO
from seco_lab.viz.painting import PCA
from seco_lab.viz.webassets import explorer_module, read_asset

# What a user makes or chooses, and finds again after a restart; see ``explorer_state``.
KEPT = (
    *("season", "space", "compare", "colour_by", "clusters", "view", "melt", "selected", "contrast"),
    *("chosen", "filters", "classes", "marks", "liked", "disliked", "pins", "bookmarks"),
)


def _bytes(value: Any, _widget: Any) -> bytes:
    """Bytes from the browser arrive as a view of a message's memory."""
    return bytes(value)


def _shared(trait: traitlets.TraitType) -> Any:
    return trait.tag(sync=True)


class ExplorerTraits(anywidget.AnyWidget):
    """What ``EmbeddingExplorer`` shows and what is done in it, without any of the answers.

    Attributes:
        chosen: The selection, one bit a place, lowest bit first; empty for none. See ``selection``.
        shown: What the filters let through, in the same form; empty for all.
        filters: Column -> ``{"range": [low, high]}`` or ``{"names": [...]}``.
        classes: ``{"name": .., "colour": ..}`` of each class to label with.
        marks: Pairs of the number of a place and that of its class.
        liked: Numbers of places to find more of.
        disliked: Numbers of places to find less of.
        pins: Numbers of places whose way through the seasons stays in the plane.
        asked: Asker (a view in some page) -> number of its last question; see ``Requests``.
        melt: 0 for the Earth, 1 for the plane in the first season, and so on.
    """

    _esm = explorer_module()
    _css = read_asset("web/explorer.css")

    count = _shared(traitlets.Int(0, min=0))
    abilities = _shared(traitlets.List(traitlets.Unicode()))
    palette = _shared(traitlets.List(traitlets.Unicode(), list(OKABE_ITO)))
    mercator = _shared(traitlets.Bytes(b""))
    plane = _shared(traitlets.Bytes(b""))
    rival_plane = _shared(traitlets.Bytes(b""))
    colours = _shared(traitlets.Bytes(b""))
    legend = _shared(traitlets.Dict())
    names = _shared(traitlets.List())  # of text; checked one by one, thousands would hold the picture up
    land = _shared(traitlets.Bytes(b""))
    cities = _shared(traitlets.List())
    tiles = _shared(traitlets.Unicode(""))
    tiles_credit = _shared(traitlets.Unicode(""))
    height = _shared(traitlets.Int(400, min=120))
    contrast = _shared(traitlets.Bool(False))
    view = _shared(traitlets.Enum(("panes", "melt"), "panes"))
    melt = _shared(traitlets.Float(0.0))
    season = _shared(traitlets.Int(0))
    season_labels = _shared(traitlets.List(traitlets.Unicode()))
    colour_by = _shared(traitlets.Unicode(PCA))
    colour_options = _shared(traitlets.List(traitlets.Unicode()))
    clusters = _shared(traitlets.Int(8, min=2, max=40))
    space = _shared(traitlets.Unicode(""))
    spaces = _shared(traitlets.List(traitlets.Unicode()))
    space_note = _shared(traitlets.Unicode(""))
    compare = _shared(traitlets.Unicode(""))
    selected = _shared(traitlets.Int(-1))
    detail = _shared(traitlets.Dict())
    pins = _shared(traitlets.List(traitlets.Int()))
    trails = _shared(traitlets.List(traitlets.Dict()))
    chosen = traitlets.Bytes(b"").tag(sync=True, from_json=_bytes)
    shown = _shared(traitlets.Bytes(b""))
    filters = _shared(traitlets.Dict())
    column_info = _shared(traitlets.List(traitlets.Dict()))
    liked = _shared(traitlets.List(traitlets.Int()))
    disliked = _shared(traitlets.List(traitlets.Int()))
    classes = _shared(traitlets.List(traitlets.Dict()))
    marks = _shared(traitlets.List())
    learned = _shared(traitlets.Dict())
    asked = traitlets.Dict().tag(sync=True, echo_update=False)
    bookmarks = _shared(traitlets.List(traitlets.Dict()))
    problems = _shared(traitlets.List(traitlets.Unicode()))

    @traitlets.validate("season")
    def _season_exists(self, proposal: Mapping[str, Any]) -> int:
        return _within(proposal["value"], 0, len(self.season_labels) - 1, "season")

    @traitlets.validate("melt")
    def _melt_exists(self, proposal: Mapping[str, Any]) -> float:
        return _within(proposal["value"], 0, len(self.season_labels), "melt")

    @traitlets.validate("selected")
    def _place_exists(self, proposal: Mapping[str, Any]) -> int:
        return _within(proposal["value"], -1, self.count - 1, "selected")

    @traitlets.validate("liked", "disliked", "pins")
    def _places_exist(self, proposal: Mapping[str, Any]) -> list[int]:
        for place in proposal["value"]:
            _within(place, 0, self.count - 1, proposal["trait"].name)
        return proposal["value"]

    @traitlets.validate("colour_by")
    def _colour_known(self, proposal: Mapping[str, Any]) -> str:
        return _one_of(proposal["value"], self.colour_options, "colour_by")

    @traitlets.validate("space")
    def _space_known(self, proposal: Mapping[str, Any]) -> str:
        return _one_of(proposal["value"], self.spaces, "space")

    @traitlets.validate("compare")
    def _rival_known(self, proposal: Mapping[str, Any]) -> str:
        return _one_of(proposal["value"], ["", *self.spaces], "compare")

    @traitlets.validate("chosen")
    def _one_bit_a_place(self, proposal: Mapping[str, Any]) -> bytes:
        wanted = (self.count + 7) // 8
        if len(proposal["value"]) not in (0, wanted):
            got = len(proposal["value"])
            raise traitlets.TraitError(f"chosen needs {wanted} bytes, one bit a place, or none, got {got}")
        return proposal["value"]


def _within(value: Any, low: int, high: int, name: str) -> Any:
    """The value, or a TraitError that names the range."""
    if not low <= value <= high:
        raise traitlets.TraitError(f"{name} must lie between {low} and {high}, got {value}")
    return value


def _one_of(value: str, options: Sequence[str], name: str) -> str:
    """The value, or a TraitError that lists the options."""
    if value not in options:
        raise traitlets.TraitError(f"{name} must be one of {', '.join(options)}, got {value!r}")
    return value
