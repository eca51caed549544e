import base64
import io

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from seco_lab.viz import thumbnails


def cube(counts, bands=("B04", "B03", "B02"), unit="dn", sensor="sentinel2-l2a"):
    dims = ("patch", "season", "band", "y", "x")
    return xr.Dataset(
        {"reflectance": (dims, counts)}, {"band": list(bands)}, {"unit": unit, "sensor": sensor}
    )


def decoded(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def test_reflectance_and_counts_give_the_same_picture():
    counts = np.random.default_rng(0).integers(1, 4000, (3, 8, 8))
    as_dn = thumbnails.to_picture(counts, "dn")
    as_reflectance = thumbnails.to_picture(counts / 1e4, "reflectance")
    assert (as_dn == as_reflectance).all()


def test_pictures_of_8_bits_pass_unchanged():
    counts = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype(np.uint8)
    for unit in ("uint8", "eurosat_jpeg"):
        assert (thumbnails.to_picture(counts, unit) == np.moveaxis(counts, 0, -1)).all()


def test_eight_bit_reflectance_is_stretched_like_its_reflectance():
    counts = np.full((3, 2, 2), 51)  # reflectance 0.2
    assert (
        thumbnails.to_picture(counts, "seco_8bit") == thumbnails.to_picture(counts * 0 + 2000, "dn")
    ).all()


def test_no_data_is_grey_and_white_is_white():
    counts = np.zeros((3, 1, 2))
    counts[:, 0, 1] = 9000
    picture = thumbnails.to_picture(counts, "dn")
    assert (picture[0, 0] == thumbnails.NO_DATA_GREY).all()
    assert (picture[0, 1] == 255).all()


def test_bands_are_found_by_name_in_any_order():
    counts = np.zeros((1, 1, 4, 2, 2), np.uint16)
    counts[0, 0, 3] = 3000  # B04
    picture = thumbnails.season_pictures(cube(counts, bands=("B02", "B08", "B03", "B04")), 0)[0]
    assert picture[0, 0].tolist() == [255, 0, 0]


def test_a_cube_without_red_is_refused_by_name():
    with pytest.raises(LookupError, match="needs bands B04, B03, B02; the cube has B08"):
        thumbnails.rgb_bands(cube(np.zeros((1, 1, 1, 2, 2)), bands=("B08",)))


def test_strip_holds_all_seasons_side_by_side():
    counts = np.full((1, 3, 3, 40, 40), 1, np.uint16)
    counts[0, 2] = 3000
    strip = decoded(thumbnails.season_strip(cube(counts), 0, size_px=16))
    assert strip.shape == (16, 48, 3)
    assert strip[:, :30].max() < 30
    assert strip[:, 36:].min() > 220


def test_png_keeps_four_channels_and_other_kinds_are_refused():
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 4)).astype(np.uint8)
    assert (decoded(thumbnails.data_uri(picture, kind="PNG")) == picture).all()
    with pytest.raises(ValueError, match="'JPEG' or 'PNG'"):
        thumbnails.data_uri(picture, kind="GIF")


def test_unknown_unit_is_named():
    with pytest.raises(LookupError, match="unknown unit 'percent'"):
        thumbnails.white_count("percent")
