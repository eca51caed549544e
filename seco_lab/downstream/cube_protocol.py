"""The protocol of a result on labelled cubes, and what a reader of its number should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from seco_lab.downstream.features import encoder_entry
from seco_lab.downstream.result import Protocol
from seco_lab.downstream.splits import SplitCubes
from seco_lab.embeddings import cube_hash
from seco_lab.input_spec import InputSpec


def cube_protocol(
    encoder: nn.Module,
    spec: InputSpec,
    cubes: SplitCubes,
    *,
    task: str,
    sizes: Sequence[int],
    classes: tuple[str, ...],
    settings: Mapping[str, Any],
    notes: Sequence[str],
    seed: int,
) -> Protocol:
    """The sound protocol on training and test cubes.

    Args:
        encoder: The encoder that was judged.
        spec: Its input contract.
        cubes: What was trained and tested on.
        task: Name of the task.
        sizes: How many train, choose and are tested.
        classes: Names of the classes.
        settings: Everything fixed or chosen.
        notes: What a reader of the number should know.
        seed: Seed of every draw.
    """
    return Protocol(
        task=task,
        kind="sound",
        split=cubes.how,
        train_hash=cube_hash(cubes.train),
        test_hash=cube_hash(cubes.test),
        sizes=dict(zip(("train", "validation", "test"), sizes, strict=True)),
        classes=classes,
        seed=seed,
        settings=dict(settings),
        encoder=encoder_entry(encoder),
        input_spec=spec.to_dict(),
        notes=tuple(notes),
    )


def input_notes(spec: InputSpec, cubes: SplitCubes, *, what: str = "images") -> list[str]:
    """Where the images differ from what the encoder expects, and which could not be read.

    Args:
        spec: The encoder's input contract.
        cubes: What was trained and tested on.
        what: The word for them.
    """
    notes, size = other_sensor(spec, str(cubes.train.attrs["sensor"]), what), int(cubes.train.sizes["x"])
    if size != spec.size_px:
        notes.append(f"{what} of {size} px were resized to {spec.size_px} px, bilinear")
    # Lists that were cut from one cube both tell of the same files.
    refused = list(
        dict.fromkeys(f for cube in (cubes.train, cubes.test) for f in cube.attrs.get("refused", ()))
    )
    if refused:
        notes.append(
            f"files that could not be read and were left out: {len(refused)}, the first: {refused[0]}"
        )
    return notes


def other_sensor(spec: InputSpec, sensor: str, what: str) -> list[str]:
    """A note where the imagery comes from another sensor than the contract is for."""
    differs = sensor != spec.sensor
    return [f"the encoder's contract is for {spec.sensor}, the {what} are {sensor}"] if differs else []
