"""Exports are read back and give the same features; BatchNorm statistics are examined and measured anew."""

import builtins
import json
import os

import numpy as np
import pytest
import torch
from labelled import RGB, counts, plain_cube
from training import SPEC, resnet_method, same_state, tiny_run
from weight_files import gassl_state, network, save_plain, save_seco, seco_state

from seco_lab.checkpoints import batchnorm_report, export, export_weights, load_encoder, read_weights
from seco_lab.embeddings import recalibrated
from seco_lab.nn.encoders import resnet18
from seco_lab.nn.inputs import standardise, to_unit_range


@pytest.mark.parametrize("ending", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_export_comes_back_with_its_contract(tmp_path, ending, name):
    encoder = network(name)
    path, difference = export_weights(encoder, SPEC, tmp_path / f"deep/a{ending}")
    assert difference == 0
    again, spec = load_encoder(path)
    assert same_state(again, encoder)
    assert spec == SPEC
    left = {path.name, "a.pth.json"} if ending == ".pth" else {path.name}
    assert set(os.listdir(path.parent)) == left


def test_torchvision_export_is_a_bare_state_dict(tmp_path):
    path, _ = export_weights(network(), SPEC, tmp_path / "a.bin", format="torchvision")
    state = torch.load(path, weights_only=True)
    assert list(state) == list(network().state_dict())
    assert json.loads((tmp_path / "a.bin.json").read_text())["input_spec"] == SPEC.to_dict()


def test_other_text_beside_a_file_is_no_contract(tmp_path):
    save_plain(tmp_path / "a.pth", network())
    (tmp_path / "a.pth.json").write_text('{"epochs": 3}')
    with pytest.raises(ValueError, match="tells which input its weights expect"):
        read_weights(tmp_path / "a.pth")
    (tmp_path / "a.pth.json").write_text('{"input_spec": {"bands": []}}')
    with pytest.raises(ValueError, match=r"a\.pth\.json is no input contract"):
        read_weights(tmp_path / "a.pth")


def test_onnx_export_runs_for_any_batch_and_size(tmp_path):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    encoder = network("resnet50")
    path, difference = export_weights(encoder, SPEC, tmp_path / "a.onnx")
    assert difference < 1e-4
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = torch.randn(3, 3, 40, 56)
    (features,) = session.run(["features"], {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(features), encoder(images).detach(), rtol=1e-3, atol=1e-4)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["input_spec"]) == SPEC.to_dict()


def test_onnx_without_its_package_is_one_sentence(tmp_path, monkeypatch):
    plain = builtins.__import__

    def refuse(name, *args, **options):
        if name == "onnx":
            raise ImportError(name)
        return plain(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(
        ImportError, match=r"ONNX export needs the onnx package: pip install 'seco-lab\[onnx\]'"
    ):
        export_weights(network(), SPEC, tmp_path / "a.onnx")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_wrong_export_is_not_kept(tmp_path, monkeypatch, ending):
    target = tmp_path / f"a{ending}"
    target.write_text("the export before")
    changed = {k: v * 1.01 if v.ndim == 4 else v for k, v in network().state_dict().items()}
    monkeypatch.setattr(export, "_plain_state", lambda encoder: changed)
    with pytest.raises(RuntimeError, match=r"gives other features, by .* nothing was kept"):
        export_weights(network(), SPEC, target)
    assert os.listdir(tmp_path) == [target.name]
    assert target.read_text() == "the export before"


def test_unknown_formats(tmp_path):
    with pytest.raises(ValueError, match=r"known are the formats seco_lab, torchvision, safetensors, onnx"):
        export_weights(network(), SPEC, tmp_path / "a.h5")
    with pytest.raises(ValueError, match="export to tensorflow"):
        export_weights(network(), SPEC, tmp_path / "a.pt", format="tensorflow")


# --- BatchNorm -------------------------------------------------------------------------------------------


def counted(number, **options):
    encoder = network(width=2, **options)
    for name, value in encoder.state_dict().items():
        if name.endswith("num_batches_tracked"):
            value.fill_(number)
    return encoder


@pytest.mark.parametrize(
    ("query", "key", "steps", "verdict", "expected"),
    [
        (40, 120, 40, "clean", 40),
        (65, 120, 40, "polluted", 40),
        (30, 120, 40, "unknown", 40),
        (0, 0, 40, "unknown", 40),  # counters were reset, the statistics were not
        (40, 120, None, "clean", 40),  # counted by the key encoder's three views
        (65, 120, None, "polluted", 40),
    ],
)
def test_batches_against_steps(tmp_path, monkeypatch, query, key, steps, verdict, expected):
    path = save_seco(tmp_path / "a", counted(query), counted(key), global_step=steps, monkeypatch=monkeypatch)
    report = batchnorm_report(path)
    assert (report.verdict, report.batches, report.expected) == (verdict, query, expected)
    if verdict == "polluted":
        assert "saw 65 batches where training explains 40: 25 of something else" in report.reason


def test_fresh_encoder_is_untrained(tmp_path):
    report = batchnorm_report(save_plain(tmp_path / "a", resnet18(width=2)))
    assert (report.verdict, report.batches) == ("untrained", 0)


def test_key_encoder_sees_every_view(tmp_path, monkeypatch):
    path = save_seco(tmp_path / "a", counted(65), counted(120), global_step=40, monkeypatch=monkeypatch)
    report = batchnorm_report(path, side="key")
    assert (report.verdict, report.expected) == ("clean", 120)


def test_accumulated_batches_are_no_pollution(tmp_path):
    content = {"state_dict": seco_state(counted(80), counted(240)), "global_step": 40}
    for arguments, verdict in (({}, "polluted"), ({"accumulate_grad_batches": 2}, "clean")):
        torch.save({**content, "hyper_parameters": arguments}, tmp_path / "a")
        assert batchnorm_report(tmp_path / "a").verdict == verdict


def test_ranges_and_distance_from_the_key_encoder(tmp_path):
    query, key = counted(3), counted(3)
    for encoder, mean in ((query, [1.0, -2.0]), (key, [0.0, 0.0])):
        encoder.bn1.running_mean.copy_(torch.tensor(mean))
        encoder.bn1.running_var.copy_(torch.tensor([4.0, 0.25]))
    torch.save({"state_dict": gassl_state(query, key)}, tmp_path / "a")
    layer = batchnorm_report(tmp_path / "a").layers[0]
    assert (layer.name, layer.mean, layer.var) == ("bn1", (-2, 1), (0.25, 4))
    assert layer.from_key == pytest.approx((1 / 2 + 2 / 0.5) / 2)
    assert batchnorm_report(tmp_path / "a").verdict == "clean"  # as many batches as the key encoder


def test_bare_files_cannot_tell_and_broken_ones_do(tmp_path):
    report = batchnorm_report(save_plain(tmp_path / "a", counted(3)))
    assert (report.verdict, report.expected) == ("unknown", None)
    broken = counted(3)
    broken.layer1[0].bn1.running_var[0] = -1
    report = batchnorm_report(save_plain(tmp_path / "b", broken))
    assert report.verdict == "broken"
    assert "layer1.0.bn1" in report.reason


def test_own_run_is_clean(tmp_path):
    run = tiny_run(tmp_path / "run", method=resnet_method(), steps=3)
    for _ in run:
        pass
    assert batchnorm_report(run.folder).verdict == "clean"


def by_hand(encoder, images):
    """Mean and unbiased variance of the first layer's output over one batch."""
    outputs = encoder.conv1(standardise(to_unit_range(images, SPEC, "dn"), SPEC)).transpose(0, 1).flatten(1)
    return outputs.mean(1), outputs.var(1)


def test_recalibration_measures_the_cube(tmp_path):
    encoder, pixels = network(), counts(6, 2, 3, 16)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    ours = recalibrated(encoder, plain_cube(pixels), SPEC, batch_size=12, device="cpu")
    mean, var = by_hand(encoder, torch.as_tensor(pixels.reshape(12, 3, 16, 16)))
    torch.testing.assert_close(ours.bn1.running_mean, mean.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.bn1.running_var, var.detach(), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), ours.parameters(), strict=True))
    assert not any(part.training for part in ours.modules())
    assert ours.bn1.momentum == encoder.bn1.momentum == 0.1


def test_recalibration_is_the_mean_over_batches_and_reproducible():
    cube = plain_cube(counts(7, 2, 3, 16))
    options = {"batch_size": 4, "images": 13, "device": "cpu", "seed": 3}
    one, other = (recalibrated(network(seed=s), cube, SPEC, **options) for s in (1, 1))
    assert same_state(one, other)
    assert int(one.bn1.num_batches_tracked) == 3
    third = recalibrated(network(seed=1), cube, SPEC, **{**options, "seed": 4})
    assert not same_state(one, third)


def test_recalibration_finds_bands_by_name_and_leaves_out_missing_images():
    pixels = counts(6, 1, 3, 16)
    plain = recalibrated(network(), plain_cube(pixels), SPEC, batch_size=6, device="cpu")
    swapped = plain_cube(pixels[:, :, ::-1].copy(), bands=RGB[::-1])
    assert same_state(plain, recalibrated(network(), swapped, SPEC, batch_size=6, device="cpu"))
    holes = np.concatenate([pixels, np.zeros_like(pixels[:2])])
    again = recalibrated(network(), plain_cube(holes), SPEC, batch_size=8, device="cpu")
    torch.testing.assert_close(plain.bn1.running_mean, again.bn1.running_mean, rtol=1e-4, atol=1e-5)


def test_recalibration_of_too_little():
    with pytest.raises(ValueError, match="fewer than two images with data"):
        recalibrated(network(), plain_cube(counts(1, 1, 3, 16)), SPEC, device="cpu")
    with pytest.raises(ValueError, match="fewer than two images with data"):
        recalibrated(network(), plain_cube(np.zeros((3, 1, 3, 16, 16), np.uint16)), SPEC, device="cpu")
    with pytest.raises(ValueError, match="no BatchNorm layers"):
        recalibrated(torch.nn.Linear(2, 2), plain_cube(counts(2, 1, 3, 16)), SPEC, device="cpu")


def test_polluted_statistics_are_healed(tmp_path):
    """Features of recalibrated weights do not depend on what the statistics were before."""
    cube = plain_cube(counts(8, 1, 3, 16))
    clean, polluted = network(), network()
    for part in polluted.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean += 3
            part.running_var *= 20
    one, other = (recalibrated(e, cube, SPEC, batch_size=8, device="cpu") for e in (clean, polluted))
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(one(images), other(images))
    path, _ = export_weights(one, SPEC, tmp_path / "a.pt")
    assert torch.equal(read_weights(path).encoder(images), one(images))
