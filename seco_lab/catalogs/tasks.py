"""The list of scenes to read: for each place and season the candidates in order, as a GeoParquet table."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab import __version__
from seco_lab.places.files import read_about, read_geoparquet, rejected_path, write_geoparquet
from seco_lab.places.parts import is_as_written, points_writer, read_parts
from seco_lab.whole import whole_file

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame
    from pandas import DataFrame

ROW_COLUMNS = (
    "patch", "season", "rank", "item_id", "collection", "self_href", "time", "platform", "tile", "epsg", "x0",
    "y0", "scene_cloud_cover", "baseline", "offset_applied", "rung", "assets", "lon", "lat",
)  # fmt: skip
COLUMNS = (*ROW_COLUMNS, "geometry")
ABOUT = ("catalog", "plan_hash", "dates_hash", "size_px", "bands", "snap")
_HASHED = ("patch", "season", "rank", "epsg", "x0", "y0", "time", "tile", "baseline", "assets")


class TaskList:
    """What to read, a row per candidate scene: in memory (``Tasks``) or in its file (``StoredTasks``).

    Attributes:
        table: All rows, with the columns of ``COLUMNS``, sorted by place in the order of the plan, season and
            rank. `patch` is the place's name, `season` the slot from 0, `rank` 0 the first choice; rows of
            the same rank are scenes of one pass that show the patch only together, the largest part first;
            `epsg`, `x0`, `y0` the UTM grid of the patch (upper-left corner in metres), alike for all
            candidates of a place; `time` UTC; `offset_applied` True, False or None where the catalogue does
            not say; `rung` how far the search had to go; `assets` JSON text, band name -> unsigned href.
        rejected: Places without a scene in some season: the columns of the plan, `why` (a word or two) and
            `detail` (a sentence).
        about: At least the keys of ``ABOUT``, as JSON values.
        with_scenes: How many places have scenes.
        hash: Sixteen hex digits that change with any candidate, its order, its grid or its files.
    """

    table: GeoDataFrame
    rejected: GeoDataFrame
    about: Mapping[str, Any]
    with_scenes: int
    hash: str

    def parts(self, columns: Sequence[str] = ROW_COLUMNS) -> Iterator[DataFrame]:
        """The rows in order, a part at a time; all rows of a place are in one part."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.with_scenes} places, {len(self)} candidate scenes, "
            f"{len(self.rejected)} places given up, from {self.about.get('catalog')!r}, hash {self.hash})"
        )

    @property
    def patches(self) -> list[str]:
        """Names of the places, in the order of the plan."""
        return [name for part in self.parts(["patch"]) for name in dict.fromkeys(part["patch"])]


@dataclass(frozen=True, repr=False)
class Tasks(TaskList):
    """Tasks in memory; see ``TaskList``."""

    table: GeoDataFrame
    rejected: GeoDataFrame
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.table)

    @property
    def with_scenes(self) -> int:
        """See ``TaskList``."""
        return self.table["patch"].nunique()

    @property
    def hash(self) -> str:
        """See ``TaskList``."""
        return tasks_hash(self.parts())

    def parts(self, columns: Sequence[str] = ROW_COLUMNS) -> Iterator[DataFrame]:
        """See ``TaskList``; one part."""
        if len(self.table):
            yield self.table[list(columns)]


@dataclass(frozen=True, repr=False)
class StoredTasks(TaskList):
    """Tasks in their file, of which a part at a time is in memory; see ``TaskList``.

    Attributes:
        path: The file; the places given up lie beside it.
        with_scenes: As in ``TaskList``, and so is ``hash``.
    """

    path: Path
    about: Mapping[str, Any]
    with_scenes: int
    hash: str

    def __len__(self) -> int:
        import pyarrow.parquet as pq

        return pq.read_metadata(self.path).num_rows

    @property
    def table(self) -> GeoDataFrame:
        """See ``TaskList``; read anew each time."""
        return read_geoparquet(self.path)[0]

    @property
    def rejected(self) -> GeoDataFrame:
        """See ``TaskList``; read anew each time."""
        return read_geoparquet(rejected_path(self.path))[0]

    def parts(self, columns: Sequence[str] = ROW_COLUMNS) -> Iterator[DataFrame]:
        """See ``TaskList``; some thousand rows each."""
        return read_parts(self.path, columns, by="patch")


def tasks_hash(parts: Iterable[DataFrame]) -> str:
    """The hash of what decides the pixels: place, season, rank, grid, time and files of each row."""
    digest = _Digest()
    for part in parts:
        digest.add(part)
    return digest.hash


class _Digest:
    """The hash of rows that come a part at a time."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256(f"{','.join(_HASHED)}\n".encode())

    def add(self, part: DataFrame) -> None:
        """Further rows."""
        milliseconds = part["time"].astype("datetime64[ms]").astype("int64")
        text = part[list(_HASHED)].assign(time=milliseconds).to_csv(index=False, header=False)
        self._sha256.update(text.encode())

    @property
    def hash(self) -> str:
        return self._sha256.hexdigest()[:16]


def save_tasks(tasks: TaskList, path: str | Path) -> Path:
    """Writes the tasks to `path` and the places given up beside it; each file whole or not at all.

    Raises:
        ValueError: The path does not end in .parquet, or something is missing from the tasks.
    """
    path = Path(path)
    if path.suffix != ".parquet":
        raise ValueError(f"tasks are saved as .parquet, got {path.name}")
    if isinstance(tasks, StoredTasks):
        for file, target in ((rejected_path(tasks.path), rejected_path(path)), (tasks.path, path)):
            with whole_file(target) as partial:
                shutil.copyfile(file, partial)
        return path
    _check(tasks.table.columns, tasks.about, path)
    write_tasks(tasks.parts(), lambda: tasks.rejected, tasks.about, path)
    return path


def write_tasks(
    parts: Iterable[DataFrame],
    rejected: Callable[[], GeoDataFrame],
    about: Mapping[str, Any],
    path: Path,
) -> StoredTasks:
    """Writes rows as they come and the places given up, which are known when all rows have come."""
    digest, with_scenes = _Digest(), 0
    with points_writer(path, _schema()) as file:
        for part in parts:
            digest.add(part)
            with_scenes += part["patch"].nunique()
            file.write(part)
        counted = {"with_scenes": with_scenes, "hash": digest.hash}
        told = {**about, "toolkit": f"seco_lab {__version__}", **counted}
        write_geoparquet(rejected(), rejected_path(path), told)
        file.close(told)
    return StoredTasks(path, about, **counted)


def _schema() -> dict[str, pa.DataType]:
    """Type of each column."""
    import pyarrow as pa

    kinds = {
        "season": pa.int16(), "rank": pa.int16(), "time": pa.timestamp("ms"), "epsg": pa.int32(),
        "offset_applied": pa.bool_(),
    }  # fmt: skip
    numbers = ("x0", "y0", "scene_cloud_cover", "lon", "lat")
    kinds |= dict.fromkeys(numbers, pa.float64())
    return {name: kinds.get(name, pa.string()) for name in ROW_COLUMNS}


def tasks_of(tasks: TaskList | str | Path) -> TaskList:
    """Tasks as they are, or those of a file."""
    return tasks if isinstance(tasks, TaskList) else open_tasks(tasks)


def open_tasks(path: str | Path) -> StoredTasks:
    """Tasks of a file, seen to be those that were saved; rows are read only where another program wrote it.

    Raises:
        FileNotFoundError: There is no such file, or no list of places given up beside it.
        ValueError: It holds no tasks, or others than it was saved with.
    """
    path = Path(path)
    for file in (path, rejected_path(path)):
        if not file.exists():
            raise FileNotFoundError(f"no tasks at {file}; make them with seco_lab.catalogs.find_scenes")
    columns, about = read_about(path)
    _check(columns, about, path)
    with_scenes, stored = about.pop("with_scenes", None), about.pop("hash", None)
    if not is_as_written(path) and stored != tasks_hash(read_parts(path, _HASHED, by="patch")):
        raise ValueError(f"the rows of {path} were changed after the scenes were selected; select them anew")
    if with_scenes is None:
        with_scenes = sum(part["patch"].nunique() for part in read_parts(path, ["patch"], by="patch"))
    return StoredTasks(path, about, with_scenes, stored)


def _check(columns: Iterable[str], about: Mapping[str, Any], path: Path) -> None:
    missing = [name for name in COLUMNS if name not in columns] + [key for key in ABOUT if key not in about]
    if missing:
        raise ValueError(f"{path} holds no tasks: {', '.join(missing)} is missing")
