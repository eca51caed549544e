"""``probe xview`` and ``probe spacenet``: from files to JSON, and one sentence where something is wrong."""

import json

import pytest
from scene_files import write_spacenet, write_xview

from seco_lab.checkpoints import save_encoder
from seco_lab.cli import main
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import resnet18

SPEC = InputSpec("rgb8", ("R", "G", "B"), "uint8", (0,) * 3, (255,) * 3, (0.4,) * 3, (0.3,) * 3, 0.5, 32)
SHORT = "--epochs 1 --tiles-per-scene 1 --tile-px 32 --device cpu --json".split()


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.pt"
    save_encoder(path, resnet18(3, width=8), SPEC)
    return str(path)


def told(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_probe_xview(tmp_path, weights, capsys):
    boxes = [(73, (20, 20, 60, 60)), (75, (1, 1, 9, 9))]
    root = write_xview(tmp_path / "xview", {f"{n}.tif": boxes for n in range(1, 5)}, size=(64, 72))
    out = str(tmp_path / "result.json")
    assert main(["probe", "xview", "--weights", weights, "--data", str(root), "--out", out, *SHORT]) == 0
    result = told(capsys)
    assert {"ap50", "ap50_ci", "ap", "untrained_ap50"} <= set(result)
    assert "classes that xView does not name (75)" in " ".join(result["protocol"]["notes"])
    assert json.loads((tmp_path / "result.json").read_text())["ap50"] == result["ap50"]


def test_probe_spacenet_with_random_weights(tmp_path, capsys):
    root = write_spacenet(tmp_path / "vegas", 4)
    given = ["--weights", "random", "--data", str(root), "--frozen", "--limit", "3"]
    assert main(["probe", "spacenet", *given, *SHORT]) == 0
    result = told(capsys)
    assert {"miou", "iou", "footprint_f1", "background_miou"} <= set(result)
    assert result["protocol"]["sizes"] == {"train": 2, "validation": 0, "test": 1}
    assert result["protocol"]["settings"]["train_encoder"] is False


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--tile-px", "50"], "multiple of 32"),
        (["--epochs", "0"], "must be positive"),
        (["--variant", "8band"], "no chip of SpaceNet"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, weights, more, words, capsys):
    root = write_spacenet(tmp_path / "vegas", 2)
    short = [word for word in SHORT if word != "--json"]
    assert main(["probe", "spacenet", "--weights", weights, "--data", str(root), *short, *more]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
