"""Which scenes train and which are tested; neighbouring scenes stay together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from torch import nn

from seco_lab.data.split import blocks_of, chance_of
from seco_lab.downstream.cube_protocol import other_sensor
from seco_lab.downstream.features import encoder_entry
from seco_lab.downstream.result import Protocol
from seco_lab.input_spec import InputSpec

_BLOCK_KM = 5.0
TEST_SHARE = 0.2


@dataclass(frozen=True)
class SceneSplit:
    """Training and test scenes.

    Attributes:
        train: Labelled scenes by name.
        test: Labelled scenes by name.
        how: In words, for the protocol.
    """

    train: Mapping[str, xr.Dataset]
    test: Mapping[str, xr.Dataset]
    how: str


def split_scenes(
    scenes: Mapping[str, xr.Dataset],
    test: Mapping[str, xr.Dataset] | None = None,
    *,
    share: float = TEST_SHARE,
    seed: int = 0,
) -> SceneSplit:
    """Which scenes are tested: others of their own, else the lists, else blocks of 5 km drawn by the seed.

    Raises:
        ValueError: Fewer than two scenes, or a share that is not between 0 and 1.
    """
    if test is not None:
        return SceneSplit(scenes, test, "test scenes of their own")
    if not 0 < share < 1:
        raise ValueError(f"the share of test scenes must lie between 0 and 1, got {share}")
    if len(scenes) < 2:
        raise ValueError(f"training and test need two scenes or more, got {len(scenes)}; take more of them")
    listed = {n: str(s["split"].values[0]) if "split" in s.variables else "" for n, s in scenes.items()}
    parts = [{n: scenes[n] for n in scenes if listed[n] == split} for split in ("train", "test")]
    if all(parts):
        return SceneSplit(*parts, "the lists train.txt and test.txt")
    tested = _drawn(scenes, share, seed)
    return SceneSplit(
        {n: s for n, s in scenes.items() if n not in tested},
        {n: s for n, s in scenes.items() if n in tested},
        f"no lists: blocks of {_BLOCK_KM:g} km drawn with seed {seed}, about {share:.0%} of the scenes",
    )


def _drawn(scenes: Mapping[str, xr.Dataset], share: float, seed: int) -> set[str]:
    """Names of the test scenes."""
    blocks = blocks_of(_places(scenes), _BLOCK_KM)
    if len(set(blocks)) < 2:
        blocks = list(scenes)
    order = sorted(set(blocks), key=lambda block: chance_of(seed, block))
    tested: set[str] = set()
    for block in order[:-1]:
        if tested and len(tested) >= share * len(scenes):
            break
        tested |= {name for name, own in zip(scenes, blocks, strict=True) if own == block}
    return tested


def _places(scenes: Mapping[str, xr.Dataset]) -> xr.Dataset:
    coords = {axis: ("patch", [float(s[axis].values[0]) for s in scenes.values()]) for axis in ("lon", "lat")}
    return xr.Dataset(coords=coords | {"patch": list(scenes)})


def hash_of(scenes: Mapping[str, xr.Dataset], labels: str) -> str:
    """Hash of names, sizes and labels of scenes, and of some of their pixels: all would be read for minutes.

    Args:
        scenes: By name.
        labels: "boxes" or "mask".
    """
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(scenes):
        scene = scenes[name]
        height, width = scene.sizes["y"], scene.sizes["x"]
        digest.update(f"{name} {height} {width}".encode())
        digest.update(np.ascontiguousarray(scene[labels].values))
        middle = scene["reflectance"][..., height // 2 : height // 2 + 32, width // 2 : width // 2 + 32]
        digest.update(np.ascontiguousarray(middle.values))
    return digest.hexdigest()


def scene_protocol(
    encoder: nn.Module,
    spec: InputSpec,
    scenes: Mapping[str, xr.Dataset],
    split: SceneSplit,
    *,
    task: str,
    kind: str,
    labels: str,
    classes: Sequence[str],
    settings: Mapping[str, Any],
    seed: int,
) -> Protocol:
    """The protocol of a result on scenes.

    Args:
        encoder: The encoder that was judged.
        spec: Its input contract.
        scenes: As they were given; what they left out becomes notes.
        split: Training and test scenes.
        task: Name of the task.
        kind: "sound" or "official".
        labels: "boxes" or "mask".
        classes: Names of the classes.
        settings: Everything fixed or chosen.
        seed: Seed of every draw.
    """
    sensor = str(next(iter(scenes.values())).attrs["sensor"])
    notes = [*getattr(scenes, "notes", ()), *other_sensor(spec, sensor, "scenes")]
    return Protocol(
        task=task,
        kind=kind,
        split=split.how,
        train_hash=hash_of(split.train, labels),
        test_hash=hash_of(split.test, labels),
        sizes={"train": len(split.train), "validation": 0, "test": len(split.test)},
        classes=tuple(classes),
        seed=seed,
        settings={"unit_of_sizes": "scenes", "intervals": "scenes resampled"} | dict(settings),
        encoder=encoder_entry(encoder),
        input_spec=spec.to_dict(),
        notes=tuple(notes),
    )
