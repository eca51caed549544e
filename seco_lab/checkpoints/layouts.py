"""Which ResNets a set of named tensors holds, and their entries under torchvision's names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seco_lab.nn.encoders import ResNet, encoder_from_settings

# Positions in Sequential(conv1, bn1, relu, maxpool, layer1, ..., layer4), as the official SeCo code has it.
_POSITIONS = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
_STEM = re.compile(r"(?P<prefix>|.*\.)(?P<stem>conv1|0)\.weight")
_KEY_WORDS = re.compile(r"(?:^|[._])(?:k|key|momentum|teacher|target|ema)(?=[._]|$)")
_TOPOLOGIES = {
    (False, (2, 2, 2, 2)): "resnet18",
    (False, (3, 4, 6, 3)): "resnet34",
    (True, (3, 4, 6, 3)): "resnet50",
}
_SIDES = ("query", "key")


@dataclass(frozen=True)
class Found:
    """One ResNet among named tensors.

    Attributes:
        prefix: What stands before its names, such as ``"encoder_q."``.
        numbered: Whether its parts are numbered as in a Sequential.
        entries: Its tensors under torchvision's names, a classifier included.
    """

    prefix: str
    numbered: bool
    entries: dict[str, Tensor]

    @property
    def side(self) -> str:
        """``"key"`` for a momentum copy, by its name; ``"query"`` for all others."""
        return "key" if _KEY_WORDS.search(self.prefix) else "query"


def resnets_in(state: Mapping[str, Tensor]) -> list[Found]:
    """Every ResNet among named tensors, in the order of the file."""
    found = []
    for name, tensor in state.items():
        match = _STEM.fullmatch(name)
        if match is None or tensor.ndim != 4:
            continue
        prefix, numbered = match["prefix"], match["stem"] == "0"
        if f"{prefix}{'4' if numbered else 'layer1'}.0.conv1.weight" in state:
            found.append(Found(prefix, numbered, _renamed(state, prefix, numbered)))
    return found


def _renamed(state: Mapping[str, Tensor], prefix: str, numbered: bool) -> dict[str, Tensor]:
    entries = {}
    for name, tensor in state.items():
        if name.startswith(prefix):
            first, dot, rest = name.removeprefix(prefix).partition(".")
            entries[f"{_POSITIONS.get(first, first) if numbered else first}{dot}{rest}"] = tensor
    return entries


def choose(found: list[Found], side: str, where: object, state: Mapping[str, Tensor]) -> Found:
    """The one ResNet that is wanted.

    Args:
        found: All in the file.
        side: "query" or "key".
        where: The file, for messages.
        state: All named tensors, for messages.

    Raises:
        ValueError: None, several or another side.
    """
    if side not in _SIDES:
        raise ValueError(f"encoder must be query or key, got {side!r}")
    if not found:
        raise ValueError(
            f"{where} holds no ResNet: wanted conv1.weight and layer1.0.conv1.weight, or the numbered names "
            f"of the official SeCo code, with any prefix; it has {_few(state) or 'no named tensors at all'}"
        )
    fitting = [one for one in found if one.side == side]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(repr(one.prefix) for one in found)
    wanted = (
        f"no {side} encoder" if not fitting else f"{len(fitting)} encoders that could be the {side} encoder"
    )
    raise ValueError(
        f"{where} holds {wanted}, its ResNets begin with {names}; save the wanted one's state_dict by itself"
    )


def _few(names: Mapping[str, Any], limit: int = 4) -> str:
    text = ", ".join(list(names)[:limit])
    return f"{text} and {len(names) - limit} more" if len(names) > limit else text


def settings_of(entries: Mapping[str, Tensor], where: object) -> dict[str, Any]:
    """Name, bands and width of the ResNet that entries belong to, as ``ResNet.settings`` gives them.

    Raises:
        ValueError: A depth that the toolkit does not build; the message names those it does.
    """
    bottleneck = "layer1.0.conv3.weight" in entries
    stages = [{k.split(".")[1] for k in entries if k.startswith(f"layer{i}.")} for i in range(1, 5)]
    depths = tuple(len(stage) for stage in stages)
    name = _TOPOLOGIES.get((bottleneck, depths))
    if name is None:
        kind = "bottleneck" if bottleneck else "basic"
        raise ValueError(
            f"{where} holds a ResNet of {kind} blocks with depths {'-'.join(map(str, depths))}; the toolkit "
            "builds resnet18 (basic, 2-2-2-2), resnet34 (basic, 3-4-6-3) and resnet50 (bottleneck, 3-4-6-3)"
        )
    stem = entries["conv1.weight"]
    return {"name": name, "in_channels": int(stem.shape[1]), "width": int(stem.shape[0])}


def build(
    entries: Mapping[str, Tensor], settings: Mapping[str, Any], where: object
) -> tuple[ResNet, list[str]]:
    """An encoder in eval mode with the weights of the entries.

    Returns:
        The encoder, and the names that it has and the file lacks: at most BatchNorm's counters, which older
        programs did not write and which change no output.

    Raises:
        ValueError: A weight is missing, has another shape, or is not a finite number.
    """
    encoder = encoder_from_settings(dict(settings))
    wanted = encoder.state_dict()
    missing = [name for name in wanted if name not in entries]
    lost = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lost:
        raise ValueError(
            f"{where} lacks {len(lost)} entries of a {settings['name']}: {_few(dict.fromkeys(lost))}"
        )
    for name, tensor in wanted.items():
        if name in entries:
            _check(name, entries[name], tensor, settings, where)
    encoder.load_state_dict({**wanted, **{k: v for k, v in entries.items() if k in wanted}})
    return encoder.eval(), missing


def _check(name: str, got: Tensor, wanted: Tensor, settings: Mapping[str, Any], where: object) -> None:
    if got.shape != wanted.shape:
        raise ValueError(
            f"{name} in {where} has shape {tuple(got.shape)}, a {settings['name']} of width "
            f"{settings['width']} has {tuple(wanted.shape)}: another kind of ResNet (wide, ResNeXt, another "
            "first layer), which the toolkit does not build"
        )
    if wanted.is_floating_point() and not got.is_floating_point():
        raise ValueError(
            f"{name} in {where} holds {got.dtype}: quantised weights, which the toolkit does not read"
        )
    if got.is_floating_point() and not bool(torch.isfinite(got).all()):
        raise ValueError(f"{name} in {where} holds values that are not finite numbers: training had diverged")
