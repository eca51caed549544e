"""Which logged quantities are drawn as bars, one a sub-space: what can be read from an embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Title of the bars, and what the names of their quantities start with; the rest is the name of the space.
BARS: tuple[tuple[str, str], ...] = (
    ("Season that can be read", "season_leak_"),
    ("Augmentation that can be read", "augmentation_leak_"),
)


def bars_of(values: Mapping[str, float]) -> list[dict[str, Any]]:
    """Bars by what is read, ready for JSON; only those that there are numbers for.

    Args:
        values: The latest numbers by name; those that are no leak are passed over.
    """
    panels = []
    for title, start in BARS:
        bars = [
            {"name": name.removeprefix(start), "value": float(value)}
            for name, value in values.items()
            if name.startswith(start)
        ]
        if bars:
            panels.append({"title": title, "bars": bars})
    return panels
