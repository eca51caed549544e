"""Batches in parts: what stays the same, what gets smaller, and that runs go on to the bit."""

import pytest
import torch
from cubes import small_cube
from test_methods import FirstPixel
from training import SPEC, Squares, SquareViews, resnet_method, same_state, small, tiny_method, tiny_run

from seco_lab.batch import Batch, Share
from seco_lab.checkpoints import batchnorm_report, load_checkpoint, save_checkpoint
from seco_lab.data import CubeBatches
from seco_lab.methods import MoCo, SimCLR, StepOutput
from seco_lab.train import TrainConfig
from seco_lab.train.reading import StepInput
from seco_lab.train.shares import joined, own_share, parts_of
from seco_lab.views import MoCoViews


def finish(run):
    return [log.floats() for log in run]


class Renamed(SquareViews):
    """Query and key for methods that compare two views."""

    names = ("query", "key")

    def __call__(self, images, generator):
        four = list(SquareViews()(images, generator).values())
        return {"query": four[0], "key": four[1]}


def moco_run(accumulate, encoder=FirstPixel, **config):
    method = MoCo(encoder(), dim=3, queue_size=16)
    return tiny_run(method=method, views=Renamed(), accumulate=accumulate, **config)


def test_without_batch_statistics_parts_make_no_difference():
    whole, parts = moco_run(1), moco_run(2)
    for log, expected in zip(finish(parts), finish(whole), strict=True):
        assert log["loss"] == pytest.approx(expected["loss"], rel=1e-5)
        assert log["top1"] == pytest.approx(expected["top1"])
    for name, value in whole.method.state_dict().items():
        assert torch.allclose(parts.method.state_dict()[name].float(), value.float(), atol=1e-6), name


def test_queue_takes_all_keys_and_the_key_encoder_moves_once_a_batch():
    run = tiny_run(accumulate=2)
    first = run.method.queues[0].rows.clone()
    next(run)
    rows = run.method.queues[0].rows
    assert int(run.method.queues[0].pointer) == 4
    assert (rows != first).any(1).tolist() == [True] * 4 + [False] * 12
    assert int(run.method.encoder.bn1.num_batches_tracked) == 2
    momentum = run.method.momentum
    before, moved = tiny_method().encoder.conv1.weight, run.method.encoder.conv1.weight
    expected = momentum * before + (1 - momentum) * moved
    assert torch.allclose(run.method.key_encoder.conv1.weight, expected, atol=1e-7)


def test_negatives_of_the_batch_get_fewer():
    def first_loss(accumulate):
        method = SimCLR(small(), dim=8, temperature=1e6)
        return finish(tiny_run(method=method, views=Renamed(), steps=1, accumulate=accumulate))[0]["loss"]

    # All similarities are alike at this temperature: the loss is the log of the number of candidates.
    assert first_loss(1) == pytest.approx(torch.tensor(7.0).log().item(), abs=1e-4)
    assert first_loss(2) == pytest.approx(torch.tensor(3.0).log().item(), abs=1e-4)


@pytest.mark.parametrize("stop", [1, 4])
def test_resume_is_exact_to_the_bit(tmp_path, stop):
    whole = tiny_run(method=resnet_method(), steps=6, accumulate=2)
    logs = finish(whole)
    first = tiny_run(tmp_path / "run", method=resnet_method(), steps=6, accumulate=2)
    for log in first:
        if log.step == stop:
            first.save()
            break
    torch.manual_seed(3)
    second = tiny_run(tmp_path / "run", method=resnet_method(), steps=6, accumulate=2)
    assert second.resume()
    assert [log["loss"] for log in finish(second)] == [log["loss"] for log in logs[stop:]]
    assert same_state(second.method, whole.method)
    assert batchnorm_report(tmp_path / "run").verdict == "clean"


def test_run_in_parts_is_another_configuration(tmp_path):
    finish(tiny_run(tmp_path / "run", steps=2, accumulate=2))
    with pytest.raises(ValueError, match=r"config\.accumulate: 2 -> None"):
        tiny_run(tmp_path / "run", steps=2).resume()
    assert tiny_run(tmp_path / "run", steps=2).resume(accept=["config.accumulate"])


class Seeded(Squares):
    seed = 3


def test_checkpoints_from_before_some_fields_are_continued(tmp_path):
    finish(tiny_run(tmp_path / "run", steps=2, batches=Seeded()))
    content = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert not {"accumulate", "batchnorm", "process_timeout_s"} & set(content["config"])
    for name in ("accumulate", "batchnorm", "process_timeout_s"):
        del content["full_config"][name]
    del content["views"], content["data"]["seed"]
    save_checkpoint(tmp_path / "run" / "checkpoint.pt", content)
    assert tiny_run(tmp_path / "run", steps=2, batches=Seeded()).resume()
    assert TrainConfig.from_dict(content["full_config"]).accumulate == 1


def test_bad_numbers_are_named():
    with pytest.raises(
        ValueError, match="a batch of 4 cannot be cut into equal parts for 1 processes with acc"
    ):
        tiny_run(accumulate=3)
    with pytest.raises(ValueError, match="leaves one row at a time"):
        tiny_run(accumulate=4)
    with pytest.raises(ValueError, match="accumulate must be 1 or more, got 0"):
        TrainConfig(accumulate=0)
    with pytest.raises(ValueError, match="batchnorm must be one of shuffled, synced, got 'frozen'"):
        TrainConfig(batchnorm="frozen")
    with pytest.raises(ValueError, match="process_timeout_s must be positive, got 0"):
        TrainConfig(process_timeout_s=0)
    assert own_share(4, 1) == Share(0, 4, 4)
    assert own_share(1, 1) == Share(0, 1, 1)


def test_rows_are_cut_and_joined_in_order():
    images = torch.arange(6.0)
    batch = Batch(images, images.long(), torch.zeros(6, 2), torch.zeros(6, 1))
    parts = list(parts_of(batch, {"query": images}, 3))
    assert [part.index.tolist() for part, _ in parts] == [[0, 1], [2, 3], [4, 5]]
    outputs = [
        StepOutput(view.mean(), {"top1": view.min()}, {"all": view}, {"all": -view})
        for view in (views["query"] for _, views in parts)
    ]
    whole = joined(outputs)
    assert torch.equal(whole.keys["all"], images)
    assert torch.equal(whole.embeddings["all"], -images)
    assert (float(whole.loss), float(whole.metrics["top1"])) == (2.5, 2.0)
    assert Share(2, 2, 6).of_repeated(2).tolist() == [2, 3, 8, 9]


class Unshared:
    """Batches that know nothing of shares, as those of one's own do not."""

    def __init__(self, batches):
        self.batches = batches

    def __getitem__(self, step):
        return self.batches[step]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("own_views", [True, False])
def test_share_is_the_same_rows_whatever_can_be_read_apart(shared, own_views):
    batches = CubeBatches(small_cube(patches=9, size=20), 6, seasons=1, crop_px=18)
    toolkit = MoCoViews(SPEC, 16, arithmetic=torch.float32)
    views = (lambda images, generator: toolkit(images, generator)) if own_views else toolkit

    def reads(share):
        source = batches if shared else Unshared(batches)
        config = TrainConfig(check_input=False)
        device = torch.device("cpu")
        return StepInput(source, views, share, config, spec=SPEC, unit_factor=1, device=device)(3)

    (whole, all_views), (part, some) = reads(Share(0, 6, 6)), reads(Share(2, 3, 6))
    assert torch.equal(part.index, whole.index[2:5])
    assert torch.equal(part.images, whole.images[2:5])
    assert torch.equal(part.time, whole.time[2:5])
    for name, view in all_views.items():
        assert torch.allclose(some[name], view[2:5], atol=1e-5)


def test_one_part_is_left_as_it_is():
    batch = Squares()[0]
    ((same, _),) = parts_of(batch, {}, 1)
    output = StepOutput(torch.ones(()))
    assert same is batch
    assert joined([output]) is output
