import math

import pytest
import torch

from seco_lab.diagnostics import (
    alignment,
    collapse_measures,
    effective_rank,
    encode,
    evaluation_mode,
    knn_accuracy,
    mean_cosine,
    spread,
    uniformity,
)
from seco_lab.nn.encoders import resnet18


def normal(rows, dim, seed=0):
    return torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed))


def test_measures_of_a_healthy_and_of_a_collapsed_embedding():
    healthy = collapse_measures(normal(400, 32))
    assert healthy["spread"] > 0.95
    assert abs(healthy["mean_cosine"]) < 0.01
    assert healthy["effective_rank"] > 30
    gone = collapse_measures(torch.ones(400, 32) + 1e-4 * normal(400, 32))
    assert gone["spread"] < 0.01
    assert gone["mean_cosine"] > 0.999
    assert effective_rank(torch.ones(10, 4)) == 0


def test_mean_cosine_agrees_with_all_pairs():
    rows = torch.nn.functional.normalize(normal(7, 5), dim=1)
    pairs = [float(rows[i] @ rows[j]) for i in range(7) for j in range(7) if i != j]
    assert mean_cosine(normal(7, 5)).item() == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_rank_counts_directions_in_use():
    line = normal(50, 1) * torch.ones(1, 8)
    assert effective_rank(line + 3).item() == pytest.approx(1, abs=0.01)
    plane = torch.linalg.qr(normal(50, 2) - normal(50, 2).mean(0))[0] @ torch.eye(2, 8)
    assert effective_rank(plane).item() == pytest.approx(2, abs=0.01)


def test_alignment_and_uniformity_by_hand():
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    y = torch.tensor([[3.0, 0.0], [1.0, 0.0]])
    assert alignment(x, y).item() == pytest.approx((0 + 2) / 2)
    assert uniformity(x).item() == pytest.approx(math.log(math.exp(-2 * 2)))
    assert uniformity(torch.ones(5, 3)).item() == pytest.approx(0, abs=1e-5)


def test_spread_is_one_on_the_sphere():
    axes = torch.cat([torch.eye(6), -torch.eye(6)])
    assert spread(axes).item() == pytest.approx(1, abs=1e-6)


def test_looking_leaves_the_encoder_as_it_was():
    encoder = resnet18(width=4).train()
    encoder.layer1.eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    modes = [part.training for part in encoder.modules()]
    features = encode(encoder, normal(5 * 3 * 16, 16).reshape(5, 3, 16, 16), batch_size=2)
    assert features.shape == (5, 32)
    assert not features.requires_grad
    assert [part.training for part in encoder.modules()] == modes
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_modes_come_back_after_an_error():
    encoder = resnet18(width=4).train()
    with pytest.raises(ValueError, match="takes images"):
        encode(encoder, torch.zeros(1, 4, 8, 8))
    assert encoder.training
    with evaluation_mode(encoder):
        assert not encoder.layer1.training


def test_knn_finds_the_class_of_the_nearest():
    centres = torch.eye(3)
    labels = torch.arange(3).repeat(10)
    bank = centres[labels] + 0.1 * normal(30, 3)
    assert knn_accuracy(bank, labels, centres, torch.arange(3), neighbours=5) == 1.0
    assert knn_accuracy(bank, labels, centres, torch.tensor([0, 1, 1]), neighbours=5) == pytest.approx(2 / 3)


def test_knn_needs_enough_rows():
    with pytest.raises(ValueError, match="between 1 and the 4 rows, got 20"):
        knn_accuracy(torch.eye(4), torch.arange(4), torch.eye(4), torch.arange(4))
