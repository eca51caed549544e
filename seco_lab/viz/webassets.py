"""The package's JavaScript and styles as text: modules joined by name, nothing built or fetched."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

# One import a line, from a file beside it: all that the modules in viz/web use.
IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:class|const|function|let) )", re.MULTILINE)


@lru_cache(maxsize=64)
def read_asset(name: str) -> str:
    """The text of a file of ``seco_lab/viz``, such as ``"web/explorer.css"``."""
    return (files("seco_lab.viz") / name).read_text(encoding="utf-8")


@lru_cache(maxsize=4)
def joined_module(entry: str) -> str:
    """A module of ``viz/web`` and everything that it imports as one self-contained ES module.

    Widgets and single-file pages take one module of text, so each file is put before those that import it and
    the import lines go. Names at the top level must differ between files; a test sees to it.

    Args:
        entry: File name, such as ``"widget.js"``.
    """
    return "\n".join(_bare(read_asset(f"web/{name}")) for name in module_order(entry))


def module_order(entry: str) -> list[str]:
    """The files that a module needs, each after those that it imports, itself last."""
    done: list[str] = []

    def visit(name: str) -> None:
        for needed in IMPORT.findall(read_asset(f"web/{name}")):
            if needed not in done:
                visit(needed)
        if name not in done:
            done.append(name)

    visit(entry)
    return done


def _bare(text: str) -> str:
    """A module's text without its imports and with its exports as plain declarations."""
    return EXPORT.sub("", IMPORT.sub("", text))


def with_ears(module: str) -> str:
    """A widget's module behind ``web/hearing.js``, whose ``giveEars`` it calls."""
    return f"{_bare(read_asset('web/hearing.js'))}\n{module}"


def explorer_module() -> str:
    """The explorer as one self-contained ES module, as anywidget wants it."""
    return joined_module("widget.js")
