"""CACo: the loss against plain loops, and the memory that decides which places have changed."""

import math

import pytest
import torch
from sklearn.mixture import GaussianMixture
from test_methods import CASES, FirstPixel, some_input
from torch.nn.functional import normalize
from training import Squares, small, tiny_run

from seco_lab.batch import Batch, generator_for
from seco_lab.methods import CACo
from seco_lab.methods.seco import SUBSPACES
from seco_lab.methods.two_groups import upper_group

KINDS = ("key0", "key1", "key2")


def batch_of(rows):
    count = len(rows)
    return Batch(torch.empty(count), torch.tensor(rows), torch.empty(count, 2), torch.empty(count, 6))


def method_and_views(places=5, count=2):
    method = CACo(FirstPixel(), places, dim=3, queue_size=4)
    return method, {name: torch.randn(count, 3, 2, 2) for name in method.view_names}


@torch.no_grad()
def loss_by_loops(method, views, rows, changed):
    """changed: (place, period) pairs, 0 for recent, 1 for earlier."""
    periods, total = ("recent", "earlier"), 0.0
    for e in range(3):
        embed = {
            view: normalize(method.heads[e](pixels[:, :, 0, 0]), dim=1) for view, pixels in views.items()
        }
        for p, period in enumerate(periods):
            for i, row in enumerate(rows):
                against = list(method.queues[2 * e + p].rows)
                if e > 0:
                    others = [kind for j, kind in enumerate(KINDS) if j != e]
                    against += [key for kind in others for q in periods for key in embed[f"{q}_{kind}"]]
                for j, key in enumerate(embed[f"{periods[1 - p]}_{KINDS[e]}"]):
                    if j != i or (row, p) in changed:
                        against.append(key)
                query = embed[f"{period}_query"][i]
                own = math.exp(float(query @ embed[f"{period}_{KINDS[e]}"][i]) / 0.07)
                total -= math.log(own / (own + sum(math.exp(float(query @ n) / 0.07) for n in against)))
    return total / (2 * len(rows))


@pytest.mark.parametrize("changed", [set(), {(3, 0), (3, 1)}, {(1, 1)}, {(0, 0), (2, 1)}])
def test_loss_agrees_with_plain_loops(changed):
    method, views = method_and_views()
    for place, period in changed:
        method.changed[place, period] = True
    output = method.step(views, batch_of([3, 1]))
    assert output.loss.item() == pytest.approx(loss_by_loops(method, views, [3, 1], changed), rel=1e-4)


def test_a_verdict_on_another_place_changes_nothing():
    method, views = method_and_views()
    before = method.step(views, batch_of([3, 1])).loss
    method.changed[4] = True
    assert torch.equal(method.step(views, batch_of([3, 1])).loss, before)
    method.changed[3] = True
    assert method.step(views, batch_of([3, 1])).loss > before


@torch.no_grad()
def test_ratio_is_the_distance_over_years_over_that_of_the_season():
    method, views = method_and_views()
    output = method.step(views, batch_of([3, 1]))

    def embed(view, i):
        return normalize(method.key_heads[1](views[view][i, :, 0, 0]), dim=0)

    for i in (0, 1):
        years = (embed("recent_query", i) - embed("earlier_query", i)).norm()
        for p, period in enumerate(("recent", "earlier")):
            season = (embed(f"{period}_query", i) - embed(f"{period}_key1", i)).norm()
            assert output.keys["ratio"][i, p].item() == pytest.approx(
                float(years / (season + 1e-4)), rel=1e-4
            )


def test_a_place_keeps_four_fifths_of_its_ratio():
    method, _ = method_and_views()
    method.remember(torch.tensor([3, 1]), torch.tensor([[2.0, 1.0], [4.0, 5.0]]))
    method.remember(torch.tensor([1]), torch.tensor([[9.0, 5.0]]))
    assert method.change_ratio[3].tolist() == [2.0, 1.0]
    assert method.change_ratio[1].tolist() == pytest.approx([5.0, 5.0])
    assert method.seen.tolist() == [False, True, False, True, False]
    assert int(method.patches_since) == 3


def test_verdict_comes_after_an_epoch_and_judges_only_places_seen():
    method, views = method_and_views(places=5)
    for rows, ratio in (([0, 1], [[1.0, 1.1], [6.0, 0.9]]), ([2, 3], [[0.8, 1.2], [1.0, 5.5]])):
        method.remember(torch.tensor(rows), torch.tensor(ratio))
        assert not method.changed.any()
    output = method.step(views, batch_of([0, 2]))
    output.keys["ratio"].fill_(1.0)
    method.after_step(output)
    assert method.changed.tolist() == [[False] * 2, [True, False], [False] * 2, [False, True], [False] * 2]
    assert int(method.patches_since) == 0


def test_queues_of_the_periods_hold_their_own_keys():
    method = CASES["caco"]()
    views, batch = some_input(method)
    output = method.step(views, batch)
    method.after_step(output)
    for queue, name in zip(
        method.queues, (f"{s} {p}" for s in SUBSPACES for p in ("recent", "earlier")), strict=True
    ):
        assert torch.equal(queue.rows[:4], output.keys[name])
    assert not torch.equal(method.queues[0].rows[:4], method.queues[1].rows[:4])


def test_two_clear_groups_and_none():
    assert upper_group(torch.tensor([1.0, 5.1, 0.9, 5.0, 1.1])).tolist() == [False, True, False, True, False]
    assert not upper_group(torch.full((6,), 2.0)).any()
    assert not upper_group(torch.tensor([3.0])).any()
    assert upper_group(torch.tensor([1.0, 2.0])).tolist() == [False, True]


def test_groups_are_those_of_a_fitted_mixture():
    chance = torch.Generator().manual_seed(0)
    still, changed = (
        torch.randn(700, generator=chance) * 0.3 + 1,
        torch.randn(100, generator=chance) * 0.8 + 4,
    )
    values = torch.cat([still, changed])
    mixture = GaussianMixture(2, random_state=0, tol=1e-6, max_iter=500).fit(values[:, None].numpy())
    labels = torch.from_numpy(mixture.predict(values[:, None].numpy())) == int(mixture.means_.argmax())
    assert (upper_group(values) != labels).sum() <= 2
    assert torch.equal(upper_group(values.flip(0)).flip(0), upper_group(values))


def test_patches_beyond_the_memory_and_impossible_numbers_are_refused():
    method, views = method_and_views(places=3)
    with pytest.raises(ValueError, match="patch 3 of the cube, but CACo was made for 3 places; give places="):
        method.step(views, batch_of([3, 1]))
    with pytest.raises(ValueError, match=r"2 places or more .* got places=1"):
        CACo(FirstPixel(), 1)
    with pytest.raises(ValueError, match="relabel_every=0"):
        CACo(FirstPixel(), 4, relabel_every=0)


class ChangingSquares(Squares):
    """Ten coloured squares in two periods; those from 6 on have another colour years later."""

    def __getitem__(self, step):
        chance = generator_for(5, step, "batch")
        index = torch.randperm(10, generator=chance)[: self.batch_size]
        colours = torch.rand(10, 2, 3, generator=generator_for(6, 0))
        colours[:6, 1] = colours[:6, 0]
        colours = colours[index].repeat_interleave(3, 1)[..., None, None]
        noise = torch.rand(self.batch_size, 6, 3, 24, 24, generator=chance)
        zeros = torch.zeros(self.batch_size, 6, dtype=torch.int64)
        return Batch(((colours + 0.3 * noise) * 2500).to(torch.uint16), index, zeros[:, :2].double(), zeros)


class PlainChangeViews:
    names = CACo.view_names

    def __call__(self, images, generator):
        standard = (images.float() / 4000 - 0.5) / 0.29
        shifts = torch.randint(0, 8, (8,), generator=generator).tolist()
        seasons = (0, 1, 2, 0, 3, 4, 5, 3)
        crops = (standard[:, t, :, s : s + 16, s : s + 16] for t, s in zip(seasons, shifts, strict=True))
        return dict(zip(self.names, crops, strict=True))


@pytest.mark.slow
def test_places_that_changed_are_found():
    method = CACo(small(), 10, dim=8, queue_size=16, momentum=0.9)
    for _ in tiny_run(steps=120, method=method, batches=ChangingSquares(), views=PlainChangeViews()):
        pass
    kept, other = method.change_ratio[:6], method.change_ratio[6:]
    assert other.median() > 2 * kept.median()
    assert method.changed[6:].float().mean() >= 0.5
    assert method.changed[:6].float().mean() <= 0.2
