"""A plan as two GeoParquet files: the places, and beside them the rejected candidates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seco_lab import __version__
from seco_lab.places.plan import Plan, plan_hash
from seco_lab.whole import whole_file

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandas import Series

ABOUT_KEY = b"seco_lab"  # of the file's metadata


def rejected_path(path: str | Path) -> Path:
    """Where the rejected candidates of a plan stand: places.parquet -> places.rejected.parquet."""
    path = Path(path)
    return path.with_name(f"{path.stem}.rejected.parquet")


def save_plan(plan: Plan, path: str | Path) -> Path:
    """Writes the places to `path` and the rejected candidates beside it; both plain GeoParquet.

    Sampler, arguments, seed and the plan's hash go into the file's metadata. A file appears whole or not at
    all.

    Raises:
        ValueError: The path does not end in .parquet.
        FileNotFoundError: Its folder does not exist.
    """
    path = Path(path)
    if path.suffix != ".parquet":
        raise ValueError(f"a plan is saved as .parquet, got {path.name}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent} to save the plan in")
    about = {**plan.about, "toolkit": f"seco_lab {__version__}", "hash": plan.hash}
    write_geoparquet(plan.rejected, rejected_path(path), about)
    write_geoparquet(plan.places, path, about)
    return path


def open_plan(path: str | Path) -> Plan:
    """Reads a plan; a GeoParquet table of the user's own with columns name, lon and lat is one too.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no plan, it is empty, two places have one name, or its places are not those it was
            saved with.
    """
    import geopandas as gpd
    import pandas as pd

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no plan at {path}; make one with: seco-lab plan --places 1000 --out {path}")
    places, about = _read(path)
    if len(places) == 0:
        raise ValueError(f"the plan {path} is empty")
    places = places.assign(name=_names(places["name"], path))
    stored = about.pop("hash", None)
    if stored is not None and stored != plan_hash(places):
        raise ValueError(
            f"the places in {path} were changed after the plan was made; save them as a new plan"
        )
    if rejected_path(path).exists():
        rejected, _ = _read(rejected_path(path))
    else:
        rejected = gpd.GeoDataFrame(places.iloc[:0].assign(why=pd.Series(dtype=object)), crs=places.crs)
    return Plan(places, rejected, about)


def _names(column: Series, path: Path) -> NDArray[np.object_]:
    """Names of places as texts; numbers in a table of the user's own are names as well."""
    if column.isna().any():
        raise ValueError(f"{path} has places without a name; give each its own in the column 'name'")
    names = column.astype(str)
    if names.duplicated().any():
        twice = names[names.duplicated()].iloc[0]
        raise ValueError(f"{path} has the place {twice!r} more than once; give each a name of its own")
    return names.to_numpy(object)


def write_geoparquet(table: GeoDataFrame, path: Path, about: dict[str, Any]) -> None:
    """Writes a table with extra metadata, whole or not at all."""
    import pyarrow.parquet as pq

    with whole_file(path) as partial:
        table.to_parquet(partial, compression="zstd", index=False)
        arrow = pq.read_table(partial)
        meta = {**(arrow.schema.metadata or {}), ABOUT_KEY: json.dumps(about).encode()}
        pq.write_table(arrow.replace_schema_metadata(meta), partial, compression="zstd")


def read_geoparquet(path: Path) -> tuple[GeoDataFrame, dict[str, Any]]:
    """A table and the metadata that ``write_geoparquet`` wrote with it, {} where another program wrote it.

    Raises:
        ValueError: The file is no GeoParquet.
    """
    import geopandas as gpd

    _, about = read_about(path)
    try:
        return gpd.read_parquet(path), about
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is no GeoParquet table: {error}") from error


def read_about(path: Path) -> tuple[list[str], dict[str, Any]]:
    """Names of a table's columns and the metadata written with it, {} where another program wrote it.

    Raises:
        ValueError: The file is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names, meta = file.schema_arrow.names, file.metadata.metadata or {}
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{path} is no GeoParquet table: {error}") from error
    return names, json.loads(meta.get(ABOUT_KEY, b"{}"))


def _read(path: Path) -> tuple[GeoDataFrame, dict[str, Any]]:
    try:
        table, about = read_geoparquet(path)
    except ValueError as error:
        raise ValueError(
            f"{path} is no plan (GeoParquet; seco-lab plan --sampler makes one of other tables of points): "
            f"{error.__cause__}"
        ) from error
    missing = [column for column in ("name", "lon", "lat") if column not in table]
    if missing:
        raise ValueError(f"{path} is no plan: it lacks the columns {', '.join(missing)}")
    return table, about
