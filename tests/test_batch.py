import torch

from seco_lab.batch import generator_for


def draw(*args, **kwargs):
    return torch.rand(4, generator=generator_for(*args, **kwargs)).tolist()


def test_chance_depends_on_seed_step_and_stream_alone():
    first = draw(1, 2, "views")
    torch.manual_seed(99)
    assert draw(1, 2, "views") == first
    others = [draw(2, 2, "views"), draw(1, 3, "views"), draw(1, 2, "rows"), draw(12, 0, "views")]
    assert all(other != first for other in others)
    assert draw(1, 23) != draw(12, 3)
