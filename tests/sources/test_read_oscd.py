"""Files of OSCD: the official folders, their registered variant, stacked GeoTIFFs, and what can be wrong."""

import numpy as np
import pytest
from change_pairs import scenes, write_official, write_tif

from seco_lab.sources.oscd import bands_of, find_cities, read_city

BANDS = ("B02", "B03", "B04", "B08")


@pytest.fixture
def pair():
    return scenes(60, 80)


def only(root, **options):
    (city,) = find_cities(root, **options)
    return city


def test_labels_beside_the_images_in_a_folder_of_their_own(tmp_path, pair):
    pixels, change = pair
    images = tmp_path / "Onera Satellite Change Detection dataset - Images"
    write_official(images, "bercy", pixels, change, labels=tmp_path / "Train Labels")
    (images / "train.txt").write_text("aguasclaras,bercy\n")
    (images / "bercy" / "dates.txt").write_text("date_1: 20161130\ndate_2: 20170829\n")
    city = only(tmp_path)
    assert (city.name, city.split, bands_of(city)) == ("bercy", "train", BANDS)
    found = read_city(city, BANDS)
    np.testing.assert_array_equal(found.pixels, pixels)
    np.testing.assert_array_equal(found.change, change)
    assert [str(d)[:10] for d in found.dates] == ["2016-11-30", "2017-08-29"]
    assert found.lon == pytest.approx(2.005)


def test_registered_variant_is_asked_for(tmp_path, pair):
    pixels, change = pair
    write_official(tmp_path, "bercy", pixels // 2, change)
    write_official(tmp_path, "bercy", pixels, None, suffix="_rect")
    np.testing.assert_array_equal(read_city(only(tmp_path, rectified=True), BANDS).pixels, pixels)
    np.testing.assert_array_equal(read_city(only(tmp_path), BANDS).pixels, pixels // 2)


def test_stacked_files_of_three_resolutions(tmp_path, pair):
    pixels, change = pair
    for date, scene in enumerate(pixels, 1):
        write_tif(tmp_path / "bercy" / f"bercy_date{date}_10m.tif", scene, names=BANDS)
        write_tif(tmp_path / "bercy" / f"bercy_date{date}_20m.tif", scene[:1, ::2, ::2], names=("B11",))
    write_tif(tmp_path / "bercy" / "bercy_change.tif", change[None])
    found = read_city(only(tmp_path), ("B11", "B04"))
    np.testing.assert_array_equal(found.pixels[:, 0, ::2, ::2], pixels[:, 0, ::2, ::2])
    np.testing.assert_array_equal(found.pixels[:, 0, 1::2, 1::2], pixels[:, 0, ::2, ::2])
    np.testing.assert_array_equal(found.pixels[:, 1], pixels[:, 2])


def test_second_date_of_another_size_comes_onto_the_first(tmp_path, pair):
    change = pair[1]
    smooth = np.linspace(1000, 3000, 80)[None, None].repeat(60, 1).repeat(4, 0)
    write_official(
        tmp_path, "bercy", [smooth.astype(np.uint16), smooth[:, :58, :78].astype(np.uint16)], change
    )
    found = read_city(only(tmp_path), BANDS)
    assert found.pixels.shape == (2, 4, 60, 80)
    assert found.pixels[1].max() <= 3000


@pytest.mark.parametrize("codes", [(0, 1), (1, 2), (0, 255)])
def test_codes_of_change_maps(tmp_path, pair, codes):
    pixels, change = pair
    write_official(tmp_path, "bercy", pixels, None)
    label = np.where(change, codes[1], codes[0]).astype(np.uint8)
    write_tif(tmp_path / "bercy" / "cm" / "bercy-cm.tif", label[None])
    np.testing.assert_array_equal(read_city(only(tmp_path), BANDS).change, change)


def test_maps_that_are_no_change_maps(tmp_path, pair):
    pixels, change = pair
    write_official(tmp_path, "bercy", pixels, None)
    write_tif(tmp_path / "bercy" / "cm" / "bercy-cm.tif", (change * 7)[None])
    with pytest.raises(ValueError, match=r"holds the values \[0, 7\]; a change map has 0 and 1"):
        read_city(only(tmp_path), BANDS)
    write_tif(tmp_path / "bercy" / "cm" / "bercy-cm.tif", change[None, :50])
    with pytest.raises(ValueError, match="50 x 80 px, the scene 60 x 80 px; take images and labels"):
        read_city(only(tmp_path), BANDS)


def test_wrong_folders_are_named(tmp_path, pair):
    with pytest.raises(FileNotFoundError, match="no folder at"):
        find_cities(tmp_path / "none")
    with pytest.raises(LookupError, match="a city is a folder with imgs_1 and imgs_2"):
        find_cities(tmp_path)
    write_official(tmp_path, "bercy", *pair)
    with pytest.raises(LookupError, match="imgs_1_rect"):
        find_cities(tmp_path, rectified=True)
    with pytest.raises(LookupError, match="bercy lacks band B12; it has B02"):
        read_city(only(tmp_path), ("B12",))


def test_broken_and_empty_files_are_named(tmp_path, pair):
    pixels, change = pair
    write_official(tmp_path, "bercy", [pixels[0], pixels[1] * 0], change)
    with pytest.raises(ValueError, match="bercy holds no data at date 2"):
        read_city(only(tmp_path), BANDS)
    path = next((tmp_path / "bercy" / "imgs_1").glob("*B02.tif"))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"B02\.tif"):
        read_city(only(tmp_path), BANDS)


@pytest.mark.real_data
def test_real_cities(real_data):
    found = {city.name: city for city in find_cities(real_data / "oscd_change_pairs")}
    assert len(found) == 7
    assert all(len(bands_of(city)) == 13 for city in found.values())
    hongkong = read_city(found["hongkong"], ("B04", "B11"))
    assert hongkong.pixels.shape == (2, 2, 695, 540)
    assert float(hongkong.change.mean()) == pytest.approx(0.0356, abs=1e-4)
    assert [str(d)[:10] for d in hongkong.dates] == ["2016-09-27", "2018-03-23"]
    assert (hongkong.lon, hongkong.lat) == pytest.approx((114.253, 22.309), abs=1e-3)
