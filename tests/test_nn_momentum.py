import pytest
import torch

from seco_lab.nn.encoders import resnet18
from seco_lab.nn.heads import mlp_head
from seco_lab.nn.momentum import NegativeQueue, momentum_copy, momentum_update


def test_update_is_the_weighted_mean_of_each_parameter():
    source, target = mlp_head(3, 4, 2, seed=1), mlp_head(3, 4, 2, seed=2)
    wanted = [0.9 * t + 0.1 * s for t, s in zip(target.parameters(), source.parameters(), strict=True)]
    momentum_update(target, source, 0.9)
    assert all(torch.allclose(got, want) for got, want in zip(target.parameters(), wanted, strict=True))


def test_update_leaves_source_and_statistics_alone():
    source = resnet18(width=2)
    target = momentum_copy(source)
    target.bn1.running_mean.fill_(7)
    before = {name: value.clone() for name, value in source.state_dict().items()}
    momentum_update(target, source, 0.5)
    assert (target.bn1.running_mean == 7).all()
    assert all(torch.equal(before[name], value) for name, value in source.state_dict().items())


def test_copy_is_equal_and_learns_nothing():
    source = mlp_head(3, 4, 2)
    target = momentum_copy(source)
    assert all(map(torch.equal, source.parameters(), target.parameters()))
    assert not any(p.requires_grad for p in target.parameters())
    assert all(p.requires_grad for p in source.parameters())


def keys(first, count=2):
    return torch.full((count, 3), float(first)) + torch.arange(count)[:, None]


def test_queue_overwrites_the_oldest_and_wraps_around():
    queue = NegativeQueue(4, 3)
    for first in (10, 20, 30):
        queue.enqueue(keys(first))
    assert queue.rows[:, 0].tolist() == [30, 31, 20, 21]
    assert int(queue.pointer) == 2
    queue.enqueue(keys(40))
    assert queue.rows[:, 0].tolist() == [30, 31, 40, 41]
    assert int(queue.pointer) == 0


def test_queue_wraps_within_a_batch_where_a_run_goes_on_with_larger_ones():
    queue = NegativeQueue(4, 3)
    queue.enqueue(keys(10))
    queue.enqueue(keys(50, count=4))
    assert queue.rows[:, 0].tolist() == [52, 53, 50, 51]
    assert int(queue.pointer) == 2


def test_queue_starts_with_unit_rows_of_its_own_seed():
    first, second = NegativeQueue(6, 5, seed=1), NegativeQueue(6, 5, seed=1)
    assert torch.equal(first.rows, second.rows)
    assert torch.allclose(first.rows.norm(dim=1), torch.ones(6))
    assert not torch.equal(first.rows, NegativeQueue(6, 5, seed=2).rows)


def test_queue_travels_in_the_state():
    queue, other = NegativeQueue(4, 3), NegativeQueue(4, 3, seed=9)
    queue.enqueue(keys(1))
    other.load_state_dict(queue.state_dict())
    assert torch.equal(queue.rows, other.rows)
    assert int(other.pointer) == 2


def test_queue_and_batch_that_do_not_fit_are_both_named():
    with pytest.raises(ValueError, match="queue size 10 must be a multiple of the batch size 4; 8 would do"):
        NegativeQueue(10, 3).enqueue(torch.zeros(4, 3))
