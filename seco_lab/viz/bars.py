"""Which logged quantities are drawn as bars, one a sub-space: what moves an embedding, what can be read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# Title of the bars, what the names of their quantities start with (the rest is the name of the space), and
# what 0 and 1 mean.
BARS: tuple[tuple[str, str, str, str], ...] = (
    ("How far the season moves an embedding", "season_shift_", "not at all", "as another place"),
    ("How far augmentation moves an embedding", "augmentation_shift_", "not at all", "as another place"),
    ("Season that can be read", "season_leak_", "as guessing", "always right"),
    ("Augmentation that can be read", "augmentation_leak_", "as guessing", "always right"),
)


def bars_of(values: Mapping[str, float]) -> list[dict[str, Any]]:
    """Bars by what is read, ready for JSON; only those that there are numbers for.

    Args:
        values: The latest numbers by name, such as ``season_leak_all``; others are passed over.
    """
    panels = []
    for title, start, low, high in BARS:
        bars = [
            {"name": name.removeprefix(start), "value": float(value)}
            for name, value in values.items()
            if name.startswith(start) and math.isfinite(value)
        ]
        if bars:
            panels.append({"title": title, "low": low, "high": high, "bars": bars})
    return panels
