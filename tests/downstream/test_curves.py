"""Curves over labels, over k and over distance, and the figures of them."""

import json

import numpy as np
import pytest
from labelled import CLASS_SPEC, class_cube, tiny_encoder

from seco_lab.checkpoints import save_encoder
from seco_lab.cli import main
from seco_lab.downstream.classification import ClassTask, ProbeSettings
from seco_lab.downstream.curves import k_curve, label_curve, split_gap
from seco_lab.downstream.features import FeatureOptions
from seco_lab.downstream.labels import class_subset
from seco_lab.store import save_cube
from seco_lab.viz.figure import figure_png
from seco_lab.viz.scores import k_curve_figure, label_curve_figure, split_figure

FIELD_KM = 0.036 * 111.195
CPU = ProbeSettings(strengths=(1e-2, 1e-4), features=FeatureOptions(device="cpu"))


@pytest.fixture(scope="module")
def blobs():
    chance = np.random.default_rng(0)
    labels = np.arange(600) % 4
    features = chance.normal(size=(4, 12))[labels] * 0.8 + chance.normal(size=(600, 12))
    return features.astype(np.float32), labels


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 1])
def test_subsets_are_nested_and_hold_each_class(share):
    labels = np.repeat([0, 1, 2], [500, 40, 3])
    rows = class_subset(labels, share, seed=5)
    assert len(set(rows.tolist())) == len(rows), "drawn without replacement"
    assert set(labels[rows]) == {0, 1, 2}
    assert set(rows) <= set(class_subset(labels, min(1, 2 * share), seed=5))
    assert np.bincount(labels[rows])[0] == round(500 * share)
    if share < 1:
        assert not np.array_equal(rows, class_subset(labels, share, seed=6))


@pytest.mark.parametrize("share", [0, 1.1])
def test_odd_share(share):
    with pytest.raises(ValueError, match="above 0 and not above 1"):
        class_subset(np.arange(9) % 3, share)


def test_more_labels_help(blobs):
    features, labels = blobs
    given = {
        "own": (features[:400], features[400:]),
        "noise": (features[:400, :1] * 0, features[400:, :1] * 0),
    }
    curve = label_curve(
        given, labels[:400], labels[400:], shares=(0.02, 0.2, 1), seeds=(0, 1), strengths=(1e-2, 1e-4)
    )
    linear = curve[(curve["probe"] == "linear") & (curve["features"] == "own")]
    mean = linear.groupby("images")["value"].mean()
    assert mean.index.tolist() == [8, 80, 400]
    assert mean.iloc[0] < mean.iloc[1] <= mean.iloc[2] + 0.02
    assert len(linear[linear["share"] == 1]) == 1, "all labels are the same whatever the seed"
    noise = curve[(curve["probe"] == "linear") & (curve["features"] == "noise")]["value"]
    assert noise.max() < 0.35
    assert ((curve["low"] <= curve["value"]) & (curve["value"] <= curve["high"])).all()
    for probe in ("linear", "knn"):
        assert figure_png(label_curve_figure(curve, probe=probe))[:4] == b"\x89PNG"


def test_every_k(blobs):
    features, labels = blobs
    curve = k_curve({"own": (features[:400], features[400:])}, labels[:400], labels[400:], ks=(1, 5, 20))
    assert curve["k"].tolist() == [1, 5, 20]
    assert curve["value"].iloc[1] > curve["value"].iloc[0], "single neighbours are noisy"
    assert figure_png(k_curve_figure(curve))[:4] == b"\x89PNG"


def fields(side=24):
    """Pictures in fields of 4 x 4 km, each field of one class and with a tint that no other field has."""
    cube = class_cube(side * side, 2, size_px=8, difficulty=0)
    row, column = np.divmod(np.arange(side * side), side)
    field = row // 4 * side + column // 4
    chance = np.random.default_rng(1)
    label = chance.integers(0, 2, side * side)[field]
    tint = chance.uniform(60, 190, (side * side, 3))[field]
    pixels = tint[:, None, :, None, None] + chance.normal(0, 4, cube["reflectance"].shape)
    cube["reflectance"] = cube["reflectance"].dims, pixels.clip(1, 255).astype(np.uint8)
    place = {"lon": 0.009 * (column + 0.5), "lat": 0.009 * (row + 0.5), "label": label}
    return cube.assign_coords({name: ("patch", values) for name, values in place.items()})


def test_neighbours_explain_a_random_split_and_no_spatial_one():
    gap = split_gap(tiny_encoder(), CLASS_SPEC, fields(), CPU, block_km=FIELD_KM)
    near, far = (gap[gap["split"] == name].set_index("probe") for name in ("random", "spatial"))
    assert near.loc["coordinates", "value"] > 0.8
    assert near.loc["linear", "value"] > far.loc["linear", "value"] + 0.3
    assert near.loc["knn", "value"] > far.loc["knn", "value"] + 0.3
    assert near.loc["coordinates", "value"] > far.loc["coordinates", "value"] + 0.2
    assert near["nearest_km"].iloc[0] == pytest.approx(1.0, abs=0.05)
    assert far["nearest_km"].iloc[0] >= near["nearest_km"].iloc[0]
    assert figure_png(split_figure(gap))[:4] == b"\x89PNG"


def test_places_must_be_known():
    cube = class_cube(30)
    cube["lon"][3] = np.nan
    with pytest.raises(ValueError, match="needs the place of each image"):
        split_gap(tiny_encoder(), CLASS_SPEC, cube, CPU)


def test_all_images_together_whatever_their_lists():
    train, test = class_cube(30), class_cube(12, seed=1)
    test = test.assign_coords(patch=[*test["patch"].values[:3], *(f"q{i}" for i in range(9))])
    test = test.assign_coords(label=("patch", 2 - test["label"].values))
    test.attrs["class_names"] = ["class2", "class1", "class0"]
    joined = ClassTask.of("eurosat", train, test).joined()
    assert joined.sizes["patch"] == 30 + 9
    assert joined["label"].values.tolist() == (np.arange(30) % 3).tolist() + (np.arange(3, 12) % 3).tolist()


@pytest.mark.slow
def test_from_the_command_line(tmp_path, capsys):
    cube = class_cube(75, difficulty=0.1).assign_coords(lon=("patch", np.linspace(0, 3, 75)))
    save_cube(cube, tmp_path / "cube.zarr")
    save_encoder(tmp_path / "weights.pt", tiny_encoder(), CLASS_SPEC)
    asked = [
        "probe",
        "eurosat",
        "--weights",
        str(tmp_path / "weights.pt"),
        "--data",
        str(tmp_path / "cube.zarr"),
    ]
    asked += ["--size-px", "16", "--curve", "--curve-seeds", "1", "--spatial-km", "30", "--device", "cpu"]
    asked += ["--figures", str(tmp_path / "figures")]
    assert main([*asked, "--out", str(tmp_path / "r.json"), "--json"]) == 0
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {row["features"] for row in values["curve"]} >= {"encoder", "untrained", "floor"}
    assert {row["k"] for row in values["by_k"]} >= {1, 5, 50}
    assert {row["split"] for row in values["splits"]} == {"random", "spatial"}
    assert json.loads((tmp_path / "r.json").read_text())["curve"] == values["curve"]
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"curve.png", "by_k.png", "splits.png", "scores.png"}
