"""Encoders that learned from other imagery: which bands they are shown, and what the command line says."""

import json
from dataclasses import replace

import pytest
import rasterio
from class_pictures import write_naip
from labelled import SPEC, counts, plain_cube, tiny_encoder
from scene_files import write_spacenet

from seco_lab.checkpoints import save_encoder
from seco_lab.cli import main
from seco_lab.downstream.scene_splits import split_scenes
from seco_lab.downstream.spacenet import load_spacenet
from seco_lab.downstream.untrained import bands_like
from seco_lab.sensors import NAIP, SENTINEL2_L2A

INFRARED = replace(SPEC, bands=("B08", "B04", "B03"))


def test_bands_of_the_same_name_or_nearest_in_wavelength():
    aerial = plain_cube(counts(1, 1, 4, 8), bands=NAIP.band_names, sensor=NAIP)
    satellite = plain_cube(counts(1, 1, 12, 8), bands=SENTINEL2_L2A.band_names)
    assert bands_like(SPEC, satellite) == SPEC.bands
    assert bands_like(SPEC, aerial) == ("R", "G", "B")
    assert bands_like(INFRARED, aerial) == ("N", "R", "G")
    with pytest.raises(LookupError, match="and none of them is like B11"):
        bands_like(replace(SPEC, bands=("B04", "B11", "B03")), aerial)


@pytest.fixture
def weights(tmp_path):
    save_encoder(tmp_path / "weights.pt", tiny_encoder(), SPEC)
    return str(tmp_path / "weights.pt")


def test_satellite_weights_on_aerial_tiles(tmp_path, weights, capsys):
    write_naip(tmp_path / "naip", each=4)
    asked = ["probe", "naip", "--weights", weights, "--data", str(tmp_path / "naip"), "--size-px", "16"]
    assert main([*asked, "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert "expects B04, B03, B02 of sentinel2-l2a, the data are from naip; --measure-input" in error
    assert main([*asked, "--device", "cpu", "--measure-input", "--json"]) == 0
    spec = json.loads(capsys.readouterr().out.splitlines()[-1])["protocol"]["input_spec"]
    assert (spec["sensor"], spec["bands"]) == ("naip", ["R", "G", "B"])


def test_limits_of_scenes_come_from_those_that_train(tmp_path, weights, capsys):
    """Darker tested chips change no limit."""
    root = write_spacenet(tmp_path / "vegas", 4)
    asked = ["probe", "spacenet", "--weights", weights, "--data", str(root), "--measure-input", "--json"]
    asked += ["--epochs", "1", "--tiles-per-scene", "1", "--tile-px", "32", "--device", "cpu", "--frozen"]
    told = []
    for darker in (False, True):
        for name in split_scenes(load_spacenet(root)).test if darker else ():
            path = next((root / "RGB-PanSharpen").glob(f"*{name}.tif"))
            with rasterio.open(path, "r+") as chip:
                chip.write(chip.read() // 2 + 1)
        assert main(asked) == 0
        told.append(json.loads(capsys.readouterr().out.splitlines()[-1])["protocol"])
    assert told[0]["test_hash"] != told[1]["test_hash"]
    assert told[0]["input_spec"] == told[1]["input_spec"]
