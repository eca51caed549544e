"""What every method must keep to; a new method adds one line to CASES."""

import math

import pytest
import torch
from training import Squares, SquareViews, same_state, small, tiny_method

from seco_lab.batch import Batch, generator_for
from seco_lab.methods import GASSL, CACo, MoCo, MultiLabel, SeCo, SeCoEco, SimCLR, VICReg
from seco_lab.methods.seco import SUBSPACES

CASES = {
    "moco": lambda: MoCo(small(), dim=8, queue_size=16),
    "seco": lambda: SeCo(small(), dim=8, queue_size=16),
    "seco, keys together": lambda: SeCo(small(), dim=8, queue_size=16, keys_together=True),
    "geo": lambda: GASSL(small(), torch.arange(10) % 3, dim=8, queue_size=16),
    "geo, ml_cpc": lambda: GASSL(
        small(), torch.arange(10) % 3, dim=8, queue_size=16, multi_label=MultiLabel(0.5)
    ),
    "moco, ml_cpc that falls": lambda: MoCo(small(), dim=8, queue_size=16, multi_label=MultiLabel(1, 0.1, 4)),
    "moco, steady": lambda: MoCo(small(), dim=8, queue_size=16, steady=True),
    "seco, steady": lambda: SeCo(small(), dim=8, queue_size=16, steady=True),
    "geo, steady": lambda: GASSL(small(), torch.arange(10) % 3, dim=8, queue_size=16, steady=True),
    "seco-eco": lambda: SeCoEco(small(), dim=8, queue_size=16, momentum=0.9),
    "caco": lambda: CACo(small(), 10, dim=8, queue_size=16),
    "simclr": lambda: SimCLR(small(), dim=8),
    "vicreg": lambda: VICReg(small(), dim=16),
}


@pytest.fixture(params=CASES)
def method(request):
    return CASES[request.param]()


@pytest.fixture(params=[name for name in CASES if name not in ("simclr", "vicreg")])
def queued(request):
    """The methods that remember past batches."""
    return CASES[request.param]()


def some_input(method, step=0):
    batch = Squares()[step]
    crops = list(SquareViews()(batch.images, generator_for(0, step, "views")).values())
    return {name: crops[(i + i // 4) % 4] for i, name in enumerate(method.view_names)}, batch


def state(method):
    return {name: value.clone() for name, value in method.state_dict().items()}


STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def test_step_changes_nothing_but_batch_statistics(method):
    before = state(method)
    output = method.step(*some_input(method))
    changed = [name for name, value in state(method).items() if not torch.equal(value, before[name])]
    assert changed
    assert all(name.endswith(STATISTICS) for name in changed)
    assert output.loss.ndim == 0


def test_gradient_reaches_exactly_the_trainable(method):
    method.step(*some_input(method)).loss.backward()
    reached = {id(p) for p in method.parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert reached == {id(p) for p in method.trainable()}


def test_after_step_moves_keys_and_queue(queued):
    output = queued.step(*some_input(queued))
    before = state(queued)
    with torch.no_grad():
        for parameter in queued.trainable():
            parameter.add_(0.1)
    queued.after_step(output)
    changed = {name for name, value in state(queued).items() if not torch.equal(value, before[name])}
    assert any(name.startswith("key_encoder.") for name in changed)
    assert any(name.endswith("rows") for name in changed)
    assert any(name.endswith("pointer") for name in changed)


def test_state_and_settings_define_the_method(method):
    output = method.step(*some_input(method))
    method.after_step(output)
    assert all(type(value) in (str, int, float, bool, type(None)) for value in method.settings().values())
    assert all(not value.requires_grad for value in (*output.keys.values(), *output.embeddings.values()))
    assert all(value.ndim == 0 and not value.requires_grad for value in output.metrics.values())


def test_missing_view_names_both_sides(method):
    views, batch = some_input(method)
    wanted, last = ", ".join(method.view_names), method.view_names[-1]
    del views[last]
    with pytest.raises(LookupError, match=rf"compares the views {wanted}; got .*: {last} is missing"):
        method.step(views, batch)


def test_queue_and_batch_that_do_not_fit_are_refused_before_anything_changes(queued):
    views, batch = some_input(queued)
    before = state(queued)
    with pytest.raises(ValueError, match="queue size 16 must be a multiple of the batch size 3"):
        queued.step({name: view[:3] for name, view in views.items()}, batch)
    assert all(torch.equal(value, before[name]) for name, value in state(queued).items())


class FirstPixel(torch.nn.Module):
    """An encoder that a person can follow: the three bands of the first pixel."""

    num_features = 3

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, images):
        return images[:, :, 0, 0] * self.scale


@torch.no_grad()
def test_seco_agrees_with_plain_loops():
    method = SeCo(FirstPixel(), dim=2, queue_size=6)
    chance = torch.Generator().manual_seed(0)
    views = {name: torch.randn(3, 3, 2, 2, generator=chance) for name in method.view_names}
    output = method.step(views, batch=None)
    total = 0.0
    for e, name in enumerate(SUBSPACES):
        embed = [
            [torch.nn.functional.normalize(method.heads[e](row[:, 0, 0]), dim=0) for row in views[view]]
            for view in method.view_names
        ]
        query, keys = embed[0], embed[1:]
        loss = 0.0
        for i in range(3):
            own = math.exp(float(query[i] @ keys[e][i]) / 0.07)
            against = list(method.queues[e].rows)
            if e > 0:
                against += [key for j in range(3) if j != e for key in keys[j]]
            loss -= math.log(own / (own + sum(math.exp(float(query[i] @ n) / 0.07) for n in against))) / 3
        assert output.metrics[f"loss_{name}"].item() == pytest.approx(loss, rel=1e-4)
        assert torch.allclose(output.keys[name], torch.stack(keys[e]), atol=1e-6)
        total += loss
    assert output.loss.item() == pytest.approx(total, rel=1e-4)


def test_seco_eco_is_seco_with_other_numbers():
    eco, seco = SeCoEco(small(), dim=8, queue_size=16), SeCo(small(), dim=8, queue_size=16, temperature=0.2)
    assert eco.settings() == {**seco.settings(), "name": "SeCoEco"}
    assert eco.step(*some_input(eco)).loss == seco.step(*some_input(seco)).loss


def test_keys_pass_one_by_one_unless_asked():
    apart, together = CASES["seco"](), CASES["seco, keys together"]()
    for method in (apart, together):
        method.step(*some_input(method))
    assert int(apart.key_encoder.bn1.num_batches_tracked) == 3
    assert int(together.key_encoder.bn1.num_batches_tracked) == 1
    assert int(apart.encoder.bn1.num_batches_tracked) == 1


def test_heads_and_queues_of_the_subspaces_start_apart():
    method = tiny_method()
    assert not torch.equal(method.heads[0][0].weight, method.heads[1][0].weight)
    assert not torch.equal(method.queues[0].rows, method.queues[2].rows)
    assert same_state(method, tiny_method())
    assert not same_state(method, tiny_method(seed=1))


def test_geo_reads_the_cluster_by_the_row_of_the_patch():
    method = GASSL(FirstPixel(), torch.tensor([0, 1, 2, 3]), dim=4, queue_size=2)
    with torch.no_grad():
        method.classifier.weight.zero_()
        method.classifier.bias.copy_(torch.tensor([0.0, 0.0, 5.0, 0.0]))
    views = {name: torch.randn(2, 3, 2, 2) for name in method.view_names}

    def geo_loss(rows):
        zeros = torch.zeros(2, 1)
        batch = Batch(zeros, torch.tensor(rows), zeros, zeros)
        return method.step(views, batch).metrics["loss_geo"].item()

    whole = math.exp(5) + 3
    assert geo_loss([2, 2]) == pytest.approx(-math.log(math.exp(5) / whole), rel=1e-4)
    assert geo_loss([0, 3]) == pytest.approx(math.log(whole), rel=1e-4)
    with pytest.raises(ValueError, match="patch 4 of the cube, but GASSL knows the clusters of 4 places"):
        geo_loss([0, 4])


@pytest.mark.parametrize(
    ("labels", "clusters", "words"),
    [
        (torch.tensor([[1]]), None, r"one label from 0 on for each patch, got shape \(1, 1\)"),
        (torch.tensor([-1, 0]), None, "one label from 0"),
        (torch.tensor([0, 7]), 5, "goes up to 7, so 5 clusters are too few"),
    ],
)
def test_geo_refuses_labels_that_cannot_be_meant(labels, clusters, words):
    with pytest.raises(ValueError, match=words):
        GASSL(FirstPixel(), labels, clusters=clusters, dim=4, queue_size=2)
