"""The package's JavaScript and styles as text: no build step, nothing fetched at run time."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=8)
def read_asset(name: str) -> str:
    """The text of a file that lies beside this module, such as ``"explorer.css"``."""
    return (files("seco_lab.viz") / name).read_text(encoding="utf-8")


@lru_cache(maxsize=2)
def explorer_module() -> str:
    """The explorer as one self-contained ES module: the point pane, then what is built on it."""
    return read_asset("points.js") + "\n" + read_asset("explorer.js")
