"""Cloud-optimised GeoTIFFs: the same numbers in the same place, tiled with overviews, whole or not at all."""

import subprocess
import sys

import numpy as np
import pytest
import rasterio
from areas import CRS, TRANSFORM, counts, plain_area
from labelled import SPEC, tiny_encoder

from seco_lab.cube import Grid, grid_of
from seco_lab.embeddings import embed_area, embedding_spec, open_area_embeddings, save_area_embeddings
from seco_lab.store.cog import lazy_raster, write_cog

GRID = Grid.of(CRS, TRANSFORM)


def noise(count=4, height=300, width=280):
    values = np.random.default_rng(0).normal(size=(count, height, width)).astype(np.float32)
    values[:, :20, :30] = np.nan
    return values


@pytest.fixture(scope="module")
def found():
    pixels = counts()
    pixels[:, :, :48, :48] = 0
    area = plain_area(pixels, time=np.array(["2024-07-01"], "datetime64[ns]"))
    return embed_area(tiny_encoder(), area, SPEC, window_px=32, stride_px=16, device="cpu")


@pytest.mark.parametrize("half", [False, True])
def test_a_raster_comes_back_with_overviews(half, tmp_path):
    values = noise()
    path = write_cog(tmp_path / "a.tif", values, GRID, nodata=np.nan, half=half, block_px=128, names="abcd")
    with rasterio.open(path) as file:
        back = file.read()
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1) == [2, 4]
        assert file.block_shapes[0] == (128, 128)
        assert file.crs.to_epsg() == CRS
        assert tuple(file.transform)[:6] == TRANSFORM
        assert np.isnan(file.nodata)
        assert file.descriptions == tuple("abcd")
        smaller = file.read(out_shape=(4, 75, 70))
    assert (np.isnan(back) == np.isnan(values)).all()
    np.testing.assert_allclose(back, values, rtol=1e-3 if half else 0, atol=1e-4 if half else 0)
    plain = np.nanmean(values[:, 100:104, 100:104], axis=(1, 2))
    np.testing.assert_allclose(smaller[:, 25, 25], plain, atol=1e-2)


def test_half_is_half(tmp_path):
    sizes = [
        write_cog(tmp_path / f"{half}.tif", noise(2, 256, 256), GRID, nodata=np.nan, half=half).stat().st_size
        for half in (False, True)
    ]
    assert sizes[1] < 0.55 * sizes[0]


def test_chunks_are_written_one_after_the_other(tmp_path):
    dask_array = pytest.importorskip("dask.array")
    values, alive = noise(), []

    def watched(block):
        alive.append(block.shape)
        return block

    chunked = dask_array.from_array(values, chunks=(4, 128, 128))
    meta = np.empty((0, 0, 0), np.float32)
    lazy = chunked.map_blocks(watched, dtype=np.float32, meta=meta)
    path = write_cog(tmp_path / "a.tif", lazy, GRID, nodata=np.nan)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), values)
    assert len(alive) == 9, "each chunk once"
    np.testing.assert_array_equal(lazy_raster(path, [2, 0], "float32", chunk_px=100), values[[2, 0]])


def test_embeddings_come_back(found, tmp_path):
    path = save_area_embeddings(found, tmp_path / "area.tif")
    back = open_area_embeddings(path)
    assert back["embedding"].chunks is not None
    np.testing.assert_array_equal(back["embedding"], found["embedding"])
    assert np.isnan(back["embedding"].values[0, :, 0, 0]).all()
    for name in ("x", "y", "time"):
        np.testing.assert_array_equal(back[name], found[name])
    assert grid_of(back) == grid_of(found)
    assert back.attrs == found.attrs
    assert embedding_spec(back) == SPEC


def test_a_file_that_is_there_is_left_alone(found, tmp_path):
    path = tmp_path / "area.tif"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="is there already; name another file"):
        save_area_embeddings(found, path)
    assert path.read_text() == "mine"
    save_area_embeddings(found, path, overwrite=True)
    assert open_area_embeddings(path)["embedding"].shape == found["embedding"].shape


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.full((2, 4, 4), np.nan, np.float32), {"nodata": np.nan}, "wanted a raster with data"),
        (np.full((2, 4, 4), 1e6, np.float32), {"half": True}, "too large for 16-bit floats"),
        (np.zeros((4, 4), np.uint8), {}, "wanted a raster"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(values, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_cog(tmp_path / "a.tif", values, GRID, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_nothing(tmp_path):
    dask_array = pytest.importorskip("dask.array")

    def failing(block, block_info=None):
        if block_info[0]["chunk-location"][1] == 1:
            raise OSError("disk")
        return block

    lazy = dask_array.from_array(noise(), chunks=(4, 128, 128)).map_blocks(failing, dtype=np.float32)
    with pytest.raises(OSError, match="disk"):
        write_cog(tmp_path / "a.tif", lazy, GRID, nodata=np.nan)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_of_the_system(tmp_path):
    """The limit on the size of a file stands for the disk: below the plain file's size, and above."""
    code = (
        "import resource, shutil, signal, sys, numpy as np\n"
        "from seco_lab.cube import Grid\n"
        "from seco_lab.store.cog import write_cog\n"
        "values = np.random.default_rng(0).normal(size=(4, 512, 512)).astype('float32')\n"
        "grid = Grid.of(32631, (10.0, 0, 5e5, 0, -10.0, 4.6e6))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "shutil.disk_usage = lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0)\n"
        "for limit in (4_500_000, 4_190_000, 1_000_000):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "    try:\n"
        "        write_cog(sys.argv[1], values, grid, nodata=np.nan)\n"
        "    except OSError as error:\n"
        "        print(error.errno in (27, 28), error.filename == sys.argv[1])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.tif")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["True"] * 6, done.stderr[-800:]
    assert list(tmp_path.iterdir()) == []


def test_other_names_and_other_files_are_refused(found, tmp_path):
    with pytest.raises(ValueError, match=r"ending in \.tif"):
        save_area_embeddings(found, tmp_path / "area.png")
    with pytest.raises(ValueError, match="one season, got 2"):
        save_area_embeddings(found.isel(season=[0, 0]), tmp_path / "area.tif")
    with pytest.raises(ValueError, match="as embed_area makes it"):
        save_area_embeddings(found.isel(season=0), tmp_path / "area.tif")
    with pytest.raises(FileNotFoundError, match="no embeddings at"):
        open_area_embeddings(tmp_path / "none.tif")
    (tmp_path / "broken.tif").write_bytes(b"II*\0")
    with pytest.raises(ValueError, match="may be truncated"):
        open_area_embeddings(tmp_path / "broken.tif")
    write_cog(tmp_path / "other.tif", noise(), GRID)
    with pytest.raises(ValueError, match="without their description"):
        open_area_embeddings(tmp_path / "other.tif")
