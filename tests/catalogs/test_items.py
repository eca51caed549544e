import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from stac_items import earth_search_item, planetary_item

from seco_lab.catalogs import NotASceneError, item_of, open_catalog, scene_of
from seco_lab.catalogs.items import BANDS

REAL = Path(os.environ.get("SECO_LAB_REAL_DATA", "../shared/data")) / "stac"
TIME = "2024-05-17T10:30:31.024"


def same(one, other):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert a == b or (a != a and b != b), field.name


@pytest.mark.parametrize("make", [earth_search_item, planetary_item])
def test_both_archives_give_the_same_scene(make):
    scene = scene_of(make(TIME, cloud=12.5, baseline="05.10", platform="sentinel-2b"))
    assert scene.identity == ("sentinel-2b", np.datetime64("2024-05-17T10:30", "m"), "33UUT")
    assert tuple(scene.assets) == BANDS
    assert (scene.scene_cloud_cover, scene.baseline) == (12.5, "05.10")
    assert scene.assets["B8A"].transform == (20, 0, 300000, 0, -20, 5800020)
    assert scene.assets["B05"].href.endswith("/B05.tif")  # of three bands called rededge
    assert scene.assets["B02"].epsg == 32633


def test_offset_is_what_the_archive_states():
    assert scene_of(earth_search_item(TIME, baseline="05.09")).offset_applied is True
    assert scene_of(planetary_item(TIME, baseline="05.09")).offset_applied is False
    item = earth_search_item(TIME)
    del item["properties"]["earthsearch:boa_offset_applied"]
    assert scene_of(item).offset_applied is None


def test_a_scene_survives_as_an_item():
    for make in (earth_search_item, planetary_item):
        scene = scene_of(make(TIME))
        same(scene_of(json.loads(json.dumps(item_of(scene)))), scene)


def test_date_is_the_property_not_the_name():
    item = earth_search_item("2024-05-17T23:59:59.900", id="S2A_33UUT_20240518_0_L2A")
    assert scene_of(item).time == np.datetime64("2024-05-17T23:59:59.900")


@pytest.mark.parametrize("text", ["T12:30:31+02:00", "t10:30:31z", "T05:00:31-05:30", "T10:30:31.000000001Z"])
def test_dates_of_any_time_zone_are_utc(text):
    item = earth_search_item("2024-05-17T10:30:31")
    item["properties"]["datetime"] = f"2024-05-17{text}"
    assert scene_of(item).time == np.datetime64("2024-05-17T10:30:31")


def test_newer_extensions_are_read():
    item = earth_search_item(TIME)
    epsg = item["properties"].pop("proj:epsg")
    item["properties"]["proj:code"] = f"EPSG:{epsg}"
    for asset in item["assets"].values():
        asset["bands"] = [{"name": b["name"]} for b in asset.pop("eo:bands", [])]
    same(scene_of(item), scene_of(earth_search_item(TIME)))


def test_tokens_do_not_stay_in_hrefs():
    item = planetary_item(TIME)
    plain = item["assets"]["B02"]["href"]
    item["assets"]["B02"]["href"] = plain + "?st=2024-01-01&se=2024-01-02&sig=abc"
    assert scene_of(item).assets["B02"].href == plain


def test_relative_hrefs_lie_beside_the_item():
    item = earth_search_item(TIME)
    item["assets"]["red"]["href"] = "./B04.tif"
    for folder in ("/archive/33UUT", "/C# files/was?/50% ü", "https://host/33UUT"):
        assert scene_of(item, base=f"{folder}/item.json").assets["B04"].href == f"{folder}/B04.tif"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"platform": "landsat-8", "constellation": None}, "is not Sentinel-2 but landsat-8"),
        ({"s2:product_type": "S2MSI1C"}, "level 1C"),
        ({"datetime": None}, "no date"),
        ({"datetime": ""}, "no date"),
        ({"grid:code": None}, None),
    ],
)
def test_what_is_no_scene_says_why(change, words):
    item = earth_search_item(TIME, id="nameless" if words is None else None)
    item["properties"] |= change
    with pytest.raises(NotASceneError, match=words or "does not say its MGRS tile"):
        scene_of(item)


def test_unknown_assets_are_listed():
    item = earth_search_item(TIME)
    item["assets"] = {"rouge": {"href": "a.tif"}, "vert": {"href": "b.tif"}}
    with pytest.raises(NotASceneError, match=r"it has rouge, vert, known are B01, .*swir22"):
        scene_of(item)


@pytest.mark.real_data
def test_real_items_of_both_archives():
    for name, count in (
        ("pc_sentinel2_l2a_T13TDE_2024_100items", 100),
        ("earthsearch_v1_s2_l2a_l1c_c1_items", 12),
    ):
        assert len(open_catalog(REAL / f"{name}.json")) == count
    old = json.loads((REAL / "earthsearch_v0_sentinel_s2_l2a_cogs_1item.json").read_text())
    scene = scene_of(old)
    assert (scene.tile, scene.baseline, scene.platform) == ("28QCH", "02.14", "sentinel-2a")
    assert tuple(scene.assets) == BANDS
    with pytest.raises(ValueError, match=r"no Sentinel-2 L2A scene among its 42 items: .*but naip"):
        open_catalog(REAL / "pc_naip_items.json")
