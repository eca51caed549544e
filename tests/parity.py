"""Tensors of the reference cases, made anew: value depends on (tag, name, shape) alone."""

import zlib

import numpy as np
import torch
from torch import nn

from seco_lab.nn.encoders import ResNet, resnet18

# Positions in the official SeCo encoder, a Sequential of torchvision's children.
SEQUENTIAL_NAMES = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


def rand(tag, name, shape, *, scale=1.0, shift=0.0, uniform=False):
    chance = np.random.RandomState(zlib.crc32(f"{tag}/{name}".encode()))
    values = chance.random_sample(tuple(shape)) if uniform else chance.standard_normal(tuple(shape))
    return torch.from_numpy((values * scale + shift).astype(np.float32))


def parameter(tag, name, shape):
    leaf = name.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return torch.zeros(tuple(shape), dtype=torch.int64)
    if leaf == "running_mean":
        return rand(tag, name, shape, scale=0.1)
    if leaf == "running_var":
        return rand(tag, name, shape, scale=0.5, shift=0.75, uniform=True)
    if leaf == "bias":
        return rand(tag, name, shape, scale=0.05)
    if len(shape) == 1:
        return rand(tag, name, shape, scale=0.1, shift=1.0)
    return rand(tag, name, shape, scale=(2.0 / int(np.prod(shape[1:]))) ** 0.5)


def sequential_name(name: str) -> str:
    """Name of a ResNet entry in the official SeCo encoder."""
    first, _, rest = name.partition(".")
    number = {ours: theirs for theirs, ours in SEQUENTIAL_NAMES.items()}[first]
    return f"{number}.{rest}"


def fill(module: nn.Module, tag: str, prefix: str, rename=lambda name: name) -> None:
    """Overwrite every entry of a module with its reference value."""
    state = module.state_dict()
    module.load_state_dict({k: parameter(tag, f"{prefix}{rename(k)}", v.shape) for k, v in state.items()})


def fill_queue(queue: nn.Module, columns: torch.Tensor) -> None:
    """Put reference keys, shape (dim, K), into a queue whose pointer stands before the last batch of 8."""
    queue.rows.copy_(columns.T)
    queue.pointer.fill_(columns.shape[1] - 8)


def tiny_encoder() -> ResNet:
    return resnet18(in_channels=3, width=4)
