"""An encoder and its input contract from any file of ResNet weights, with a report of what was read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from seco_lab.checkpoints.contracts import CONTRACTS, GASSL, IMAGENET, SECO, contract_from
from seco_lab.checkpoints.files import CHECKPOINT_NAME, check_version, is_own, save_checkpoint
from seco_lab.checkpoints.layouts import Found, build, choose, resnets_in, settings_of
from seco_lab.checkpoints.opening import Opened, number_in, open_file, state_of
from seco_lab.checkpoints.published import recognise
from seco_lab.input_spec import InputSpec, describe_difference
from seco_lab.nn.encoders import ResNet

IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class WeightsReport:
    """What was read from a file of weights.

    Attributes:
        path: The file.
        layout: "seco_lab", "seco", "gassl", "torchvision" or "other".
        encoder: Name, bands and width of the architecture.
        side: "query" or "key" encoder.
        prefix: What stood before the names of its entries.
        loaded: Entries that the encoder took, under torchvision's names.
        missing: Entries that the encoder has and the file lacks; only counters that change no output.
        extra: Entries of the file that are no part of the encoder: heads, queues, classifier, the other side.
        shells: Classes in the file that were not opened.
        contract: Where the input contract comes from, in words.
        epoch: Epochs trained, where the file says so.
        global_step: Optimizer steps trained, where the file says so.
    """

    path: str
    layout: str
    encoder: dict[str, Any]
    side: str
    prefix: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    shells: tuple[str, ...]
    contract: str
    epoch: int | None
    global_step: int | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Weights:
    """An encoder in eval mode, its input contract, and the report on both."""

    encoder: ResNet
    spec: InputSpec
    report: WeightsReport


def read_weights(source: str | Path, *, spec: InputSpec | None = None, side: str = "query") -> Weights:
    """An encoder from any file of ResNet weights; nothing in the file runs.

    Read are: runs, checkpoints and exports of this toolkit; checkpoints of the official SeCo code (Lightning)
    and of the official GASSL and MoCo code; state dicts in torchvision's names, bare or under a prefix,
    with or without a classifier; whole pickled ResNets; safetensors.

    Args:
        source: A file, or the folder of a run.
        spec: Input contract. Needed where the file does not tell; goes before what its kind suggests.
        side: "query", or "key" for the momentum copy.

    Raises:
        FileNotFoundError: Nothing there.
        ValueError: No file of weights, damaged, no ResNet that the toolkit builds, another number of bands
            than the contract's, or no contract known and none given.
    """
    path = Path(source)
    path = path / CHECKPOINT_NAME if path.is_dir() else path
    opened = open_file(path)
    if is_own(opened.content):
        _check_own(opened.content, path)
    state = state_of(opened.content)
    chosen = choose(resnets_in(state), side, path, state)
    settings = _settings(opened, chosen, path)
    encoder, missing = build(chosen.entries, settings, path)
    layout = _layout(opened.content, state, chosen)
    contract, words = _contract(path, layout, opened, chosen, spec)
    check_bands(encoder.in_channels, contract, path)
    report = WeightsReport(
        path=str(path),
        layout=layout,
        encoder=encoder.settings(),
        side=chosen.side,
        prefix=chosen.prefix,
        missing=tuple(missing),
        shells=opened.shells,
        contract=words,
        epoch=number_in(opened.content, "epoch"),
        global_step=number_in(opened.content, "global_step", "step"),
        **_taken(state, chosen, encoder),
    )
    return Weights(encoder, contract, report)


def load_encoder(
    source: str | Path, *, spec: InputSpec | None = None, side: str = "query"
) -> tuple[ResNet, InputSpec]:
    """An encoder in eval mode with its input contract, never one without the other; see ``read_weights``."""
    weights = read_weights(source, spec=spec, side=side)
    return weights.encoder, weights.spec


def save_encoder(path: str | Path, encoder: ResNet, spec: InputSpec) -> None:
    """Write an encoder with its input contract.

    Args:
        path: Target file.
        encoder: Any encoder of ``seco_lab.nn.encoders``.
        spec: What the encoder expects.

    Raises:
        OSError: As for ``save_checkpoint``.
        ValueError: The encoder and the contract disagree on the number of bands.
    """
    check_bands(encoder.in_channels, spec, "the encoder")
    state = encoder.state_dict()
    save_checkpoint(path, {"encoder": encoder.settings(), "spec": spec.to_dict(), "encoder_state": state})


def encoder_settings(encoder: nn.Module) -> dict[str, Any] | None:
    """What rebuilds an encoder, or None for one that is not the toolkit's own."""
    return encoder.settings() if isinstance(encoder, ResNet) else None


def check_bands(in_channels: int, spec: InputSpec, where: object) -> None:
    """Compare an encoder's first layer with a contract.

    Raises:
        ValueError: Another number of bands; both are named.
    """
    if in_channels != len(spec.bands):
        raise ValueError(
            f"{where} takes {in_channels} bands, its contract names {len(spec.bands)}: "
            f"{', '.join(spec.bands)}"
        )


def sidecar(path: str | Path) -> Path:
    """The text file beside an export that cannot hold its contract itself."""
    return Path(f"{path}.json")


def _check_own(content: Mapping[str, Any], path: Path) -> None:
    check_version(path, content)
    if content.get("encoder") is None:
        raise ValueError(f"{path} holds an encoder of another library; load its weights with load_checkpoint")


def _settings(opened: Opened, chosen: Found, path: Path) -> dict[str, Any]:
    """The stored architecture, or the one that the shapes of the entries show."""
    if is_own(opened.content):
        return opened.content["encoder"]
    if opened.metadata and "encoder" in opened.metadata:
        return json.loads(opened.metadata["encoder"])
    return settings_of(chosen.entries, path)


def _layout(content: Any, state: Mapping[str, Tensor], chosen: Found) -> str:
    if is_own(content):
        return "seco_lab"
    if chosen.numbered and "queue" in state and any(name.startswith("heads_q.") for name in state):
        return "seco"
    if not chosen.numbered and chosen.prefix.startswith("module.encoder_") and "module.queue" in state:
        return "gassl"
    return "torchvision" if chosen.prefix == "" and not chosen.numbered else "other"


def _contract(
    path: Path, layout: str, opened: Opened, chosen: Found, given: InputSpec | None
) -> tuple[InputSpec, str]:
    stored, words = _stored_contract(path, opened)
    if stored is not None:
        if given not in (None, stored):
            raise ValueError(
                f"{path} carries its own input contract, which is not the one given: "
                f"{describe_difference(stored, given)}; leave the given one out"
            )
        return stored, words
    if given is not None:
        return given, "given by the user"
    known, words = _known_contract(path, layout, chosen)
    if known is None or chosen.entries["conv1.weight"].shape[1] != len(known.bands):
        raise ValueError(
            f"nothing in {path} tells which input its weights expect ({words}): pass the contract, one of "
            f"{', '.join(CONTRACTS)} or a JSON file (--spec on the command line, spec= in Python)"
        )
    return known, words


def _stored_contract(path: Path, opened: Opened) -> tuple[InputSpec | None, str]:
    if is_own(opened.content):
        return InputSpec.from_dict(opened.content["spec"]), "stored in the file"
    if opened.metadata and "input_spec" in opened.metadata:
        return InputSpec.from_dict(json.loads(opened.metadata["input_spec"])), "stored in the file"
    beside = sidecar(path)
    if beside.is_file() and '"input_spec"' in beside.read_text():
        return contract_from(str(beside)), f"from {beside.name}"
    return None, ""


def _known_contract(path: Path, layout: str, chosen: Found) -> tuple[InputSpec | None, str]:
    """What the kind of file says; a bare state dict says it by its checksum or its classifier."""
    bands = chosen.entries["conv1.weight"].shape[1]
    if layout == "seco":
        return SECO, f"layout of the official SeCo code, {bands} bands"
    if layout == "gassl":
        return GASSL, f"layout of the official GASSL and MoCo code, {bands} bands"
    entry = recognise(path)
    if entry is not None:
        return CONTRACTS[entry.contract], f"published file {entry.file}, by its checksum"
    classifier = chosen.entries.get("fc.weight")
    if classifier is not None and len(classifier) == IMAGENET_CLASSES:
        return IMAGENET, f"classifier of the {IMAGENET_CLASSES} ImageNet classes, {bands} bands"
    return None, f"no published file by its checksum, {bands} bands"


def _taken(state: Mapping[str, Tensor], chosen: Found, encoder: ResNet) -> dict[str, tuple[str, ...]]:
    """Which entries of a file the encoder took, under its own names, and which it left, under the file's."""
    loaded = tuple(name for name in encoder.state_dict() if name in chosen.entries)
    own = [name for name in state if name.startswith(chosen.prefix)]
    taken = {theirs for theirs, ours in zip(own, chosen.entries, strict=True) if ours in set(loaded)}
    return {"loaded": loaded, "extra": tuple(name for name in state if name not in taken)}
