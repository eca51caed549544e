"""What the points of the explorer can be coloured by, beyond what a still scene knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.explore import (
    REST,
    Clusters,
    Compared,
    LeadingChange,
    cluster,
    compare_models,
    leading_change,
    query_of,
)
from seco_lab.viz import colours
from seco_lab.viz.learning import LabelBook
from seco_lab.viz.scene import PCA, SIMILARITY, SPREAD, Scene

LIKE = "like the examples"
FIRST = "first principal component"
CLUSTERS = "clusters"
CHANGE = "leading change of the year"
DISAGREEMENT = "disagreement with the other space"
LEARNED = "labels, learned"
UNCERTAINTY = "labels, uncertainty"
OVERLAP_K = 10
# Places whose neighbours are compared at the first look: as many as answer within a few seconds.
ASKED_MOST, ASKED_LEAST, ASKED_TIMES_PLACES = 1_000, 200, 10_000_000
REST_COLOUR = "#c9ced2"
PALE = np.array([225, 228, 230])
SHADES, DOUBT_FADES = 64, 0.85  # of a class's colour, and how much of it a tie takes away

__all__ = [
    "CHANGE",
    "CLUSTERS",
    "DISAGREEMENT",
    "FIRST",
    "LEARNED",
    "LIKE",
    "PCA",
    "SIMILARITY",
    "SPREAD",
    "UNCERTAINTY",
    "Look",
    "Painter",
]


@dataclass(frozen=True)
class Look:
    """What colours depend on, besides the embeddings.

    Attributes:
        by: One of ``Painter.options``.
        space: Name of the embedding space.
        season: Number of the season.
        selected: The place that similarity refers to, -1 for none.
        liked: Places to find more of.
        disliked: Places to find less of.
        clusters: How many clusters.
        compare: The other space, empty for none.
    """

    by: str
    space: str
    season: int
    selected: int = -1
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    clusters: int = 8
    compare: str = ""

    @property
    def asked(self) -> dict[str, Any]:
        """The explorer's traits that these colours answer: the browser may ask for others by now."""
        plain = {name: getattr(self, name) for name in ("clusters", "season", "space", "compare")}
        return {"colour_by": self.by, **plain}


class Painter:
    """Colours and legends of a scene; what is slow to find is kept until something else is asked."""

    def __init__(self, scene: Scene, book: LabelBook) -> None:
        self._scene = scene
        self._book = book
        self._kept: dict[tuple, Any] = {}

    @property
    def options(self) -> list[str]:
        """Names that ``paint`` understands."""
        year = [CHANGE] if self._scene.table.seasons > 1 else []
        rival = [DISAGREEMENT] if len(self._scene.table.spaces) > 1 else []
        plain = self._scene.colour_options
        own = len(plain) - len(self._scene.table.columns)
        made = [FIRST, LIKE, CLUSTERS, *year, *rival, LEARNED, UNCERTAINTY]
        return [*plain[:own], *made, *plain[own:]]

    def paint(self, look: Look) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Colours (P, 3) and their legend.

        Raises:
            LookupError: Unknown ``by``.
        """
        ways: dict[str, Callable[[Look], tuple[NDArray, dict[str, Any]]]] = {
            FIRST: self._first,
            LIKE: self._like,
            CLUSTERS: self._clusters,
            CHANGE: self._change,
            DISAGREEMENT: self._disagreement,
            LEARNED: self._learned,
            UNCERTAINTY: self._uncertainty,
        }
        if look.by in ways:
            return ways[look.by](look)
        return self._scene.colours(look.by, look.space, look.season, look.selected)

    def compared(self, look: Look) -> Compared:
        """What the two spaces agree on in this season.

        Raises:
            ValueError: Too few places that both know.
        """
        first, second = (self._places(name, look.season) for name in (look.space, look.compare))
        many = int(np.clip(ASKED_TIMES_PLACES // len(first), ASKED_LEAST, ASKED_MOST))
        asked = np.arange(0, len(first), -(-len(first) // many))
        return self._once(
            ("compared", look.space, look.compare, look.season),
            lambda: compare_models(first, second, k=min(OVERLAP_K, max(1, len(first) - 2)), ask=asked),
        )

    def _places(self, space: str, season: int) -> Any:
        return self._scene.table.spaces[space].season(season)

    def _first(self, look: Look) -> tuple[NDArray, dict[str, Any]]:
        """One component instead of three: readable for the colour-blind, and in print."""
        along = self._scene.components(look.space)[..., 0]
        low, high = np.nanpercentile(along, [2, 98]) if np.isfinite(along).any() else (0.0, 1.0)
        return colours.scale_colours(along[:, look.season], limits=(float(low), float(high)))

    def _like(self, look: Look) -> tuple[NDArray, dict[str, Any]]:
        if not look.liked:
            return self._grey("mark a place with 'More like this' to see what is like it")
        places = self._places(look.space, look.season)
        rgb, legend = colours.scale_colours(places.cosines(query_of(places, look.liked, look.disliked)))
        note = f"cosine to {len(look.liked)} examples, away from {len(look.disliked)}"
        return rgb, {**legend, "note": note}

    def _clusters(self, look: Look) -> tuple[NDArray, dict[str, Any]]:
        places = self._places(look.space, look.season)
        count = min(look.clusters, int(places.usable.sum()) // 2)
        if count < 2:
            return self._grey("clusters need four places or more that have a vector")
        key = ("clusters", look.space, look.season, count)
        found: Clusters = self._once(key, lambda: cluster(places, count))
        palette = np.array([colours.rgb_of(c) for c in colours.class_palette(count)], np.uint8)
        rgb = np.where(found.labels[:, None] < 0, colours.MISSING_RGB, palette[found.labels % len(palette)])
        names = [f"{k + 1}: {size:,}" for k, size in enumerate(found.sizes)]
        hexes = [colours.hex_of(palette[k % len(palette)]) for k in range(count)]
        return rgb.astype(np.uint8), {"kind": "classes", "names": names, "colours": hexes}

    def _change(self, look: Look) -> tuple[NDArray, dict[str, Any]]:
        found: LeadingChange = self._once(
            ("change", look.space), lambda: leading_change(self._scene.table.spaces[look.space])
        )
        limit = float(np.nanpercentile(np.abs(found.positions), 98)) if found.share > 0 else 1.0
        rgb, legend = colours.scale_colours(found.positions[:, look.season], limits=(-limit, limit))
        share = f"this one direction holds {found.share:.0%} of all movement through the year"
        return rgb, {**legend, "note": share}

    def _disagreement(self, look: Look) -> tuple[NDArray, dict[str, Any]]:
        if not look.compare:
            return self._grey("choose a space under 'Compare with'")
        found = self.compared(look)
        told = found.summary()
        rgb, legend = colours.scale_colours(found.disagreement)
        low, high = told["overlap_ci"]
        note = (
            f"of {found.k} nearest neighbours {look.space!r} and {look.compare!r} share "
            f"{told['overlap']:.0%} ({low:.0%} to {high:.0%}, {len(found.asked):,} places asked); "
            f"by chance {told['by_chance']:.1%}"
        )
        return rgb, {**legend, "low_text": "agree", "high_text": "disagree", "note": note}

    def _learned(self, look: Look) -> tuple[NDArray, dict[str, Any]]:
        learned = self._book.learned
        if learned is None:
            return self._grey("name classes and label a few places under 'Label and learn'")
        tints = {**self._book.colours, REST: REST_COLOUR}
        hexes = [tints[name] for name in learned.classes]
        best, known = learned.best(), np.isfinite(learned.uncertainty)
        # One row of shades a class, from its colour to grey; looked up, because a million blends take long.
        steps = np.linspace(0, DOUBT_FADES, SHADES)[:, None]
        shades = np.stack([np.array(colours.rgb_of(c)) * (1 - steps) + PALE * steps for c in hexes])
        step = (np.where(known, learned.uncertainty, 0) * (SHADES - 1)).astype(np.intp)
        rgb = shades.astype(np.uint8)[np.maximum(best, 0), step]
        rgb[best < 0] = colours.MISSING_RGB
        counts = np.bincount(best[best >= 0], minlength=len(hexes))
        names = [f"{name}: {count:,}" for name, count in zip(learned.classes, counts, strict=True)]
        note = "the paler, the less certain"
        return rgb, {"kind": "classes", "names": names, "colours": hexes, "note": note}

    def _uncertainty(self, look: Look) -> tuple[NDArray, dict[str, Any]]:
        if self._book.learned is None:
            return self._grey("name classes and label a few places under 'Label and learn'")
        rgb, legend = colours.scale_colours(self._book.learned.uncertainty, limits=(0.0, 1.0))
        return rgb, {**legend, "low_text": "certain", "high_text": "a tie"}

    def _grey(self, text: str) -> tuple[NDArray, dict[str, Any]]:
        grey = np.full((self._scene.table.count, 3), colours.MISSING_RGB, np.uint8)
        return grey, {"kind": "none", "text": text}

    def _once(self, key: tuple, find: Callable[[], Any]) -> Any:
        """The answer to the last question of its kind, or a new one."""
        if self._kept.get(key[:1], (None,))[0] != key:
            self._kept[key[:1]] = (key, find())
        return self._kept[key[:1]][1]
