"""A practice archive: scenes of the simulated world as an archive holds them, GeoTIFFs and STAC items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from tqdm.auto import tqdm

from seco_lab.catalogs import Asset, Scene, item_of
from seco_lab.cube import Grid, utm_corner
from seco_lab.cube.grid import centres_of
from seco_lab.places import Place
from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.sources.baseline import OFFSET
from seco_lab.store.cog import write_cog
from seco_lab.whole import whole_file
from seco_lab.world.acquisition import passes_near
from seco_lab.world.classification import classes_on
from seco_lab.world.climate import days_of
from seco_lab.world.frame import Frame, canvas
from seco_lab.world.render import View, render
from seco_lab.world.scene import Scene as Ground
from seco_lab.world.scene import build_scene

_LATTICE_M = 60.0
_LETTERS = "ABCDEFGHJKLMNPQRSTUV"
_OFFSET_SINCE = np.datetime64("2022-01-25")  # processing baseline 04.00
_SCL, _SCL_M = "SCL", 20


@dataclass(frozen=True)
class _Tile:
    name: str
    epsg: int
    x0: float
    y0: float
    side_px: int

    @property
    def outline(self) -> shapely.Polygon:
        """In degrees."""
        side = self.side_px * 10.0
        corners = [(0, 0), (side, 0), (side, -side), (0, -side)]
        x, y = (np.array(axis) for axis in zip(*corners, strict=True))
        return shapely.Polygon(
            np.column_stack(centres_of([self.epsg] * 4, self.x0 + x, self.y0 + y, side_m=0))
        )


def write_practice_archive(
    folder: str | Path,
    places: Sequence[Place],
    dates: NDArray[np.datetime64],
    *,
    bands: str | Sequence[str] = "rgb",
    side_px: int = 300,
    passes: int = 3,
    block_px: int = 128,
    seed: int = 0,
    progress: bool = True,
) -> Path:
    """Writes what a real archive holds about places, in small: to search and fetch in it without a network.

    Around each place lies a tile; for each date there are the nearest passes of the satellite, cloudy or not.
    Scenes since 25 January 2022 carry the offset of baseline 04.00, as ESA delivers them. Open it with
    ``catalogs.open_catalog(folder)``. A scene that is there already is not made again.

    Args:
        folder: Where; a folder a tile, in it one a scene.
        places: Centres of the tiles.
        dates: Days, shape (place, season).
        bands: "all", "rgb" or names; the scene classification comes with them.
        side_px: Side of a tile in pixels of 10 m, a multiple of 6.
        passes: Scenes for each date.
        block_px: Internal tile of the files, a multiple of 16.
        seed: Which world.
        progress: Show a bar.

    Raises:
        ValueError: Dates do not fit the places, or the side is no multiple of 6.
        OSError: The disk is full.
    """
    folder, names, dates = Path(folder), SENTINEL2_L2A.subset(bands), np.asarray(dates)
    if dates.ndim != 2 or len(dates) != len(places) or side_px % 6 or side_px < 6 or passes < 1:
        raise ValueError(
            f"wanted dates of shape ({len(places)}, seasons), a side that is a multiple of 6 and a pass or "
            f"more, got shape {dates.shape}, {side_px} px and {passes}"
        )
    for number, (place, days) in enumerate(
        tqdm(list(zip(places, days_of(dates.astype("datetime64[D]")), strict=True)), disable=not progress)
    ):
        tile = _tile_at(place, number, side_px)
        frame, top, left = canvas(seed, tile.epsg, tile.x0, tile.y0, side_px)
        ground, window = build_scene(frame, None), (top, left, side_px)
        for day in sorted({int(near) for wanted in days for near in _nearest(frame, int(wanted), passes)}):
            _write_scene(folder / tile.name, tile, ground, day, View(SENTINEL2_L2A, names, window), block_px)
    return folder


def _tile_at(place: Place, number: int, side_px: int) -> _Tile:
    epsg, x0, y0 = (
        axis[0] for axis in utm_corner([place.lon], [place.lat], size_px=side_px, pixel_size_m=10.0)
    )
    x0, y0 = (float(np.rint(edge / _LATTICE_M) * _LATTICE_M) for edge in (x0, y0))
    letters = "".join(_LETTERS[number // len(_LETTERS) ** power % len(_LETTERS)] for power in (1, 0))
    band = "CDEFGHJKLMNPQRSTUVWX"[int(np.clip((place.lat + 80) // 8, 0, 19))]
    return _Tile(f"{epsg % 100:02d}{band}{letters}", int(epsg), x0, y0, side_px)


def _nearest(frame: Frame, day: int, passes: int) -> NDArray[np.int64]:
    found = passes_near(frame, day, 5 * passes)
    return found[np.argsort(np.abs(found - day), kind="stable")[:passes]]


def _write_scene(folder: Path, tile: _Tile, ground: Ground, day: int, view: View, block_px: int) -> None:
    """Files of one pass; its item last, as that says that all are there."""
    time = np.datetime64(day, "D").astype("datetime64[ms]") + np.timedelta64(10 * 60 + 30, "m")
    name = f"S2A_{tile.name}_{str(time)[:10].replace('-', '')}"
    item = folder / name / f"{name}.json"
    if item.exists():
        return
    (pixels,), (cloud,) = render(ground, np.array([day]), view)
    late = time >= _OFFSET_SINCE
    files = {band: pixels[number] + np.uint16(OFFSET * late) for number, band in enumerate(view.bands)}
    files[_SCL] = classes_on(ground, day, view.window)
    assets = {band: _write_band(item.parent, band, whole, tile, block_px) for band, whole in files.items()}
    scene = Scene(
        item_id=name,
        collection="sentinel-2-l2a",
        self_href="",
        time=time,
        created=np.datetime64("NaT", "ms"),
        platform="sentinel-2a",
        tile=tile.name,
        scene_cloud_cover=round(float(cloud), 2),
        scene_nodata=0.0,
        baseline="04.00" if late else "03.01",
        offset_applied=False,
        footprint=tile.outline,
        assets=assets,
    )
    with whole_file(item) as partial:
        partial.write_text(json.dumps(item_of(scene), indent=1))


def _write_band(folder: Path, band: str, pixels: NDArray, tile: _Tile, block_px: int) -> Asset:
    """One file at the band's own resolution."""
    metres = _SCL_M if band == _SCL else round(SENTINEL2_L2A.band(band).resolution_m)
    step = metres // 10
    own = np.ascontiguousarray(pixels[::step, ::step])
    transform = (float(metres), 0.0, tile.x0, 0.0, -float(metres), tile.y0)
    grid = Grid.of(f"EPSG:{tile.epsg}", transform)
    folder.mkdir(parents=True, exist_ok=True)
    write_cog(folder / f"{band}.tif", own[None], grid, names=[band], block_px=block_px, overwrite=True)
    return Asset(f"{band}.tif", tile.epsg, transform, own.shape)
