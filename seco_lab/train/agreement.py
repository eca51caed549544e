"""Whether the parts of a run fit each other, and a checkpoint fits a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from seco_lab.batch import Batches
from seco_lab.checkpoints import describe_changes, encoder_settings
from seco_lab.input_spec import InputSpec, describe_difference, unit_factor
from seco_lab.methods import Method
from seco_lab.nn.momentum import NegativeQueue
from seco_lab.train.config import TrainConfig


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
    method: Method, batches: Batches, spec: InputSpec, config: TrainConfig, steps: int
) -> dict[str, Any]:
    """What a run that continues another must share with it, as plain values."""
    return {
        "method": method.settings(),
        "encoder": encoder_settings(method.encoder),
        "spec": spec.to_dict(),
        "config": {**config.binding(), "epochs": None, "steps": steps},
        "data": {
            "batch_size": batches.batch_size,
            "steps_per_epoch": batches.steps_per_epoch,
            "sensor": batches.sensor,
            "unit": batches.unit,
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
    changes = describe_changes({name: content[name] for name in ours}, ours)
    refused = [change for change in changes if change.partition(":")[0] not in accept]
    if refused:
        raise ValueError(
            f"{path} belongs to another configuration ({'; '.join(refused)}); use that one, or another folder"
        )
