"""The EuroSAT evaluation from end to end, on coloured squares and on the real pictures."""

import json
from dataclasses import replace

import numpy as np
import pytest
from labelled import CLASS_SPEC, class_cube, tiny_encoder

from seco_lab.checkpoints import save_encoder
from seco_lab.cli import main
from seco_lab.downstream.classification import ProbeSettings
from seco_lab.downstream.eurosat import evaluate_eurosat, load_eurosat
from seco_lab.downstream.features import FeatureOptions
from seco_lab.downstream.finetune import FinetuneConfig
from seco_lab.downstream.splits import split_cubes
from seco_lab.downstream.untrained import random_weights
from seco_lab.store import save_cube

ON_CPU = ProbeSettings(features=FeatureOptions(device="cpu"))


def test_all_keys_and_a_protocol(tmp_path):
    cubes = class_cube(120, difficulty=0.1), class_cube(50, seed=1, difficulty=0.1)
    options = FeatureOptions(device="cpu", cache=tmp_path)
    settings = ProbeSettings(finetune=FinetuneConfig(1, 32), official_epochs=1, features=options)
    found = evaluate_eurosat(tiny_encoder(seed=3), CLASS_SPEC, *cubes, settings, name="tiny")
    values = json.loads(json.dumps(found.to_dict()))
    for key in ("linear", "knn", "finetune", "official", "floor", "untrained", "random_features"):
        assert 0 <= values[key] <= 1
        assert values[f"{key}_ci"][0] <= values[key] <= values[f"{key}_ci"][1]
    assert values["linear"] > 0.8
    protocol = values["protocol"]
    assert protocol["sizes"] == {"train": 120, "validation": 24, "test": 50}
    assert protocol["input_spec"] == CLASS_SPEC.to_dict() | {"low": [0.0] * 3, "high": [255.0] * 3}
    assert protocol["settings"]["official"]["images_in_batch_mean"] == 32
    assert "separate test set" in protocol["split"]
    assert set(values["per_class"]) == {"class0", "class1", "class2"}


def test_repeats_itself():
    settings = replace(ON_CPU, baselines=False, strengths=(1e-1, 1e-2))
    one, other = (
        evaluate_eurosat(tiny_encoder(), CLASS_SPEC, class_cube(60, difficulty=1.5), settings=settings)
        for _ in range(2)
    )
    assert one == other
    assert one.baselines == {}


def test_the_tables_split_is_the_test_list():
    cube = class_cube(30)
    cube = cube.assign_coords(split=("patch", np.array(["train"] * 20 + ["val"] * 10, object)))
    parts = split_cubes(cube)
    assert (parts.train.sizes["patch"], parts.test.sizes["patch"]) == (20, 10)
    assert "'val'" in parts.how


def test_hold_out_without_a_split():
    parts = split_cubes(class_cube(30))
    assert parts.test.sizes["patch"] == 6
    assert not set(parts.train["patch"].values) & set(parts.test["patch"].values)
    assert "no test list" in parts.how


def test_odd_split_is_refused():
    cube = class_cube(4).assign_coords(split=("patch", np.array(["a", "b", "a", "b"], object)))
    with pytest.raises(ValueError, match="need 'train' and one of"):
        split_cubes(cube)


def test_same_images_in_both_are_told():
    assert "4 names of images are in both" in split_cubes(class_cube(6), class_cube(4)).how


@pytest.mark.parametrize("rows", [[0, 3, 6, 9], [0, 1, 3, 4]])
def test_subset_without_a_class(rows):
    with pytest.raises(ValueError, match=r"needs two or more|no training image shows it"):
        evaluate_eurosat(tiny_encoder(), CLASS_SPEC, class_cube(30).isel(patch=rows), class_cube(9))


def test_six_images_do_not_hang():
    found = evaluate_eurosat(tiny_encoder(), CLASS_SPEC, class_cube(6), class_cube(3), ON_CPU)
    assert found.protocol.sizes == {"train": 6, "validation": 0, "test": 3}


def test_image_without_data_is_named():
    cube = class_cube(30)
    cube["reflectance"][4] = 0
    with pytest.raises(ValueError, match="1 of 30 training features hold NaN"):
        evaluate_eurosat(tiny_encoder(), CLASS_SPEC, cube, class_cube(9, seed=1), ON_CPU)


def test_random_weights_bring_a_contract():
    cube = class_cube(60)
    encoder, spec = random_weights(cube, "resnet18-narrow")
    assert spec.bands == ("B04", "B03", "B02")
    assert (spec.unit, spec.size_px, spec.sensor) == ("eurosat_jpeg", 16, "sentinel2-l1c")
    found = evaluate_eurosat(encoder, spec, cube, settings=replace(ON_CPU, size_px=24))
    assert "16 px were resized to 24 px" in " ".join(found.protocol.notes)


@pytest.mark.real_data
@pytest.mark.slow
def test_real_pictures(real_data):
    cube = load_eurosat(real_data / "eurosat_rgb", limit=300, progress=False)
    encoder, spec = random_weights(cube, "resnet18-narrow", size_px=32)
    found = evaluate_eurosat(encoder, spec, cube, settings=replace(ON_CPU, strengths=(1e-2,)))
    assert found.protocol.sizes["train"] + found.protocol.sizes["test"] == 300
    assert len(found.protocol.classes) == 10
    # Chance is 10 %; three hundred images are enough for colours to tell forest from sea.
    assert found.baselines["floor"].value > 0.5
    assert found.score > 0.3


def test_the_input_can_be_measured_on_the_data_at_hand(tmp_path, capsys):
    cube, weights = tmp_path / "cube.zarr", tmp_path / "encoder.pt"
    save_cube(class_cube(60), cube)
    save_encoder(weights, tiny_encoder(), replace(CLASS_SPEC, high=(120,) * 3))
    asked = ["probe", "eurosat", "--weights", str(weights), "--data", str(cube), "--size-px", "16", "--json"]
    asked += ["--no-baselines"]
    contracts = []
    for more in ([], ["--measure-input"]):
        assert main([*asked, *more]) == 0
        contracts.append(json.loads(capsys.readouterr().out.splitlines()[-1])["protocol"]["input_spec"])
    assert contracts[0]["high"] == [120] * 3
    assert min(contracts[1]["high"]) > 150, "the pictures are brighter than what the weights were told"
    assert contracts[1]["bands"] == contracts[0]["bands"]
