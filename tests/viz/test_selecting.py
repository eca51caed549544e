import io
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from test_map_scene import embeddings

from seco_lab.viz.selecting import (
    bits_of,
    chosen_of,
    column_info,
    frame_bytes,
    places_frame,
    rows_of,
    shown_by,
    write_frame,
)
from seco_lab.viz.table import embedding_table


def frame(places=5, rows=(4, 1)):
    data = embeddings(places=places)
    data["lon"][1] = np.nan
    table = embedding_table(data, columns={"height": np.arange(places) / 2})
    return places_frame(table, np.array(rows), {"class": ["a", 'b"c,']})


@pytest.mark.parametrize("count", [1, 7, 8, 9, 1000])
def test_bits_come_back(count):
    chosen = np.random.default_rng(count).random(count) < 0.4
    chosen[-1] = True
    bits = bits_of(chosen)
    assert len(bits) == (count + 7) // 8
    assert rows_of(bits, count).tolist() == np.flatnonzero(chosen).tolist()
    assert rows_of(bits_of(np.zeros(count, bool)), count).tolist() == []


def test_lowest_bit_first_as_the_browser_counts():
    assert bits_of(np.arange(9) == 8) == b"\x00\x01"
    assert bits_of(np.arange(9) == 1) == b"\x02\x00"


def test_places_by_number_and_by_mask():
    assert np.flatnonzero(chosen_of([3, 1, 3], 5)).tolist() == [1, 3]
    assert chosen_of([], 5).sum() == 0
    with pytest.raises(ValueError, match="0 to 4, got 5"):
        chosen_of([5], 5)
    with pytest.raises(ValueError, match="each of the 5 places"):
        chosen_of(np.zeros(4, bool), 5)


def test_a_table_of_places_in_their_order():
    table = frame()
    assert table["patch"].tolist() == ["p4", "p1"]
    assert table["height"].tolist() == [2.0, 0.5]
    assert table["date_2"].dt.strftime("%Y-%m-%d").tolist() == ["2020-04-10"] * 2
    assert table.crs == 4326
    assert table.geometry.iloc[0].x == table["lon"].iloc[0]
    assert table.geometry.iloc[1] is None


def test_three_kinds_of_files_say_the_same(tmp_path):
    table = frame()
    text = pd.read_csv(io.BytesIO(frame_bytes(table, "csv")))
    assert text["class"].tolist() == ["a", 'b"c,']
    features = json.loads(frame_bytes(table, "geojson"))["features"]
    assert [one["properties"]["patch"] for one in features] == ["p4", "p1"]
    assert features[0]["properties"]["date_1"] == "2020-01-10"
    assert features[1]["geometry"] is None
    back = gpd.read_parquet(write_frame(table, tmp_path / "few.parquet"))
    assert back["height"].tolist() == [2.0, 0.5]
    assert [path.name for path in tmp_path.iterdir()] == ["few.parquet"]
    with pytest.raises(ValueError, match="csv, geojson, parquet, got 'shp'"):
        write_frame(table, tmp_path / "few.shp")


COLUMNS = {
    "height": np.array([1.0, np.nan, 3.0, 4.0]),
    "kind": np.array(["a", "b", "a", "c"]),
    "day": np.array(["2020-01-01", "2020-03-01", "NaT", "2020-02-01"], "M8[ns]"),
}


def test_filters_by_range_class_and_date():
    assert shown_by({}, COLUMNS) is None
    assert shown_by({"height": {"range": [2, 3]}}, COLUMNS).tolist() == [False, False, True, False]
    assert shown_by({"kind": {"names": ["a", "c"]}}, COLUMNS).tolist() == [True, False, True, True]
    days = np.array(["2020-01-15", "2020-12-31"], "M8[D]").astype(int).tolist()
    assert shown_by({"day": {"range": days}}, COLUMNS).tolist() == [False, True, False, True]
    both = {"height": {"range": [0, 9]}, "kind": {"names": ["c"]}}
    assert shown_by(both, COLUMNS).tolist() == [False, False, False, True]


def test_impossible_filters_are_named():
    with pytest.raises(LookupError, match="'depth'; there are height, kind, day"):
        shown_by({"depth": {"range": [0, 1]}}, COLUMNS)
    with pytest.raises(ValueError, match="'kind' needs names"):
        shown_by({"kind": {"range": [0, 1]}}, COLUMNS)


def test_what_filters_show_of_a_column():
    many = np.array([f"n{i}" for i in range(50)])
    about = column_info({**{k: np.resize(v, 50) for k, v in COLUMNS.items()}, "name": many})
    assert [one["name"] for one in about] == ["height", "kind", "day"]
    assert (about[0]["low"], about[0]["high"]) == (1.0, 4.0)
    assert sum(about[0]["bars"]) == np.isfinite(np.resize(COLUMNS["height"], 50)).sum()
    assert about[1]["names"] == ["a", "b", "c"]
    assert about[2]["dates"]
