"""Chains of steps against the official order: queues that wrap, momentum that lags, full-size networks.

Step 0 of ``OfficialOrder`` is itself held to the stored numbers of the official code.
"""

import copy
import json

import numpy as np
import pytest
import torch
from official_order import OfficialOrder, official_alpha, official_ml_cpc
from parity import rand, tiny_encoder
from test_methods_parity import fill_seco, filled_gassl

from seco_lab.batch import Batch
from seco_lab.methods import GASSL, MoCo, MultiLabel, SeCo
from seco_lab.nn.encoders import resnet18, resnet50
from seco_lab.nn.losses import ml_cpc, top_n_share

STEPS = 6  # the queue holds four batches and starts at its last, so it wraps twice
LABELS = torch.arange(40) % 7


def close(ours, theirs):
    torch.testing.assert_close(ours.detach(), theirs.detach(), rtol=1e-4, atol=1e-5)


def parts(method):
    if isinstance(method, SeCo):
        return method.heads, method.key_heads, method.queues
    return [method.head], [method.key_head], [method.queue]


def inputs(tag, step, method, count=8, size_px=32):
    names = method.view_names
    views = {name: rand(tag, f"step{step}/{name}", (count, 3, size_px, size_px)) for name in names}
    rows = torch.arange(count) + step
    return views, Batch(torch.empty(count), rows, torch.empty(count, 2), torch.empty(count, 1))


def same_everywhere(method, official):
    heads, key_heads, queues = parts(method)
    pairs = [(method.encoder, official.encoder), *zip(heads, official.heads, strict=True)]
    pairs += [(method.key_encoder, official.key_encoder), *zip(key_heads, official.key_heads, strict=True)]
    if official.classifier is not None:
        pairs.append((method.classifier, official.classifier))
    for ours, theirs in pairs:
        theirs = theirs.state_dict()
        for name, value in ours.state_dict().items():
            close(value, theirs[name])
    for e, queue in enumerate(queues):
        close(queue.rows.T, official.queue[e])
        assert int(queue.pointer) == official.pointer[e]


def chain(method, *, steps=STEPS, lr=0.03, start=None, loss_of=None, **shape):
    """Train a method and the official order side by side, from the weights of ``start``."""
    official = OfficialOrder(start or method, *parts(start or method), lr=lr)
    optimizer = torch.optim.SGD(method.trainable(), lr=lr, momentum=0.9, weight_decay=1e-4)
    method.update_keys()  # the official code moves the keys before the first step too
    for step in range(steps):
        views, batch = inputs("chain", step, method, **shape)
        query, *keys = (views[name] for name in method.view_names)
        output = method.step(views, batch)
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        method.after_step(output)
        chosen = None if loss_of is None else (lambda rows, step=step: loss_of(rows, step))
        theirs = official.step(query, keys, LABELS[batch.index], chosen)
        close(output.loss, theirs)
    official.move_keys()
    same_everywhere(method, official)


def tiny_seco(tag="seco_tiny"):
    method = SeCo(tiny_encoder(), dim=16, queue_size=32)
    fill_seco(method, tag, method.heads, method.key_heads, method.queues)
    return method


def test_the_official_order_begins_with_the_stored_numbers(reference_dir):
    with np.load(reference_dir / "parity_compact.npz") as file:
        stored = {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}
    method = tiny_seco()
    official = OfficialOrder(method, *parts(method))
    images = [rand("seco_tiny", f"step0/img_{name}", (8, 3, 32, 32)) for name in ("q", "k0", "k1", "k2")]
    logits, _ = official.forward(images[0], images[1:])
    for e, rows in enumerate(logits):
        close(rows, stored[f"seco_tiny/logits{e}"])
        close(official.queue[e], stored["seco_tiny/queue"][e])


CHAINS = {
    "seco": tiny_seco,
    "moco, gassl": lambda: filled_gassl("gassl_moco", None),
    "geo": lambda: filled_gassl("gassl_moco_geo", LABELS),
}


@pytest.mark.parametrize("name", CHAINS)
def test_six_steps_equal_the_official_order(name):
    method = CHAINS[name]()
    chain(method)


@pytest.mark.parametrize("alpha", [0.05, 1.0, 4.0])
def test_ml_cpc_of_official_logits(reference_dir, alpha):
    with np.load(reference_dir / "parity_compact.npz") as file:
        logits = torch.from_numpy(file["gassl_moco_tp/logits"])
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    left, right = ml_cpc(ours, alpha=alpha), official_ml_cpc(theirs, alpha)
    close(left, right)
    close(torch.autograd.grad(left, ours)[0], torch.autograd.grad(right, theirs)[0])


def test_acc_at_n_of_official_logits(reference_dir):
    with np.load(reference_dir / "parity_compact.npz") as file:
        logits = file["gassl_moco_tp/logits"]
    best = np.argsort(-logits.reshape(-1))[: len(logits)]
    hits = sum(int(place) % logits.shape[1] == 0 for place in best)
    assert top_n_share(torch.from_numpy(logits)).item() == pytest.approx(hits / len(logits))


def test_alpha_falls_as_the_official_schedule():
    schedule = MultiLabel(1.0, 0.01, epochs=5, steps_per_epoch=3)
    wanted = [official_alpha(1.0, 0.01, step // 3, 5) for step in range(15)]
    assert [schedule.alpha_at(step) for step in range(15)] == pytest.approx(wanted)
    assert schedule.alpha_at(15) == schedule.alpha_at(99) == pytest.approx(0.01)
    assert MultiLabel(0.5).alpha_at(7) == 0.5


@pytest.mark.parametrize("name", ["moco, gassl", "geo"])
def test_six_steps_of_ml_cpc_with_falling_alpha(name):
    method = CHAINS[name]()
    schedule = MultiLabel(1.0, 0.2, epochs=3, steps_per_epoch=2)
    # One softmax over all rows rounds otherwise than the divergence; gentler numbers keep that from growing.
    method.temperature = 0.07
    scheduled = copy_with(method, schedule)
    chain(
        scheduled,
        start=method,
        lr=0.001,
        loss_of=lambda rows, step: official_ml_cpc(rows, schedule.alpha_at(step)),
    )
    assert int(scheduled.steps_done) == STEPS


def copy_with(method, schedule):
    sizes = {"dim": method.dim, "queue_size": 32, "temperature": method.temperature, "multi_label": schedule}
    if isinstance(method, GASSL):
        made = GASSL(tiny_encoder(), method.place_clusters, clusters=100, **sizes)
    else:
        made = MoCo(tiny_encoder(), **sizes)
    made.load_state_dict(copy.deepcopy(method.state_dict()), strict=False)
    return made


def test_multi_label_reports_acc_at_n_and_alpha():
    method = copy_with(CHAINS["moco, gassl"](), MultiLabel(0.5, 0.25, epochs=1))
    views, batch = inputs("chain", 0, method)
    output = method.step(views, batch)
    assert {"top1", "top_n", "alpha"} == set(output.metrics)
    assert output.metrics["alpha"].item() == 0.5
    method.after_step(output)
    assert method.step(views, batch).metrics["alpha"].item() == 0.25
    assert method.settings()["ml_cpc_alpha_end"] == 0.25
    assert "ml_cpc_alpha" not in CHAINS["moco, gassl"]().settings()


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"alpha": 0.0}, "alpha of the multi-label loss must be positive, got 0.0"),
        ({"alpha_end": -1.0}, "alpha_end of the multi-label loss must be positive, got -1.0"),
        ({"epochs": 0}, "epochs of the multi-label loss must be 1 or more, got 0"),
        ({"steps_per_epoch": 0}, "steps_per_epoch of the multi-label loss must be 1 or more"),
    ],
)
def test_impossible_schedules_are_refused(numbers, words):
    with pytest.raises(ValueError, match=words):
        MultiLabel(**numbers)


FULL = {
    "seco resnet18": (lambda: SeCo(resnet18(), queue_size=16), "keys_seco.json", "seco_resnet18_seco"),
    "seco resnet50": (lambda: SeCo(resnet50(), queue_size=16), "keys_seco.json", "seco_resnet50_seco"),
    "gassl resnet18": (
        lambda: GASSL(resnet18(), LABELS, clusters=100, queue_size=16),
        "keys_gassl.json",
        "gassl_resnet18_state_dict",
    ),
    "gassl resnet50": (
        lambda: GASSL(resnet50(), LABELS, clusters=100, queue_size=16),
        "keys_gassl.json",
        "gassl_resnet50_state_dict",
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FULL)
def test_full_size_networks_equal_the_official_order(name):
    # Fifty fresh layers magnify rounding where BatchNorm sees few values: eight images of 64 px are enough.
    chain(FULL[name][0](), steps=2, lr=0.001, size_px=64)


@pytest.mark.parametrize("name", FULL)
def test_full_size_networks_have_the_official_numbers_of_parameters(reference_dir, name):
    build, file, key = FULL[name]
    listed = json.loads((reference_dir / file).read_text())[key]
    sizes = sorted(tuple(shape) for entry, shape, _ in listed if "queue" not in entry)
    method = build()
    ours = {
        k: v for k, v in method.state_dict().items() if not k.startswith(("queue", "classifier", "place"))
    }
    assert sorted(tuple(value.shape) for value in ours.values()) == sizes
