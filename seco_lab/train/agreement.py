"""Whether the parts of a run fit each other, a checkpoint fits a run, and processes fit one another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seco_lab.batch import Batches
from seco_lab.checkpoints import CHECKPOINT_NAME, describe_changes, encoder_settings
from seco_lab.input_spec import InputSpec, describe_difference, unit_factor
from seco_lab.methods import Method
from seco_lab.nn.momentum import NegativeQueue
from seco_lab.nn.processes import from_all, together
from seco_lab.train.config import TrainConfig


def check_free(folder: Path) -> None:
    """Refuse a folder whose run a new one would overwrite.

    Raises:
        FileExistsError: It holds a checkpoint.
    """
    if (folder / CHECKPOINT_NAME).exists():
        raise FileExistsError(f"{folder} already holds a run; resume it, or choose another folder")


def check_parts(method: Method, batches: Batches, views: Callable[..., Any], spec: InputSpec) -> float:
    """Refuse parts that do not belong together.

    Returns:
        Factor from the counts of the batches to those of the contract.

    Raises:
        ValueError: Bands, units, views, queue and batch do not fit each other; names both sides.
    """
    if tuple(batches.bands) != spec.bands:
        raise ValueError(
            f"the input contract has the bands {', '.join(spec.bands)}, the batches give "
            f"{', '.join(batches.bands)}; make both from the same bands, in the same order"
        )
    _check_views(method, views, spec)
    _check_in_channels(method.encoder, spec)
    for part in method.modules():
        if isinstance(part, NegativeQueue):
            part.check_batch_size(batches.batch_size)
    return unit_factor(batches.unit, spec.unit)


def _check_views(method: Method, views: Callable[..., Any], spec: InputSpec) -> None:
    given, wanted = getattr(views, "names", method.view_names), method.view_names
    if not set(wanted) <= set(given):
        raise ValueError(
            f"{type(method).__name__} compares the views {', '.join(wanted)}, {type(views).__name__} makes "
            f"{', '.join(given)}"
        )
    if difference := describe_difference(getattr(views, "spec", spec), spec):
        raise ValueError(f"the views follow another input contract than the run: {difference}")


def _check_in_channels(encoder: nn.Module, spec: InputSpec) -> None:
    channels = getattr(encoder, "in_channels", len(spec.bands))
    if channels != len(spec.bands):
        raise ValueError(
            f"the encoder takes {channels} bands, the input contract names {len(spec.bands)}: "
            f"{', '.join(spec.bands)}"
        )


def identity(
    method: Method,
    batches: Batches,
    views: Callable[..., Any],
    spec: InputSpec,
    config: TrainConfig,
    steps: int,
) -> dict[str, Any]:
    """What a run that continues another must share with it, as plain values."""
    return {
        "method": method.settings(),
        "encoder": encoder_settings(method.encoder),
        "views": {"name": type(views).__name__, **(views.settings() if hasattr(views, "settings") else {})},
        "spec": spec.to_dict(),
        "config": {**config.binding(), "epochs": None, "steps": steps},
        "data": {
            "batch_size": batches.batch_size,
            "steps_per_epoch": batches.steps_per_epoch,
            "sensor": batches.sensor,
            "unit": batches.unit,
            "seed": getattr(batches, "seed", None),
            **(batches.settings() if hasattr(batches, "settings") else {}),
        },
    }


def check_identity(
    path: Path, content: Mapping[str, Any], ours: Mapping[str, Any], accept: Sequence[str]
) -> None:
    """Refuse a checkpoint of another configuration.

    Args:
        path: Where it was read, for the message.
        content: The checkpoint.
        ours: ``identity`` of the run that wants to continue it.
        accept: Fields that may differ, such as ``"config.lr"``.

    Raises:
        ValueError: Names the fields that differ, with both values.
    """
    if "method_state" not in content:
        raise ValueError(f"{path} holds an encoder without its run, so there is nothing to resume")
    # Older checkpoints tell nothing of views and of the batches' seed.
    stored = {name: content.get(name, ours[name]) for name in ours}
    stored["data"] = {**ours["data"], **stored["data"]}
    changes = describe_changes(stored, ours)
    refused = [change for change in changes if change.partition(":")[0] not in accept]
    if refused:
        raise ValueError(
            f"{path} belongs to another configuration ({'; '.join(refused)}); use that one, or another folder"
        )


def check_same_step(step: int | None, path: Path) -> None:
    """Refuse processes that do not go on from the same checkpoint.

    Args:
        step: Steps done by the checkpoint that this process found, None where it found none.
        path: Where it looked.

    Raises:
        ValueError: Others found another one.
    """
    everyone = from_all(step)
    for number, theirs in enumerate(everyone):
        if theirs != everyone[0]:
            found = ["no run" if s is None else f"a run after {s} steps" for s in (everyone[0], theirs)]
            raise ValueError(
                f"process 0 finds {found[0]} at {path} and process {number} {found[1]}: all processes must "
                "see the same folder, on a disk that their machines share"
            )


def check_same_everywhere(settings: Mapping[str, Any], method: Method) -> None:
    """Refuse processes that were started with different settings or different first weights.

    Args:
        settings: Plain values that define the run.
        method: What is trained, before the first step.

    Raises:
        ValueError: Names the fields that differ, with both values.
    """
    if not together():
        return
    everyone = from_all({**settings, "first weights": weights_digest(method)})
    for number, theirs in enumerate(everyone):
        changes = describe_changes(everyone[0], theirs)
        if changes:
            raise ValueError(
                f"process {number} was started differently from process 0 ({'; '.join(changes)}): start all "
                "with the same command, and build the method from a seed"
            )


def weights_digest(method: Method) -> str:
    """A few letters that differ where two methods' tensors differ in any bit."""
    digest = hashlib.blake2b(digest_size=6)
    for name, tensor in method.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
