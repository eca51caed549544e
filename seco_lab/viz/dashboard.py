"""``TrainingDashboard``: live curves, throughput and views of a run, and a Stop button that stops it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping, Sequence
from types import FrameType, TracebackType
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from seco_lab.viz.bars import bars_of
from seco_lab.viz.history import History, StepReport
from seco_lab.viz.thumbnails import data_uri

REDRAW_S = 0.5


class Stopped(KeyboardInterrupt):
    """The run was stopped between two steps; the next ``for`` goes on from there."""

    def _render_traceback_(self) -> list[str]:
        # Asked for by IPython: one sentence instead of a traceback, because nothing went wrong.
        return [str(self)]


class TrainingDashboard:
    """Watches a run, in a notebook as a widget and elsewhere as a progress bar.

    In a notebook::

        with TrainingDashboard(run) as dashboard:
            for log in run:
                dashboard.update(log)

    The Stop button (or the notebook's ■) ends the cell after the step at hand, without a traceback; run the
    cell again and the run goes on. Without ``with``, ``update`` does the same and Stop raises a
    KeyboardInterrupt.
    """

    def __init__(
        self,
        run: Any = None,
        *,
        past: Mapping[str, Sequence[float]] | None = None,
        total_steps: int | None = None,
        redraw_s: float = REDRAW_S,
    ) -> None:
        """Nothing is shown before the first ``update`` or until the dashboard is displayed.

        Args:
            run: What is watched; its ``steps`` tell how far there is to go.
            past: Columns of the metrics table of a run that is resumed (``read_metrics``); drawn as its
                beginning.
            total_steps: Number of steps where ``run`` does not know it.
            redraw_s: Least time in seconds between two pictures; drawing must not slow the training.
        """
        self.history = History()
        if past is not None:
            self.history.restore(past)
        self.total_steps = total_steps if total_steps is not None else getattr(run, "steps", None)
        self.stop_requested = False
        self._redraw_s, self._drawn = redraw_s, 0.0
        self._bar: tqdm | None = None
        self._shown = self._shown_by_hand = False
        self._cell = cell_number()
        self._before: Any = None
        self.widget = _new_widget() if in_notebook() else None

    def update(
        self, log: StepReport, extra: Mapping[str, Any] | None = None, *, views: np.ndarray | None = None
    ) -> None:
        """Take in a step and, at most twice a second, draw.

        Args:
            log: What the loop yielded: ``step``, ``loss``, ``metrics``; ``lr``, ``images_per_s`` if any.
            extra: Further numbers by name, such as ``{"knn": 0.61, "alignment": 0.4, "uniformity": -2.1}``;
                those of ``SubspaceMonitor`` are drawn as bars too.
            views: Shape (N, H, W, 3) uint8, pictures of the current views, drawn in one row.

        Raises:
            ValueError: The log lacks step, loss or metrics.
            Stopped: Stop was asked for.
        """
        self._begin_cell()
        self.history.add(log, extra)
        if views is not None and self.widget is not None:
            self.widget.views = data_uri(view_row(views))
        self._show()
        if self.stop_requested or (self.widget is not None and self.widget.stop_requested):
            raise Stopped(f"stopped after step {int(log.step)}; run the cell again to go on")

    def _begin_cell(self) -> None:
        """In a new cell forget a Stop meant for one before: a busy kernel hears it when all is over."""
        if self._cell == cell_number():
            return
        self._cell = cell_number()
        self._reset_stop()
        self._shown = self._shown_by_hand  # a cell that is run again has lost what it showed
        if self.widget is not None:
            self.widget.running = False  # changes with the next picture: the button can be pressed again

    def _show(self) -> None:
        """Draw if enough time has passed."""
        now = time.monotonic()
        done = self.history.last["step"] == self.total_steps
        if now - self._drawn < self._redraw_s and not done:
            return
        if self.widget is None:
            self._show_text()
        else:
            self._display_once()
            self._show_widget(running=not done)
        # Measured after drawing, so that a slow picture does not eat the training's time.
        self._drawn = time.monotonic()

    def _show_text(self) -> None:
        """One line: the fallback where no widget can be shown."""
        if self._bar is None:
            self._bar = tqdm(total=self.total_steps, unit="step")
        last = self.history.last
        shares = {k: f"{v:.2f}" for k, v in last.items() if k.startswith(("top1", "knn"))}
        self._bar.set_postfix({"loss": f"{last['loss']:.3f}", **shares}, refresh=False)
        self._bar.n = int(last["step"])
        self._bar.refresh()

    def _show_widget(self, *, running: bool) -> None:
        """Send numbers and curves to the browser in one message."""
        last, widget = self.history.last, self.widget
        with widget.hold_sync():
            widget.panels = self.history.panels()
            widget.bars = bars_of(self.history.latest())
            widget.numbers = headline(last, self.total_steps)
            widget.progress = min(1.0, last["step"] / self.total_steps) if self.total_steps else 0.0
            widget.running = running
            widget.status = "" if running else "Done."

    def _display_once(self) -> None:
        if not self._shown and self.widget is not None:
            from IPython.display import display

            self._shown = True
            display(self.widget)

    def _ipython_display_(self) -> None:
        # Displaying again in another cell is wanted: views of one widget stay in step.
        self._shown = False
        self._display_once()
        self._shown_by_hand = True

    def __enter__(self) -> TrainingDashboard:
        """Start to hear Stop between steps; shows the widget in this cell."""
        self._cell = cell_number()
        self._reset_stop()
        self._shown = False
        self._display_once()
        if self.widget is not None:
            if self.history.last:
                self._show_widget(running=True)
            self.widget.running = True
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Show the last step and give the interrupt back; a stop ends here, other errors pass."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
        stopped = kind is not None and issubclass(kind, KeyboardInterrupt)
        self._finish(stopped)
        self._reset_stop()
        return stopped

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        """First interrupt: stop after this step. Second: stop now."""
        if self.stop_requested:
            raise KeyboardInterrupt
        self.stop_requested = True

    def _reset_stop(self) -> None:
        self.stop_requested = False
        if self.widget is not None:
            self.widget.stop_requested = False

    def _finish(self, stopped: bool) -> None:
        """Last picture and a sentence about how it ended."""
        step = int(self.history.last.get("step", 0))
        sentence = f"Stopped after step {step}; run the cell again to go on." if stopped else ""
        if self.widget is not None:
            if self.history.last:
                self._show_widget(running=False)
            self.widget.running = False
            self.widget.status = sentence or f"{step} steps done."
        elif self._bar is not None:
            self._show_text()
            self._bar.close()
            self._bar = None


def headline(last: Mapping[str, float], total_steps: int | None) -> list[list[str]]:
    """The few numbers shown large, as pairs of name and text."""
    step = f"{int(last['step'])}" + (f" / {total_steps}" if total_steps else "")
    pairs = [["step", step], ["loss", f"{last['loss']:.3f}"]]
    pairs += [
        [name, f"{100 * value:.0f} %"] for name, value in last.items() if name.startswith(("top1", "knn"))
    ]
    if "images_per_s" in last:
        pairs.append(["images per second", f"{last['images_per_s']:.0f}"])
    return pairs


def view_row(views: np.ndarray, *, most: int = 12) -> np.ndarray:
    """Pictures (N, H, W, 3) uint8 side by side with a white gap, at most ``most``.

    Raises:
        ValueError: Another shape or dtype.
    """
    views = np.asarray(views)
    if views.ndim != 4 or views.shape[-1] != 3 or views.dtype != np.uint8 or not len(views):
        raise ValueError(f"views need shape (N, H, W, 3) of uint8, got {views.shape} of {views.dtype}")
    padded = np.pad(views[:most], ((0, 0), (0, 0), (0, 4), (0, 0)), constant_values=255)
    return np.concatenate(list(padded), axis=1)


def in_notebook() -> bool:
    """Whether this runs in a kernel that can show widgets."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def cell_number() -> int:
    """Number of the notebook's cell that is running, 0 outside notebooks."""
    if not in_notebook():
        return 0
    from IPython import get_ipython

    return int(get_ipython().execution_count)


def _new_widget() -> Any:
    """The widget, made only where one can be shown: importing this module needs no widget library."""
    from seco_lab.viz.dashboard_widget import DashboardWidget

    return DashboardWidget()
