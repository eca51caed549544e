import geopandas as gpd
import numpy as np
import pytest

from seco_lab.explore import LabelFile, open_label_file, open_labels, place_labels, save_labels

LABELS = {"p2": "lake", "p0": "wood", "gone": "town"}
PATCHES = np.array(["p0", "p1", "p2"])
LONLAT = np.array([[10.0, 50], [11, 51], [12, 52]])


def test_labels_meet_their_places_and_the_absent_are_told():
    placed = place_labels(LABELS, PATCHES)
    assert placed.here == {2: "lake", 0: "wood"}
    assert placed.absent == {"gone": "town"}
    assert "1 of 3 labels" in placed.report()
    assert "gone" in placed.report()
    assert place_labels({"p1": "wood"}, PATCHES).report() == ""


@pytest.mark.parametrize("name", ["labels.json", "labels.parquet"])
def test_labels_come_back_in_order_absent_ones_too(tmp_path, name):
    tints = {"wood": "#00ff00", "lake": "#0000ff"}
    path = save_labels(LABELS, tmp_path / name, patches=PATCHES, lonlat=LONLAT, classes=tints)
    assert list(open_labels(path).items()) == list(LABELS.items())
    assert open_label_file(path) == LabelFile(LABELS, tints)
    save_labels({}, path)
    assert open_label_file(path) == LabelFile({}, {})


def test_geoparquet_has_points_where_positions_are_known(tmp_path):
    table = gpd.read_parquet(save_labels(LABELS, tmp_path / "a.parquet", patches=PATCHES, lonlat=LONLAT))
    assert table.crs.to_epsg() == 4326
    assert (table.geometry[0].x, table.geometry[0].y) == (12, 52)
    assert table.geometry[2] is None
    assert gpd.read_parquet(save_labels(LABELS, tmp_path / "b.parquet")).geometry.isna().all()


def test_a_broken_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = save_labels(LABELS, tmp_path / "labels.parquet")
    monkeypatch.setattr(gpd.GeoDataFrame, "to_parquet", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_labels({"p1": "town"}, path)
    assert open_labels(path) == LABELS
    assert len(list(tmp_path.iterdir())) == 1


def test_wrong_files_are_named(tmp_path):
    import pandas as pd

    with pytest.raises(FileNotFoundError, match=r"nothing\.json"):
        open_labels(tmp_path / "nothing.json")
    with pytest.raises(ValueError, match=r"got labels\.csv"):
        open_labels(tmp_path / "labels.csv")
    with pytest.raises(FileNotFoundError, match="no folder"):
        save_labels(LABELS, tmp_path / "no" / "labels.json")
    for name, text in (("cut.json", '{"labels": {"a"'), ("list.json", "[1]"), ("cut.parquet", "PAR1")):
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match=f"{name} is not a file of labels"):
            open_labels(tmp_path / name)
    pd.DataFrame({"patch": ["a"]}).to_parquet(tmp_path / "columns.parquet")
    with pytest.raises(ValueError, match="lacks the columns label"):
        open_labels(tmp_path / "columns.parquet")
    pd.DataFrame({"patch": ["a", "a"], "label": ["x", "y"]}).to_parquet(tmp_path / "twice.parquet")
    with pytest.raises(ValueError, match="labels patch 'a' twice"):
        open_labels(tmp_path / "twice.parquet")
