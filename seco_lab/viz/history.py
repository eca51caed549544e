"""What a dashboard has seen so far: numbers by name over the steps, read from whatever logs a step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from seco_lab.viz.curves import NOT_DRAWN, panels_of, thin


class StepReport(Protocol):
    """What a loop hands to the dashboard; numbers may be tensors."""

    step: int
    loss: Any
    metrics: Mapping[str, Any]


class History:
    """Curves that grow step by step; a step that comes again (after a resume) replaces what followed it."""

    def __init__(self) -> None:
        self._curves: dict[str, dict[int, float]] = {}
        self.last: dict[str, float] = {}

    def add(self, log: StepReport, extra: Mapping[str, Any] | None = None) -> dict[str, float]:
        """Read all numbers of a step, waiting for the device, and keep them.

        Raises:
            ValueError: The log lacks step or loss.
        """
        values = numbers_of(log, extra)
        step = int(log.step)
        if self.last and step <= self.last["step"]:
            self._forget_from(step)
        for name, value in values.items():
            self._curves.setdefault(name, {})[step] = value
        self.last = {**values, "step": step}
        return values

    def restore(self, table: Mapping[str, Sequence[float]]) -> None:
        """Take in the columns of a metrics table, such as ``read_metrics`` gives: what an earlier run saw.

        Args:
            table: Values by name, all as long as ``"step"``; a cell without value is NaN.

        Raises:
            ValueError: There is no column ``"step"``.
        """
        if "step" not in table:
            raise ValueError(f"a metrics table needs the column step, got {', '.join(table) or 'none'}")
        for row, step in enumerate(table["step"]):
            cells = {name: float(column[row]) for name, column in table.items() if name not in NOT_DRAWN}
            values = {name: value for name, value in cells.items() if not math.isnan(value)}
            for name, value in values.items():
                self._curves.setdefault(name, {})[int(step)] = value
            self.last = {**values, "step": step}

    def _forget_from(self, step: int) -> None:
        """Drop what was logged at this step or later."""
        for curve in self._curves.values():
            for late in [s for s in curve if s >= step]:
                del curve[late]

    def column(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of one quantity."""
        curve = self._curves.get(name, {})
        return np.array(list(curve), np.float64), np.array(list(curve.values()), np.float64)

    @property
    def names(self) -> list[str]:
        """Names of all quantities seen."""
        return list(self._curves)

    def latest(self) -> dict[str, float]:
        """The last value of every quantity, whichever step it is of."""
        return {name: list(curve.values())[-1] for name, curve in self._curves.items() if curve}

    def panels(self, limit: int = 200) -> list[dict[str, Any]]:
        """Curves by panel, thinned, ready for JSON."""
        drawn = []
        for title, names in panels_of(self.names).items():
            lines = [(name, *thin(*self.column(name), limit)) for name in names]
            lines = [
                {"name": name, "steps": steps.tolist(), "values": values.tolist()}
                for name, steps, values in lines
                if len(steps)
            ]
            if lines:
                drawn.append({"title": title, "lines": lines})
        return drawn


def numbers_of(log: StepReport, extra: Mapping[str, Any] | None = None) -> dict[str, float]:
    """All scalars of a log by name: loss, metrics, learning rate, throughput, and what the notebook adds."""
    try:
        values = {"loss": log.loss, **log.metrics}
        _ = log.step
    except AttributeError as error:
        raise ValueError(
            f"a step log needs step, loss and metrics, got {type(log).__name__}: {error}"
        ) from error
    for name, names in {"lr": ("lr",), "images_per_s": ("images_per_s", "images_per_second")}.items():
        found = _first(log, names)
        if found is not None:
            values[name] = found
    return {name: float(value) for name, value in {**values, **(extra or {})}.items()}


def _first(log: StepReport, names: Iterable[str]) -> Any:
    """The first of these attributes that the log has."""
    return next((getattr(log, name) for name in names if getattr(log, name, None) is not None), None)
