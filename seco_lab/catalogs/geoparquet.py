"""Scenes as a stac-geoparquet table: what a search found, to look at, to hand on, and to search again."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from seco_lab.catalogs.base import Asset, Scene
from seco_lab.catalogs.items import BANDS, OFFSET_APPLIED, item_of
from seco_lab.places.files import read_geoparquet
from seco_lab.whole import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

_TOP = ("type", "stac_version", "stac_extensions", "id", "collection", "bbox", "assets", "links", "geometry")
_ROWS = 8192  # of a group of rows; the writer keeps 150 kB of each until it ends, and a search has 100 rows
_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}},
}


@cache
def _schema() -> pa.Schema:
    """The same for every table, so that tables can be joined without reading them."""
    import pyarrow as pa

    asset = pa.struct(
        {
            "href": pa.string(),
            "proj:code": pa.string(),
            "proj:transform": pa.list_(pa.float64()),
            "proj:shape": pa.list_(pa.int64()),
        }
    )
    columns = {
        "type": pa.string(),
        "stac_version": pa.string(),
        "id": pa.string(),
        "collection": pa.string(),
        "datetime": pa.timestamp("ms", "UTC"),
        "created": pa.timestamp("ms", "UTC"),
        "platform": pa.string(),
        "grid:code": pa.string(),
        "eo:cloud_cover": pa.float64(),
        "s2:nodata_pixel_percentage": pa.float64(),
        "s2:processing_baseline": pa.string(),
        OFFSET_APPLIED: pa.bool_(),
        "bbox": pa.struct({name: pa.float64() for name in ("xmin", "ymin", "xmax", "ymax")}),
        "assets": pa.struct({band: asset for band in BANDS}),
        "links": pa.list_(pa.struct({"rel": pa.string(), "href": pa.string()})),
        "geometry": pa.binary(),
    }
    return pa.schema(columns, metadata={"geo": json.dumps(_GEO)})


def save_scenes(scenes: Sequence[Scene], path: str | Path) -> Path:
    """Writes scenes as stac-geoparquet, whole or not at all; ``open_catalog`` searches it like an archive."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([_row(scene) for scene in scenes], _schema())
    with whole_file(path) as partial:
        pq.write_table(table, partial, compression="zstd")
    return Path(path)


def join_scenes(files: Iterable[Path], path: str | Path) -> int:
    """Writes the scenes of many tables into one, each name once; a part of them at a time is in memory.

    Returns:
        How many there are.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = list(files)
    fresh = _first_of_each(np.concatenate([np.empty(0, np.uint64), *map(_names_hashed, files)]))
    done, waiting = 0, [_schema().empty_table()]
    with whole_file(path) as partial, pq.ParquetWriter(partial, _schema(), compression="zstd") as writer:
        for file in files:
            table = pq.read_table(file)
            waiting.append(table.filter(pa.array(fresh[done : done + len(table)])))
            done += len(table)
            if sum(map(len, waiting)) >= _ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        writer.write_table(pa.concat_tables([_schema().empty_table(), *waiting]))
    return int(fresh.sum())


def _names_hashed(file: Path) -> NDArray[np.uint64]:
    """A number for the name of each scene; the names of millions of scenes would fill the memory."""
    import pyarrow.parquet as pq

    table = pq.read_table(file, columns=["collection", "id"])
    names = zip(table["collection"].to_pylist(), table["id"].to_pylist(), strict=True)
    digests = (hashlib.blake2b(repr(name).encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(b"".join(digests), np.uint64)


def _first_of_each(numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Where a number comes for the first time."""
    first = np.zeros(len(numbers), np.bool_)
    first[np.unique(numbers, return_index=True)[1]] = True
    return first


def read_scenes(path: str | Path) -> list[Scene]:
    """The scenes of a table that ``save_scenes`` or ``join_scenes`` wrote, ten times faster than its items.

    Raises:
        ValueError: The table is another one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is no table of scenes: {error}") from error
    if table.schema != _schema():
        raise ValueError(f"{path} is no table of scenes that this toolkit wrote")
    outlines = shapely.from_wkb(table["geometry"].to_numpy())
    rows = table.drop_columns(["type", "stac_version", "bbox", "geometry"]).to_pylist()
    return [_scene(row, outline) for row, outline in zip(rows, outlines, strict=True)]


def _scene(row: Mapping[str, Any], outline: shapely.Geometry) -> Scene:
    return Scene(
        item_id=row["id"],
        collection=row["collection"],
        self_href=row["links"][0]["href"] if row["links"] else "",
        time=_time(row["datetime"]),
        created=_time(row["created"]),
        platform=row["platform"],
        tile=row["grid:code"].removeprefix("MGRS-"),
        scene_cloud_cover=_number(row["eo:cloud_cover"]),
        scene_nodata=_number(row["s2:nodata_pixel_percentage"]),
        baseline=row["s2:processing_baseline"],
        offset_applied=row[OFFSET_APPLIED],
        footprint=outline,
        assets={band: _asset(entry) for band, entry in row["assets"].items() if entry is not None},
    )


def _asset(entry: Mapping[str, Any]) -> Asset:
    code, transform, rows = entry["proj:code"], entry["proj:transform"], entry["proj:shape"]
    return Asset(
        entry["href"],
        None if code is None else int(code.removeprefix("EPSG:")),
        None if transform is None else tuple(transform),
        None if rows is None else tuple(rows),
    )


def _time(value: datetime | None) -> np.datetime64:
    return np.datetime64("NaT") if value is None else np.datetime64(value.replace(tzinfo=None), "ms")


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def items_in_parquet(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The items of a stac-geoparquet table, of ours or of another program, and the address of the table.

    Raises:
        ValueError: It is no GeoParquet table, or has no column of assets.
    """
    table, _ = read_geoparquet(path)
    if "assets" not in table or "id" not in table:
        raise ValueError(f"{path} is no table of STAC items: it has the columns {', '.join(table.columns)}")
    properties = [name for name in table.columns if name not in _TOP]
    for name in properties:
        if table[name].dtype.kind == "M":
            table[name] = _texts(table[name].to_numpy("datetime64[ms]"))
    for row in table.to_dict("records"):
        yield _item(row, properties), str(path.resolve())


def _row(scene: Scene) -> dict[str, Any]:
    item = item_of(scene)
    times = {"datetime": scene.time.item(), "created": scene.created.item()}
    return {
        **{name: item[name] for name in ("type", "stac_version", "id", "collection", "assets", "links")},
        **item["properties"],
        **times,
        "bbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), item["bbox"], strict=True)),
        "geometry": shapely.to_wkb(scene.footprint),
    }


def _item(row: Mapping[str, Any], properties: Sequence[str]) -> dict[str, Any]:
    """A row as an item; a column that other rows need holds nothing here."""
    assets, links = row["assets"], row.get("links")
    return {
        "id": row["id"],
        "collection": row.get("collection") or "",
        "geometry": None if row["geometry"] is None else row["geometry"].__geo_interface__,
        "properties": {name: row[name] for name in properties if _known(row[name])},
        "assets": _filled(json.loads(assets) if isinstance(assets, str) else assets),
        "links": [] if links is None else [_filled(link) for link in links],
    }


def _texts(times: np.ndarray) -> list[str | None]:
    return [None if np.isnat(time) else f"{time}Z" for time in times]


def _known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and np.isnan(value))


def _filled(value: Any) -> Any:
    """A struct of Arrow as plain lists and dicts, without the fields that are empty in this row."""
    if isinstance(value, Mapping):
        return {key: _filled(v) for key, v in value.items() if v is not None}
    if isinstance(value, np.ndarray | list | tuple):
        return [_filled(v) for v in value]
    return value
