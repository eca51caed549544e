"""The tables beside a cube: where each image comes from, which places were given up, what it all cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.fetch.journal import STORED, Journal, journal_path
from seco_lab.fetch.outcome import REJECTED, Provenance
from seco_lab.gather.ledger import rejected_path
from seco_lab.places.files import read_geoparquet, write_geoparquet
from seco_lab.places.parts import points_writer, read_parts
from seco_lab.places.regions import countries_of

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame
    from pandas import DataFrame

    from seco_lab.fetch.ledger import Ledger

_ROWS_AT_A_TIME = 1000


def provenance_path(out: str | Path) -> Path:
    """Where the sources of a cube's images are listed: cube.zarr -> cube.zarr.provenance.parquet."""
    out = Path(out)
    return out.with_name(f"{out.name}.provenance.parquet")


def read_provenance(out: str | Path, *, columns: Sequence[str] | None = None) -> DataFrame:
    """Where each image of a cube comes from: a row per patch and season, columns as in ``Provenance``.

    Args:
        out: The cube.
        columns: Those wanted, as a plain table; all, with points, where it is not given.

    Raises:
        FileNotFoundError: The cube has none: it was not fetched from a catalogue.
    """
    import pandas as pd

    table = _there(provenance_path(out))
    return read_geoparquet(table)[0] if columns is None else pd.read_parquet(table, columns=list(columns))


def provenance_parts(out: str | Path, columns: Sequence[str]) -> Iterator[DataFrame]:
    """The same, some thousand rows at a time; all rows of a patch are in one part."""
    return read_parts(_there(provenance_path(out)), columns, by="patch")


def provenance_rows(out: str | Path) -> int:
    """How many images the provenance tells of."""
    import pyarrow.parquet as pq

    return pq.read_metadata(_there(provenance_path(out))).num_rows


def read_rejected(out: str | Path) -> GeoDataFrame:
    """Places given up: name, lon, lat, continent, stratum, `why` (a word or two), `detail` (a sentence)."""
    return read_geoparquet(_there(rejected_path(out)))[0]


def read_costs(out: str | Path) -> DataFrame:
    """What each place cost: state, attempts, requests, bytes, retries, seconds, and when it was finished.

    These numbers differ from run to run, so they stand in the journal and not in the provenance.
    """
    import pandas as pd

    path = journal_path(out)
    if not path.exists():
        raise FileNotFoundError(f"no journal at {path}: {out} was not fetched from a catalogue")
    with Journal.only_read(path) as journal:
        return pd.DataFrame(journal.costs())


def _there(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"no {path}: it is written when a cube is fetched from a catalogue")
    return path


def write_tables(ledger: Ledger) -> None:
    """Provenance and places given up, each whole or not at all."""
    about = {"tasks_hash": ledger.tasks.hash, "catalog": ledger.tasks.about["catalog"]}
    if ledger.count(STORED):
        with points_writer(provenance_path(ledger.out), _columns()) as file:
            rows = ledger.provenance_rows()
            while some := list(islice(rows, _ROWS_AT_A_TIME)):
                file.write(_table(some))
            file.close(about)
    write_geoparquet(_rejected(ledger), rejected_path(ledger.out), about)


def _columns() -> dict[str, pa.DataType]:
    """Type of each column of the provenance."""
    import pyarrow as pa

    kinds = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    columns = {one.name: kinds[str(one.type)] for one in fields(Provenance)}
    return {**columns, "time": pa.timestamp("ms"), "lon": pa.float64(), "lat": pa.float64()}


def _table(rows: list[dict[str, Any]]) -> DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows)
    return table.assign(time=table["time"].astype("datetime64[ms]"))


def _rejected(ledger: Ledger) -> GeoDataFrame:
    """Places without scenes, as the search left them, and those whose scenes will not do."""
    import geopandas as gpd
    import pandas as pd

    searched = _described(ledger.tasks.rejected)
    numbers = ledger.in_state(REJECTED)
    if not len(numbers):
        return searched
    reasons, places = ledger.journal.reasons(REJECTED), ledger.places
    names = [places.names[number] for number in numbers]
    lon, lat = places.lon[numbers], places.lat[numbers]
    columns = {"name": names, "lon": lon, "lat": lat, "stratum": ""}
    columns |= {word: [reasons[name][i] for name in names] for i, word in enumerate(("why", "detail"))}
    columns["continent"] = countries_of(lon, lat)[1]
    read = gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy(lon, lat), crs="EPSG:4326")
    return gpd.GeoDataFrame(pd.concat([searched, read], ignore_index=True)) if len(searched) else read


def _described(places: GeoDataFrame) -> GeoDataFrame:
    """Places with all columns of ``read_rejected``; a plan of the user's own may be without."""
    if "stratum" not in places:
        places = places.assign(stratum="")
    if "continent" not in places:
        lon, lat = (places[axis].to_numpy(float) for axis in ("lon", "lat"))
        places = places.assign(continent=countries_of(lon, lat)[1])
    return places
