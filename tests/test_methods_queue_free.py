"""SimCLR and VICReg: losses worked out by hand, and what they refuse."""

import math

import pytest
import torch
from test_methods import FirstPixel, some_input
from training import small

from seco_lab.methods import SimCLR, VICReg
from seco_lab.methods.projectors import batchnorm_mlp
from seco_lab.methods.simclr import nt_xent_logits
from seco_lab.methods.vicreg import covariance_excess, variance_lack

E1, E2 = [1.0, 0.0], [0.0, 1.0]


def nt_xent(rows, temperature):
    logits, answers = nt_xent_logits(torch.tensor(rows), temperature=temperature)
    return torch.nn.functional.cross_entropy(logits, answers).item()


def test_nt_xent_by_hand():
    # Each view meets its partner (cosine 1) and two strangers (cosine 0), never itself.
    right = nt_xent([E1, E2, E1, E2], temperature=1.0)
    assert right == pytest.approx(-math.log(math.e / (math.e + 2)))
    # Partners swapped: cosine 0 with the partner, 1 with one stranger, 0 with the other.
    wrong = nt_xent([E1, E2, E2, E1], temperature=0.5)
    assert wrong == pytest.approx(-math.log(1 / (math.exp(2) + 2)))


def test_nt_xent_knows_nothing_where_all_are_alike():
    assert nt_xent([E1] * 6, temperature=0.1) == pytest.approx(math.log(5), rel=1e-5)


def test_simclr_agrees_with_plain_loops():
    method = SimCLR(FirstPixel(), dim=2, temperature=0.2)
    views = {name: torch.randn(3, 3, 2, 2) for name in method.view_names}
    pixels = torch.cat([views["query"], views["key"]])[:, :, 0, 0]
    rows = [row / row.norm() for row in method.head(pixels).detach()]
    loss = 0.0
    for i in range(6):
        others = {j: math.exp(float(rows[i] @ rows[j]) / 0.2) for j in range(6) if j != i}
        loss -= math.log(others[(i + 3) % 6] / sum(others.values())) / 6
    output = method.step(views, batch=None)
    assert output.loss.item() == pytest.approx(loss, rel=1e-4)


def test_both_views_pass_simclr_together_and_vicreg_apart():
    simclr, vicreg = SimCLR(small(), dim=8), VICReg(small(), dim=8)
    for method, passes in ((simclr, 1), (vicreg, 2)):
        method.step(*some_input(method))
        assert int(method.encoder.bn1.num_batches_tracked) == passes


def test_vicreg_terms_by_hand():
    # Columns: standard deviation sqrt(2), 0 and sqrt(1/2), so only the last two lack something.
    rows = torch.tensor([[0.0, 5.0, 0.0], [2.0, 5.0, 1.0]])
    lack = (0 + (1 - 0.01) + (1 - math.sqrt(0.5001))) / 3
    assert variance_lack(rows).item() == pytest.approx(lack, rel=1e-5)
    # Only columns 0 and 2 vary together: covariance 2 * (1 * 0.5) / 1 = 1, twice, over three dimensions.
    assert covariance_excess(rows).item() == pytest.approx(2 / 3)


def test_vicreg_weighs_its_terms():
    torch.manual_seed(0)
    method = VICReg(FirstPixel(), dim=4, invariance=2.0, variance=3.0, covariance=5.0)
    views = {name: torch.randn(6, 3, 2, 2) for name in method.view_names}
    output = method.step(views, batch=None)
    left, right = (method.projector(views[name][:, :, 0, 0]).detach() for name in method.view_names)
    apart = (left - right).square().sum() / (6 * 4)
    flat = (variance_lack(left) + variance_lack(right)) / 2
    alike = covariance_excess(left) + covariance_excess(right)
    assert output.loss.item() == pytest.approx(float(2 * apart + 3 * flat + 5 * alike), rel=1e-4)
    assert output.metrics["invariance"].item() == pytest.approx(float(apart), rel=1e-4)


def test_projectors_have_the_papers_layers():
    kinds = [type(layer).__name__ for layer in VICReg(small(), dim=8).projector]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU"] * 2 + ["Linear"]
    kinds = [type(layer).__name__ for layer in SimCLR(small(), dim=8).head]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"]
    one, other = batchnorm_mlp((4, 3), seed=1), batchnorm_mlp((4, 3), seed=2)
    assert not torch.equal(one[0].weight, other[0].weight)
    assert one[0].bias is None


@pytest.mark.parametrize("method", [SimCLR(small(), dim=8), VICReg(small(), dim=8)], ids=["simclr", "vicreg"])
def test_one_place_alone_is_refused(method):
    views, batch = some_input(method)
    with pytest.raises(ValueError, match="needs 2 or more, got 1; use larger batches"):
        method.step({name: view[:1] for name, view in views.items()}, batch)


def test_impossible_numbers_are_refused():
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        nt_xent([E1, E2], temperature=0)
    with pytest.raises(ValueError, match=r"two or more sizes of 1 or more, got \(4,\)"):
        batchnorm_mlp((4,))
