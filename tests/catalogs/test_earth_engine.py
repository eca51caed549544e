"""Earth Engine, by a stand-in for its client that gives out the made-up archive of the tests."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from archive import BANDS, DATES, RESOLUTION_M, SIDE_M, TILES, name_of, true_patch

from seco_lab.catalogs import CatalogError, EarthEngine, find_scenes
from seco_lab.catalogs.earth_engine import COLLECTION
from seco_lab.cli import main
from seco_lab.fetch import fetch, read_provenance
from seco_lab.places import Place, plan_of
from seco_lab.store import open_cube

TILE, (EPSG, LEFT, TOP) = "33UUP", TILES["33UUP"]
HERE = Place("here", 12.146, 51.405)
_NAMES = {"B02": "B2", "B04": "B4", "B05": "B5", "B01": "B1", "SCL": "SCL"}


class EEException(Exception):
    """As the client has it."""


def image(date, index):
    """As ``listImages`` and ``getAsset`` describe one; the grid leaves out what is zero."""
    grids = {
        band: {
            "crsCode": f"EPSG:{EPSG}",
            "dimensions": {"width": SIDE_M // size, "height": SIDE_M // size},
            "affineTransform": {"scaleX": size, "translateX": LEFT, "scaleY": -size, "translateY": TOP},
        }
        for band, size in RESOLUTION_M.items()
    }
    bands = [{"id": _NAMES[band], "grid": grid} for band, grid in grids.items()]
    about = {
        "MGRS_TILE": TILE, "SPACECRAFT_NAME": "Sentinel-2A", "PROCESSING_BASELINE": "03.00",
        "CLOUDY_PIXEL_PERCENTAGE": 3.5, "GENERATION_TIME": 1.6e12,
    }  # fmt: skip
    ring = [[12.0, 51.3], [12.3, 51.3], [12.3, 51.5], [12.0, 51.5], [12.0, 51.3]]
    return {
        "id": f"{COLLECTION}/{index}", "startTime": f"{date}T10:20:30.024Z", "properties": about,
        "bands": [*bands, {"id": "QA60", "grid": grids["B02"]}], "updateTime": "2024-01-01T00:00:00Z",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }  # fmt: skip


class Client:
    """The calls of ``ee`` that are used."""

    EEException = EEException

    def __init__(self, root):
        self.root, self.asked, self.login, self.gone = root, [], None, False
        self.images = {f"{COLLECTION}/{i}": (image(date, i), date) for i, date in enumerate(DATES[:2])}
        self.data = SimpleNamespace(
            listImages=self.list_images, getAsset=lambda name: self.images[name][0], getPixels=self.pixels
        )

    def Initialize(self, **how):
        if self.login is None:
            raise EEException("Please authorize access to your Earth Engine account")
        self.asked.append(how)

    def list_images(self, wish):
        assert wish["parent"] == COLLECTION
        found = [
            i for i, date in self.images.values() if wish["startTime"] <= i["startTime"] < wish["endTime"]
        ]
        if "pageToken" in wish:
            return {"images": found[1:]}
        return {"images": found[:1], **({"nextPageToken": "2"} if found[1:] else {})}

    def pixels(self, wish):
        self.asked.append(wish)
        if self.gone:
            raise EEException(f"Image.load: Image asset '{wish['assetId']}' not found.")
        assert wish["fileFormat"] == "NUMPY_NDARRAY"
        (name,), axes = wish["bandIds"], wish["grid"]["affineTransform"]
        band = next(key for key, value in _NAMES.items() if value == name)
        with rasterio.open(self.root / name_of(TILE, self.images[wish["assetId"]][1], band)) as file:
            column = round((axes["translateX"] - LEFT) / axes["scaleX"])
            row = round((axes["translateY"] - TOP) / axes["scaleY"])
            size = wish["grid"]["dimensions"]
            pixels = file.read(1)[row : row + size["height"], column : column + size["width"]]
        return pixels.astype([(name, pixels.dtype)])


@pytest.fixture
def client(archive_root, monkeypatch):
    made = Client(archive_root)
    made.login, made.__spec__ = "me", SimpleNamespace()
    monkeypatch.setitem(sys.modules, "ee", made)
    return made


def tasks(tmp_path, catalog):
    dates = np.array([DATES[:2]], "datetime64[D]")
    return find_scenes(
        plan_of([HERE]), dates, catalog, folder=tmp_path / "s", size_px=48, bands=BANDS, progress=False
    )


def test_a_place_from_search_to_cube(client, tmp_path):
    catalog = EarthEngine("project")
    found = tasks(tmp_path, catalog)
    assert found.rejected["detail"].tolist() == []
    assert client.asked[0]["project"] == "project"
    report = fetch(found, tmp_path / "c.zarr", signer=catalog, max_cloud=100, progress=False)
    cube, source = open_cube(report.path), read_provenance(report.path)
    for season, date in enumerate(DATES[:2]):
        column, row = source.loc[season, ["column_px", "row_px"]]
        np.testing.assert_array_equal(cube["reflectance"][0, season], true_patch(TILE, date, column, row))
    assert report.requests == 12, "a description and five bands of each date"
    assert source["item_id"].tolist() == ["0", "1"]
    assert set(source["platform"]) == {"sentinel-2a"}
    assert str(cube["time"].values[0, 0]) == f"{DATES[0]}T10:20:30.000000000"
    asked = len(client.asked)
    assert fetch(found, tmp_path / "c.zarr", signer=catalog, max_cloud=100, progress=False).requests == 0
    assert len(client.asked) == asked


def test_an_image_that_is_gone_is_a_reason(client, tmp_path):
    catalog = EarthEngine()
    found = tasks(tmp_path, catalog)
    client.gone = True
    with pytest.raises(LookupError, match=r"none of the 1 places could be had \(gone\)"):
        fetch(found, tmp_path / "c.zarr", signer=catalog, progress=False)


def test_nobody_is_logged_in_or_the_client_is_missing(client, tmp_path, monkeypatch):
    client.login = None
    with pytest.raises(CatalogError, match="lets nobody in: run 'earthengine authenticate'"):
        tasks(tmp_path, EarthEngine())
    monkeypatch.delitem(sys.modules, "ee")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'seco-lab\[earthengine\]'"):
        EarthEngine()
    assert main(["gather", "p.parquet", "--source", "earth-engine", "--out", str(tmp_path / "x.zarr")]) != 0
