"""The explorer's labels: kept by place, learned anew after each change, saved and loaded by patch name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seco_lab.explore import (
    REST,
    Labeller,
    Learned,
    open_label_file,
    place_labels,
    save_labels,
)
from seco_lab.viz.colours import class_palette
from seco_lab.viz.scene import Scene


class LabelBook:
    """Labels of places and what a classifier makes of them.

    Attributes:
        labels: Number of a place -> name of its class.
        absent: Labels of a loaded file whose patches are not here, by patch name: saved again, never lost.
        colours: Name of a class -> its colour.
        learned: The classifier's word on all places; None before there is enough to learn from.
        next: The place that is best labelled next, -1 for none.
        text: What to tell the user.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._labellers: dict[tuple[str, int], Labeller] = {}
        self.labels: dict[int, str] = {}
        self.absent: dict[str, str] = {}
        self.colours: dict[str, str] = {}
        self.learned: Learned | None = None
        self.next = -1
        self.text = ""

    def take(self, classes: Sequence[Mapping[str, str]], marks: Sequence[Sequence[int]]) -> None:
        """Set the labels from what the browser holds: classes with colours, pairs of place and class."""
        self.colours = {str(one["name"]): str(one["colour"]) for one in classes}
        names = list(self.colours)
        self.labels = {int(row): names[int(number)] for row, number in marks}

    def prepare(self, space: str, season: int) -> None:
        """Do what the first label would otherwise wait for: a second, as a rule."""
        from sklearn.linear_model import LogisticRegression  # noqa: F401

        self._labeller(space, season)

    def learn(self, space: str, season: int) -> None:
        """Learn from the labels in one space and season; says what is missing instead of failing."""
        self.learned, self.next = None, -1
        if not set(self.labels.values()) - {REST}:
            self.text = ""
            return
        labeller = self._labeller(space, season)
        try:
            self.learned = labeller.learn(self.labels)
        except ValueError as error:
            self.text = str(error)
            return
        proposed = labeller.most_useful(self.learned, self.labels)
        self.next = int(proposed[0]) if len(proposed) else -1
        self.text = self._summary()

    def _labeller(self, space: str, season: int) -> Labeller:
        """The one of this space and season; only the last is kept."""
        key = space, season
        if key not in self._labellers:
            self._labellers = {key: Labeller(self._scene.table.spaces[space].season(season))}
        return self._labellers[key]

    def _summary(self) -> str:
        doubtful = int((self.learned.uncertainty > 0.5).sum())
        alone = len(set(self.labels.values())) == 1
        against = " against places drawn at random" if alone else ""
        return (
            f"Learned from {len(self.labels)} labels{against}. {doubtful:,} places are doubtful; "
            "the star marks the one whose label would help most (key N)."
        )

    def by_patch(self) -> dict[str, str]:
        """All labels by patch name, those of patches that are not here included."""
        names = self._scene.table.names
        return {**self.absent, **{str(names[row]): name for row, name in self.labels.items()}}

    def save(self, path: str | Path) -> Path:
        """Write the labels; see ``seco_lab.explore.save_labels``."""
        table = self._scene.table
        return save_labels(
            self.by_patch(), path, patches=table.names, lonlat=table.lonlat, classes=self.colours
        )

    def load(self, path: str | Path) -> tuple[list[dict[str, str]], list[list[int]], str]:
        """Classes, marks and a sentence from a file of labels, in the browser's form.

        Classes that are here already keep their colour, others get that of the file.

        Raises:
            FileNotFoundError: No such file.
            ValueError: Not a file of labels.
        """
        held = open_label_file(path)
        placed = place_labels(held.labels, self._scene.table.names)
        tints = {**held.classes, **self.colours}
        self.absent = placed.absent
        names = list(dict.fromkeys([*self.colours, *tints, *sorted(placed.here.values())]))
        palette = class_palette(len(names))
        tints = {name: tints.get(name, palette[k % len(palette)]) for k, name in enumerate(names)}
        classes = [{"name": name, "colour": colour} for name, colour in tints.items()]
        marks = [[row, names.index(name)] for row, name in placed.here.items()]
        said = f"{len(placed.here)} labels of {len(names)} classes loaded."
        return classes, marks, " ".join(filter(None, (said, placed.report())))
