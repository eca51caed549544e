"""``seco-lab area``: a scene in, rasters out; what is wrong is said before anything is written."""

import json

import numpy as np
import pytest
import rasterio
from areas import counts, write_scene
from cubes import small_cube
from labelled import SPEC, tiny_encoder

from seco_lab.checkpoints import save_encoder
from seco_lab.cli import main
from seco_lab.embeddings import embed_area, open_area_embeddings
from seco_lab.sources.area import open_area
from seco_lab.store import save_cube


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "encoder.pt"
    save_encoder(path, tiny_encoder(), SPEC)
    return str(path)


@pytest.fixture
def scene(tmp_path):
    return write_scene(tmp_path / "scene.tif", counts(3, 120, 150)[0])


def test_a_scene_becomes_two_rasters(scene, weights, tmp_path, capsys):
    out, rgb = tmp_path / "area.tif", tmp_path / "rgb.tif"
    sizes = ["--window-px", "32", "--stride-px", "16", "--dtype", "float16"]
    args = ["area", str(scene), "--weights", weights, *sizes, "--out", str(out), "--rgb", str(rgb)]
    assert main([*args, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["rows"], told["columns"], told["dims"], told["cell_m"]) == (7, 9, 32, 160.0)
    assert told["bytes"] == out.stat().st_size
    wanted = embed_area(tiny_encoder(), open_area(scene), SPEC, window_px=32, stride_px=16, device="cpu")
    np.testing.assert_allclose(
        open_area_embeddings(out)["embedding"], wanted["embedding"], rtol=1e-3, atol=1e-3
    )
    with rasterio.open(rgb) as file:
        assert file.read().any(0).all()
        assert file.bounds.left == 480_000
    assert main(args) == 2
    assert "is there already" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["area.tif", "rgb.tif", "scene.tif"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--window-px", "200"], "at least one window of 200 x 200 px, got 120 x 150 px"),
        (["--window-px", "32", "--stride-px", "48"], "without gaps, got a stride of 48 px"),
        (["--rgb", "OUT"], "wanted two files for --out and --rgb"),
        (["--file-bands", "B08,B03,B02"], "wanted bands B04, B03, B02; scene.tif has B08, B03, B02"),
        (["--season", "1"], "choose from a Zarr cube, got a file"),
    ],
)
def test_bad_options_write_nothing(options, message, scene, weights, tmp_path, capsys):
    out = str(tmp_path / "area.tif")
    options = [out if option == "OUT" else option for option in options]
    assert main(["area", str(scene), "--weights", weights, *options, "--out", out]) == 2
    assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["scene.tif"]


def test_bad_scenes_write_nothing(weights, tmp_path, capsys):
    empty = write_scene(tmp_path / "empty.tif", np.zeros((3, 80, 80), np.uint16))
    homeless = write_scene(tmp_path / "homeless.tif", counts(3)[0], crs=None)
    out = ["--weights", weights, "--out", str(tmp_path / "area.tif")]
    for path, message in (
        (empty, "wanted a raster with data, got none"),
        (homeless, "wanted a scene with a coordinate system"),
        (tmp_path / "none.tif", "found none at"),
    ):
        assert main(["area", str(path), *out]) == 2
        assert message in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.tif", "homeless.tif"]


def test_a_patch_of_a_cube_is_a_scene(weights, tmp_path, capsys):
    cube = str(tmp_path / "cube.zarr")
    save_cube(small_cube(patches=2, seasons=2, size=40), cube)
    args = ["area", cube, "--weights", weights, "--window-px", "20", "--stride-px", "10"]
    args += ["--out", str(tmp_path / "area.tif")]
    assert main(args) == 2
    assert "a cube of 2 patches; choose one, such as --patch p0" in capsys.readouterr().err
    assert main([*args, "--patch", "p1"]) == 2
    assert "wanted one season, got 2; choose one with --season 0 to 1" in capsys.readouterr().err
    assert main([*args, "--patch", "p1", "--season", "2"]) == 2
    assert "wanted a season from 0 to 1" in capsys.readouterr().err
    assert main([*args, "--patch", "p1", "--season", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"] == 4
