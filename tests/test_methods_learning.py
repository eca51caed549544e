"""Each method learns something on the coloured squares, and each continues to the bit."""

import pytest
import torch
from test_methods import CASES
from training import Squares, SquareViews, same_state, tiny_run

from seco_lab.batch import generator_for
from seco_lab.diagnostics import encode, knn_accuracy

STEPS = 90


class ViewsFor:
    """The four shifted crops under the names that a method asks for."""

    def __init__(self, method):
        self.names = method.view_names

    def __call__(self, images, generator):
        crops = list(SquareViews()(images, generator).values())
        return {name: crops[(i + i // 4) % 4] for i, name in enumerate(self.names)}


def neighbours(encoder):
    """Share of squares whose nearest neighbour, among new ones of all ten places, is of their own place."""
    colours = torch.rand(10, 1, 3, 1, 1, generator=generator_for(6, 0))
    noise = torch.rand(10, 6, 3, 16, 16, generator=generator_for(7, 0))
    images = ((colours + noise) / 2 - 0.5) / 0.29
    features = encode(encoder, images.flatten(0, 1)).view(10, 6, -1)
    features = features - features.mean((0, 1))
    bank, asked = (part.flatten(0, 1) for part in features.split(3, dim=1))
    places = torch.arange(10).repeat_interleave(3)
    return knn_accuracy(bank, places, asked, places, neighbours=1)


@pytest.mark.slow
# SeCo-Eco is SeCo with other numbers, which test_methods.py holds it to.
@pytest.mark.parametrize("name", [name for name in CASES if name != "seco-eco"])
def test_loss_falls_and_neighbours_improve(name):
    method = CASES[name]()
    before = neighbours(method.encoder)
    run = tiny_run(steps=STEPS, method=method, views=ViewsFor(method), batches=Squares())
    losses = [log.floats()["loss"] for log in run]
    # A queue begins with random rows, which are easy: the first four batches do not count.
    assert sum(losses[-10:]) < 0.95 * sum(losses[4:14])
    assert neighbours(method.encoder) >= before + 0.2


@pytest.mark.parametrize("name", CASES)
def test_every_method_resumes_to_the_bit(name, tmp_path):
    def run_in(folder):
        method = CASES[name]()
        return tiny_run(folder, steps=9, method=method, views=ViewsFor(method))

    whole = run_in(None)
    for _ in whole:
        pass
    first = run_in(tmp_path / "run")
    for log in first:
        if log.step == 5:
            first.save()
            break
    torch.manual_seed(3)
    second = run_in(tmp_path / "run")
    assert second.resume()
    for _ in second:
        pass
    assert same_state(second.method, whole.method)
