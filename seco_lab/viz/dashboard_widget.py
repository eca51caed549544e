"""The browser's side of the training dashboard: traits that it draws."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from seco_lab.viz.webassets import read_asset, with_ears


class DashboardWidget(anywidget.AnyWidget):
    """Curves, bars, numbers, views and the Stop button; filled by ``TrainingDashboard``."""

    _esm = with_ears(read_asset("dashboard.js"))
    _css = read_asset("dashboard.css")

    panels = traitlets.List(traitlets.Dict()).tag(sync=True)
    bars = traitlets.List(traitlets.Dict()).tag(sync=True)
    numbers = traitlets.List().tag(sync=True)
    progress = traitlets.Float(0.0, min=0.0, max=1.0).tag(sync=True)
    status = traitlets.Unicode("").tag(sync=True)
    running = traitlets.Bool(False).tag(sync=True)
    views = traitlets.Unicode("").tag(sync=True)
    stop_requested = traitlets.Bool(False).tag(sync=True)
    kernel_id = traitlets.Unicode("").tag(sync=True)

    @traitlets.default("kernel_id")
    def _this_kernel(self) -> str:
        return kernel_id()


def kernel_id() -> str:
    """The id under which the notebook server knows this kernel; empty outside one."""
    try:
        from ipykernel.connect import get_connection_file

        return Path(get_connection_file()).stem.removeprefix("kernel-")
    except (ImportError, RuntimeError):
        return ""
