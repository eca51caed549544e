import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from seco_lab.catalogs import Tasks, open_tasks, save_tasks
from seco_lab.catalogs import tasks as catalogs_tasks

ABOUT = {
    "catalog": "folder", "plan_hash": "p", "dates_hash": "d", "size_px": 264,
    "bands": ["B02"], "snap": "grid",
}  # fmt: skip


def tasks(n=2, **changes) -> Tasks:
    columns = {
        "patch": [f"place-{i}" for i in range(n)],
        "season": np.zeros(n, np.int16),
        "rank": np.zeros(n, np.int16),
        "item_id": "S2A_33UUP",
        "collection": "sentinel-2-l2a",
        "self_href": "",
        "time": pd.Series(np.full(n, "2020-07-31T08:06:11.024", "datetime64[ms]")),
        "platform": "sentinel-2a",
        "tile": "33UUP",
        "epsg": np.full(n, 32633, np.int32),
        "x0": 300000.0,
        "y0": 5900040.0,
        "scene_cloud_cover": 3.5,
        "baseline": "05.09",
        "offset_applied": np.array([True, None, False] * n, object)[:n],
        "rung": "±7.5 d",
        "assets": '{"B02": "http://x/B02.tif"}',
        "lon": 13.0,
        "lat": 52.5,
    }
    table = gpd.GeoDataFrame({**columns, **changes}, geometry=[shapely.Point(13, 52.5)] * n, crs=4326)
    rejected = gpd.GeoDataFrame(
        {"name": ["sea"], "why": ["no scene"]}, geometry=[shapely.Point(0, 0)], crs=4326
    )
    return Tasks(table, rejected, ABOUT)


def test_what_is_saved_comes_back(tmp_path):
    made = tasks(3)
    back = open_tasks(save_tasks(made, tmp_path / "tasks.parquet"))
    assert (back.hash, back.with_scenes) == (made.hash, 3)
    assert back.patches == ["place-0", "place-1", "place-2"]
    assert back.table["offset_applied"].tolist() == [True, None, False]
    assert back.table["time"].iloc[0] == pd.Timestamp("2020-07-31T08:06:11.024")
    assert back.rejected["why"].tolist() == ["no scene"]
    assert {key: back.about[key] for key in ABOUT} == ABOUT


@pytest.mark.parametrize(
    "change", [{"x0": 300060.0}, {"tile": "33UUQ"}, {"assets": "{}"}, {"baseline": "02.12"}]
)
def test_hash_changes_with_what_decides_the_pixels(change):
    assert tasks(**change).hash != tasks().hash


def rewritten(path, rows):
    """The file with other rows, or the same ones packed otherwise, under what it says about itself."""
    told = pq.read_metadata(path).metadata
    meta = {key: text for key, text in told.items() if key != b"ARROW:schema"}
    pq.write_table(pq.read_table(rows).replace_schema_metadata(meta), path)
    return path


def test_edited_tasks_are_refused(tmp_path):
    path = save_tasks(tasks(), tmp_path / "tasks.parquet")
    other = save_tasks(tasks(x0=0.0), tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="changed after the scenes were selected"):
        open_tasks(rewritten(path, other))


def test_tasks_that_another_program_wrote_with_the_same_rows_are_read_through(tmp_path, monkeypatch):
    path = save_tasks(tasks(3), tmp_path / "tasks.parquet")
    again = open_tasks(rewritten(path, path))
    assert (again.hash, again.with_scenes) == (tasks(3).hash, 3)
    path = save_tasks(tasks(3), path)
    monkeypatch.setattr(catalogs_tasks, "tasks_hash", lambda parts: pytest.fail("rows were read"))
    assert open_tasks(path).hash == again.hash


def test_another_table_is_no_list_of_tasks(tmp_path):
    about = {key: value for key, value in ABOUT.items() if key != "snap"}
    lacking = Tasks(tasks().table.drop(columns="assets"), tasks().rejected, about)
    with pytest.raises(ValueError, match="assets, snap is missing"):
        save_tasks(lacking, tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="no tasks at"):
        open_tasks(tmp_path / "none.parquet")
