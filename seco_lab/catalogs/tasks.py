"""The list of scenes to read: for each place and season the candidates in order, as a GeoParquet table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab import __version__
from seco_lab.places.files import read_geoparquet, rejected_path, write_geoparquet

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

COLUMNS = (
    "patch", "season", "rank", "item_id", "collection", "self_href", "time", "platform", "tile", "epsg", "x0",
    "y0", "scene_cloud_cover", "baseline", "offset_applied", "rung", "assets", "lon", "lat", "geometry",
)  # fmt: skip
ABOUT = ("catalog", "plan_hash", "dates_hash", "size_px", "bands", "snap")


@dataclass(frozen=True)
class Tasks:
    """What to read, a row per candidate scene.

    Attributes:
        table: GeoDataFrame with the columns of ``COLUMNS``, sorted by place in the order of the plan, season
            and rank. `patch` is the place's name, `season` the slot from 0, `rank` 0 the first choice; rows
            of the same rank are scenes of one pass that show the patch only together, the largest part first;
            `epsg`, `x0`, `y0` the UTM grid of the patch (upper-left corner in metres), alike for all
            candidates of a place; `time` UTC; `offset_applied` True, False or None where the catalogue does
            not say; `rung` how far the search had to go; `assets` JSON text, band name -> unsigned href.
        rejected: Places without a scene in some season: the columns of the plan, `why` (a word or two) and
            `detail` (a sentence).
        about: At least the keys of ``ABOUT``, as JSON values.
    """

    table: GeoDataFrame
    rejected: GeoDataFrame
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return (
            f"Tasks({self.table['patch'].nunique()} places, {len(self)} candidate scenes, "
            f"{len(self.rejected)} places given up, from {self.about.get('catalog')!r}, hash {self.hash})"
        )

    @property
    def patches(self) -> list[str]:
        """Names of the places, in the order of the plan."""
        return list(dict.fromkeys(self.table["patch"]))

    @property
    def hash(self) -> str:
        """Sixteen hex digits that change with any candidate, its order, its grid or its files."""
        return tasks_hash(self.table)


def tasks_hash(table: GeoDataFrame) -> str:
    """The hash of what decides the pixels: place, season, rank, grid, time and files of each row."""
    names = ["patch", "season", "rank", "epsg", "x0", "y0", "time", "tile", "baseline", "assets"]
    text = (
        table[names].assign(time=table["time"].astype("datetime64[ms]").astype("int64")).to_csv(index=False)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save_tasks(tasks: Tasks, path: str | Path) -> Path:
    """Writes the tasks to `path` and the places given up beside it; each file whole or not at all.

    Raises:
        ValueError: The path does not end in .parquet, or something is missing from the tasks.
    """
    path = Path(path)
    if path.suffix != ".parquet":
        raise ValueError(f"tasks are saved as .parquet, got {path.name}")
    _check(tasks.table, tasks.about, path)
    about = {**tasks.about, "toolkit": f"seco_lab {__version__}", "hash": tasks.hash}
    write_geoparquet(tasks.rejected, rejected_path(path), about)
    write_geoparquet(tasks.table[list(COLUMNS)], path, about)
    return path


def open_tasks(path: str | Path) -> Tasks:
    """Reads tasks.

    Raises:
        FileNotFoundError: There is no such file, or no list of places given up beside it.
        ValueError: It holds no tasks, or others than it was saved with.
    """
    path = Path(path)
    for file in (path, rejected_path(path)):
        if not file.exists():
            raise FileNotFoundError(f"no tasks at {file}; make them with seco_lab.catalogs.find_scenes")
    table, about = read_geoparquet(path)
    rejected, _ = read_geoparquet(rejected_path(path))
    _check(table, about, path)
    stored = about.pop("hash", None)
    if stored != tasks_hash(table):
        raise ValueError(f"the rows of {path} were changed after the scenes were selected; select them anew")
    return Tasks(table, rejected, about)


def _check(table: GeoDataFrame, about: Mapping[str, Any], path: Path) -> None:
    missing = [name for name in COLUMNS if name not in table] + [key for key in ABOUT if key not in about]
    if missing:
        raise ValueError(f"{path} holds no tasks: {', '.join(missing)} is missing")
