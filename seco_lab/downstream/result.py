"""What an evaluation says: scores with intervals, the baselines beside them, and how it was done."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.downstream.metrics import bootstrap_interval
from seco_lab.downstream.tables import markdown_table
from seco_lab.whole import whole_file

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Score:
    """One number between 0 and 1 with its 95 % bootstrap interval.

    Attributes:
        value: Mean over all test items.
        low: Lower end of the interval.
        high: Upper end.
        items: Shape (N,), whether each test item is right; kept for paired comparisons.
        draws: Shape (R,), values of the resamples, for scores that are no mean over items. Equal seeds and
            test lists are resampled alike, so that draws of two encoders are pairs.
    """

    value: float
    low: float
    high: float
    items: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)
    draws: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, items: ArrayLike, *, seed: int = 0) -> Score:
        """The score of per-item results (N,), right or wrong."""
        items = np.asarray(items, bool)
        return cls(float(items.mean()), *bootstrap_interval(items, seed=seed), items)

    @classmethod
    def drawn(cls, value: float, draws: ArrayLike) -> Score:
        """The score of resampled values (R,); NaN where a resample gives none."""
        draws = np.asarray(draws, np.float32)
        low, high = np.nanquantile(draws, [0.025, 0.975])
        return cls(float(value), float(min(low, value)), float(max(high, value)), draws=draws)

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True)
class Protocol:
    """How a result came about; saved beside it, so that it can be repeated.

    Attributes:
        task: Name of the task, such as "eurosat".
        kind: "sound", or "official" for a paper's own protocol with its quirks.
        split: In words: which images are the test list.
        train_hash: Hash of the training images.
        test_hash: Hash of the test images; results compare only where it agrees.
        sizes: Number of images: train, validation (a part of train), test.
        classes: Class names.
        seed: Seed of every draw.
        settings: Everything chosen or fixed: strengths and the one chosen, k, epochs, precision, ...
        encoder: Name and hash of the encoder.
        input_spec: The encoder's input contract.
        notes: Sentences that a reader of the number should know.
    """

    task: str
    kind: str
    split: str
    train_hash: str
    test_hash: str
    sizes: Mapping[str, int]
    classes: tuple[str, ...]
    seed: int
    settings: Mapping[str, Any]
    encoder: Mapping[str, str]
    input_spec: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: list(v) if isinstance(v, tuple) else _plain(v) for name, v in values.items()}


def _plain(value: Any) -> Any:
    return {key: _plain(v) for key, v in value.items()} if isinstance(value, Mapping) else value


@dataclass(frozen=True)
class Result:
    """Scores of one encoder on one task.

    Attributes:
        name: Whose result it is, for tables.
        metric: What the scores are, such as "accuracy".
        scores: By how the encoder was used: "linear", "knn", "finetune", ...; the first is the main one.
        baselines: What the numbers must be held against: "floor", "untrained", "random_features".
        per_class: Main score of each class; None where no test item has that class.
        protocol: How it was done.
    """

    name: str
    metric: str
    scores: Mapping[str, Score]
    baselines: Mapping[str, Score]
    per_class: Mapping[str, float | None]
    protocol: Protocol

    @property
    def main(self) -> Score:
        """The first score."""
        return next(iter(self.scores.values()))

    @property
    def score(self) -> float:
        """Value of the main score, 0 to 1."""
        return self.main.value

    @property
    def ci(self) -> tuple[float, float]:
        """95 % bootstrap interval of the main score."""
        return self.main.low, self.main.high

    def to_dict(self, *, items: bool = False) -> dict[str, Any]:
        """One flat dictionary: each score as ``name`` and ``name_ci``, then per_class and protocol.

        Args:
            items: Whether to add the items and draws of each score, packed, for paired comparisons later.
        """
        out: dict[str, Any] = {"name": self.name, "task": self.protocol.task, "metric": self.metric}
        scores = {**self.scores, **self.baselines}
        for name, score in scores.items():
            out |= {name: score.value, f"{name}_ci": [score.low, score.high]}
        out |= {"score_names": list(self.scores), "baseline_names": list(self.baselines)}
        out |= {"per_class": dict(self.per_class), "protocol": self.protocol.to_dict()}
        if items:
            out["items"] = {
                n: _packed(np.packbits(s.items)) for n, s in scores.items() if s.items is not None
            }
            out["item_count"] = {n: len(s.items) for n, s in scores.items() if s.items is not None}
            out["draws"] = {n: _packed(s.draws) for n, s in scores.items() if s.draws is not None}
        return out

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Result:
        """The inverse of ``to_dict``.

        Raises:
            ValueError: A key is missing.
        """
        try:
            protocol = {**values["protocol"]}
            protocol |= {name: tuple(protocol[name]) for name in ("classes", "notes")}
            groups = [
                {n: _score(n, values) for n in values[key]} for key in ("score_names", "baseline_names")
            ]
            return cls(values["name"], values["metric"], *groups, values["per_class"], Protocol(**protocol))
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is not a whole result, {error!r}") from error

    def save(self, path: str | Path) -> None:
        """Write JSON, with what paired comparisons need."""
        with whole_file(path) as partial:
            partial.write_text(json.dumps(self.to_dict(items=True), indent=1))

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Read what ``save`` wrote.

        Raises:
            ValueError: Not a result.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text()))
        except ValueError as error:  # not JSON, not text, or not whole
            raise ValueError(f"{path} is not a result that was saved: {error}") from error

    def row(self) -> dict[str, Any]:
        """One row of a table: name, task and all scores in percent, with intervals in words."""
        scores = {**self.scores, **self.baselines}
        head = {"name": self.name, "task": self.protocol.task, "protocol": self.protocol.kind}
        return head | {name: str(score) for name, score in scores.items()}

    def to_frame(self) -> pd.DataFrame:
        """The scores as a table: one row each, value and interval."""
        import pandas as pd

        rows = [
            {
                "score": name,
                "value": s.value,
                "low": s.low,
                "high": s.high,
                "baseline": name in self.baselines,
            }
            for name, s in {**self.scores, **self.baselines}.items()
        ]
        return pd.DataFrame(rows).set_index("score")

    def to_markdown(self) -> str:
        """The scores in percent as a Markdown table."""
        return markdown_table([self.row()])

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _packed(values: NDArray) -> str:
    return base64.b64encode(values).decode()


def _score(name: str, values: Mapping[str, Any]) -> Score:
    items, draws = (values.get(key, {}).get(name) for key in ("items", "draws"))
    if items is not None:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(items), np.uint8))
        items = bits[: values["item_count"][name]].astype(bool)
    if draws is not None:
        draws = np.frombuffer(base64.b64decode(draws), np.float32)
    return Score(values[name], *values[f"{name}_ci"], items, draws)
