"""Windows of generated GeoTIFFs must be those that GDAL reads, or be refused."""

import asyncio
import itertools

import numpy as np
import pytest
import rasterio
from loops import run
from rasterio.windows import Window

from seco_lab.remote import CogReader, CorruptError, GoneError, UnsupportedError
from seco_lab.remote.cog import joined, tiles_in
from seco_lab.remote.disk import DiskParts

SHAPES = [(512, 512), (300, 517), (64, 1000)]


def write(path, *, dtype="uint16", count=1, shape=(300, 517), form=None):
    rng = np.random.default_rng(abs(hash((dtype, count, shape))) % 2**32)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    smooth = 40 + rows / 7 + columns / 5 + 30 * np.sin(rows / 20)
    pixels = np.stack([smooth * (1 + band) + rng.integers(0, 9, shape) for band in range(count)])
    pixels = (pixels % 250 if dtype == "uint8" else pixels).astype(dtype)
    form = {"driver": "GTiff"} | (form or {})
    with rasterio.open(
        path, "w", dtype=dtype, count=count, height=shape[0], width=shape[1], crs="EPSG:32633",
        transform=rasterio.Affine(10, 0, 600000, 0, -10, 5700000), **form,
    ) as file:  # fmt: skip
        file.write(pixels)
    return path


def window_of(path, top, left, height, width, parts=None):
    return run(CogReader(parts or DiskParts()).read(str(path), top, left, height, width))


def gdal_window(path, top, left, height, width):
    with rasterio.open(path) as file:
        return file.read(window=Window(left, top, width, height), boundless=True, fill_value=0)


TILED = {"tiled": True, "blockxsize": 64, "blockysize": 128}
FORMS = [
    {"dtype": dtype, "form": {**layout, "compress": compress, **predictor, **extra}}
    for dtype, layout, compress, extra in itertools.product(
        ["uint8", "uint16", "int16", "uint32", "float32", "float64"],
        [TILED, {}, {"blockysize": 7}],
        ["none", "deflate", "zstd", "lzw"],
        [{}, {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}],
    )
    for predictor in ([{}] if compress == "none" else [{}, {"predictor": 3 if "float" in dtype else 2}])
]


def test_every_form_of_one_sample_equals_gdal(tmp_path):
    async def check_all():
        reader, rng = CogReader(DiskParts()), np.random.default_rng(0)
        for number, form in enumerate(FORMS[:: len(FORMS) // 50]):
            shape = SHAPES[number % len(SHAPES)]
            path = write(tmp_path / "a.tif", shape=shape, **form)
            top, left = int(rng.integers(-20, shape[0] - 1)), int(rng.integers(-20, shape[1] - 1))
            height, width = rng.integers(1, 200, 2).tolist()
            reader.forget(str(path))
            ours = await reader.read(str(path), top, left, height, width)
            theirs = gdal_window(path, top, left, height, width)
            assert ours.dtype == theirs.dtype, form
            np.testing.assert_array_equal(ours, theirs, err_msg=str(form))

    run(check_all())


@pytest.mark.parametrize(
    ("count", "form"),
    [
        (3, {**TILED, "compress": "deflate", "predictor": 2, "interleave": "pixel"}),
        (3, {**TILED, "compress": "zstd", "predictor": 2, "interleave": "band"}),
        (4, {**TILED, "compress": "lzw", "interleave": "pixel"}),
        (2, {"compress": "lzw", "interleave": "band"}),
        (13, {**TILED, "compress": "deflate", "interleave": "pixel"}),
        (1, {"driver": "COG", "compress": "deflate", "blocksize": 128, "predictor": "yes"}),
        (1, {"driver": "COG", "compress": "lerc", "blocksize": 128}),
        (1, {**TILED, "compress": "deflate", "sparse_ok": True}),
    ],
)
def test_several_samples_and_cogs_equal_gdal(count, form, tmp_path):
    path = write(tmp_path / "a.tif", count=count, form=form, shape=(515, 600))
    for window in [(0, 0, 515, 600), (100, 63, 150, 130), (500, 590, 44, 44)]:
        np.testing.assert_array_equal(window_of(path, *window), gdal_window(path, *window))


@pytest.mark.parametrize("colours", ["rgb", "ycbcr"])
def test_jpeg_tiles_equal_gdal(colours, tmp_path):
    form = {**TILED, "blockxsize": 128, "compress": "jpeg", "photometric": colours}
    path = write(tmp_path / "a.tif", dtype="uint8", count=3, form=form, shape=(256, 256))
    np.testing.assert_array_equal(window_of(path, 30, 40, 99, 120), gdal_window(path, 30, 40, 99, 120))


def test_tiles_left_out_and_windows_outside_are_zero(tmp_path):
    path = tmp_path / "a.tif"
    form = {"driver": "GTiff", "tiled": True, "blockxsize": 64, "blockysize": 64, "sparse_ok": True}
    with rasterio.open(path, "w", dtype="uint16", count=1, height=256, width=256, **form) as file:
        file.write(np.full((1, 64, 64), 7, np.uint16), window=Window(64, 64, 64, 64))
    found = window_of(path, -10, -10, 276, 276)
    assert found.sum() == 7 * 64 * 64
    assert (found[0, 74:138, 74:138] == 7).all()
    assert not window_of(path, 1000, 1000, 5, 5).any()


class Counting(DiskParts):
    """Remembers what was asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    async def read(self, href, start, stop, **more):
        self.asked.append((start, stop))
        return await super().read(href, start, stop, **more)


def test_the_header_is_read_once_and_neighbours_come_together(tmp_path):
    form = {"driver": "COG", "compress": "deflate", "blocksize": 128}
    path, parts = write(tmp_path / "a.tif", form=form, shape=(512, 2048)), Counting()

    async def read_twice():
        reader = CogReader(parts)
        await asyncio.gather(*(reader.read(str(path), 10, 10, 100, 700) for _ in range(2)))

    run(read_twice())
    headers = [one for one in parts.asked if one[0] == 0]
    assert len(headers) == 1
    assert len(parts.asked) == 3, "six tiles of a row lie together: one request for each window"


def test_a_header_longer_than_the_first_bytes(tmp_path):
    path = write(
        tmp_path / "a.tif", form={"tiled": True, "blockxsize": 16, "blockysize": 16}, shape=(800, 900)
    )
    np.testing.assert_array_equal(window_of(path, 700, 800, 50, 60), gdal_window(path, 700, 800, 50, 60))


def test_where_it_lies(tmp_path):
    path = write(tmp_path / "a.tif", form=TILED)
    opened = run(CogReader(DiskParts()).open(str(path)))
    assert opened.header.transform == (10.0, 600000.0, -10.0, 5700000.0)
    assert opened.header.epsg == 32633
    assert opened.size == path.stat().st_size


def test_damage_is_seen(tmp_path):
    path = write(tmp_path / "a.tif", form={**TILED, "compress": "deflate", "predictor": 2})
    whole = path.read_bytes()
    opened = run(CogReader(DiskParts()).open(str(path)))
    middle = int(opened.header.offsets[0] + opened.header.counts[0] // 2)
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :])
    with pytest.raises(CorruptError, match=r"damaged|cut short"):
        window_of(path, 0, 0, 10, 10)
    path.write_bytes(b"<html>" + whole[6:])
    with pytest.raises(CorruptError, match="is no TIFF file: it begins with"):
        window_of(path, 0, 0, 10, 10)
    path.write_bytes(whole[:1000])
    with pytest.raises(CorruptError, match=r"damaged header|behind its end"):
        window_of(path, 0, 0, 10, 10)
    with pytest.raises(GoneError, match="is not there"):
        window_of(tmp_path / "b.tif", 0, 0, 10, 10)


def test_flipped_bits_of_a_header_never_give_other_pixels_of_a_deflated_band(tmp_path):
    """The window is right, or refused, or lies on another grid by the header's own words."""
    path = write(tmp_path / "a.tif", form={**TILED, "compress": "deflate", "predictor": 2}, shape=(256, 256))
    whole, wrong = path.read_bytes(), []

    async def read():
        reader = CogReader(DiskParts())
        found = await reader.read(str(path), 60, 50, 40, 30)
        header = (await reader.open(str(path))).header
        return found, (header.transform, header.shape, header.dtype)

    async def flip_all():
        right, grid = await read()
        for bit in range(0, 8 * 400, 67):
            at, flip = divmod(bit, 8)
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << flip]) + whole[at + 1 :])
            try:
                found, where = await read()
            except (CorruptError, UnsupportedError):
                continue
            if where == grid and not np.array_equal(found, right):
                wrong.append(bit)

    run(flip_all())
    assert wrong == []


def test_tiles_and_runs():
    header = type("Header", (), {})()
    header.shape, header.tile, header.planar, header.source = (1, 1000, 1000), (256, 256), False, "a"
    header.across = header.down = 4
    header.offsets = np.arange(16) * 1000 + 50
    header.counts = np.full(16, 1000)
    assert tiles_in(header, (200, 300, 100, 100)) == [1, 5]
    assert tiles_in(header, (0, 0, 256, 257)) == [0, 1]
    assert joined(header, [5, 1, 0], 10**6) == [[0, 1, 5]]
    header.offsets = np.arange(16) * 10**6
    assert joined(header, [1, 2], 10**8) == [[1], [2]]
    with pytest.raises(CorruptError, match="behind its end"):
        joined(header, [15], 1000)
