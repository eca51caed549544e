import json

import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from stac_items import earth_search_item, planetary_item

from seco_lab.catalogs import item_of, open_catalog, save_scenes, scene_of
from seco_lab.catalogs.geoparquet import join_scenes, read_scenes

MAY, JUNE, JULY = (np.datetime64(f"2024-{month:02d}-15T10:30") for month in (5, 6, 7))
INSIDE = (13.0, 52.0, 13.1, 52.1)


def written(folder, *items):
    for number, item in enumerate(items):
        (folder / f"{number}.json").write_text(json.dumps(item))
    return folder


def test_search_by_place_and_time(tmp_path):
    far = earth_search_item(JUNE, tile="33TTG", top=5000040.0)
    catalog = open_catalog(written(tmp_path, earth_search_item(JULY), earth_search_item(MAY), far))
    found = catalog.search(INSIDE, MAY, JULY)
    assert [scene.time for scene in found] == [MAY, JULY]
    assert [scene.time for scene in catalog.search(INSIDE, JUNE, JULY)] == [JULY]
    assert catalog.search((0, 0, 1, 1), MAY, JULY) == []
    assert catalog.sign("a") == catalog.resign("a") == "a"


def test_collections_and_static_catalogues_lie_about(tmp_path):
    (tmp_path / "sub").mkdir()
    written(
        tmp_path / "sub",
        {"type": "FeatureCollection", "features": [planetary_item(MAY), planetary_item(JUNE)]},
    )
    (tmp_path / "catalog.json").write_text(json.dumps({"type": "Catalog", "links": []}))
    (tmp_path / "list.json").write_text("[1, 2]")
    assert len(open_catalog(tmp_path)) == 2


def test_outline_beyond_180_is_found_from_both_sides(tmp_path):
    ring = [[179.5, -17], [181, -17], [181, -18], [179.5, -18], [179.5, -17]]
    item = earth_search_item(MAY, geometry={"type": "Polygon", "coordinates": [ring]})
    catalog = open_catalog(written(tmp_path, item))
    for west in (179.9, -179.9):
        assert len(catalog.search((west, -17.6, west + 0.05, -17.5), MAY, JULY)) == 1


def test_parquet_is_a_catalogue(tmp_path):
    scenes = [scene_of(earth_search_item(MAY)), scene_of(planetary_item(JUNE, cloud=55.5))]
    catalog = open_catalog(save_scenes(scenes, tmp_path / "items.parquet"))
    back = catalog.search(INSIDE, MAY, JULY)
    assert [scene.item_id for scene in back] == [scene.item_id for scene in scenes]
    assert back[1].assets == scenes[1].assets
    assert back[1].scene_cloud_cover == 55.5
    assert shapely.equals(back[0].footprint, scenes[0].footprint)


def test_tables_of_others_are_read_as_items(tmp_path):
    item = earth_search_item(MAY)
    about = {name: [value] for name, value in item["properties"].items()}
    columns = {"id": [item["id"]], "collection": ["sentinel-2-l2a"], "assets": [item["assets"]], **about}
    table = gpd.GeoDataFrame(columns, geometry=[shapely.geometry.shape(item["geometry"])], crs=4326)
    table.to_parquet(tmp_path / "theirs.parquet")
    (scene,) = open_catalog(tmp_path / "theirs.parquet").search(INSIDE, MAY, JULY)
    assert item_of(scene) == item_of(scene_of(item))
    assert read_scenes(save_scenes([scene], tmp_path / "ours.parquet"))[0] == scene
    with pytest.raises(ValueError, match="no table of scenes that this toolkit wrote"):
        read_scenes(tmp_path / "theirs.parquet")


def test_tables_are_joined_without_repeats(tmp_path):
    files = [
        save_scenes([scene_of(earth_search_item(day)) for day in days], tmp_path / f"{n}.parquet")
        for n, days in enumerate([(MAY, JUNE), (), (JUNE, JULY)])
    ]
    assert join_scenes(files, tmp_path / "all.parquet") == 3
    assert len(open_catalog(tmp_path / "all.parquet")) == 3
    assert pq.read_metadata(tmp_path / "all.parquet").num_row_groups == 1, "each costs memory until the end"


def test_what_is_no_catalogue_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no catalogue at"):
        open_catalog(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no STAC item at all"):
        open_catalog(tmp_path)
    (tmp_path / "broken.json").write_text('{"type": "Fea')
    with pytest.raises(ValueError, match=r"broken.json is no JSON.*repair it"):
        open_catalog(tmp_path)
