"""What the toolkit lays on a map besides embeddings: plans, footprints, items, patches, clusters, changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seco_lab.cube import Grid, area_of_patch, footprints, grid_of
from seco_lab.geoclusters import GeoClusters
from seco_lab.places import Plan
from seco_lab.viz.colours import class_colours, colours_of, rgb_of
from seco_lab.viz.maps import LeafmapBackend, MapBackend
from seco_lab.viz.thumbnails import rgb_bands, to_picture
from seco_lab.viz.warp import Overlay

if TYPE_CHECKING:
    import geopandas as gpd

MANY_PATCHES = 200  # pictures on a map at once; more make a browser slow
_CHANGED = rgb_of("#d55e00")
_REFUSED = (150, 150, 150)


def show_plan(backend: MapBackend, plan: Plan, *, by: str = "", name: str = "plan") -> None:
    """The places of a plan as points, and the candidates that it refused in grey below them.

    Args:
        backend: The map.
        plan: What a sampler chose.
        by: Column of ``plan.places`` to colour by, such as "continent"; all blue without.
        name: Name of the layer; the refused ones are "<name>, refused".

    Raises:
        LookupError: No such column; the message lists those there are.
    """
    grey = np.full((len(plan.rejected), 3), _REFUSED, np.uint8)
    backend.add_points(*_lonlat(plan.rejected), grey, name=f"{name}, refused")
    backend.add_points(*_lonlat(plan.places), _tints(plan.places, by), name=name)


def show_footprints(backend: MapBackend, cube: xr.Dataset, *, by: str = "", name: str = "footprints") -> None:
    """Outlines of a cube's patches; a click tells name and dates.

    Args:
        backend: The map.
        cube: A cube whose patches know where they lie.
        by: Column of ``seco_lab.cube.footprints`` to colour by, such as "label"; all blue without.
        name: Name of the layer.

    Raises:
        LookupError: No such column.
    """
    frame = footprints(cube)
    days = frame[["first", "last"]].astype("datetime64[s]")
    texts = [
        f"{patch}: {first:%Y-%m-%d} to {last:%Y-%m-%d}" if first == first and last == last else str(patch)
        for patch, first, last in zip(frame["patch"], days["first"], days["last"], strict=True)
    ]
    backend.add_outlines(frame, name=name, rgb=_tints(frame, by), texts=texts)


def show_items(backend: MapBackend, items: gpd.GeoDataFrame, *, name: str = "items") -> None:
    """Results of a STAC search, coloured by cloud cover; a click tells id, date and clouds.

    Args:
        backend: The map.
        items: A row an item with its outline; ``id``, ``datetime`` and ``eo:cloud_cover`` are told and used
            where they are there.
        name: Name of the layer.
    """
    columns = [column for column in ("id", "datetime", "eo:cloud_cover") if column in items]
    units = {"eo:cloud_cover": " % cloud"}
    texts = [
        ", ".join(f"{value}{units.get(column, '')}" for column, value in zip(columns, row, strict=True))
        for row in items[columns].astype(str).itertuples(index=False)
    ]
    by = "eo:cloud_cover" if "eo:cloud_cover" in items else ""
    backend.add_outlines(items, name=name, rgb=_tints(items, by), texts=texts if columns else ())


def show_patches(
    backend: MapBackend, cube: xr.Dataset, *, season: int = 0, patches: Iterable[int] | None = None
) -> list[str]:
    """Pictures of patches in true colour, each exactly where it lies: its UTM grid drawn in Web Mercator.

    Args:
        backend: The map.
        cube: A cube whose patches know where they lie.
        season: Which season.
        patches: Rows of the cube; all by default.

    Returns:
        Names of the layers, "patch <name>"; patches of unknown place are left out.

    Raises:
        LookupError: The cube has no red, green and blue band.
        ValueError: More than 200 patches, or a season that is not there.
    """
    rows = list(range(cube.sizes["patch"]) if patches is None else patches)
    if len(rows) > MANY_PATCHES:
        raise ValueError(
            f"a map shows up to {MANY_PATCHES} pictures at once, got {len(rows)}; choose patches"
        )
    shown = []
    for row in rows:
        if cube["epsg"].values[row] <= 0:
            continue
        area = area_of_patch(cube, row)
        rgb, known = true_colour(area, season)
        overlay = Overlay.of(grid_of(area), *known.shape)
        shown.append(f"patch {cube['patch'].values[row]}")
        show_pixels(backend, rgb, known, overlay, name=shown[-1])
    return shown


def show_seasons(
    backend: LeafmapBackend, cube: xr.Dataset, patch: int, *, left: int = 0, right: int = -1
) -> None:
    """Two seasons of a patch on either side of a divider that can be dragged.

    Args:
        backend: The map; only the ipyleaflet one has a divider.
        cube: A cube whose patches know where they lie.
        patch: Row of the patch.
        left: Season on the left.
        right: Season on the right.

    Raises:
        LookupError: The cube has no red, green and blue band.
        ValueError: The patch does not know where it lies, or a season is not there.
    """
    area = area_of_patch(cube, patch)
    pictures = [true_colour(area, season) for season in (left, right)]
    overlay = Overlay.of(grid_of(area), *pictures[0][1].shape)
    days = area["time"].values[[left, right]].astype("datetime64[D]")
    sides = [overlay.picture(rgb, known) for rgb, known in pictures]
    backend.add_split(*sides, overlay.bounds, names=(f"left: {days[0]}", f"right: {days[1]}"))


def show_clusters(
    backend: MapBackend, lonlat: ArrayLike, clusters: GeoClusters, *, name: str = "clusters"
) -> None:
    """Places coloured by their geographic cluster, with the number of each at its centre.

    Args:
        backend: The map.
        lonlat: Shape (P, 2), degrees, as given to ``cluster_places``.
        clusters: Its answer.
        name: Name of the layer; the numbers are "<name>, centres".

    Raises:
        ValueError: Places and labels differ in number.
    """
    at = np.asarray(lonlat, float)
    if len(at) != len(clusters.labels):
        raise ValueError(
            f"wanted a place for each label, got {len(at)} places and {len(clusters.labels)} labels"
        )
    rgb, _ = class_colours(np.char.zfill(clusters.labels.astype(str), 4))
    backend.add_points(at[:, 0], at[:, 1], rgb, name=name)
    numbers = [str(number) for number in range(len(clusters.centres))]
    backend.add_marks(*clusters.centres.T, numbers, name=f"{name}, centres")


def show_change(
    backend: MapBackend, change: NDArray, grid: Grid, *, name: str = "change", opacity: float = 0.8
) -> None:
    """Where something has changed, in orange; the map shows through elsewhere.

    Args:
        backend: The map.
        change: Shape (H, W): a mask, or codes with 0 for none.
        grid: Where the pixels lie; ``seco_lab.cube.grid_of`` tells that of a picture.
        name: Name of the layer.
        opacity: Of the changed pixels.

    Raises:
        ValueError: Another shape.
    """
    change = np.asarray(change)
    if change.ndim != 2:
        raise ValueError(f"a map of change needs shape (H, W), got {change.shape}")
    overlay = Overlay.of(grid, *change.shape)
    show_pixels(backend, _CHANGED, change != 0, overlay, name=name, opacity=opacity)


def show_pixels(
    backend: MapBackend,
    rgb: ArrayLike,
    shown: NDArray[np.bool_],
    overlay: Overlay,
    *,
    name: str,
    opacity: float = 1.0,
) -> None:
    """Pixels exactly where they lie: their grid drawn in Web Mercator.

    Args:
        backend: The map.
        rgb: Their colours (H, W, 3), uint8, or one for all, (3,).
        shown: Mask (H, W); the map shows through elsewhere.
        overlay: Where they lie.
        name: Name of the layer.
        opacity: Of the pixels.
    """
    colours = np.ascontiguousarray(np.broadcast_to(np.asarray(rgb, np.uint8), (*shown.shape, 3)))
    backend.add_raster(overlay.picture(colours, shown), overlay.bounds, name=name, opacity=opacity)


def true_colour(area: xr.Dataset, season: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """An area in true colour (H, W, 3), and where it has data (H, W).

    Raises:
        LookupError: There is no red, green and blue band.
        ValueError: No such season.
    """
    seasons = area.sizes["season"]
    if not -seasons <= season < seasons:
        raise ValueError(f"season must lie between 0 and {seasons - 1}, got {season}")
    counts = area["reflectance"][season].sel(band=list(rgb_bands(area))).values
    return to_picture(counts, str(area.attrs["unit"])), (counts != 0).any(0)


def _lonlat(frame: gpd.GeoDataFrame) -> tuple[NDArray, NDArray]:
    return frame["lon"].to_numpy(float), frame["lat"].to_numpy(float)


def _tints(frame: gpd.GeoDataFrame, by: str) -> NDArray[np.uint8]:
    """Colours (N, 3) of the rows by a column, all blue without one."""
    if not by:
        return np.full((len(frame), 3), rgb_of("#0072b2"), np.uint8)
    columns: Sequence[str] = [str(column) for column in frame.columns]
    if by not in columns:
        raise LookupError(f"cannot colour by {by!r}; known are {', '.join(columns)}")
    return colours_of(frame[by].to_numpy())[0]
