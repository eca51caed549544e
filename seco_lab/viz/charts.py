"""Charts as SVG text for pages that stand alone: scores with intervals, and training curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Literal

import numpy as np

from seco_lab.viz.colours import OKABE_ITO
from seco_lab.viz.curves import panels_of, thin

ROLES = ("trained", "untrained", "floor")
_LETTER_PX = 7.6  # bold, of the labels at the ends of curves


@dataclass(frozen=True)
class ScoreRow:
    """One number of one model on one task.

    Attributes:
        task: What was measured, such as ``"linear probe"``.
        model: Whose number it is, such as ``"SeCo, 300 steps"``.
        value: Share in [0, 1].
        low: Lower end of the 95 % interval, None where unknown.
        high: Upper end.
        role: ``"trained"``, ``"untrained"`` (same network, first weights) or ``"floor"`` (needs no network).
    """

    task: str
    model: str
    value: float
    low: float | None = None
    high: float | None = None
    role: Literal["trained", "untrained", "floor"] = "trained"

    def __post_init__(self) -> None:
        """Check role and range.

        Raises:
            ValueError: A share outside [0, 1] or an unknown role.
        """
        if self.role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, got {self.role!r}")
        for number in (self.value, self.low, self.high):
            if number is not None and not 0 <= number <= 1:
                raise ValueError(f"scores are shares between 0 and 1, got {number} for {self.model!r}")

    @property
    def words(self) -> str:
        """``"63.1 % (61.0 to 65.2)"``."""
        interval = "" if self.low is None else f" ({100 * self.low:.1f} to {100 * self.high:.1f})"
        return f"{100 * self.value:.1f} %{interval}"


def score_chart(scores: Sequence[ScoreRow]) -> str:
    """One row a score, grouped by task: a mark at the value, a line over its 95 % interval."""
    tasks = list(dict.fromkeys(score.task for score in scores))
    low = min(min(s.value if s.low is None else s.low for s in scores), 0.5)
    left, width, row_px = 250, 760, 30
    start = np.floor(low * 10) / 10

    def x(share: float) -> float:
        return left + (share - start) / (1 - start) * (width - left - 130)

    parts, y = [], 6
    for task in tasks:
        y += 26 if not parts else 42
        parts.append(f'<text x="0" y="{y}" class="task">{escape(task)}</text>')
        for score in (s for s in scores if s.task == task):
            y += row_px
            parts.append(_score_row(score, x, y))
    grid = "".join(_tick(x(t), y + 16, f"{100 * t:.0f} %") for t in np.arange(start, 1.001, 0.1))
    label = "; ".join(f"{s.task}, {s.model}: {s.words}" for s in scores)
    return (
        f'<svg class="chart" viewBox="0 0 {width} {y + 38}" role="img" aria-label="{escape(label)}">'
        f"{grid}{''.join(parts)}</svg>"
    )


def _score_row(score: ScoreRow, x: Callable[[float], float], y: float) -> str:
    """Label, interval, mark and number of one score."""
    colour = {"trained": OKABE_ITO[0], "untrained": "#6b7780", "floor": OKABE_ITO[5]}[score.role]
    at, top = x(score.value), y - 4
    bar = ""
    if score.low is not None:
        ends = f'x1="{x(score.low):.1f}" x2="{x(score.high):.1f}" y1="{top}" y2="{top}"'
        bar = f'<line {ends} stroke="{colour}" class="bar"/>'
    mark = {
        "trained": f'<circle cx="{at:.1f}" cy="{top}" r="6.5" fill="{colour}"/>',
        "untrained": f'<circle cx="{at:.1f}" cy="{top}" r="5.5" fill="#fff" stroke="{colour}"/>',
        "floor": f'<path d="M{at:.1f} {top - 7}l7 7-7 7-7-7z" fill="{colour}"/>',
    }[score.role]
    weight = ' class="strong"' if score.role == "trained" else ""
    number = (
        f'<text x="{max(at, x(score.high or 0)) + 14:.1f}" y="{y}"{weight}>{100 * score.value:.1f} %</text>'
    )
    name = f'<text x="14" y="{y}"{weight}>{escape(score.model)}</text>'
    title = escape(f"{score.task}, {score.model}: {score.words}")
    return f"<g><title>{title}</title>{name}{bar}{mark}{number}</g>"


def _tick(x: float, bottom: float, text: str) -> str:
    """A vertical grid line with its label."""
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="14" y2="{bottom}" class="grid"/>'
        f'<text x="{x:.1f}" y="{bottom + 16}" class="tick" text-anchor="middle">{text}</text>'
    )


def curve_charts(columns: Mapping[str, Sequence[float]], *, x: str = "step") -> str:
    """Small charts of everything logged, one a kind of quantity.

    Args:
        columns: Name -> numbers; must hold ``x``.
        x: The column on the horizontal axis.

    Raises:
        LookupError: ``x`` is not a column.
    """
    if x not in columns:
        raise LookupError(
            f"training curves need a column {x!r}; there are {', '.join(map(str, columns)) or 'none'}"
        )
    steps = np.asarray(columns[x], np.float64)
    charts = []
    for title, names in panels_of(name for name in columns if name != x).items():
        lines = {name: thin(steps, np.asarray(columns[name], np.float64)) for name in names}
        lines = {name: line for name, line in lines.items() if len(line[0])}
        if lines:
            charts.append(_curve_chart(title, lines))
    return "".join(charts)


def _curve_chart(title: str, lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """One panel: curves with their names and last values at their ends."""
    labels = _end_labels(lines)
    width, height, left, top, bottom = 340, 170, 44, 28, 22
    right = 12 + _LETTER_PX * max(map(len, labels))
    steps = np.concatenate([s for s, _ in lines.values()])
    values = np.concatenate([v for _, v in lines.values()])
    low, high = float(values.min()), float(values.max())
    pad = (high - low) * 0.06 or max(abs(high) * 0.05, 1e-6)
    low, high, first, last = low - pad, high + pad, float(steps.min()), float(steps.max())

    def point(step: float, value: float) -> tuple[float, float]:
        across = (step - first) / max(last - first, 1e-9)
        return left + across * (width - left - right), top + (high - value) / (high - low) * (
            height - top - bottom
        )

    body = "".join(
        _axis_tick(value, point(first, value)[1], left, width - right) for value in _ticks(low, high)
    )
    ends = _apart([point(s[-1], v[-1])[1] for s, v in lines.values()], lowest=height - bottom)
    for (xs, ys), colour, end, label in zip(lines.values(), _cycle(), ends, labels, strict=False):
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in map(point, xs, ys))
        body += f'<polyline points="{path}" stroke="{colour}" class="curve"/>'
        at = f'x="{width - right + 5}" y="{end + 4:.1f}"'
        body += f'<text {at} style="fill:{colour}" class="end">{escape(label)}</text>'
    words = "; ".join(f"{n} from {_short(v[0])} to {_short(v[-1])}" for n, (_, v) in lines.items())
    foot = f'<text x="{width - right}" y="{height - 6}" class="tick" text-anchor="end">step {last:.0f}</text>'
    head = f'<svg class="chart panel" viewBox="0 0 {width} {height}" role="img"'
    return (
        f'{head} aria-label="{escape(title)}: {escape(words)}"><title>{escape(words)}</title>'
        f'<text x="0" y="14" class="task">{escape(title)}</text>{body}{foot}</svg>'
    )


def _end_labels(lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> list[str]:
    """What stands at the end of each curve: its last value, after its own name where there are several."""
    own = [name.partition("_")[2] if len(lines) > 1 else "" for name in lines]
    return [f"{name} {_short(v[-1])}".strip() for name, (_, v) in zip(own, lines.values(), strict=True)]


def _cycle() -> tuple[str, ...]:
    """Colours of curves in one panel, those that are legible on white first."""
    return (OKABE_ITO[0], OKABE_ITO[5], OKABE_ITO[2], OKABE_ITO[3], "#8a6d00", OKABE_ITO[7]) * 4


def _axis_tick(value: float, y: float, x0: float, x1: float) -> str:
    """A horizontal grid line with its label."""
    return (
        f'<line x1="{x0}" x2="{x1}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        f'<text x="{x0 - 6}" y="{y + 3.5:.1f}" class="tick" text-anchor="end">{_short(value)}</text>'
    )


def _ticks(low: float, high: float) -> np.ndarray:
    """Two to five round numbers between low and high."""
    raw = (high - low) / 4
    power = 10 ** np.floor(np.log10(raw))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= raw * 0.999)
    return (
        np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step + 0.0
    )  # plus zero: never minus zero


def _apart(positions: Sequence[float], *, lowest: float, gap: float = 13) -> list[float]:
    """Label positions pushed apart so that none overlap nor lie under ``lowest``, order kept."""
    result = list(positions)
    order = np.argsort(result)
    for before, after in pairwise(order):
        result[after] = max(result[after], result[before] + gap)
    below = lowest
    for at in order[::-1]:
        result[at] = min(result[at], below)
        below = result[at] - gap
    return result


def _short(value: float) -> str:
    """A number in at most five characters or so."""
    if value and (abs(value) < 0.01 or abs(value) >= 10_000):
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
