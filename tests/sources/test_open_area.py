"""Scenes in raster files: lazy, bands by name, in their place, or refused in a sentence."""

import numpy as np
import pytest
import rasterio
from areas import TRANSFORM, counts, write_scene
from labelled import SPEC, tiny_encoder

from seco_lab.cube import grid_of
from seco_lab.embeddings import embed_area, open_area_embeddings, save_area_embeddings
from seco_lab.sources.area import open_area

ALL = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")


def test_a_scene_is_opened_lazily_and_in_its_place(tmp_path):
    pixels = counts(3)[0]
    area = open_area(write_scene(tmp_path / "S_2024-07-01.tif", pixels), bands=("B02", "B04"), chunk_px=50)
    assert area["reflectance"].chunks == ((1,), (2,), (50, 30), (50, 46))
    np.testing.assert_array_equal(area["reflectance"][0], pixels[[2, 0]])
    assert area["reflectance"].dtype == np.uint16
    assert grid_of(area).transform == TRANSFORM
    assert area.attrs["pixel_size_m"] == 10
    assert str(area["time"].values[0])[:10] == "2024-07-01"
    assert area.attrs["sensor"] == "sentinel2-l2a"


def test_bands_without_names_go_by_their_number_or_by_hand(tmp_path):
    path = write_scene(tmp_path / "a.tif", counts(12)[0], names=None)
    assert tuple(open_area(path)["band"].values) == ALL
    three = write_scene(tmp_path / "b.tif", counts(3)[0], names=None)
    with pytest.raises(ValueError, match="say what they are"):
        open_area(three)
    assert open_area(three, file_bands=["B04", "B03", "B02"])["band"].values.tolist() == ["B04", "B03", "B02"]


def test_no_data_becomes_zero_and_the_offset_goes(tmp_path):
    pixels = counts(3)[0].astype(np.int16)
    pixels[:, :5] = -999
    path = write_scene(tmp_path / "a.tif", pixels, nodata=-999)
    area = open_area(path)
    assert (area["reflectance"].values[0, :, :5] == 0).all()
    assert area["reflectance"].dtype == np.uint16
    raised = write_scene(tmp_path / "b.tif", np.where(pixels < 0, pixels, pixels + 1000), nodata=-999)
    np.testing.assert_array_equal(open_area(raised)["reflectance"], area["reflectance"])
    assert open_area(raised).attrs["offset"] == "removed"
    kept = open_area(raised, offset="keep")["reflectance"].values
    assert kept.max() == area["reflectance"].values.max() + 1000


def test_floats_need_their_unit(tmp_path):
    share = (counts(3)[0] / 10_000).astype(np.float32)
    share[:, 0] = np.nan
    path = write_scene(tmp_path / "a.tif", share)
    with pytest.raises(ValueError, match="say unit='reflectance'"):
        open_area(path)
    area = open_area(path, unit="reflectance")
    assert (area["reflectance"].values[0, :, 0] == 0).all()
    np.testing.assert_array_equal(area["reflectance"][0, :, 1:], share[:, 1:])


def test_bad_files_are_refused_in_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="found none at"):
        open_area(tmp_path / "none.tif")
    with pytest.raises(ValueError, match=r"coordinate system, got a\.tif without"):
        open_area(write_scene(tmp_path / "a.tif", counts(3)[0], crs=None))
    broken = write_scene(tmp_path / "b.tif", counts(3)[0])
    broken.write_bytes(broken.read_bytes()[:500])
    with pytest.raises(ValueError, match="may be truncated"):
        open_area(broken)
    with pytest.raises(LookupError, match=r"wanted bands B08, B04; c\.tif has B04, B03, B02"):
        open_area(write_scene(tmp_path / "c.tif", counts(3)[0]), bands=("B08", "B04"))
    turned = (10.0, 2.0, 480_000.0, 2.0, -10.0, 4_690_000.0)
    with pytest.raises(ValueError, match="north-up"):
        open_area(write_scene(tmp_path / "d.tif", counts(3)[0], transform=turned))
    with pytest.raises(ValueError, match="offset must be"):
        open_area(broken, offset="maybe")


@pytest.mark.real_data
def test_a_real_scene_from_file_to_file(real_data, tmp_path):
    path = real_data / "s2_timeseries_boadella" / "Boadella_2021-07-16.tif"
    area = open_area(path, bands=("B04", "B03", "B02"))
    assert dict(area.sizes) == {"season": 1, "band": 3, "y": 377, "x": 380}
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(area["reflectance"].values[0], file.read([4, 3, 2]))
        bounds, transform = file.bounds, file.transform
    found = embed_area(tiny_encoder(), area, SPEC, window_px=96, stride_px=48, device="cpu")
    assert found["embedding"].shape == (1, 32, 7, 7)
    assert abs(float(found["x"][0]) - (bounds.left + 24 * transform.a)) < transform.a / 2
    assert abs(float(found["y"][0]) - (bounds.top + 24 * transform.e)) < transform.a / 2
    back = open_area_embeddings(save_area_embeddings(found, tmp_path / "area.tif", half=True))
    values = found["embedding"].values
    assert np.isfinite(values).all()
    np.testing.assert_allclose(back["embedding"], values, rtol=1e-3, atol=1e-3)
    with rasterio.open(tmp_path / "area.tif") as file:
        assert file.crs.to_epsg() == 4326
        assert file.bounds.left == pytest.approx(bounds.left)
