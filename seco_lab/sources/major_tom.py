"""Major TOM Core: Parquet tables with a grid cell a row and a GeoTIFF a band in each (arXiv:2402.12095)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seco_lab.sensors import SENTINEL2_L1C, SENTINEL2_L2A, Sensor
from seco_lab.sources.base import BadFileError, PatchRecord, Reading, Refused
from seco_lab.sources.baseline import without_offset
from seco_lab.sources.rasters import date_in, place_of, to_grid

_NEEDED = {"product_id", "grid_cell", "B04"}
_BASELINE = re.compile(r"_N(\d{4})_")
_CELL_PX = 1068


class _Job(NamedTuple):
    """One patch: which row of which table, and where in the cell."""

    file: Path
    row: int
    line: int
    column: int


def is_major_tom(path: Path) -> bool:
    """Whether a path is such a table, or a folder with some in it or in its folder images."""
    files = _tables(path)
    return bool(files) and _is_table(files[0])


def _tables(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    found = (sorted(folder.glob("*.parquet")) for folder in (path, path / "images") if folder.is_dir())
    return [file for files in found for file in files if file.name != "metadata.parquet"]


def _is_table(file: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(pq.read_schema(file).names) >= _NEEDED
    except (OSError, pa.ArrowInvalid):
        return False


def find_major_tom(path: Path, *, bands: str | Sequence[str] = "all", size_px: int = 264) -> Reading:
    """Reader of Core-S2L2A and Core-S2L1C, one date; each cell of 10.68 km is cut into patches.

    The offset of baseline 04.00 is taken off by the baseline in the product's name.

    Args:
        path: A table, a folder of tables, or the one above with images/.
        bands: Names, "rgb" or "all" that the first table has.
        size_px: Side of a patch; at most 1068, which is the whole cell.

    Raises:
        ValueError: No readable table, or a size that does not fit into a cell.
        LookupError: Unknown band.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not 1 <= size_px <= _CELL_PX:
        raise ValueError(f"a cell of Major TOM has {_CELL_PX} px, asked for patches of {size_px} px")
    begins = range(0, _CELL_PX - size_px + 1, size_px)
    jobs, refused, names = [], [], []
    for file in _tables(path):
        try:
            table = pq.ParquetFile(file)
        except (OSError, pa.ArrowInvalid) as error:
            refused.append(Refused(str(file), f"is no readable table ({str(error)[:80]})"))
            continue
        names = names or table.schema_arrow.names
        rows = range(table.metadata.num_rows)
        jobs += [_Job(file, row, line, column) for row in rows for line in begins for column in begins]
    if not jobs:
        raise ValueError(f"{path} has no readable table; {refused[0].path} {refused[0].reason}")
    kind = SENTINEL2_L1C if "B10" in names else SENTINEL2_L2A
    chosen = _bands(kind, names, bands, path)
    return Reading(
        root=str(path), sensor=kind, bands=chosen, unit="dn", pixel_size_m=10.0, jobs=jobs,
        read=lambda job: _record(job, chosen, size_px),
        names=lambda job: f"{job.file}, row {job.row}",
        attrs={
            "source": "Major TOM Core (arXiv:2402.12095)",
            "licence": "CC-BY-SA-4.0; contains modified Copernicus Sentinel data",
            "offset": "taken off where the product's name states baseline 04.00 or later",
        },
        refused=tuple(refused),
    )  # fmt: skip


def _bands(kind: Sensor, names: Sequence[str], bands: str | Sequence[str], path: Path) -> tuple[str, ...]:
    held = [name for name in kind.band_names if name in names]
    chosen = tuple(held) if bands == "all" else kind.subset(bands)
    if lacking := [name for name in chosen if name not in held]:
        raise LookupError(f"{path} lacks band {lacking[0]}; it has {', '.join(held)}")
    return chosen


def _record(job: _Job, bands: Sequence[str], size_px: int) -> PatchRecord:
    cell = _row(job.file, job.row, (*bands, "product_id", "grid_cell"))
    product = str(cell["product_id"])
    date = date_in(product)
    if date is None:
        raise BadFileError(f"has no date in its product_id {product!r}")
    layers = [_window(cell[band], band, job, size_px) for band in bands]
    pixels = np.stack([layer for layer, _, _ in layers])
    late = _BASELINE.search(product)
    if late and int(late[1]) >= 400:
        pixels = without_offset(pixels)
    _, crs, transform = layers[0]
    lon, lat, grid = place_of(crs, transform, pixels.shape[1:])
    name = str(cell["grid_cell"])
    if size_px < _CELL_PX:
        name += f"_{job.line // size_px}_{job.column // size_px}"
    return PatchRecord(
        patch=name, pixels=pixels[None], time=np.array([date], "datetime64[ns]"), lon=lon, lat=lat, grid=grid,
        item_id=[product],
    )  # fmt: skip


@lru_cache(maxsize=8)
def _row(file: Path, row: int, columns: tuple[str, ...]) -> dict[str, object]:
    """One row of a table; kept, for all patches of a cell ask for it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file)
    group, first = 0, 0
    while first + table.metadata.row_group(group).num_rows <= row:
        first += table.metadata.row_group(group).num_rows
        group += 1
    try:
        found = table.read_row_group(group, columns=list(columns))
    except (OSError, pa.ArrowInvalid) as error:
        raise BadFileError(f"cannot be read, it may be truncated ({str(error)[:80]})") from error
    return found.slice(row - first, 1).to_pylist()[0]


def _window(content: object, band: str, job: _Job, size_px: int) -> tuple[NDArray, object, tuple[float, ...]]:
    """Pixels of a band in a patch on the 10 m grid, its CRS and the transform of the patch."""
    from rasterio.errors import RasterioError
    from rasterio.io import MemoryFile

    if not isinstance(content, bytes):
        raise BadFileError(f"lacks band {band}")
    try:
        with MemoryFile(content) as memory, memory.open() as source:
            pixels, crs, t = source.read(1), source.crs, source.transform
    except RasterioError as error:
        raise BadFileError(f"has a band {band} that cannot be read ({str(error)[:80]})") from error
    whole = to_grid(pixels, (_CELL_PX, _CELL_PX))
    ten_m = t.a * pixels.shape[1] / _CELL_PX
    corner = (ten_m, 0.0, t.c + job.column * ten_m, 0.0, -ten_m, t.f - job.line * ten_m)
    return whole[job.line : job.line + size_px, job.column : job.column + size_px], crs, corner
