"""Step 0 of each method against numbers of the official code, to rtol 1e-4 and atol 1e-5.

The tests run on one thread (conftest), so that sums run in the order of the reference: BatchNorm over few
values magnifies the last digit.
"""

import numpy as np
import pytest
import torch
from parity import fill, fill_queue, parameter, rand, sequential_name, tiny_encoder

from seco_lab.batch import Batch
from seco_lab.methods import GASSL, MoCo, SeCo
from seco_lab.methods.seco import SUBSPACES
from seco_lab.nn.losses import contrastive_logits

TINY = {"dim": 16, "queue_size": 32}


@pytest.fixture(scope="session")
def reference(reference_dir):
    with np.load(reference_dir / "parity_compact.npz") as file:
        return {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}


def close(ours, theirs):
    torch.testing.assert_close(ours.detach(), theirs.to(ours.dtype).reshape(ours.shape), rtol=1e-4, atol=1e-5)


def optimizer_for(method):
    return torch.optim.SGD(method.trainable(), lr=0.03, momentum=0.9, weight_decay=1e-4)


def fill_seco(method, tag, heads, key_heads, queues):
    fill(method.encoder, tag, "encoder_q.", sequential_name)
    fill(method.key_encoder, tag, "encoder_k.", sequential_name)
    columns = torch.nn.functional.normalize(rand(tag, "queue", (len(heads), 16, 32)), dim=1)
    for e, head in enumerate(heads):
        fill(head, tag, f"heads_q.{e}.")
        fill(key_heads[e], tag, f"heads_k.{e}.")
        fill_queue(queues[e], columns[e])


def image(tag, name):
    return rand(tag, f"step0/{name}", (8, 3, 32, 32))


def capture_logits(monkeypatch, module):
    seen = []

    def recorded(*args, **kwargs):
        seen.append(contrastive_logits(*args, **kwargs))
        return seen[-1]

    monkeypatch.setattr(f"seco_lab.methods.{module}.contrastive_logits", recorded)
    return seen


def check_seco_step(reference, tag, method, views, logits, head, key_head):
    optimizer = optimizer_for(method)
    # The key encoder differs from the query encoder here, so the official update at the start shows.
    method.update_keys()
    output = method.step(views, batch=None)
    output.loss.backward()
    for e, rows in enumerate(logits):
        close(rows, reference[f"{tag}/logits{e}"])
    close(output.loss, reference[f"{tag}/loss"])
    close(method.key_encoder.conv1.weight, reference[f"{tag}/after_forward/encoder_k.0.weight"])
    close(method.key_encoder.bn1.running_mean, reference[f"{tag}/after_forward/encoder_k.1.running_mean"])
    close(
        method.key_encoder.layer4[1].bn2.running_var,
        reference[f"{tag}/after_forward/encoder_k.7.1.bn2.running_var"],
    )
    close(key_head[2].weight, reference[f"{tag}/after_forward/heads_k.0.2.weight"])
    watched = {
        "encoder_q.0.weight": method.encoder.conv1.weight,
        "encoder_q.7.1.conv2.weight": method.encoder.layer4[1].conv2.weight,
        "heads_q.0.0.weight": head[0].weight,
    }
    for name, weight in watched.items():
        close(weight.grad, reference[f"{tag}/grad/{name}"])
    optimizer.step()
    for name, weight in watched.items():
        close(weight, reference[f"{tag}/after_optimizer/{name}"])
    method.after_step(output)
    return output


def test_seco_step_equals_official(reference, monkeypatch):
    tag = "seco_tiny"
    method = SeCo(tiny_encoder(), **TINY)
    fill_seco(method, tag, method.heads, method.key_heads, method.queues)
    views = {"query": image(tag, "img_q")} | {f"key{j}": image(tag, f"img_k{j}") for j in range(3)}
    logits = capture_logits(monkeypatch, "seco")
    output = check_seco_step(reference, tag, method, views, logits, method.heads[0], method.key_heads[0])
    for e, name in enumerate(SUBSPACES):
        close(output.metrics[f"loss_{name}"], reference[f"{tag}/loss_per_head"][e])
        close(method.queues[e].rows.T, reference[f"{tag}/queue"][e])
        assert int(method.queues[e].pointer) == int(reference[f"{tag}/queue_ptr"][e])


def test_moco_step_equals_official(reference, monkeypatch):
    tag = "moco_tiny"
    method = MoCo(tiny_encoder(), **TINY)
    fill_seco(method, tag, [method.head], [method.key_head], [method.queue])
    views = {"query": image(tag, "img_q"), "key": image(tag, "img_k0")}
    logits = capture_logits(monkeypatch, "moco")
    check_seco_step(reference, tag, method, views, logits, method.head, method.key_head)
    close(method.queue.rows.T, reference[f"{tag}/queue"][0])
    assert int(method.queue.pointer) == int(reference[f"{tag}/queue_ptr"][0])


def filled_gassl(tag, labels):
    if labels is None:
        method = MoCo(tiny_encoder(), dim=128, queue_size=32, temperature=0.02)
    else:
        method = GASSL(tiny_encoder(), labels, clusters=100, queue_size=32)
        method.classifier.load_state_dict(
            {
                name: parameter(f"{tag}/geo", f"layers.1.{name}", getattr(method.classifier, name).shape)
                for name in ("weight", "bias")
            }
        )
    fill(method.encoder, tag, "encoder_q.")
    fill(method.key_encoder, tag, "encoder_k.")
    fill(method.head, tag, "encoder_q.fc.")
    fill(method.key_head, tag, "encoder_k.fc.")
    fill_queue(method.queue, torch.nn.functional.normalize(rand(tag, "queue", (128, 32)), dim=0))
    return method


@pytest.mark.parametrize("tag", ["gassl_moco", "gassl_moco_tp", "gassl_moco_geo", "gassl_moco_geo_tp"])
def test_gassl_step_equals_official(reference, monkeypatch, tag):
    labels = reference.get(f"{tag}/geo_labels")
    method = filled_gassl(tag, labels)
    logits = capture_logits(monkeypatch, "moco")
    optimizer = optimizer_for(method)
    method.update_keys()
    batch = Batch(torch.empty(8), torch.arange(8), torch.empty(8, 2), torch.empty(8, 1))
    output = method.step({"query": image(tag, "im_q"), "key": image(tag, "im_k")}, batch)
    close(logits[0], reference[f"{tag}/logits"])
    close(output.loss, reference[f"{tag}/loss"])
    close(output.metrics.get("loss_contrastive", output.loss), reference[f"{tag}/contrastive"])
    close(method.key_encoder.conv1.weight, reference[f"{tag}/after_forward/encoder_k.conv1.weight"])
    close(method.key_head[2].bias, reference[f"{tag}/after_forward/encoder_k.fc.2.bias"])
    output.loss.backward()
    optimizer.step()
    method.after_step(output)
    close(method.head[0].weight, reference[f"{tag}/after_optimizer/encoder_q.fc.0.weight"])
    close(method.queue.rows.T, reference[f"{tag}/queue"])
    assert int(method.queue.pointer) == int(reference[f"{tag}/queue_ptr"])
    if labels is not None:
        close(method.classifier.weight, reference[f"{tag}/geo_after/layers.1.weight"])
