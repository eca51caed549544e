import json

import pytest
import torch
from parity import sequential_name
from torch import nn

from seco_lab.nn.encoders import (
    ENCODER_NAMES,
    encoder_from_settings,
    encoder_named,
    parameter_count,
    resnet18,
    resnet34,
    resnet50,
)


@pytest.mark.parametrize(
    ("make", "features", "parameters"),
    # Counts of torchvision's networks less their 1000-class fc.
    [(resnet18, 512, 11_176_512), (resnet34, 512, 21_284_672), (resnet50, 2048, 23_508_032)],
)
def test_topology_has_the_published_number_of_parameters(make, features, parameters):
    encoder = make()
    assert encoder.num_features == features
    assert parameter_count(encoder) == parameters


def test_names_are_torchvisions():
    names = list(resnet18(width=4).state_dict())
    assert names[:3] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert "layer2.0.downsample.0.weight" in names
    assert "layer4.1.bn2.num_batches_tracked" in names
    assert not any(name.startswith("fc") for name in names)


@pytest.mark.parametrize(("make", "case"), [(resnet18, "resnet18"), (resnet50, "resnet50")])
def test_every_entry_fits_the_official_files(reference_dir, make, case):
    keys = json.loads((reference_dir / "keys_seco.json").read_text())
    entries = next(value for name, value in keys.items() if case in name)
    theirs = {name: tuple(shape) for name, shape, *_ in entries if name.startswith("encoder_q.")}
    ours = {f"encoder_q.{sequential_name(k)}": tuple(v.shape) for k, v in make().state_dict().items()}
    assert ours == theirs


def test_feature_maps_halve_in_scale():
    encoder = resnet18(in_channels=5, width=4)
    maps = encoder.feature_maps(torch.randn(2, 5, 64, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [(4, 32, 32), (4, 16, 16), (8, 8, 8), (16, 4, 4), (32, 2, 2)]
    assert encoder.feature_channels == (4, 4, 8, 16, 32)


def test_first_feature_map_is_the_bare_convolution():
    encoder, images = resnet18(width=4).eval(), torch.randn(1, 3, 32, 32)
    assert torch.equal(encoder.feature_maps(images)[0], encoder.conv1(images))


def test_representation_is_the_mean_of_the_last_map():
    encoder, images = resnet50(width=4).eval(), torch.randn(2, 3, 64, 64)
    assert torch.allclose(encoder(images), encoder.feature_maps(images)[-1].flatten(2).mean(2))


def test_seed_alone_decides_the_weights():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = resnet18(width=4, seed=3)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert all(map(torch.equal, first.parameters(), resnet18(width=4, seed=3).parameters()))
    assert not torch.equal(first.conv1.weight, resnet18(width=4, seed=4).conv1.weight)


def test_first_weights_are_he_normal_by_fan_out():
    weight = resnet18().layer3[0].conv1.weight
    assert weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.02)
    assert abs(weight.mean().item()) < 1e-3
    norms = [part for part in resnet18().modules() if isinstance(part, nn.BatchNorm2d)]
    assert all((part.weight == 1).all() and (part.running_var == 1).all() for part in norms)


@pytest.mark.parametrize("name", ENCODER_NAMES)
def test_settings_rebuild_the_topology(name):
    encoder = encoder_named(name, 4)
    again = encoder_from_settings(encoder.settings())
    assert encoder.state_dict().keys() == again.state_dict().keys()
    assert again.settings() == encoder.settings() == {"name": name, "in_channels": 4, "width": encoder.width}


def test_unknown_name_lists_the_known():
    with pytest.raises(LookupError, match=r"'resnet19'.*resnet18.*resnet18-narrow"):
        encoder_named("resnet19")


def test_wrong_number_of_bands_names_both():
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\), got shape \(2, 4, 16, 16\)"):
        resnet18(width=4)(torch.zeros(2, 4, 16, 16))
