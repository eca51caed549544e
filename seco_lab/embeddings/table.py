"""Embeddings on disk: one GeoParquet table, a row for each patch and season."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xarray as xr
from numpy.typing import NDArray

from seco_lab.input_spec import InputSpec
from seco_lab.places.parts import points_metadata
from seco_lab.whole import whole_file

_REQUIRED = ("patch", "season", "lon", "lat", "time", "embedding")
_OF_PATCH = ("lon", "lat", "label", "split")
_META = b"seco_lab"
# Rows per row group of the file: some MB, so that a reader can take a part.
_ROWS = 8192


def save_embeddings(embeddings: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> None:
    """Write embeddings as GeoParquet, whole or not at all.

    Columns: patch, season, lon, lat, time, all further variables along (patch,) or (patch, season), vectors
    as fixed-size lists of float32, and a point as geometry, so that ``geopandas.read_parquet`` and GIS
    programs open it.

    Args:
        embeddings: As ``embed`` returns; further spaces (patch, season, any) are kept too.
        path: Target file.
        overwrite: Whether an old file may be replaced.

    Raises:
        ValueError: Not a Dataset of embeddings.
        FileExistsError: The file is there and ``overwrite`` is not set.
        OSError: The disk is full; nothing is left behind.
    """
    check_embeddings(embeddings)
    step = max(1, _ROWS // embeddings.sizes["season"])
    starts = range(0, embeddings.sizes["patch"], step)
    parts = (embeddings.isel(patch=slice(start, start + step)) for start in starts)
    write_parts(parts, path, dict(embeddings.attrs), overwrite=overwrite)


def check_embeddings(embeddings: xr.Dataset) -> None:
    """Refuse what is not a Dataset of embeddings.

    Raises:
        ValueError: Names the variable that is missing, or its dimensions.
    """
    if "embedding" not in embeddings or embeddings["embedding"].dims != ("patch", "season", "dim"):
        raise ValueError("embeddings need a variable 'embedding' with dimensions (patch, season, dim)")
    missing = [name for name in ("patch", "lon", "lat", "time") if name not in embeddings.coords]
    if missing:
        raise ValueError(f"embeddings lack the coordinates {', '.join(missing)}")


def write_parts(
    parts: Iterable[xr.Dataset], path: str | Path, attrs: dict[str, Any], *, overwrite: bool
) -> None:
    """Write Datasets of embeddings one after the other into one table, memory bounded by one of them.

    Raises:
        FileExistsError: The file is there and ``overwrite`` is not set.
        ValueError: There are no parts.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; name another file or ask to overwrite it")
    with whole_file(path) as partial:
        _write(_tables(parts, attrs), partial)


def _write(tables: Iterator[pa.Table], path: Path) -> None:
    writer = None
    try:
        for table in tables:
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table, row_group_size=_ROWS)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise ValueError("there are no embeddings to write")


def _tables(parts: Iterable[xr.Dataset], attrs: dict[str, Any]) -> Iterator[pa.Table]:
    for part in parts:
        columns = _columns(part)
        metadata = {b"geo": points_metadata().encode()}
        about = {
            "attrs": attrs,
            "format_version": 1,
            "dims": {name: part[name].dims for name in columns if name in part},
        }
        metadata[_META] = json.dumps(about, default=str).encode()
        yield pa.table(columns).replace_schema_metadata(metadata)


def _columns(part: xr.Dataset) -> dict[str, pa.Array]:
    seasons = part.sizes["season"]
    lon, lat = np.repeat(part["lon"].values, seasons), np.repeat(part["lat"].values, seasons)
    columns = {
        "patch": pa.array(np.repeat(part["patch"].values.astype(str), seasons), pa.string()),
        "season": pa.array(np.tile(np.arange(seasons, dtype=np.int32), part.sizes["patch"])),
        "lon": pa.array(lon),
        "lat": pa.array(lat),
        "time": pa.array(part["time"].values.astype("datetime64[ns]").ravel(), pa.timestamp("ns", tz="UTC")),
    }
    rest = [name for name in part.variables if name not in columns and part[name].dims[:1] == ("patch",)]
    columns |= {str(name): _column(part[name], seasons) for name in rest}
    columns["geometry"] = pa.array(_points(lon, lat), pa.binary())
    return columns


def _column(variable: xr.DataArray, seasons: int) -> pa.Array:
    """One value or one vector for each row of the table.

    Raises:
        ValueError: The variable lies along other dimensions than patch, season and one more.
    """
    values, dims = variable.values, variable.dims
    if dims[:2] == ("patch", "season") and len(dims) == 3:
        flat = np.ascontiguousarray(values, dtype=np.float32).ravel()
        return pa.FixedSizeListArray.from_arrays(pa.array(flat), values.shape[2])
    if dims not in (("patch",), ("patch", "season")):
        raise ValueError(f"a table of embeddings has no place for {variable.name!r} along {dims}")
    values = np.repeat(values, seasons) if dims == ("patch",) else values.ravel()
    return pa.array(values.tolist() if values.dtype == object else values)


def _points(lon: NDArray, lat: NDArray) -> NDArray[np.object_]:
    """Well-known binary of each point, None where a coordinate is not known."""
    import shapely

    points = np.full(len(lon), None, dtype=object)
    known = np.isfinite(lon) & np.isfinite(lat)
    points[known] = shapely.to_wkb(shapely.points(lon[known], lat[known]))
    return points


def open_embeddings(path: str | Path) -> xr.Dataset:
    """Embeddings from a table that ``save_embeddings`` or ``embed_to`` wrote.

    Rows may have been filtered or reordered by another program: patches come in order of appearance, and a
    season that a patch lacks is NaN.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Not a Parquet table of embeddings, or one without rows.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no embeddings at {path}")
    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a whole Parquet file: {error}") from error
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise ValueError(f"{path} is not a table of embeddings: it lacks the columns {', '.join(missing)}")
    if not len(table):
        raise ValueError(f"{path} holds no embeddings: the table has no rows")
    stored = json.loads((table.schema.metadata or {}).get(_META, b"{}"))
    return _to_dataset(table, stored.get("attrs", {}), stored.get("dims", {}))


def _to_dataset(table: pa.Table, attrs: dict[str, Any], dims: dict[str, list[str]]) -> xr.Dataset:
    import pandas as pd

    rows, patches = pd.factorize(table["patch"].to_numpy())
    season = table["season"].to_numpy()
    shape = (len(patches), int(season.max(initial=0)) + 1)
    coords: dict[str, Any] = {"patch": ("patch", patches.astype(object))}
    spaces: dict[str, Any] = {}
    for name in table.column_names:
        if name in ("patch", "season", "geometry"):
            continue
        known = dims.get(name, ["patch"] if name in _OF_PATCH else ["patch", "season"])
        if pa.types.is_nested(table[name].type):
            vectors = _gridded(_vectors(table[name]), (rows, season), shape)
            spaces[name] = (("patch", "season", known[2] if len(known) == 3 else "dim"), vectors)
        else:
            values = table[name].to_numpy()
            one = known == ["patch"]
            coords[name] = (known, _gridded(values, (rows,) if one else (rows, season), shape[: len(known)]))
    return xr.Dataset(spaces, coords, attrs)


def _vectors(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """Vectors (rows, D); NaN where another program left a cell empty.

    Raises:
        ValueError: Vectors of different lengths.
    """
    cells = column.combine_chunks()
    known = cells.is_valid().to_numpy(zero_copy_only=False)
    filled = cells.drop_null()
    lengths = np.unique(pc.list_value_length(filled).to_numpy(zero_copy_only=False))
    if len(lengths) > 1:
        raise ValueError(f"wanted vectors of one length, got lengths from {lengths[0]} to {lengths[-1]}")
    flat = filled.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    if known.all():
        return flat.reshape(len(cells), -1)
    vectors = np.full((len(cells), int(lengths[0]) if len(lengths) else 0), np.nan, np.float32)
    vectors[known] = flat.reshape(len(filled), -1) if len(filled) else flat
    return vectors


def _gridded(values: NDArray, index: tuple[NDArray, ...], shape: tuple[int, ...]) -> NDArray:
    """Values (rows, ...) at their place of a grid; what no row fills is NaN, NaT or None."""
    full = len(values) >= np.prod(shape) or len(index) == 1
    if not full and values.dtype.kind in "iub":
        values = values.astype(np.float64)
    gap: Any = {"f": np.nan, "M": np.datetime64("NaT"), "O": None}.get(values.dtype.kind, 0)
    grid = np.full((*shape, *values.shape[1:]), gap, values.dtype)
    grid[index] = values
    return grid


def embedding_spec(embeddings: xr.Dataset) -> InputSpec:
    """The input contract under which embeddings were made.

    Raises:
        LookupError: The table does not say.
    """
    if "input_spec" not in embeddings.attrs:
        raise LookupError("these embeddings do not say under which input contract they were made")
    return InputSpec.from_dict(json.loads(embeddings.attrs["input_spec"]))
