"""What the command line reaches of each task: other classes, lists, sizes, tables, and its refusals."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from big_patches import NEW_NAMES, draw_labels, write_v1, write_v2
from class_pictures import write_geoimagenet, write_naip
from labelled import CLASS_SPEC, SPEC, class_cube, tiny_encoder

from seco_lab.checkpoints import save_encoder
from seco_lab.cli import main
from seco_lab.downstream.keeping import default_cache, trim_cache
from seco_lab.store import open_cube, save_cube

RGB8 = replace(CLASS_SPEC, sensor="rgb8", unit="uint8", bands=("R", "G", "B"))
QUICK = ["--device", "cpu", "--size-px", "16", "--no-baselines", "--json"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for name, spec in (("l2a", SPEC), ("rgb8", RGB8), ("l1c", CLASS_SPEC)):
        save_encoder(folder / f"{name}.pt", tiny_encoder(), spec)
    return folder


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """v1 with lists: twelve patches train, four are for validation and four for the test, two snowy."""
    root = tmp_path_factory.mktemp("big")
    names = write_v1(root, draw_labels(20, seed=1))
    for split, rows in {"train": names[:12], "val": names[12:16], "test": names[16:]}.items():
        (root / f"{split}.csv").write_text("\n".join(rows))
    (root / "patches_with_seasonal_snow.csv").write_text("\n".join(names[:2]))
    return root


@pytest.fixture
def probe(capsys):
    """Runs ``probe``: what it told as JSON, or what it said when it refused."""

    def asked(task, weights, data, *more):
        code = main(["probe", task, "--weights", str(weights), "--data", str(data), *QUICK, *map(str, more)])
        out = capsys.readouterr()
        return json.loads(out.out.splitlines()[-1]) if code == 0 else (code, out.err.strip().splitlines()[-1])

    return asked


def test_43_classes_and_snow(big, weights, probe):
    found = probe("bigearthnet", weights / "l2a.pt", big)
    assert found["protocol"]["sizes"] == {"train": 10, "validation": 2, "test": 4}
    assert len(found["per_class"]) == 19
    assert "patches of snow and cloud: left out: 2 patches that the lists name" in found["protocol"]["notes"]
    every = probe("bigearthnet", weights / "l2a.pt", big, "--classes", 43, "--cloudy", "--tested", "val")
    assert every["protocol"]["sizes"]["train"] == 12
    assert "'val'" in every["protocol"]["split"]
    assert len(every["per_class"]) == 43
    assert every["per_class"]["Sea and ocean"] is not None


def test_43_classes_are_unknown_to_the_second_version(tmp_path, weights, probe):
    root, labels = tmp_path / "v2", draw_labels(3)
    names = write_v2(root, labels, ["train"] * 3)
    code, words = probe("bigearthnet", weights / "l2a.pt", root, "--classes", 43)
    assert code == 2
    assert "metadata.parquet of v2 tells the 19 classes only" in words
    code, words = probe("bigearthnet", weights / "l2a.pt", root, "--cloudy")
    assert "metadata_for_patches_with_snow_cloud_or_shadow.parquet" in words
    known = pd.read_parquet(root / "metadata.parquet")
    known[known["patch_id"] != names[0]].to_parquet(root / "metadata.parquet")
    snowy = {"patch_id": [names[0]], "labels": [[NEW_NAMES[kind] for kind in labels[0]]]}
    pd.DataFrame(snowy).to_parquet(root / "metadata_for_patches_with_snow_cloud_or_shadow.parquet")
    folder = ["gather", "-", "--source", str(root), "--bands", "rgb", "--out"]
    for more, patches in (["--cloudy"], 3), ([], 2), (["--limit", "1"], 1):
        assert main([*folder, str(tmp_path / f"{patches}.zarr"), *more]) == 0
        assert open_cube(tmp_path / f"{patches}.zarr").sizes["patch"] == patches


def test_official_head_hidden_layer_and_curve(big, weights, probe, tmp_path):
    more = ["--official-epochs", 3, "--mlp-epochs", 2, "--curve", "--curve-seeds", 1, "--figures", tmp_path]
    found = probe("bigearthnet", weights / "l2a.pt", big, "--share", 0.7, *more)
    assert {"official_batch_ap", "mlp_micro_ap"} <= set(found["score_names"])
    assert found["protocol"]["settings"]["official"]["patches"] == 7
    assert {row["images"] for row in found["curve"]} >= {4, 7}
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"


def test_weights_of_other_imagery_are_measured(big, weights, probe):
    code, words = probe("bigearthnet", weights / "rgb8.pt", big)
    assert code == 2
    assert "--measure-input shows it B04, B03, B02" in words
    found = probe("bigearthnet", weights / "rgb8.pt", big, "--measure-input")
    assert found["protocol"]["input_spec"]["bands"] == ["B04", "B03", "B02"]


def test_photographs_of_any_size(tmp_path, weights, probe):
    write_geoimagenet(tmp_path, each=3, size=(40, 30))
    code, words = probe("geoimagenet", weights / "rgb8.pt", tmp_path / "train")
    assert code == 2
    assert "is no layout that is known; this task wants GeoImageNet (folders of classes and metadata" in words
    code, words = probe("geoimagenet", weights / "rgb8.pt", tmp_path)
    assert code == 2
    assert "is 40 x 30 px, GeoImageNet has 224 x 224" in words
    assert "--picture-px" in words
    (tmp_path / "train" / "n00" / "t0000.jpg").write_bytes(b"")
    (tmp_path / "val" / "n00" / "v0000.jpg").write_bytes(b"")
    found = probe("geoimagenet", weights / "rgb8.pt", tmp_path, "--picture-px", 24)
    assert found["protocol"]["sizes"]["test"] == 8
    assert "images of 24 px were resized to 16 px, bilinear" in found["protocol"]["notes"]
    assert "left out: 2, the first: train/n00/t0000.jpg cannot be decoded" in str(found["protocol"]["notes"])


def test_untrained_network_bands_and_a_few_pictures(tmp_path, probe):
    write_naip(tmp_path)
    more = ["--encoder", "resnet18-narrow", "--bands", "all", "--limit", 18]
    found = probe("naip", "random", tmp_path, *more)
    assert found["protocol"]["input_spec"]["bands"] == ["R", "G", "B", "N"]
    assert sum(found["protocol"]["sizes"][name] for name in ("train", "test")) == 18


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            ["--encoder", "resnet50"],
            "--encoder means nothing here: weights that were trained bring a network",
        ),
        (["--bands", "all"], "--bands means nothing here: weights that were trained"),
        (["--finetune-lr", "0.1"], "--finetune-lr means nothing here: it belongs to --finetune-epochs"),
        (["--tested", "test"], "no split 'test' to be tested beside 'train': the images have val"),
        (["--tested", "val", "--test", "DATA"], "--tested means nothing here: --test names the test list"),
    ],
)
def test_options_that_mean_nothing_are_refused(split_cube_path, weights, probe, more, words):
    more = [str(split_cube_path) if word == "DATA" else word for word in more]
    code, said = probe("eurosat", weights / "l1c.pt", split_cube_path, *more)
    assert code == 2
    assert words in said


@pytest.fixture(scope="module")
def split_cube_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("split") / "cube.zarr"
    split = np.array(["train"] * 30 + ["val"] * 15, object)
    save_cube(class_cube(45).assign_coords(split=("patch", split)), path)
    return path


def test_features_are_kept_by_default_and_only_for_the_same_pixels(
    split_cube_path, weights, probe, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    probe("eurosat", weights / "l1c.pt", split_cube_path)
    assert len(list(default_cache().iterdir())) == 2
    cube = class_cube(45).assign_coords(split=("patch", np.array(["train"] * 30 + ["val"] * 15, object)))
    cube["reflectance"][3, 0, 0, 0, 0] += 1  # one pixel of one training image
    save_cube(cube, tmp_path / "other.zarr")
    probe("eurosat", weights / "l1c.pt", tmp_path / "other.zarr")
    assert len(list(default_cache().iterdir())) == 3, "the test images are the same"
    assert trim_cache(default_cache(), 9_000) == 1, "30 x 32, 30 x 32 and 15 x 32 numbers"


@pytest.mark.parametrize(
    ("task", "layout", "words"),
    [
        ("geoimagenet", "naip", "is NAIP tiles with labels.csv (filename, class), or numbered arrays with y"),
        ("naip", "geoimagenet", "this task wants NAIP tiles with labels.csv (filename, class), or numbered"),
        ("fmow", "zarr", "is not named as in fMoW, such as airport_0_3_rgb"),
        ("bigearthnet", "zarr", "has no 'labels' a patch; this task wants BigEarthNet (a folder a patch"),
    ],
)
def test_data_of_another_task_are_refused(split_cube_path, tmp_path, probe, task, layout, words):
    write = {"naip": write_naip, "geoimagenet": write_geoimagenet}.get(layout)
    data = split_cube_path
    if write is not None:
        data = tmp_path
        write(tmp_path, each=1)
    code, said = probe(task, "random", data)
    assert code == 2
    assert words in said
