"""Figures: each function returns a matplotlib ``Figure`` and touches no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from seco_lab.viz import colours
from seco_lab.viz.basemap import country_rings
from seco_lab.viz.figure import empty_figure
from seco_lab.viz.thumbnails import season_pictures

INK, SOFT, LAND, SEA = "#1d252b", "#5b6770", "#f4f2ec", "#dde7ec"


def true_colour_grid(
    cube: xr.Dataset, patches: int | Sequence[int], *, gamma: float | None = None, tile_in: float = 1.5
) -> Figure:
    """Patches in true colour: one row per patch, one column per season, with dates.

    Patches of a single season stand side by side.

    Args:
        cube: A cube.
        patches: Row or rows of the patches.
        gamma: See ``seco_lab.viz.thumbnails.to_picture``.
        tile_in: Side of a picture in inches.

    Raises:
        LookupError: The cube has no red, green and blue band.
    """
    rows = [patches] if isinstance(patches, int | np.integer) else list(patches)
    seasons = cube.sizes["season"]
    if seasons == 1:
        return _side_by_side(cube, rows, gamma, tile_in)
    figure = empty_figure(seasons * tile_in + 0.3, len(rows) * (tile_in + 0.3))
    axes = figure.subplots(len(rows), seasons, squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        dates = cube["time"].isel(patch=row).to_numpy() if "time" in cube.variables else None
        for season, (axis, picture) in enumerate(
            zip(line, season_pictures(cube, row, gamma=gamma), strict=True)
        ):
            axis.imshow(picture, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.set_title(_date(dates, season), fontsize=8, color=SOFT)
        line[0].set_ylabel(str(cube["patch"].to_numpy()[row]), fontsize=8)
    return figure


def _side_by_side(cube: xr.Dataset, rows: list[int], gamma: float | None, tile_in: float) -> Figure:
    across = min(len(rows), 5)
    down = -(-len(rows) // across)
    figure = empty_figure(across * tile_in + 0.3, down * (tile_in + 0.5))
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for axis, row in zip(axes, rows, strict=False):
        axis.imshow(season_pictures(cube, row, gamma=gamma)[0], interpolation="nearest")
        dates = cube["time"].isel(patch=row).to_numpy() if "time" in cube.variables else None
        axis.set_title(f"{cube['patch'].to_numpy()[row]}\n{_date(dates, 0)}", fontsize=8, color=SOFT)
        axis.set(xticks=[], yticks=[])
    for axis in axes[len(rows) :]:
        axis.set_axis_off()
    return figure


def _date(dates: np.ndarray | None, season: int) -> str:
    """The date of a season, or its number."""
    if dates is None or np.isnat(dates[season]):
        return f"season {season + 1}"
    return str(dates[season].astype("datetime64[D]"))


def band_histograms(cube: xr.Dataset, patches: Sequence[int] | None = None, *, bins: int = 80) -> Figure:
    """How the counts of each band are distributed, one small panel a band; zeros (no data) are left out.

    Args:
        cube: A cube; without ``patches`` at most 50 evenly spaced ones are read.
        patches: Rows to read.
        bins: Number of bins between the 0.5th and 99.5th percentile.
    """
    count = cube.sizes["patch"]
    rows = list(patches) if patches is not None else list(range(0, count, max(1, count // 50)))[:50]
    names = [str(name) for name in cube["band"].to_numpy()]
    columns = min(len(names), 4)
    lines = -(-len(names) // columns)
    figure = empty_figure(2.3 * columns, 1.5 * lines + 0.3)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    data = cube["reflectance"].isel(patch=rows)
    for axis, name in zip(axes, names, strict=False):
        _histogram(axis, data.sel(band=name).to_numpy().ravel(), name, bins)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    figure.supxlabel(f"counts ({cube.attrs.get('unit', 'dn')})", fontsize=8)
    return figure


def _histogram(axis: object, counts: np.ndarray, name: str, bins: int) -> None:
    """One band's histogram with its median marked."""
    counts = counts[np.isfinite(counts) & (counts != 0)]
    axis.set_title(name, fontsize=8)
    axis.set_yticks([])
    axis.tick_params(labelsize=7)
    axis.spines[["left", "right", "top"]].set_visible(False)
    if not len(counts):
        axis.text(0.5, 0.5, "no data", transform=axis.transAxes, ha="center", fontsize=8)
        return
    low, high = np.percentile(counts, [0.5, 99.5])
    axis.hist(counts, bins=bins, range=(low, max(high, low + 1e-6)), color=colours.OKABE_ITO[0])
    axis.axvline(np.median(counts), color=colours.OKABE_ITO[5], linewidth=1)


def places_map(
    lon: np.ndarray,
    lat: np.ndarray,
    *,
    colour: str | np.ndarray = "#0072b2",
    title: str = "",
    world: bool = True,
) -> Figure:
    """Places on the offline world map.

    Args:
        lon: Shape (P,), degrees.
        lat: Shape (P,), degrees.
        colour: One colour, or (P, 3) uint8.
        title: Above the map.
        world: Show the whole world; otherwise the surroundings of the places.
    """
    figure = empty_figure(7.4, 3.9)
    axis = figure.add_subplot()
    draw_land(axis)
    tint = colour if isinstance(colour, str) else np.asarray(colour) / 255
    size = float(np.clip(3000 / max(len(lon), 1), 0.4, 26))
    axis.scatter(
        lon, lat, s=size, c=tint, edgecolors="white" if len(lon) < 600 else "none", linewidths=0.3, zorder=3
    )
    if title:
        axis.set_title(title, fontsize=10, loc="left")
    _frame(axis, lon, lat, world)
    return figure


def draw_land(axis: object) -> None:
    """Sea, land and borders of the package's own basemap on a lon/lat axis."""
    axis.set_facecolor(SEA)
    axis.add_collection(
        PolyCollection(country_rings(), facecolors=LAND, edgecolors="#c9c4b6", linewidths=0.4)
    )


def _frame(axis: object, lon: np.ndarray, lat: np.ndarray, world: bool) -> None:
    """Limits and aspect of a lon/lat axis."""
    good = np.isfinite(lon) & np.isfinite(lat)
    if world or not good.any():
        axis.set(xlim=(-180, 180), ylim=(-60, 85))
        axis.set_aspect(1.25)
    else:
        middle = float(np.mean(lat[good]))
        pad = max(0.05, 0.08 * max(np.ptp(lon[good]), np.ptp(lat[good])))
        axis.set(xlim=(lon[good].min() - pad, lon[good].max() + pad))
        axis.set(ylim=(lat[good].min() - pad, lat[good].max() + pad))
        axis.set_aspect(1 / max(np.cos(np.radians(middle)), 0.2), adjustable="datalim")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_color("#d8dde1")


def embedding_scatter(
    plane: np.ndarray, values: np.ndarray | None = None, *, title: str = "", rgb: np.ndarray | None = None
) -> Figure:
    """Points of an embedding plane, coloured by any column.

    Args:
        plane: Shape (N, 2).
        values: Shape (N,), numbers or classes.
        title: Above the plot.
        rgb: Shape (N, 3) uint8, instead of ``values``.

    Raises:
        ValueError: The plane is not (N, 2).
    """
    if plane.ndim != 2 or plane.shape[1] != 2:
        raise ValueError(f"an embedding plane needs shape (N, 2), got {plane.shape}")
    legend: dict = {}
    if rgb is None and values is not None:
        rgb, legend = colours.colours_of(values)
    figure = empty_figure(5.2, 4.4)
    axis = figure.add_subplot()
    tint = colours.OKABE_ITO[0] if rgb is None else rgb / 255
    axis.scatter(
        plane[:, 0], plane[:, 1], c=tint, s=float(np.clip(4000 / max(len(plane), 1), 0.5, 24)), linewidths=0
    )
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=10, loc="left")
    if legend.get("kind") == "classes":
        for name, colour in zip(legend["names"], legend["colours"], strict=False):
            axis.scatter([], [], color=colour, label=name, s=18)
        figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure


def training_curves(
    columns: Mapping[str, Sequence[float]],
    *,
    x: str = "step",
    smooth: int = 1,
    panels: Sequence[str] | None = None,
) -> Figure:
    """Each logged quantity over the steps, one small panel each.

    Args:
        columns: Name -> numbers, such as a metrics table; must hold ``x``. NaN marks steps without a value.
        x: The column on the horizontal axis.
        smooth: Width in points of a running mean drawn over the raw values.
        panels: Which columns; all numeric ones by default.

    Raises:
        LookupError: ``x`` or a panel is not a column.
    """
    names = list(panels) if panels is not None else [str(name) for name in columns if name != x]
    for name in (x, *names):
        if name not in columns:
            raise LookupError(f"no column {name!r} in the curves; there are {', '.join(map(str, columns))}")
    width = min(3, max(1, len(names)))
    lines = max(1, -(-len(names) // width))
    figure = empty_figure(3.0 * width, 1.9 * lines + 0.2)
    axes = figure.subplots(lines, width, squeeze=False).ravel()
    steps = np.asarray(columns[x], np.float64)
    for axis, name in zip(axes, names, strict=False):
        _curve(axis, steps, np.asarray(columns[name], np.float64), name, smooth)
    for axis in axes[max(0, len(names) - width) : len(names)]:
        axis.set_xlabel(x, fontsize=8)  # the lowest of each column
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    return figure


def _curve(axis: object, steps: np.ndarray, values: np.ndarray, name: str, smooth: int) -> None:
    """One curve and its running mean."""
    good = np.isfinite(values)
    steps, values = steps[good], values[good]
    axis.plot(steps, values, color=colours.OKABE_ITO[0], linewidth=1, alpha=1 if smooth < 2 else 0.35)
    if 1 < smooth <= len(values):
        mean = np.convolve(values, np.ones(smooth) / smooth, "valid")
        axis.plot(steps[smooth - 1 :], mean, color=colours.OKABE_ITO[0], linewidth=1.8)
    axis.set_title(name, fontsize=9, loc="left")
    axis.tick_params(labelsize=7)
    axis.spines[["right", "top"]].set_visible(False)
