"""The empty figure that every drawing of the toolkit starts from."""

from __future__ import annotations

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


class _Shown(Figure):
    """Shows itself as a picture in JupyterLab, which by itself does so only after ``%matplotlib inline``."""

    def _repr_png_(self) -> bytes:
        return figure_png(self)


def empty_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure that knows how to draw itself without pyplot."""
    figure = _Shown(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def figure_png(figure: Figure, *, dpi: int = 100) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
