"""The reader of SpaceNet: masks by hand at pixel centres, other projections, empty and broken chips."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer
from scene_files import METRES, picture, square, write_footprints, write_scene, write_spacenet

from seco_lab.sources.rasters import describe_raster
from seco_lab.sources.spacenet import find_spacenet, key_of, rasterised

LEFT, TOP = 733_600.0, 3_725_140.0


def mask_of(tmp_path, rings, **options):
    image = write_scene(tmp_path / "chip.tif", picture(20, 20))
    return rasterised(write_footprints(tmp_path / "chip.geojson", rings, **options), describe_raster(image))


def test_a_pixel_counts_when_its_centre_lies_inside(tmp_path):
    # 0.5 m pixels: from 1.3 m to 3.3 m lie the centres 1.75, 2.25 and 2.75 m and 3.25 m: columns 3 to 6.
    mask = mask_of(tmp_path, [square(LEFT + 1.3, TOP - 1.3, 2.0)])
    wanted = np.zeros((20, 20), np.uint8)
    wanted[3:7, 3:7] = 1
    np.testing.assert_array_equal(mask, wanted)


def test_degrees_are_brought_to_the_grid_of_the_chip(tmp_path):
    ring = square(LEFT + 1.3, TOP - 1.3, 2.0)
    to_degrees = Transformer.from_crs(METRES, 4326, always_xy=True)
    degrees = [list(to_degrees.transform(x, y)) for x, y in ring]
    plain = mask_of(tmp_path, [ring])
    np.testing.assert_array_equal(mask_of(tmp_path, [degrees], crs=None), plain)
    np.testing.assert_array_equal(mask_of(tmp_path, [degrees], crs="urn:ogc:def:crs:OGC:1.3:CRS84"), plain)


def test_what_is_no_area_counts_for_nothing(tmp_path):
    inner = {"type": "Polygon", "coordinates": [square(LEFT + 1, TOP - 1, 1.0)]}
    odd = [
        {"type": "Point", "coordinates": [LEFT + 5, TOP - 5]},
        {"type": "LineString", "coordinates": [[LEFT, TOP], [LEFT + 9, TOP - 9]]},
        {"type": "Polygon", "coordinates": []},
        {"type": "MultiPolygon", "coordinates": [inner["coordinates"]]},
        None,
    ]
    assert mask_of(tmp_path, [], geometries=odd).sum() == 4
    assert mask_of(tmp_path, []).sum() == 0


def test_holes_bow_ties_and_heights(tmp_path):
    ring, hole = square(LEFT + 1, TOP - 1, 4.0), square(LEFT + 2, TOP - 2, 1.0)
    with_hole = {"type": "Polygon", "coordinates": [ring, hole[::-1]]}
    assert mask_of(tmp_path, [], geometries=[with_hole]).sum() == 64 - 4
    high = {"type": "Polygon", "coordinates": [[[x, y, 12.0] for x, y in ring]]}
    assert mask_of(tmp_path, [], geometries=[high]).sum() == 64
    tie = [[LEFT, TOP], [LEFT + 4, TOP - 4], [LEFT + 4, TOP], [LEFT, TOP - 4], [LEFT, TOP]]
    assert 10 < mask_of(tmp_path, [tie]).sum() < 64


def test_names_of_all_rounds_pair():
    for image, footprints in [
        ("3band_AOI_1_RIO_img42", "Geo_AOI_1_RIO_img42"),
        ("RGB-PanSharpen_AOI_2_Vegas_img1011", "buildings_AOI_2_Vegas_img1011"),
        (
            "Pan-Sharpen_Atlanta_nadir7_catid_1030010003D22F00_743501_3736689",
            "spacenet-buildings_743501_3736689",
        ),
        ("mine", "mine"),
    ]:
        assert key_of(Path(f"{image}.tif")) == key_of(Path(f"{footprints}.geojson"))


def test_chips_with_masks_that_stay_on_disk(tmp_path):
    chips = find_spacenet(write_spacenet(tmp_path, 3, empty=(1,)))
    assert list(chips) == [f"AOI_2_Vegas_img{n}" for n in range(3)]
    chip = chips["AOI_2_Vegas_img0"]
    assert hasattr(chip["mask"].data, "dask")
    mask, pixels = chip["mask"].values[0], chip["reflectance"].values[0, 0]
    assert mask.sum() == 400
    assert (pixels[:, mask == 1] == 220).all()
    assert (pixels[:, mask == 0] < 100).all()
    assert chips["AOI_2_Vegas_img1"]["mask"].values.sum() == 0
    assert chip.attrs["class_names"] == ["background", "building"]


def test_variants_and_bands(tmp_path):
    root = write_spacenet(tmp_path, 2)
    for number in range(2):
        pixels = np.random.default_rng(number).integers(1, 2000, (8, 16, 16)).astype(np.uint16)
        write_scene(root / "MUL" / f"MUL_AOI_2_Vegas_img{number}.tif", pixels, pixel_m=2.0)
    whole = find_spacenet(root, variant="8band")["AOI_2_Vegas_img0"]
    assert whole["band"].values.tolist() == ["C", "B", "G", "Y", "R", "RE", "N1", "N2"]
    assert whole.attrs["unit"] == "uint16"
    some = find_spacenet(root, variant="8band", bands="rgb")["AOI_2_Vegas_img0"]
    np.testing.assert_array_equal(
        some["reflectance"].values[0, 0], whole["reflectance"].values[0, 0][[4, 2, 1]]
    )
    assert find_spacenet(root)["AOI_2_Vegas_img0"].attrs["unit"] == "uint8"
    deep = write_spacenet(tmp_path / "deep", 1, dtype=np.uint16)
    with pytest.raises(LookupError, match="lack band N1; they have R, G, B"):
        find_spacenet(deep, bands=["R", "N1"])
    with pytest.raises(LookupError, match="unknown variant"):
        find_spacenet(root, variant="infrared")


def test_chips_that_cannot_be_used_are_told(tmp_path):
    root = write_spacenet(tmp_path, 6)
    images, labels = root / "RGB-PanSharpen", root / "geojson" / "buildings"
    write_scene(images / "RGB-PanSharpen_AOI_2_Vegas_img1.tif", picture(20, 20), crs=None)
    write_scene(images / "RGB-PanSharpen_AOI_2_Vegas_img2.tif", picture(20, 20)[:2])
    whole = (images / "RGB-PanSharpen_AOI_2_Vegas_img3.tif").read_bytes()
    (images / "RGB-PanSharpen_AOI_2_Vegas_img3.tif").write_bytes(whole[:2000])
    (labels / "buildings_AOI_2_Vegas_img4.geojson").write_text('{"type": "FeatureCollection", "fea')
    (labels / "buildings_AOI_2_Vegas_img5.geojson").unlink()
    chips = find_spacenet(root)
    notes = " | ".join(chips.notes)
    assert list(chips) == ["AOI_2_Vegas_img0"]
    for words in ("img1 has no CRS", "img2 has 2 bands", "img3 cannot be read", "img4 has footprints that"):
        assert words in notes
    assert "1 chips have no GeoJSON and were left out (AOI_2_Vegas_img5)" in notes


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        find_spacenet(tmp_path / "nowhere")
    with pytest.raises(LookupError, match="3band or RGB-PanSharpen"):
        find_spacenet(tmp_path)


@pytest.mark.real_data
def test_the_real_chip_of_atlanta(real_data, tmp_path):
    sample = real_data / "spacenet_sample"
    shutil.copy(sample / "atlanta_pan_900px.tif", tmp_path / "PAN_733601_3724689.tif")
    shutil.copy(sample / "atlanta_buildings.geojson", tmp_path / "buildings_733601_3724689.geojson")
    chip = find_spacenet(tmp_path, variant="pan")["733601_3724689"]
    mask, pixels = chip["mask"].values[0], chip["reflectance"].values[0, 0, 0].astype(float)
    assert mask.shape == pixels.shape == (900, 900)
    assert chip.attrs["pixel_size_m"] == pytest.approx(0.5)
    from scipy import ndimage

    assert (
        25 <= ndimage.label(mask, np.ones((3, 3)))[1] <= 43
    )  # 43 footprints, some of which touch or lie at the edge
    assert 0.01 < mask.mean() < 0.3
    # Outlines lie where the picture has edges, and nowhere as well as at their own place.
    outline = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask)
    edges = np.hypot(ndimage.sobel(pixels, 0), ndimage.sobel(pixels, 1))
    shifts = [(down, right) for down in (-5, 0, 5) for right in (-5, 0, 5) if down or right]
    elsewhere = [edges[np.roll(outline, shift, (0, 1))].mean() for shift in shifts]
    assert edges[outline].mean() > 1.08 * max(elsewhere)
