"""The tables beside a cube: where each image comes from, which places were given up, what it all cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seco_lab.fetch.journal import Journal, journal_path
from seco_lab.fetch.outcome import REJECTED
from seco_lab.gather.ledger import rejected_path
from seco_lab.places.files import read_geoparquet, write_geoparquet
from seco_lab.places.regions import countries_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandas import DataFrame

    from seco_lab.fetch.ledger import Ledger


def provenance_path(out: str | Path) -> Path:
    """Where the sources of a cube's images are listed: cube.zarr -> cube.zarr.provenance.parquet."""
    out = Path(out)
    return out.with_name(f"{out.name}.provenance.parquet")


def read_provenance(out: str | Path) -> GeoDataFrame:
    """Where each image of a cube comes from: a row per patch and season, columns as in ``Provenance``.

    Raises:
        FileNotFoundError: The cube has none: it was not fetched from a catalogue.
    """
    return _read(provenance_path(out))


def read_rejected(out: str | Path) -> GeoDataFrame:
    """Places given up: name, lon, lat, continent, stratum, `why` (a word or two), `detail` (a sentence)."""
    return _read(rejected_path(out))


def read_costs(out: str | Path) -> DataFrame:
    """What each place cost: state, attempts, requests, bytes, retries, seconds, and when it was finished.

    These numbers differ from run to run, so they stand in the journal and not in the provenance.
    """
    import pandas as pd

    path = journal_path(out)
    if not path.exists():
        raise FileNotFoundError(f"no journal at {path}: {out} was not fetched from a catalogue")
    with Journal(path) as journal:
        return pd.DataFrame(journal.costs())


def _read(path: Path) -> GeoDataFrame:
    if not path.exists():
        raise FileNotFoundError(f"no {path}: it is written when a cube is fetched from a catalogue")
    return read_geoparquet(path)[0]


def write_tables(ledger: Ledger) -> None:
    """Provenance and places given up, each whole or not at all."""
    rows = ledger.provenance_rows()
    about = {"tasks_hash": ledger.tasks.hash, "catalog": ledger.tasks.about["catalog"]}
    if rows:
        write_geoparquet(_with_points(rows), provenance_path(ledger.out), about)
    write_geoparquet(_rejected(ledger), rejected_path(ledger.out), about)


def _with_points(rows: list[dict[str, Any]]) -> GeoDataFrame:
    import geopandas as gpd
    import pandas as pd

    table = pd.DataFrame(rows)
    if "time" in table:
        table["time"] = table["time"].astype("datetime64[ms]")
    points = gpd.points_from_xy(table["lon"], table["lat"])
    return gpd.GeoDataFrame(table, geometry=points, crs="EPSG:4326")


def _rejected(ledger: Ledger) -> GeoDataFrame:
    """Places without scenes, as the search left them, and those whose scenes will not do."""
    import geopandas as gpd
    import pandas as pd

    searched = ledger.tasks.rejected
    reasons = ledger.journal.reasons(REJECTED)
    rows = [
        {"name": job.patch, "lon": job.lon, "lat": job.lat, "stratum": "", **_said(*reasons[job.patch])}
        for job in ledger.jobs
        if job.patch in reasons
    ]
    if not rows:
        return searched
    read = _with_points(rows)
    read["continent"] = countries_of(np.array(read["lon"]), np.array(read["lat"]))[1]
    return gpd.GeoDataFrame(pd.concat([searched, read], ignore_index=True)) if len(searched) else read


def _said(why: str, detail: str) -> dict[str, str]:
    return {"why": why, "detail": detail}
