from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seco_lab.places import parts
from seco_lab.places.files import read_about
from seco_lab.places.parts import points_writer, read_parts

COLUMNS = {"name": pa.string(), "number": pa.int16(), "lon": pa.float64(), "lat": pa.float64()}


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(parts, "_ROWS", 8)


def table(rows=30):
    """Places of one to nine rows."""
    places = np.sort(np.random.default_rng(0).integers(0, 7, rows))
    names = [f"p{n}" for n in places]
    return pd.DataFrame({"name": names, "number": range(rows), "lon": places / 7, "lat": 0.0})


def written(path, cuts):
    with points_writer(path, COLUMNS) as file:
        for part in np.split(np.arange(30), cuts):
            file.write(table().iloc[part])
        file.close({"hash": "abc"})
    return path


def test_a_table_is_the_same_file_however_its_rows_came(tmp_path):
    one, other = (written(tmp_path / f"{cuts}.parquet", cuts) for cuts in ([], [1, 9, 28]))
    assert one.read_bytes() == other.read_bytes()
    assert pq.read_metadata(one).num_row_groups == 4
    assert read_about(one) == ([*COLUMNS, "geometry"], {"hash": "abc"})
    back = gpd.read_parquet(one)
    assert (back.crs.to_epsg(), back.geometry.x.tolist()) == (4326, table()["lon"].tolist())


def test_a_place_is_never_cut(tmp_path):
    found = list(read_parts(written(tmp_path / "t.parquet", []), ["name", "number"], by="name"))
    assert len(found) > 2
    names = [set(part["name"]) for part in found]
    assert not any(a & b for a, b in pairwise(names))
    assert [n for part in found for n in part["number"]] == list(range(30))
    assert max(len(part) for part in found) > 8, "one place has more rows than a part"


def test_a_table_that_breaks_off_is_not_there_and_an_empty_one_is(tmp_path):
    def broken():
        with points_writer(tmp_path / "t.parquet", COLUMNS) as file:
            file.write(table())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert list(tmp_path.iterdir()) == []
    with points_writer(tmp_path / "e.parquet", COLUMNS) as file:
        file.close({})
    assert list(read_parts(tmp_path / "e.parquet", ["name"], by="name")) == []
    assert len(gpd.read_parquet(tmp_path / "e.parquet")) == 0
