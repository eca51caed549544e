"""Practice data sets: what the simulated world shows comes back through the readers, up to a comparison."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seco_lab.checkpoints import read_weights
from seco_lab.cli import main
from seco_lab.downstream import ProbeSettings, compare, untrained_like
from seco_lab.downstream.features import FeatureOptions
from seco_lab.downstream.geoimagenet import evaluate_geoimagenet, load_geoimagenet
from seco_lab.downstream.naip import evaluate_naip, load_naip
from seco_lab.downstream.untrained import bands_like, measured_spec
from seco_lab.places import Place
from seco_lab.sources import SimulatedSource, layout_of
from seco_lab.sources.practice_sets import eight_bits, write_practice_geoimagenet, write_practice_naip

WEIGHTS = Path(__file__).resolve().parents[2] / "data" / "tiny_encoder.pt"
# Along the Alps and across the Po, in one UTM zone.
PLACES = [Place(f"p{number}", 6.6 + 0.4 * (number % 12), 45 + 0.55 * (number // 12)) for number in range(60)]
SCENES = {"train": PLACES[::8], "test": PLACES[4::8]}
LISTS = {"train": [p for n, p in enumerate(PLACES) if n % 3], "val": PLACES[::3]}
DAY = np.array(["2022-06-15"], "datetime64[D]")
SCENE_PX, TILE_PX, PATCH_PX = 64, 16, 24


@pytest.fixture(scope="module")
def naip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "naip"
    return write_practice_naip(folder, SCENES, scene_px=SCENE_PX, seed=2, progress=False)


@pytest.fixture(scope="module")
def geoimagenet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "geoimagenet"
    return write_practice_geoimagenet(folder, LISTS, patch_px=PATCH_PX, seed=2, progress=False)


def test_scenes_come_back_as_tiles_of_the_true_land_cover(naip):
    assert layout_of(naip) == "naip-scenes"
    cube = load_naip(naip, size_px=TILE_PX, progress=False)
    assert cube.attrs["refused"] == []
    assert load_naip(naip, size_px=TILE_PX, split="test", progress=False).sizes["patch"] == int(
        (cube["split"] == "test").sum()
    )
    place = SCENES["test"][4]
    truth = SimulatedSource(2, clouds=False).labelled([place], DAY, SCENE_PX, ["B04", "B03", "B02", "B08"])
    shown = eight_bits(truth["reflectance"].values[0, 0], 5000)
    cover, names = truth["mask"].values[0] + 1, np.array(cube.attrs["class_names"]).astype(int)
    tiles = [n for n, name in enumerate(cube["patch"].values) if str(name).startswith("test/m_00012_")]
    assert len(tiles) > SCENE_PX**2 // TILE_PX**2 / 2
    for row in tiles:
        top, left = map(int, str(cube["patch"].values[row]).split("-")[1:])
        part = (slice(top, top + TILE_PX), slice(left, left + TILE_PX))
        np.testing.assert_array_equal(cube["reflectance"].values[row, 0], shown[:, *part])
        assert np.mean(cover[part] == names[cube["label"].values[row]]) >= 0.5
    assert cube["lon"].values[tiles].mean() == pytest.approx(place.lon, abs=0.004)
    assert str(cube["time"].values[0, 0])[:10] == "2022-06-15"


def test_pictures_come_back_with_class_and_place(geoimagenet):
    assert layout_of(geoimagenet) == "geoimagenet"
    cube = load_geoimagenet(geoimagenet, size_px=PATCH_PX, progress=False)
    assert cube.attrs["refused"] == []
    truth = SimulatedSource(2, clouds=False).labelled(LISTS["val"], DAY, PATCH_PX, "rgb")
    shown, names = eight_bits(truth["reflectance"].values[:, 0], 3000), cube.attrs["class_names"]
    for row, place in enumerate(LISTS["val"]):
        kind = truth.attrs["class_names"][int(truth["label"][row])]
        found = cube.sel(patch=f"val/{kind}/{len(LISTS['train']) + row:06d}")
        assert (names[int(found["label"])], str(found["split"].values)) == (kind, "val")
        assert (float(found["lon"]), float(found["lat"])) == pytest.approx((place.lon, place.lat), abs=1e-6)
        apart = np.abs(found["reflectance"].values[0].astype(int) - shown[row])
        assert apart.mean() < 6, "but for JPEG and the way to 224 px and back"
    (picture, *_) = geoimagenet.rglob("*.jpg")
    with Image.open(picture) as opened:
        assert opened.size == (224, 224)


@pytest.mark.parametrize("task", ["naip", "geoimagenet"])
def test_trained_beats_untrained_from_files_to_comparison(task, request):
    folder, weights = request.getfixturevalue(task), read_weights(WEIGHTS)
    load, evaluate = {
        "naip": (load_naip, evaluate_naip),
        "geoimagenet": (load_geoimagenet, evaluate_geoimagenet),
    }[task]
    cube = load(folder, size_px=TILE_PX if task == "naip" else PATCH_PX, progress=False)
    spec = measured_spec(cube, bands=bands_like(weights.spec, cube), size_px=24)
    settings = ProbeSettings(baselines=False, strengths=(1e-2,), features=FeatureOptions(device="cpu"))
    good, bad = (
        evaluate(encoder, spec, cube, settings=settings)
        for encoder in (weights.encoder, untrained_like(weights.encoder))
    )
    assert compare(good, bad).difference > 0.05
    assert compare(good, bad, {"naip": "linear_f1", "geoimagenet": "linear_top5"}[task]).difference > 0.05
    assert "is the test list" in good.protocol.split


def test_the_command_line_tells_lists_and_bands(naip, capsys):
    given = ["--weights", str(WEIGHTS), "--data", str(naip), "--measure-input", "--size-px", "24"]
    short = [
        "--tile-px",
        str(TILE_PX),
        "--limit",
        "60",
        "--no-baselines",
        "--no-cache",
        "--device",
        "cpu",
        "--json",
    ]
    assert main(["probe", "naip", *given, *short]) == 0
    out, said = capsys.readouterr()
    told = json.loads(out.splitlines()[-1])["protocol"]
    assert told["input_spec"]["bands"] == ["R", "G", "B"]
    lists = f"{told['sizes']['train']} to train on, {told['sizes']['test']} to be judged on: split 'test' is"
    assert lists in said
    assert set(told["notes"]) <= set(said.splitlines())


def test_a_folder_is_written_whole_or_not_at_all(naip, tmp_path, monkeypatch):
    before = sorted(naip.rglob("*"))
    with pytest.raises(FileExistsError, match="is there and not empty"):
        write_practice_naip(naip, SCENES, progress=False)
    assert sorted(naip.rglob("*")) == before

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("seco_lab.sources.practice_sets._write_classes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_practice_naip(tmp_path / "new", {"train": PLACES[:1]}, scene_px=16, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ({"train": [Place("a", 9, 45), Place("b", 15, 45)]}, r"the places lie in 2 \(32632, 32633\)"),
        ({"training": [Place("a", 9, 45)]}, "got training$"),
        ({"train": [], "val": []}, "got train, val without places"),
        ({}, "got no list"),
    ],
)
def test_lists_that_cannot_be_written_are_refused(lists, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        write_practice_naip(tmp_path / "new", lists, progress=False)
    assert list(tmp_path.iterdir()) == []
