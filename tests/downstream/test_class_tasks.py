"""fMoW, NAIP and GeoImageNet from folders to scores: measures, official protocol, places seen often."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from class_pictures import write_fmow, write_geoimagenet, write_naip, write_naip_arrays
from labelled import CLASS_SPEC, class_cube, tiny_encoder

from seco_lab.checkpoints import save_encoder
from seco_lab.cli import main
from seco_lab.downstream.classification import ClassTask, ProbeSettings
from seco_lab.downstream.features import FeatureOptions
from seco_lab.downstream.finetune import FinetuneConfig
from seco_lab.downstream.fmow import evaluate_fmow, evaluate_fmow_temporal, load_fmow
from seco_lab.downstream.gassl_protocol import gassl_scores
from seco_lab.downstream.geoimagenet import evaluate_geoimagenet, load_geoimagenet
from seco_lab.downstream.naip import evaluate_naip, load_naip
from seco_lab.downstream.published import published_rows
from seco_lab.downstream.result import Result
from seco_lab.downstream.sequences import PlaceImages, evaluate_sequences
from seco_lab.downstream.tables import join_results
from seco_lab.downstream.untrained import random_weights
from seco_lab.sources import import_cube
from seco_lab.viz.figure import figure_png
from seco_lab.viz.scores import results_figure

QUICK = ProbeSettings(strengths=(1e-2,), features=FeatureOptions(device="cpu"))


@pytest.fixture(scope="module")
def fmow(tmp_path_factory):
    root = tmp_path_factory.mktemp("fmow")
    write_fmow(root, "train", places=5, dates=2)
    write_fmow(root, "val", places=4, dates=2, seed=5000)
    return root


def test_fmow_single_pictures(fmow):
    cube = load_fmow(fmow, size_px=16, progress=False)
    spec = replace(CLASS_SPEC, sensor="rgb8", unit="uint8", bands=("R", "G", "B"))
    settings = replace(QUICK, finetune=FinetuneConfig(1, 16), official_epochs=10)
    found = evaluate_fmow(tiny_encoder(), spec, cube, settings=settings, name="tiny")
    assert found.protocol.task == "fmow"
    assert found.protocol.sizes["test"] == 3 * 4 * 2
    for how in ("linear", "knn", "official"):
        assert found.scores[how].value > 0.6, how
    assert {"linear_f1", "knn_f1", "official_f1", "finetune", "finetune_f1"} <= set(found.scores)
    assert len(found.protocol.classes) == 62
    assert {name for name, value in found.per_class.items() if value is not None} == set(
        ("airport", "car_dealership", "multi-unit_residential")
    )
    assert found.protocol.settings["official"]["lr"] == 1.0
    assert {"floor", "untrained", "random_features", "coordinates", "coordinates_f1"} <= set(found.baselines)
    table = join_results([found], published_rows("fmow"))
    assert table.loc["MoCo-v2+TP, r50 (paper)", "linear"] == "68.3"
    assert figure_png(results_figure([found], published_rows("fmow")))[:4] == b"\x89PNG"
    ticks = [label.get_text() for label in results_figure([found]).axes[0].get_yticklabels()]
    words = ["colour statistics", "untrained network", "random convolutions", "nearest place on the map"]
    assert ticks == ["tiny", *words]
    ticks = [
        label.get_text() for label in results_figure([found], score="linear_f1").axes[0].get_yticklabels()
    ]
    assert ticks[1:] == words, "each in the measure that was asked for"
    with pytest.raises(LookupError, match="no result has the score 'auc'"):
        results_figure([found], score="auc")


def test_fmow_all_pictures_of_a_place(fmow):
    cube = load_fmow(fmow, size_px=16, progress=False)
    spec = replace(CLASS_SPEC, sensor="rgb8", unit="uint8", bands=("R", "G", "B"))
    found = evaluate_fmow_temporal(tiny_encoder(), spec, cube, settings=QUICK)
    assert found.protocol.task == "fmow-temporal"
    assert found.protocol.sizes == {"train": 15, "validation": 3, "test": 12}
    assert found.protocol.settings["images"] == {"train": 30, "test": 24}
    assert next(iter(found.scores)) == "mean_features"
    assert {"mean_scores", "vote", "single_image", "vote_f1"} <= set(found.scores)
    assert len(found.scores["single_image"].items) == 24
    assert len(found.scores["vote"].items) == 12


def noisy_dates(patches, seasons, seed):
    """The class is a colour that single dates hardly show, and one date in ten shows nothing at all."""
    cubes = [class_cube(patches, seed=100 * seed + season, difficulty=1.5) for season in range(seasons)]
    pixels = np.concatenate([cube["reflectance"].values for cube in cubes], axis=1)
    pixels[np.random.default_rng(seed).random((patches, seasons)) < 0.1] = 0
    cube = cubes[0].drop_vars("reflectance").drop_vars("time")
    dims = ("patch", "season", "band", "y", "x")
    days = np.datetime64("2020-01-01", "ns") + np.zeros((patches, seasons), "timedelta64[ns]")
    return cube.assign(reflectance=(dims, pixels)).assign_coords(time=(("patch", "season"), days))


def test_looking_often_helps_and_dates_without_data_do_no_harm():
    train, test = noisy_dates(90, 5, 1), noisy_dates(60, 5, 2)
    found = evaluate_sequences(tiny_encoder(), CLASS_SPEC, train, test, QUICK)
    single = found.scores["single_image"].value
    for how in ("mean_features", "mean_scores", "vote"):
        assert found.scores[how].value > single + 0.05, how
    assert "images without data were left out" in found.protocol.notes[0]
    assert 4 < found.protocol.settings["images_a_place"] < 5
    assert found.baselines["floor"].value > 0.4


def test_means_of_a_place_by_hand():
    images = PlaceImages(np.array([[1.0], [3], [10]], np.float32), np.array([1, 1, 0]), np.array([5, 6]))
    assert images.counts.tolist() == [1, 2]
    assert images.mean(images.features).tolist() == [[10], [2]]


def test_held_out_are_whole_places():
    cube = class_cube(60).assign_coords(sequence=("patch", [f"place{i // 6 * 3 + i % 3}" for i in range(60)]))
    found = evaluate_sequences(tiny_encoder(), CLASS_SPEC, cube, settings=QUICK)
    assert found.protocol.sizes["train"] + found.protocol.sizes["test"] == 30
    assert found.protocol.settings["images"]["test"] == 2 * found.protocol.sizes["test"]
    assert "of the places held out" in found.protocol.split


def test_places_that_make_no_sense_are_refused():
    encoder, cube = tiny_encoder(), class_cube(30)
    with pytest.raises(ValueError, match="nothing says which images show the same place"):
        evaluate_sequences(encoder, CLASS_SPEC, cube)
    mixed = cube.assign_coords(sequence=("patch", [f"place{i // 2}" for i in range(30)]))
    with pytest.raises(ValueError, match="pictures of place0 have different labels"):
        evaluate_sequences(encoder, CLASS_SPEC, mixed)
    dark = noisy_dates(30, 2, 1)
    dark["reflectance"][4] = 0
    with pytest.raises(
        ValueError, match=r"1 of 30 training places have no image with data, the first in row 4"
    ):
        evaluate_sequences(encoder, CLASS_SPEC, dark, noisy_dates(9, 2, 5), QUICK)
    with pytest.raises(ValueError, match="training places have 2 seasons and test places 3"):
        evaluate_sequences(encoder, CLASS_SPEC, noisy_dates(30, 2, 1), noisy_dates(9, 3, 2), QUICK)


def test_naip_land_cover(tmp_path):
    write_naip(tmp_path / "tiles")
    cube = load_naip(tmp_path / "tiles", progress=False)
    encoder, spec = random_weights(cube, "resnet18-narrow", bands="all", size_px=20)
    assert spec.bands == ("R", "G", "B", "N")
    found = evaluate_naip(encoder, spec, cube, settings=QUICK)
    assert found.protocol.sizes == {"train": 18, "validation": 3, "test": 6}
    assert found.baselines["floor"].value > 0.8
    assert "linear_f1" in found.scores
    write_naip_arrays(tmp_path / "arrays")
    arrays = load_naip(tmp_path / "arrays", bands="rgb", progress=False)
    assert "coordinates" not in evaluate_naip(encoder_for_rgb(), rgb(spec), arrays, settings=QUICK).baselines


def encoder_for_rgb():
    return tiny_encoder(3)


def rgb(spec):
    return replace(
        spec, bands=spec.bands[:3], **{n: getattr(spec, n)[:3] for n in ("low", "high", "mean", "std")}
    )


def test_geoimagenet_counts_five_answers(tmp_path):
    write_geoimagenet(tmp_path, each=5, size=(16, 16))
    cube = load_geoimagenet(tmp_path, size_px=16, progress=False)
    spec = replace(CLASS_SPEC, sensor="rgb8", unit="uint8", bands=("R", "G", "B"))
    found = evaluate_geoimagenet(tiny_encoder(), spec, cube, settings=QUICK)
    assert found.scores["linear_top5"].value == 1, "there are three classes"
    assert found.baselines["coordinates"].value == 1, "each class has a latitude of its own"


def test_top_five_by_hand():
    cubes = class_cube(14, 7)
    task = ClassTask.of("t", cubes, cubes, measures=("top5",))
    scores = np.tile(np.arange(7.0), (14, 1))
    found = task.scored("x", scores)
    assert found["x"].value == 2 / 14
    assert found["x_top5"].value == 10 / 14


def test_the_official_layer_learns_and_repeats_itself():
    chance = np.random.default_rng(0)
    labels = np.arange(300) % 3
    features = (chance.normal(size=(3, 8))[labels] + chance.normal(size=(300, 8))).astype(np.float32)
    one, other = (
        gassl_scores(features, features, labels, 3, epochs=10, device="cpu", seed=s) for s in (0, 0)
    )
    assert (one.argmax(1) == labels).mean() > 0.8
    np.testing.assert_array_equal(one, other)
    torch.manual_seed(99)
    np.testing.assert_array_equal(one, gassl_scores(features, features, labels, 3, epochs=10, device="cpu"))
    with pytest.raises(FloatingPointError, match="diverged in epoch"):
        gassl_scores(features * 1e30, features, labels, 3, epochs=3, device="cpu")


def test_no_published_numbers():
    assert published_rows("oscd")[-1]["f1"] == "46.9"
    with pytest.raises(LookupError, match="no published numbers for 'xyz'; there are some for eurosat"):
        published_rows("xyz")


def test_one_class_only(tmp_path):
    write_naip(tmp_path, kinds=("corn",))
    cube = load_naip(tmp_path, progress=False)
    with pytest.raises(ValueError, match="all training images are of class 'corn'"):
        evaluate_naip(tiny_encoder(4), CLASS_SPEC, cube)


@pytest.mark.parametrize("task", ["fmow", "fmow-temporal"])
def test_from_the_command_line(fmow, task, tmp_path, capsys):
    spec = replace(CLASS_SPEC, sensor="rgb8", unit="uint8", bands=("R", "G", "B"))
    save_encoder(tmp_path / "encoder.pt", tiny_encoder(), spec)
    asked = ["probe", task, "--weights", str(tmp_path / "encoder.pt"), "--device", "cpu", "--size-px", "16"]
    assert import_cube(fmow, tmp_path / "fmow.zarr", size_px=16, progress=False) == []
    lists = ["--data", str(tmp_path / "fmow.zarr"), "--out", str(tmp_path / "r.json")]
    assert main([*asked, *lists, "--json"]) == 0
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert values["task"] == task
    assert values["protocol"]["sizes"]["test"] in (12, 24)
    assert Result.load(tmp_path / "r.json").score > 0.6
    assert main([*asked, "--data", str(tmp_path / "none")]) == 2
    assert "nothing at" in capsys.readouterr().err
