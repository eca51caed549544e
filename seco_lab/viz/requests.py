"""Questions of the explorer's browser side that are answered once: a season's plane, a city, a file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.places import City, Place, find_places
from seco_lab.viz.explorer_answers import sentence_of
from seco_lab.viz.packing import pack_plane
from seco_lab.viz.selecting import frame_bytes

if TYPE_CHECKING:
    from seco_lab.viz.explorer import EmbeddingExplorer

Answer = tuple[dict[str, Any], list[bytes]]


class Requests:
    """Answers messages ``{"ask": .., "asker": .., "number": .., ...}``.

    An answer is ``{"asker": .., "answers": number, ...}`` and buffers. A question that fails is answered,
    too, without buffers, and its reason is shown under the widget: the browser waits for each number.

    A message can overtake changes of state that the browser made before it and still holds back; ``asked``
    travels with those changes, and a question is held until its number has come. Each view in each page
    counts for itself: pages know nothing of each other, and one loaded anew nothing of what it had asked.
    """

    def __init__(self, explorer: EmbeddingExplorer) -> None:
        self._explorer = explorer
        self._held: list[Mapping[str, Any]] = []
        self._come: dict[str, int] = {}
        self._ways = {
            "frame": self._frame,
            "places": self._places,
            "find": self._find,
            "export": self._export,
            "save_labels": self._save_labels,
            "load_labels": self._load_labels,
        }

    def __call__(self, _widget: Any, content: Mapping[str, Any], _buffers: Sequence[Any]) -> None:
        """Answer one message, or hold it until the changes before it are here."""
        self._held.append(content)
        self.answer_held({})

    def answer_held(self, asked: Mapping[str, int]) -> None:
        """Answer the questions whose changes of state have come: all up to ``asked`` of each asker."""
        self._come |= asked
        held, self._held = self._held, []
        for content in held:
            if content["number"] > self._come.get(content["asker"], 0):
                self._held.append(content)
            else:
                self._answer(content)

    def _answer(self, content: Mapping[str, Any]) -> None:
        try:
            answer, buffers = self._ways[content["ask"]](content)
            said = ""
        except Exception as error:  # a failure in a message's callback would reach nobody
            said = sentence_of(error)
            answer, buffers = {"text": said, "found": [], "places": []}, []
        self._explorer.complain(content["ask"], said)
        back = {"asker": content["asker"], "answers": content["number"]}
        self._explorer.send({**back, **answer}, buffers)

    def _frame(self, content: Mapping[str, Any]) -> Answer:
        plane = self._explorer.scene.plane(content["space"])[:, content["season"]]
        return {}, [pack_plane(plane)]

    def _places(self, content: Mapping[str, Any]) -> Answer:
        return {"places": [self._explorer.scene.place(int(row)) for row in content["rows"]]}, []

    def _find(self, content: Mapping[str, Any]) -> Answer:
        try:
            found = find_places(str(content["text"]))
        except (LookupError, ValueError) as error:
            return {"found": [], "text": str(error.args[0])}, []
        return {"found": [_told(place) for place in found]}, []

    def _export(self, content: Mapping[str, Any]) -> Answer:
        kind = str(content["format"])
        return {"name": f"selection.{kind}"}, [frame_bytes(self._explorer.selection, kind)]

    def _save_labels(self, _content: Mapping[str, Any]) -> Answer:
        with tempfile.TemporaryDirectory() as folder:
            path = self._explorer.save_labels(Path(folder) / "labels.json")
            return {"name": path.name}, [path.read_bytes()]

    def _load_labels(self, content: Mapping[str, Any]) -> Answer:
        with tempfile.TemporaryDirectory() as folder:
            # The name in messages is the user's, the folder is ours.
            path = Path(folder) / f"{Path(str(content['name'])).stem}.json"
            path.write_text(str(content["text"]), encoding="utf-8")
            return {"text": self._explorer.load_labels(path)}, []


def _told(place: Place) -> dict[str, Any]:
    """A place as the search box lists it."""
    note = f"{place.country}, {place.population:,} people" if isinstance(place, City) else "coordinates"
    return {"title": place.name, "note": note, "lon": place.lon, "lat": place.lat}
