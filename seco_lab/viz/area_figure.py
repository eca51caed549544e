"""An area as a still figure: the scene, its embeddings as colours, and what is similar to one place."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from seco_lab.viz.area_scene import PCA, SIMILARITY, TRUE_COLOUR, AreaScene
from seco_lab.viz.figure import empty_figure

_INK = "#1d252b"


def area_figure(
    embeddings: xr.Dataset | AreaScene,
    scene: xr.Dataset | None = None,
    *,
    season: int = 0,
    cell: tuple[int, int] | None = None,
    height_in: float = 3.2,
) -> Figure:
    """Panels side by side: true colour, PCA as RGB, and similarity to a cell; it needs no kernel to be seen.

    Args:
        embeddings: As ``embed_area`` returns, or the scene of a view.
        scene: What they were made of, for the panel in true colour.
        season: Which season.
        cell: Row and column of the place asked for; without it there is no panel of similarity.
        height_in: Height of the figure in inches.

    Raises:
        ValueError: Not embeddings of an area, or none of its cells has one.
    """
    shown = embeddings if isinstance(embeddings, AreaScene) else AreaScene(embeddings, scene)
    first = [TRUE_COLOUR] if TRUE_COLOUR in shown.colour_options else []
    panels = [*first, PCA, *([SIMILARITY] if cell is not None else [])]
    rows, columns = shown.shape
    figure = empty_figure(len(panels) * height_in * columns / rows + 0.7, height_in)
    for axis, by in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _panel(axis, shown, by, season, cell)
    return figure


def _panel(axis: object, shown: AreaScene, by: str, season: int, cell: tuple[int, int] | None) -> None:
    """One picture in the units of the area's grid, with a ring around the place asked for."""
    rgb, known, legend = shown.rgb(by, season, cell)
    height, width = shown.shape
    picture = np.where(known[..., None], rgb, 255).astype(np.uint8)
    grid = shown.grid
    if by == TRUE_COLOUR:
        grid, (height, width) = shown.true_colour_grid(), rgb.shape[:2]
    box = (grid.x0, grid.x0 + width * grid.dx, grid.y0 - height * grid.dy, grid.y0)
    aspect = shown.aspect()
    axis.imshow(picture, extent=box, interpolation="nearest", aspect=aspect)
    axis.set(xticks=[], yticks=[])
    axis.set_title(_title(by, legend), fontsize=9, loc="left", color=_INK)
    if cell is not None:
        x = shown.grid.x0 + (cell[1] + 0.5) * shown.grid.dx
        y = shown.grid.y0 - (cell[0] + 0.5) * shown.grid.dy
        axis.plot(
            [x], [y], "o", markersize=9, markerfacecolor="none", markeredgecolor="white", markeredgewidth=3
        )
        axis.plot([x], [y], "o", markersize=9, markerfacecolor="none", markeredgecolor="black")


def _title(by: str, legend: dict) -> str:
    if legend["kind"] != "scale":
        return by
    return f"cosine to the ring ({legend['low']:.2f} to {legend['high']:.2f})"
