"""GeoParquet tables of points that are larger than the memory: written and read a part at a time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from seco_lab.places.files import ABOUT_KEY
from seco_lab.whole import whole_file

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 4096  # of a part and of a row group; a row of candidate scenes is up to 2 kB of text
_BYTES_KEY = b"seco_lab:bytes"  # of the file's metadata: hash of all bytes before it
_FOOTER_TAIL_BYTES = 8  # length of the metadata in four bytes, then the letters PAR1


class PointsWriter:
    """Writes a table of points as its rows come; from ``points_writer``.

    Rows are gathered to row groups of one size, so the bytes of the file do not depend on how they came.
    """

    def __init__(self, file: pq.ParquetWriter, stream: IO[bytes], path: Path, schema: pa.Schema) -> None:
        self._file = file
        self._stream = stream
        self._path = path
        self._schema = schema
        self._waiting: list[pa.Table] = []

    def write(self, rows: pd.DataFrame) -> None:
        """Further rows, which must have columns ``lon`` and ``lat``."""
        import pyarrow as pa
        import shapely

        points = shapely.to_wkb(shapely.points(rows["lon"].to_numpy(float), rows["lat"].to_numpy(float)))
        columns = {name: rows[name] for name in self._schema.names if name != "geometry"}
        arrays = [
            pa.array(column, self._schema.field(name).type, from_pandas=True)
            for name, column in (columns | {"geometry": points}).items()
        ]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        if sum(len(table) for table in self._waiting) >= _ROWS:
            self._flush(_ROWS)

    def _flush(self, least: int) -> None:
        """Writes whole row groups, and a smaller one where so few rows are enough."""
        import pyarrow as pa

        table = pa.concat_tables(self._waiting)
        while len(table) >= least and len(table):
            self._file.write_table(table[:_ROWS])
            table = table[_ROWS:]
        self._waiting = [table]

    def close(self, about: Mapping[str, Any]) -> None:
        """Writes what is left, and ``about``, which ``read_about`` gives back."""
        self._flush(0) if self._waiting else self._file.write_table(self._schema.empty_table())
        self._stream.flush()
        hashed = _hash_of(self._path, self._stream.tell())
        self._file.add_key_value_metadata({ABOUT_KEY: json.dumps(about), _BYTES_KEY: hashed})


@contextmanager
def points_writer(path: Path, columns: Mapping[str, pa.DataType]) -> Iterator[PointsWriter]:
    """A table that appears whole or not at all; its user ends with ``close``.

    Args:
        path: The file.
        columns: All but the geometry, which is made of ``lon`` and ``lat``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema({**columns, "geometry": pa.binary()}, metadata={"geo": points_metadata()})
    with (
        whole_file(path) as partial,
        partial.open("wb") as stream,
        pq.ParquetWriter(stream, schema, compression="zstd") as file,
    ):
        yield PointsWriter(file, stream, partial, schema)


def points_metadata() -> str:
    """What GeoParquet says of a table with points in degrees in its column ``geometry``."""
    from pyproj import CRS

    point = {"encoding": "WKB", "geometry_types": ["Point"], "crs": CRS.from_epsg(4326).to_json_dict()}
    return json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": point}})


def is_as_written(path: Path) -> bool:
    """Whether the rows of a table are, byte for byte, those that a ``PointsWriter`` wrote.

    A second's work where reading the rows takes minutes. False as well for a table that another program wrote
    anew with the same rows.
    """
    import pyarrow.parquet as pq

    told = (pq.read_metadata(path).metadata or {}).get(_BYTES_KEY)
    with path.open("rb") as file:
        end = file.seek(-_FOOTER_TAIL_BYTES, os.SEEK_END)
        rows_bytes = end - int.from_bytes(file.read(4), "little")
    return told is not None and told.decode() == _hash_of(path, rows_bytes)


def _hash_of(path: Path, length: int) -> str:
    """The hash of a file's first bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while length and (block := file.read(min(length, 2**20))):
            digest.update(block)
            length -= len(block)
    return digest.hexdigest()


def read_parts(path: Path, columns: Sequence[str], *, by: str) -> Iterator[pd.DataFrame]:
    """Some columns of a table, some thousand rows at a time, in its order.

    Args:
        path: The file.
        columns: Their names.
        by: Column of which equal neighbours stay in one part.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    rest = None
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS, columns=list(columns)):
            rows = batch.to_pandas()
            if not len(rows):
                continue
            rows = rows if rest is None else pd.concat([rest, rows], ignore_index=True)
            complete = (rows[by] != rows[by].iloc[-1]).to_numpy()
            if complete.any():
                yield rows[complete]
            rest = rows[~complete]
    if rest is not None:
        yield rest
