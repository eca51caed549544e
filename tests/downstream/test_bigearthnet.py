"""BigEarthNet from end to end on generated patches, and what a multi-label score must refuse."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from big_patches import draw_labels, write_v2
from labelled import plain_cube

from seco_lab.cli import main
from seco_lab.downstream.bigearthnet import bigearthnet_task, evaluate_bigearthnet, load_bigearthnet
from seco_lab.downstream.bigearthnet_input import official_spec, random_weights
from seco_lab.downstream.classification import ProbeSettings
from seco_lab.downstream.features import FeatureOptions
from seco_lab.downstream.finetune import FinetuneConfig
from seco_lab.downstream.mlp import mlp_probe
from seco_lab.downstream.multilabel import (
    batch_precisions,
    fit_multilabel,
    label_subset,
    multilabel_probe,
    multilabel_scores,
    per_class_precision,
)
from seco_lab.downstream.official_multilabel import drawn_with_replacement, official_scores
from seco_lab.downstream.ranking import average_precision
from seco_lab.downstream.result import Result
from seco_lab.nn.encoders import resnet18

CLASSES = ("town", "field", "sea")


def labelled_cube(labels, seed=0, **extras):
    """A band a class: bright where the patch shows it."""
    labels = np.asarray(labels, np.uint8)
    chance = np.random.default_rng(seed)
    level = 400 + 1800.0 * labels + chance.normal(0, 300, labels.shape)
    pixels = level[:, None, :, None, None] + chance.normal(0, 200, (len(labels), 1, 3, 16, 16))
    counts = pixels.clip(1, 4000).astype(np.uint16)
    return plain_cube(counts, labels=labels, class_names=CLASSES, **extras)


def draw(count, seed=0, share=0.4):
    return (np.random.default_rng(seed).random((count, 3)) < share).astype(np.uint8)


def tiny():
    return resnet18(3, width=4)


SPEC = official_spec()
AT_16 = ProbeSettings(size_px=16, features=FeatureOptions(device="cpu"))
PLAIN = replace(AT_16, baselines=False)


def test_official_scaling():
    spec = official_spec("B02,B12")
    assert spec.low == pytest.approx((429.9430203 - 2 * 572.41639287, 1009.32729131 - 2 * 818.86747235))
    assert (spec.mean, spec.std, spec.size_px) == ((0, 0), (1, 1), 128)
    assert len(official_spec("all").bands) == 12


def test_share_of_the_labels_has_no_one_twice():
    rows = label_subset(1000, 0.1, seed=4)
    assert len(rows) == len(set(rows.tolist())) == 100
    assert set(label_subset(1000, 0.01, seed=4)) <= set(rows)
    assert label_subset(5, 0.01).size == 1
    np.testing.assert_array_equal(label_subset(7, 1), np.arange(7))
    with pytest.raises(ValueError, match="above 0 and not above 1, got 10"):
        label_subset(5, 10)


def test_fit_is_where_the_gradient_vanishes():
    chance = torch.Generator().manual_seed(0)
    x, y = torch.randn(80, 4, generator=chance), (torch.rand(80, 3, generator=chance) < 0.3).float()
    weights, converged = fit_multilabel(x, y, 1e-2)
    assert converged
    weights.requires_grad_(True)
    loss = torch.nn.MultiLabelSoftMarginLoss()(x @ weights[:, :-1].T + weights[:, -1], y)
    (loss + 0.005 * weights[:, :-1].square().sum()).backward()
    assert weights.grad.abs().max() < 1e-4


def test_probe_finds_what_is_there():
    truth, chance = draw(200), np.random.default_rng(1)
    features = truth @ chance.normal(size=(3, 6)) + chance.normal(0, 0.2, (200, 6))
    found = multilabel_probe(features[:150], truth[:150], features[150:], device="cpu")
    assert average_precision(found.scores, truth[150:]) > 0.95
    assert found.strength in found.validation
    few = multilabel_probe(features[:5], truth[:5], features[150:], device="cpu")
    assert few.validation == {}


def test_scores_by_hand():
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.7]])
    truth = np.array([[1, 0], [0, 1], [1, 0]])
    found = multilabel_scores(scores, truth)
    # Micro: 0.9 yes, 0.8 yes, 0.7 no, 0.4 yes; macro: both classes are ranked without a fault.
    assert found["micro_ap"].value == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert found["macro_ap"].value == pytest.approx(1.0)
    assert found["batch_ap"].value == pytest.approx(found["micro_ap"].value)
    for score in found.values():
        assert score.low <= score.value <= score.high


def test_batches_of_the_official_code():
    chance = np.random.default_rng(0)
    scores, truth = chance.random((10, 3)), draw(10)
    parts = batch_precisions(scores, truth, 4)
    assert parts == [average_precision(scores[s : s + 4], truth[s : s + 4]) for s in (0, 4)]
    assert len(batch_precisions(scores, truth, 99)) == 1


def test_class_that_all_or_none_show_is_undefined():
    truth = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0]])
    found = per_class_precision(np.random.default_rng(0).random((3, 3)), truth, CLASSES)
    assert (found["town"], found["field"]) == (None, None)
    assert 0 < found["sea"] <= 1


def test_all_numbers_and_a_protocol():
    train, test = labelled_cube(draw(120)), labelled_cube(draw(60, seed=1), seed=1)
    found = evaluate_bigearthnet(tiny(), SPEC, train, test, AT_16, name="tiny")
    values = json.loads(json.dumps(found.to_dict()))
    for key in ("micro_ap", "macro_ap", "batch_ap", "floor", "untrained", "random_features", "prior"):
        assert 0 <= values[f"{key}_ci"][0] <= values[key] <= values[f"{key}_ci"][1] <= 1
    assert values["micro_ap"] > 0.8 > values["prior"]
    assert values["floor"] > 0.95
    assert values["protocol"]["sizes"] == {"train": 120, "validation": 24, "test": 60}
    assert set(values["protocol"]["settings"]["baseline_macro_ap"]) == set(found.baselines)
    assert set(values["per_class"]) == set(CLASSES)
    assert Result.from_dict(values).score == found.score
    again = evaluate_bigearthnet(tiny(), SPEC, train, test, PLAIN)
    assert found.scores == again.scores


def test_a_hidden_layer_finds_what_a_line_cannot():
    """Label 0 is shown where exactly one of two features is high; label 1 where the first is."""
    chance = np.random.default_rng(0)
    high = chance.random((500, 2)) < 0.5
    labels = np.stack([high[:, 0] ^ high[:, 1], high[:, 0]], 1).astype(np.uint8)
    features = (high + chance.normal(0, 0.15, (500, 2))).astype(np.float32)
    asked = (features[:400], labels[:400], features[400:])
    mlp = mlp_probe(*asked, hidden=32, epochs=40, lr=0.02, device="cpu")
    line = multilabel_probe(*asked, device="cpu")
    bent, straight = (average_precision(f.scores[:, 0], labels[400:, 0]) for f in (mlp, line))
    assert bent > 0.95
    assert straight < 0.75
    assert mlp.epochs == np.argmax(mlp.validation) + 1
    torch.manual_seed(5)
    again = mlp_probe(*asked, hidden=32, epochs=40, lr=0.02, device="cpu")
    np.testing.assert_array_equal(mlp.scores, again.scores)
    with pytest.raises(ValueError, match="epochs, batch_size and lr must be positive"):
        mlp_probe(*asked, epochs=0)
    with pytest.raises(ValueError, match="training features hold NaN"):
        mlp_probe(features * np.nan, labels, features)


def test_other_heads_and_a_tenth_of_the_labels():
    cube, test = labelled_cube(draw(100)), labelled_cube(draw(40, seed=1), seed=1)
    found = evaluate_bigearthnet(
        tiny(), SPEC, cube, test, replace(PLAIN, finetune=FinetuneConfig(1, 8)), share=0.2, mlp_epochs=30
    )
    heads, kinds = ("", "mlp_", "finetune_"), ("micro_ap", "macro_ap", "batch_ap")
    names = {head + kind for head in heads for kind in kinds}
    assert set(found.scores) == names
    assert next(iter(found.scores)) == "micro_ap"
    assert found.scores["mlp_micro_ap"].value > 0.6
    assert found.protocol.settings["mlp"]["hidden"] == 1024
    assert found.protocol.sizes["train"] == 20
    batch = found.scores["batch_ap"]
    assert batch.high - batch.low > 0.01, "one batch alone does not make a sure thing"


def test_few_labels_say_what_they_lack():
    labels = draw(200)
    labels[:, 2] = 0
    labels[:2, 2] = 1
    seed = next(s for s in range(50) if not labels[label_subset(200, 0.1, seed=s), 2].any())
    train, test = labelled_cube(labels), labelled_cube(draw(50, seed=3))
    found = evaluate_bigearthnet(tiny(), SPEC, train, test, replace(PLAIN, seed=seed), share=0.1)
    assert found.protocol.sizes["train"] == 20
    assert "no training patch shows sea" in found.protocol.notes
    assert found.per_class["sea"] is not None


def test_without_a_list_a_fifth_is_held_out_and_splits_are_used():
    cube = labelled_cube(draw(50))
    assert len(bigearthnet_task(cube).truth) == 10
    split = np.array(["train"] * 30 + ["val"] * 20, object)
    found = evaluate_bigearthnet(
        tiny(), SPEC, cube.assign_coords(split=("patch", split)), settings=replace(PLAIN, strengths=(1e-2,))
    )
    assert (found.protocol.sizes["train"], found.protocol.sizes["test"]) == (30, 20)


@pytest.mark.parametrize(
    ("train", "test", "match"),
    [
        (np.ones((20, 3)), draw(9), "all 20 training patches have the same labels .town, field, sea."),
        (np.zeros((20, 3)), draw(9), r"all 20 training patches have the same labels \(none\)"),
        (draw(20), np.tile([1, 0, 0], (9, 1)), "same labels .town., so average precision is undefined"),
        (draw(20)[:0], draw(9), "one of the lists is empty"),
    ],
)
def test_lists_that_cannot_be_scored(train, test, match):
    cubes = [labelled_cube(draw(max(1, len(part)))) for part in (train, test)]
    for cube, part in zip(cubes, (train, test), strict=True):
        cube["labels"][: len(part)] = part
    cubes[0] = cubes[0].isel(patch=slice(len(train)))
    with pytest.raises(ValueError, match=match):
        evaluate_bigearthnet(tiny(), SPEC, *cubes, AT_16)


def test_other_bad_input_is_named():
    cube = labelled_cube(draw(30))
    with pytest.raises(ValueError, match="the cube has no 'labels'"):
        evaluate_bigearthnet(tiny(), SPEC, cube.drop_vars("labels"))
    other = labelled_cube(draw(9)).assign_coords({"class": ["a", "b", "c"]})
    with pytest.raises(LookupError, match="the classes of both cubes differ"):
        evaluate_bigearthnet(tiny(), SPEC, cube, other)
    cube["reflectance"][4] = 0
    with pytest.raises(ValueError, match="1 of 30 training features hold NaN"):
        evaluate_bigearthnet(tiny(), SPEC, cube, labelled_cube(draw(9)), AT_16)
    cube["labels"][0, 0] = 7
    with pytest.raises(ValueError, match="labels must be 0 or 1"):
        evaluate_bigearthnet(tiny(), SPEC, cube)


@pytest.mark.slow
def test_folders_from_the_command_line(tmp_path, capsys):
    write_v2(tmp_path / "v2", draw_labels(24), ["train"] * 16 + ["test"] * 8)
    common = [
        "probe",
        "bigearthnet",
        "--size-px",
        "32",
        "--encoder",
        "resnet18-narrow",
        "--device",
        "cpu",
        "--json",
        "--weights",
    ]
    asked = [*common, "random", "--data", str(tmp_path / "v2"), "--out", str(tmp_path / "r.json")]
    assert main(asked) == 0
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert values["protocol"]["sizes"]["test"] == 8
    assert values.items() <= json.loads((tmp_path / "r.json").read_text()).items()
    assert main([*asked, "--share", "50"]) == 2
    assert "share of the labels must lie above 0" in capsys.readouterr().err


@pytest.mark.real_data
def test_real_patches(real_data):
    cube = load_bigearthnet(real_data / "bigearthnet_samples", bands="rgb", progress=False)
    encoder, spec = random_weights("resnet18-narrow")
    parts = (cube.isel(patch=slice(0, 4)), cube.isel(patch=slice(4, 6)))
    found = evaluate_bigearthnet(encoder, spec, *parts, replace(AT_16, size_px=32))
    assert found.protocol.sizes == {"train": 4, "validation": 0, "test": 2}
    assert found.per_class["Marine waters"] is None
    # The official limits fit real patches: most pixels lie between them.
    low, high = (np.array(v)[:, None, None] for v in (spec.low, spec.high))
    values = cube["reflectance"].values[:, 0]
    assert ((values > low) & (values < high)).mean() > 0.95


def test_the_official_head_and_its_share():
    rows = drawn_with_replacement(20_000, 0.1)
    assert len(rows) == 2000
    assert 1850 < len(set(rows.tolist())) < 1950, "9.5 % of the patches, some of them twice"
    labels, chance = draw(300), np.random.default_rng(1)
    features = (labels @ chance.normal(size=(3, 8)) + chance.normal(0, 0.3, (300, 8))).astype(np.float32)
    options = {"epochs": 20, "lr": 0.03, "device": "cpu"}
    one = official_scores(features, labels, features, **options)
    assert average_precision(one, labels) > 0.9
    torch.manual_seed(99)
    np.testing.assert_array_equal(one, official_scores(features, labels, features, **options))
    assert not np.array_equal(one, official_scores(features, labels, features, dropout=0.0, **options))
    with pytest.raises(ValueError, match="holds no patch; take a larger share"):
        official_scores(features[:0], labels[:0], features, **options)
    with pytest.raises(FloatingPointError, match="diverged in epoch"):
        official_scores(features * 1e38, labels, features, epochs=3, lr=1e6, device="cpu")
