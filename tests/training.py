"""A made-up world for tests of the loop: ten coloured squares, batches by step, views by generator."""

from collections import OrderedDict

import torch
from torch import nn

from seco_lab.batch import Batch, generator_for
from seco_lab.input_spec import InputSpec
from seco_lab.methods import SeCo
from seco_lab.nn.encoders import resnet18
from seco_lab.nn.initialise import build_from_seed
from seco_lab.train import PretrainingRun, TrainConfig

SPEC = InputSpec(
    "sentinel2-l2a", ("B04", "B03", "B02"), "dn", (0,) * 3, (4000,) * 3, (0.5,) * 3, (0.29,) * 3, 10.0, 16
)


class Squares:
    """Batches of patches (B, 3, 3, 24, 24) in DN, each place with a colour of its own."""

    batch_size, steps_per_epoch = 4, 3
    bands, unit, sensor = SPEC.bands, "dn", "sentinel2-l2a"

    def __getitem__(self, step):
        chance = generator_for(5, step, "batch")
        index = torch.randperm(10, generator=chance)[: self.batch_size]
        colours = torch.rand(10, 1, 3, 1, 1, generator=generator_for(6, 0))[index]
        noise = torch.rand(self.batch_size, 3, 3, 24, 24, generator=chance)
        images = ((colours + noise) * 2000).to(torch.uint16)
        lonlat = torch.zeros(self.batch_size, 2, dtype=torch.float64)
        return Batch(images, index, lonlat, torch.zeros(self.batch_size, 3, dtype=torch.int64))


class SquareViews:
    """Four standardised crops, shifted by chance."""

    names, seasons = ("query", "key0", "key1", "key2"), 3

    def __call__(self, images, generator):
        standard = (images.float() / 4000 - 0.5) / 0.29
        shifts = torch.randint(0, 8, (4,), generator=generator).tolist()
        crops = (standard[:, i % 3, :, s : s + 16, s : s + 16] for i, s in enumerate(shifts))
        return dict(zip(self.names, crops, strict=True))


def small(seed=0):
    """An encoder whose BatchNorm sees enough values not to blow up last digits within a few steps."""
    layers = {
        "conv1": lambda: nn.Conv2d(3, 6, 3, 2, bias=False),
        "bn1": lambda: nn.BatchNorm2d(6),
        "relu1": nn.ReLU,
        "conv2": lambda: nn.Conv2d(6, 12, 3, bias=False),
        "bn2": lambda: nn.BatchNorm2d(12),
        "relu2": nn.ReLU,
        "mean": lambda: nn.AdaptiveAvgPool2d(1),
        "flat": nn.Flatten,
    }
    encoder = build_from_seed(
        lambda: nn.Sequential(OrderedDict((name, make()) for name, make in layers.items())),
        seed,
        "small encoder",
    )
    encoder.num_features = 12
    return encoder


def resnet_method():
    """A method whose encoder has a name, so that checkpoints of it tell how to build it."""
    return SeCo(resnet18(width=4), dim=8, queue_size=16)


def tiny_method(seed=0):
    return SeCo(small(seed), dim=8, queue_size=16, seed=seed)


def tiny_run(folder=None, *, method=None, batches=None, views=None, spec=SPEC, **config):
    config = {"steps": 7, "precision": "float32", **config}
    return PretrainingRun(
        method or tiny_method(),
        batches or Squares(),
        views or SquareViews(),
        TrainConfig(**config),
        spec=spec,
        folder=folder,
        device="cpu",
    )


def same_state(one, other) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
