"""Selections and filters: sets of places as bits, as rows, and as tables to take away."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.viz.table import EmbeddingTable
from seco_lab.whole import whole_file

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

FORMATS = ("csv", "geojson", "parquet")
BARS = 24  # of the histogram of a column
CLASSES_MOST = 40  # a column with more different words is a name, not a class


def bits_of(chosen: NDArray[np.bool_]) -> bytes:
    """A set of places (P,) as one bit each, lowest bit first; empty bytes for the empty set."""
    return np.packbits(chosen, bitorder="little").tobytes() if chosen.any() else b""


def rows_of(bits: bytes, count: int) -> NDArray[np.int64]:
    """The inverse of ``bits_of``: numbers of the places, ascending."""
    if not bits:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8), count=count, bitorder="little"))


def chosen_of(places: ArrayLike, count: int) -> NDArray[np.bool_]:
    """A set of places (P,) from a mask or from numbers of places.

    Raises:
        ValueError: A mask of another length, or a place that is not there.
    """
    places = np.asarray(places)
    if places.dtype == bool:
        if places.shape != (count,):
            raise ValueError(f"a mask needs one value for each of the {count} places, got {places.shape}")
        return places
    rows = places.astype(np.int64).reshape(-1)
    outside = rows[(rows < 0) | (rows >= count)]
    if len(outside):
        raise ValueError(f"places are numbered 0 to {count - 1}, got {outside[0]}")
    chosen = np.zeros(count, bool)
    chosen[rows] = True
    return chosen


def places_frame(
    table: EmbeddingTable, rows: NDArray[np.int64], more: Mapping[str, ArrayLike] | None = None
) -> GeoDataFrame:
    """Places as a table with points in WGS 84: patch, lon, lat, dates, columns.

    Args:
        table: All places.
        rows: Numbers of those wanted.
        more: Further columns, one value for each row.
    """
    import geopandas as gpd

    lon, lat = table.lonlat[rows].T
    columns: dict[str, Any] = {"patch": table.names[rows].astype(str), "lon": lon, "lat": lat}
    for season in range(table.seasons):
        if not np.isnat(table.times[:, season]).all():
            columns[f"date_{season + 1}"] = table.times[rows, season].astype("datetime64[ms]")
    columns |= {name: np.asarray(values)[rows] for name, values in table.columns.items()}
    points = gpd.points_from_xy(lon, lat)
    points[~np.isfinite(table.lonlat[rows]).all(1)] = None
    return gpd.GeoDataFrame({**columns, **(more or {})}, geometry=points, crs=4326, index=rows)


def frame_bytes(frame: GeoDataFrame, kind: str) -> bytes:
    """A table of places as a file: ``csv``, ``geojson`` or ``parquet`` (GeoParquet).

    Raises:
        ValueError: Another kind.
    """
    if kind not in FORMATS:
        raise ValueError(f"places are saved as {', '.join(FORMATS)}, got {kind!r}")
    if kind == "parquet":
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        return buffer.getvalue()
    dates = frame.select_dtypes("datetime").columns
    plain = frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%d") for name in dates})
    text = (
        plain.drop(columns="geometry").to_csv(index=False) if kind == "csv" else plain.to_json(drop_id=True)
    )
    return text.encode()


def write_frame(frame: GeoDataFrame, path: str | Path) -> Path:
    """Write a table of places, whole or not at all; the ending .csv, .geojson or .parquet says how.

    Raises:
        ValueError: Another ending.
    """
    path = Path(path)
    content = frame_bytes(frame, path.suffix.removeprefix("."))
    with whole_file(path) as partial:
        partial.write_bytes(content)
    return path


def column_info(columns: Mapping[str, NDArray]) -> list[dict[str, Any]]:
    """What the filters show of each column: a histogram of numbers and dates, or classes with their counts.

    Columns of many different words, such as names, are left out.
    """
    found = []
    for name, values in columns.items():
        numbers = as_numbers(values)
        about = _classes(values) if numbers is None else _histogram(numbers, dates=values.dtype.kind == "M")
        if about:
            found.append({"name": name, **about})
    return found


def as_numbers(values: NDArray) -> NDArray[np.float64] | None:
    """A column as numbers, dates as days since 1970; None where it holds classes."""
    if values.dtype.kind == "M":
        return np.where(np.isnat(values), np.nan, values.astype("datetime64[D]").astype(np.float64))
    many = values.dtype.kind in "iu" and len(np.unique(values)) > 20
    return values.astype(np.float64) if values.dtype.kind == "f" or many else None


def _histogram(numbers: NDArray, *, dates: bool) -> dict[str, Any] | None:
    known = numbers[np.isfinite(numbers)]
    if not len(known) or known.min() == known.max():
        return None
    bars, edges = np.histogram(known, BARS)
    return {"low": float(edges[0]), "high": float(edges[-1]), "bars": bars.tolist(), "dates": dates}


def _classes(values: NDArray) -> dict[str, Any] | None:
    names, counts = np.unique(values.astype(str), return_counts=True)
    if not 1 < len(names) <= CLASSES_MOST:
        return None
    return {"names": names.tolist(), "counts": counts.tolist()}


def shown_by(
    filters: Mapping[str, Mapping[str, Any]], columns: Mapping[str, NDArray]
) -> NDArray[np.bool_] | None:
    """Which places pass all filters, (P,); None where there is no filter.

    Args:
        filters: Column -> ``{"range": [low, high]}`` (dates as days since 1970) or ``{"names": [...]}``.
        columns: The columns of the places.

    Raises:
        LookupError: A filter on a column that is not there.
        ValueError: A filter that is neither, or a range on classes.
    """
    passed = [_passed(name, wanted, columns) for name, wanted in filters.items()]
    return np.logical_and.reduce(passed) if passed else None


def _passed(name: str, wanted: Mapping[str, Any], columns: Mapping[str, NDArray]) -> NDArray[np.bool_]:
    if name not in columns:
        raise LookupError(f"cannot filter by {name!r}; there are {', '.join(columns) or 'no columns'}")
    values = columns[name]
    if "names" in wanted:
        return np.isin(values.astype(str), [str(one) for one in wanted["names"]])
    numbers = as_numbers(values)
    if "range" not in wanted or numbers is None:
        raise ValueError(f"a filter on {name!r} needs {'names' if numbers is None else 'range or names'}")
    low, high = wanted["range"]
    return (numbers >= low) & (numbers <= high)
