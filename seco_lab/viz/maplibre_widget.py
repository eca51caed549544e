"""leafmap's MapLibre map as a widget that keeps every layer, however late it is added or the page loaded."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from seco_lab.viz.webassets import read_asset, with_ears

Call = list[Any]  # method of the browser's map, its arguments
_EXPORT = re.compile(r"export\s*\{\s*([\w$]+) as default\s*\};?")


@lru_cache(maxsize=1)
def map_class() -> type:
    """Leafmap's map, with three differences.

    It tells the browser of itself only once it is whole: as it is, it opens with no style and sends its own a
    moment later; a browser that draws at once fetches the default style from a network, and stays empty where
    there is none. Its list of calls is what a page needs that draws it now, not what was once called. And no
    call is lost while the browser loads; see ``maplibre_calls.js``.

    Raises:
        ImportError: leafmap is not installed.
    """
    try:
        from leafmap.maplibregl import Map  # seconds to import, therefore here and not at the top
        from maplibre.ipywidget import MapWidget
    except ImportError as error:
        raise ImportError("maps need leafmap and maplibre: pip install 'seco-lab[lab]'") from error

    class WholeMap(Map):
        _esm = patient_module(str(MapWidget._esm))
        _whole = False

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.on_msg(self._answer)

        def open(self) -> None:
            if self._whole:
                super().open()

        def tell(self) -> None:
            self._whole = True
            self.open()

        def add_call(self, method: str, *arguments: Any) -> None:
            call = [method, list(arguments)]
            self.calls = still_needed([*self.calls, call])
            self.send({"calls": [call]})

        def _answer(self, _widget: Any, content: Any, _buffers: Any) -> None:
            if content == {"ask": "calls"}:
                self.send({"whole": self.calls})

        def _should_send_property(self, key: str, value: Any) -> bool:
            # The whole list, with its pictures, is for a view that begins, and such a view asks.
            return key != "calls" and super()._should_send_property(key, value)

    return WholeMap


def patient_module(module: str) -> str:
    """The module of MapLibre's widget with ours behind it.

    Raises:
        ImportError: It ends otherwise than those that are known.
    """
    found = _EXPORT.search(module)
    if found is None:
        raise ImportError("this version of maplibre is not known here: install the one in constraints.txt")
    drawn = f"const DrawnMap = {found[1]};\n{with_ears(read_asset('maplibre_calls.js'))}"
    return module[: found.start()] + drawn + module[found.end() :]


def still_needed(calls: list[Call]) -> list[Call]:
    """The calls that lead a fresh map to where these lead: layers in their order, without those removed."""
    sources: dict[str, Call] = {}
    layers: dict[str, Call] = {}
    order: list[str] = []
    others: list[Call] = []
    for call in calls:
        method, arguments = call
        if method == "addSource":
            sources[arguments[0]] = call
        elif method == "addLayer":
            name, before = arguments[0]["id"], (*arguments, None)[1]
            order.insert(order.index(before) if before in order else len(order), name)
            layers[name] = ["addLayer", [arguments[0], None]]
        elif method == "removeSource":
            sources.pop(arguments[0], None)
        elif method == "removeLayer" and arguments[0] in layers:
            order.remove(arguments[0])
            del layers[arguments[0]]
        else:
            others.append(call)
    popups = [call for call in others if call[0] == "addPopup" and call[1][0] in layers]
    plain = [call for call in others if call[0] not in ("addPopup", "removeLayer")]
    return [*plain, *sources.values(), *(layers[name] for name in order), *popups]
