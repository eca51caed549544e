"""Embeddings of a scene: the same as a plain loop over windows, in the right place, in blocks, or refused."""

import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from areas import CRS, RGB, TRANSFORM, counts, plain_area
from labelled import SPEC, tiny_encoder
from pyproj import CRS as ProjCRS

from seco_lab.cube import area_of_patch, as_area, grid_of, make_area, mosaic
from seco_lab.embeddings import embed, embed_area, embedding_spec
from seco_lab.embeddings.windows import Windows, spans
from seco_lab.places import Place
from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.sources.simulated import SimulatedSource

DAY = np.array(["2024-07-01"], "datetime64[D]")


def vectors(area, **options):
    settings = {"window_px": 32, "stride_px": 16, "device": "cpu", **options}
    return embed_area(tiny_encoder(), area, SPEC, **settings)["embedding"].values


def slow_vectors(pixels, window, stride, max_nodata=0.5):
    """A cell after the other, a window after the other, for one season (C, H, W)."""
    encoder, (height, width) = tiny_encoder().eval(), pixels.shape[1:]
    tops, lefts = (
        sorted({*range(0, n - window + 1, stride), n - window} if (n - window) % stride else
               {*range(0, n - window + 1, stride)})
        for n in (height, width)
    )  # fmt: skip
    found = {}
    for top in tops:
        for left in lefts:
            cut = pixels[:, top : top + window, left : left + window]
            if (cut == 0).all(0).mean() > max_nodata:
                continue
            x = torch.tensor(cut.astype(np.float32))[None] / 4000
            x = torch.nn.functional.interpolate(x.clamp(0, 1), (16, 16), mode="bilinear", antialias=True)
            with torch.no_grad():
                found[top, left] = encoder((x - 0.5) / 0.29)[0].numpy()
    out = np.full((32, height // stride, width // stride), np.nan)
    for row, column in np.ndindex(*out.shape[1:]):
        own = pixels[:, row * stride : (row + 1) * stride, column * stride : (column + 1) * stride]
        total, weight = 0.0, 0.0
        for (top, left), vector in found.items():
            dy = abs((row + 0.5) * stride - top - window / 2) / window
            dx = abs((column + 0.5) * stride - left - window / 2) / window
            if max(dx, dy) < 0.5:
                w = np.cos(np.pi * dx) ** 2 * np.cos(np.pi * dy) ** 2
                total, weight = total + w * vector, weight + w
        if weight > 0 and (own > 0).any():
            out[:, row, column] = total / weight
    return out


@pytest.mark.parametrize(("window", "stride"), [(32, 32), (32, 16), (32, 8), (24, 16), (20, 12)])
def test_agrees_with_a_plain_loop(window, stride):
    pixels = counts()
    pixels[:, :, :40, 50:] = 0
    found = vectors(plain_area(pixels), window_px=window, stride_px=stride)
    np.testing.assert_allclose(found[0], slow_vectors(pixels[0], window, stride), rtol=2e-3, atol=2e-4)
    assert np.isnan(found).any()
    assert np.isfinite(found).any()


def test_without_overlap_a_cell_is_the_patch_that_could_be_cut_there():
    place = Place("here", 2.81, 42.34)
    source = SimulatedSource(clouds=False)
    scene = source.load([place], DAY, 128, bands="rgb")
    # Two patches that touch, 64 px to the left and right of the middle of the upper half.
    x0, y0 = float(scene["x0"][0]), float(scene["y0"][0])
    beside = []
    for number, left in enumerate((0, 64)):
        lon, lat = lonlat(x0 + (left + 32) * 10, y0 - 32 * 10, int(scene["epsg"][0]))
        beside.append(Place(f"patch{number}", lon, lat))
    patches = source.load(beside, DAY, 64, bands="rgb")
    assert patches["x0"].values.tolist() == [x0, x0 + 640]
    assert patches["y0"].values.tolist() == [y0, y0]
    upper = area_of_patch(scene).isel(y=slice(0, 64))
    # The world is drawn in floats: a pixel may round to the next count.
    np.testing.assert_allclose(mosaic(patches)["reflectance"], upper["reflectance"], atol=1)
    one_by_one = embed(tiny_encoder(), patches, SPEC, device="cpu")["embedding"].values[:, 0]
    for area in (upper, mosaic(patches)):
        found = vectors(area, window_px=64, stride_px=64)
        assert found.shape == (1, 32, 1, 2)
        np.testing.assert_allclose(found[0, :, 0].T, one_by_one, rtol=1e-3, atol=1e-4)


def lonlat(x, y, epsg):
    from pyproj import Transformer

    return Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)


def test_coordinates_are_the_middles_of_the_cells():
    found = embed_area(tiny_encoder(), plain_area(), SPEC, window_px=32, stride_px=16, device="cpu")
    assert found["embedding"].dims == ("season", "dim", "y", "x")
    assert found["embedding"].shape == (1, 32, 5, 6)
    assert found["embedding"].dtype == np.float32
    np.testing.assert_allclose(found["x"], 480_000 + 160 * (np.arange(6) + 0.5))
    np.testing.assert_allclose(found["y"], 4_690_000 - 160 * (np.arange(5) + 0.5))
    grid = grid_of(found)
    assert grid.transform == (160.0, 0.0, 480_000.0, 0.0, -160.0, 4_690_000.0)
    assert ProjCRS.from_wkt(grid.crs).to_epsg() == CRS
    assert embedding_spec(found) == SPEC
    assert (found.attrs["window_px"], found.attrs["stride_px"]) == (32, 16)


class Mean(torch.nn.Module):
    def forward(self, images):
        return images.mean((2, 3))


@pytest.mark.filterwarnings("ignore::seco_lab.embeddings.EmbeddingInputWarning")
def test_a_bright_square_shows_where_it_lies_to_half_a_pixel():
    pixels = np.full((1, 3, 128, 128), 500, np.uint16)
    pixels[:, :, 40:56, 72:88] = 3900
    found = embed_area(Mean(), plain_area(pixels), SPEC, window_px=16, stride_px=8, device="cpu")
    change = np.linalg.norm(found["embedding"][0] - found["embedding"][0, :, 0, 0], axis=0)
    x = float((change * found["x"].values).sum() / change.sum())
    y = float((change * found["y"].values[:, None]).sum() / change.sum())
    assert abs(x - (480_000 + 800)) < 5
    assert abs(y - (4_690_000 - 480)) < 5


def test_seasons_stay_apart():
    pixels = counts(seasons=2)
    days = np.array(["2024-01-01", "2024-07-01"], "datetime64[ns]")
    both = embed_area(
        tiny_encoder(), plain_area(pixels, time=days), SPEC, window_px=32, stride_px=16, device="cpu"
    )
    np.testing.assert_array_equal(both["time"], days)
    for season in range(2):
        alone = vectors(plain_area(pixels[season]))[0]
        np.testing.assert_allclose(both["embedding"][season], alone, rtol=1e-4, atol=1e-5)


def test_weights_have_no_step_and_an_even_sum():
    for stride in (16, 8, 4):
        weights = Windows(32, stride).weights(320)
        inner = weights.sum(1)[32 // stride : -32 // stride]
        np.testing.assert_allclose(inner, inner[0])
    every = Windows(32, 1).weights(96)[:, 20]
    assert np.abs(np.diff(every)).max() < np.pi / 32
    assert every.argmax() in (35, 36)


def test_every_cell_lies_under_a_window():
    for length in range(20, 90):
        for stride in (1, 3, 7, 12, 20):
            assert (Windows(20, stride).weights(length).sum(1) > 0).all(), (length, stride)


def test_blocks_change_nothing():
    whole = vectors(plain_area(), stride_px=8)
    for side in (1, 3):
        np.testing.assert_allclose(vectors(plain_area(), stride_px=8, block_cells=side), whole, atol=1e-5)
    cut = spans(Windows(32, 8), 96, 5)
    assert [span.cells for span in cut] == [(0, 5), (5, 10), (10, 12)]


def test_chunks_stay_lazy_and_are_computed_in_blocks():
    area, read = plain_area(counts(3, 96, 128)), []

    def watched(block):
        read.append(block.shape)
        return block

    lazy = area.chunk({"y": 48, "x": 48})
    pixels = lazy["reflectance"].data.map_blocks(watched, dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16))
    lazy["reflectance"] = lazy["reflectance"].copy(data=pixels)
    result = embed_area(tiny_encoder(), lazy, SPEC, window_px=32, stride_px=16, block_cells=2, device="cpu")
    assert read == []
    assert result["embedding"].chunks == ((1,), (32,), (2, 2, 2), (2, 2, 2, 2))
    corner = result["embedding"][..., :2, :2].values
    assert len(read) == 1, "one block of pixels is enough for the first cells"
    np.testing.assert_allclose(result["embedding"].values, vectors(area), atol=1e-5)
    np.testing.assert_allclose(corner, vectors(area)[..., :2, :2], atol=1e-5)


def test_memory_holds_a_block_not_the_windows_of_a_scene():
    area = plain_area(counts(3, 400, 400))
    tracemalloc.start()
    embed_area(Mean(), area, SPEC, window_px=64, stride_px=8, block_cells=4, batch_size=16, device="cpu")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    all_windows = 43**2 * 3 * 64 * 64 * 2
    assert peak < all_windows / 10


def test_a_cell_without_data_is_nan_and_nothing_else_is():
    pixels = counts(3, 96, 96)
    pixels[:, :, 32:64, 32:64] = 0
    found = vectors(plain_area(pixels), max_nodata=0.5)[0]
    blank = np.isnan(found).any(0)
    assert blank[2:4, 2:4].all()
    assert blank.sum() == 4
    float_pixels = np.where(pixels == 0, np.nan, pixels / 10_000).astype(np.float32)
    again = vectors(plain_area(float_pixels, unit="reflectance"))[0]
    np.testing.assert_array_equal(np.isnan(again).any(0), blank)


def test_bands_are_found_by_name_and_units_converted():
    pixels = counts(4)
    bands = ("B08", "B02", "B03", "B04")
    straight = vectors(plain_area(pixels[:, [3, 2, 1]]))
    np.testing.assert_allclose(vectors(plain_area(pixels, bands=bands)), straight, rtol=1e-5)
    share = vectors(plain_area((pixels[:, [3, 2, 1]] / 10_000).astype(np.float32), unit="reflectance"))
    np.testing.assert_allclose(share, straight, rtol=1e-3, atol=1e-4)
    with pytest.raises(LookupError, match=r"B04, B03, B02; the data have B04, B03 and lack B02"):
        vectors(plain_area(counts(2), bands=("B04", "B03")))


def test_what_rioxarray_opens_is_an_area():
    area = plain_area()
    picture = area["reflectance"][0]
    back = as_area(picture, sensor=SENTINEL2_L2A)
    np.testing.assert_array_equal(back["reflectance"], area["reflectance"])
    assert grid_of(back) == grid_of(area)
    assert grid_of(as_area(area.isel(y=slice(7, None), x=slice(3, None)))).x0 == 480_030
    with pytest.raises(ValueError, match="cube of 2 patches"):
        as_area(two_patches())


def two_patches():
    from cubes import small_cube

    return small_cube(patches=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window_px": 100}, "at least one window of 100 x 100 px, got 80 x 96 px"),
        ({"stride_px": 40}, "without gaps, got a stride of 40 px for windows of 32 px"),
        ({"stride_px": 0}, "must be 1 or more"),
        ({"max_nodata": 1.0}, "max_nodata"),
    ],
)
def test_bad_windows_are_refused_in_a_sentence(change, message):
    with pytest.raises(ValueError, match=message):
        vectors(plain_area(), **change)


def test_bad_scenes_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="wanted a scene with data"):
        vectors(plain_area(np.zeros((1, 3, 64, 64), np.uint16)))
    with pytest.raises(ValueError, match="coordinate system"):
        make_area(counts()[0], bands=RGB, sensor=SENTINEL2_L2A, crs=None, transform=TRANSFORM)
    with pytest.raises(ValueError, match="north-up"):
        plain_area(transform=(10.0, 1.0, 0.0, 0.0, -10.0, 0.0))
    uneven = plain_area().assign_coords(x=np.arange(96) ** 2.0)
    with pytest.raises(ValueError, match="evenly spaced x"):
        vectors(uneven)
    with pytest.raises(ValueError, match="expects 'dn' and the data are 'uint8'"):
        vectors(plain_area(counts().astype(np.uint8), unit="uint8"))
    with pytest.raises(ValueError, match="an area is a Dataset"):
        vectors(xr.Dataset())


def test_degrees_and_their_size_in_metres():
    area = plain_area(crs=4326, transform=(1e-4, 0, 2.8, 0, -1e-4, 60.0))
    assert area.attrs["pixel_size_m"] == pytest.approx(11.1 * 0.75, rel=0.01)


def test_fitting_data_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embed_area(
            tiny_encoder(),
            plain_area(),
            replace(SPEC, mean=(0.35,) * 3, std=(0.12,) * 3),
            window_px=32,
            stride_px=16,
        )
