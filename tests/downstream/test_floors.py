"""Baselines: values worked out by hand, and no trace in the global generators."""

import numpy as np
import torch
from labelled import CLASS_SPEC, class_cube, counts, plain_cube, tiny_encoder
from torch import nn

from seco_lab.downstream.floors import (
    RandomConvolutions,
    colour_statistics,
    gradient_histogram,
    statistics_of,
    untrained_like,
)


def test_colour_statistics_by_hand():
    images = torch.zeros(1, 2, 4, 4)
    images[0, 0, :2] = 10
    found = colour_statistics(images)[0]
    assert found.shape == (7 * 2 + 8,)
    assert found[:4].tolist() == [5, 0, 5, 0]
    percentiles = found[4:14].reshape(5, 2)
    assert percentiles[:, 0].tolist() == [0, 0, 5, 10, 10]


def test_gradient_histogram_finds_the_direction():
    ramp = torch.arange(8.0).expand(1, 8, 8)
    across, down = gradient_histogram(ramp), gradient_histogram(ramp.mT)
    assert across[0].tolist() == [2, 0, 0, 0, 0, 0, 0, 0]
    assert down[0].tolist() == [0, 0, 0, 0, 2, 0, 0, 0]
    # A picture turned by a quarter has the same statistics.
    torch.testing.assert_close(
        colour_statistics(ramp[None]), colour_statistics(ramp.mT[None]), atol=1e-5, rtol=0
    )


def test_statistics_of_a_cube_agree(monkeypatch):
    from seco_lab.downstream import floors

    monkeypatch.setattr(floors, "_BLOCK", 4)
    cube = class_cube(10)
    wanted = colour_statistics(torch.tensor(cube["reflectance"].values[:, 0]))
    np.testing.assert_allclose(statistics_of(cube, CLASS_SPEC), wanted, rtol=1e-5)


def test_statistics_take_uint16():
    spec = CLASS_SPEC.from_dict({**CLASS_SPEC.to_dict(), "unit": "dn", "sensor": "sentinel2-l2a"})
    assert statistics_of(plain_cube(counts(3, 2, 3, 16)), spec).shape == (3, 29)


def test_random_convolutions_agree_with_both_rectifiers():
    module, images = RandomConvolutions(3, num_features=6, kernel_px=3), torch.randn(2, 3, 9, 9)
    response = nn.functional.conv2d(images, module.filters, module.threshold)
    wanted = torch.cat([response.relu().mean((2, 3)), (-response).relu().mean((2, 3))], 1)
    torch.testing.assert_close(module(images), wanted)
    again = RandomConvolutions(3, num_features=6, kernel_px=3)
    assert torch.equal(module.filters, again.filters)


def test_untrained_has_the_shape_but_not_the_weights():
    encoder = tiny_encoder(seed=5)
    encoder.bn1.running_mean += 3
    foreign = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    state = torch.get_rng_state()
    for original in (encoder, foreign):
        fresh = untrained_like(original)
        shapes = {k: v.shape for k, v in original.state_dict().items()}
        assert {k: v.shape for k, v in fresh.state_dict().items()} == shapes
        first = next(iter(shapes))
        assert not torch.equal(fresh.state_dict()[first], original.state_dict()[first])
        again = untrained_like(original).state_dict()
        assert all(torch.equal(v, again[k]) for k, v in fresh.state_dict().items())
        assert not torch.equal(untrained_like(original, seed=1).state_dict()[first], again[first])
    assert untrained_like(encoder).bn1.running_mean.abs().max() == 0
    assert torch.equal(torch.get_rng_state(), state)
