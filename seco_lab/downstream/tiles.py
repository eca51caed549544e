"""Scenes cut into tiles that overlap: where they lie, what is in them, which tile answers for which pixel."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seco_lab.embeddings import Preparation
from seco_lab.input_spec import InputSpec
from seco_lab.sources.oscd import UNLABELLED

Corner = tuple[int, int]  # row and column of the upper left pixel
_LEAST_SHARE = 0.3
_TRIES = 50


def scenes_of(cube: xr.Dataset) -> dict[str, xr.Dataset]:
    """Each patch of a labelled cube as a scene of its own, by its name."""
    return {str(name): cube.isel(patch=[row]) for row, name in enumerate(cube["patch"].values)}


def size_of(scene: xr.Dataset) -> tuple[int, int]:
    """Height and width in pixels."""
    return int(scene.sizes["y"]), int(scene.sizes["x"])


def starts_along(length_px: int, size_px: int, overlap_px: int) -> list[int]:
    """First pixel of each tile along a side; the last tile ends with the side, a short side has one tile.

    Raises:
        ValueError: Tiles that do not move on.
    """
    if not 0 <= overlap_px < size_px:
        raise ValueError(f"wanted an overlap from 0 to less than the tile, got {overlap_px} of {size_px} px")
    last = max(0, length_px - size_px)
    return sorted({*range(0, last, size_px - overlap_px), last})


def tiles_over(shape: tuple[int, int], size_px: int, overlap_px: int) -> list[Corner]:
    """Corners of the tiles that cover a scene (height, width), row by row."""
    rows, columns = (starts_along(side, size_px, overlap_px) for side in shape)
    return [(row, column) for row in rows for column in columns]


def cores_of(
    shape: tuple[int, int], size_px: int, overlap_px: int
) -> dict[Corner, tuple[int, int, int, int]]:
    """Which part of a scene each tile answers for: top, left, bottom, right; every pixel has one tile.

    The border lies in the middle of an overlap: an answer comes from the tile that sees most round it.
    """
    rows, columns = (_cores_along(side, size_px, overlap_px) for side in shape)
    return {(row, column): (top, left, bottom, right)
            for row, (top, bottom) in rows.items() for column, (left, right) in columns.items()}  # fmt: skip


def _cores_along(length_px: int, size_px: int, overlap_px: int) -> dict[int, tuple[int, int]]:
    starts = starts_along(length_px, size_px, overlap_px)
    borders = [(first + size_px + second) // 2 for first, second in pairwise(starts)]
    return dict(zip(starts, zip([0, *borders], [*borders, length_px], strict=True), strict=True))


def random_tile(shape: tuple[int, int], size_px: int, generator: torch.Generator) -> Corner:
    """The corner of a tile anywhere in a scene (height, width)."""
    sides = [max(0, side - size_px) + 1 for side in shape]
    row, column = (int(torch.randint(side, (), generator=generator)) for side in sides)
    return row, column


def random_crops(
    shape: tuple[int, int], size_px: int, *, count: int, most_overlap: float, generator: torch.Generator
) -> list[Corner]:
    """At most ``count`` tiles of which no two share more than a part of their area, drawn one by one."""
    crops: list[Corner] = []
    for _ in range(count * _TRIES):
        drawn = random_tile(shape, size_px, generator)
        if all(_shared(drawn, crop, size_px) <= most_overlap for crop in crops):
            crops.append(drawn)
        if len(crops) == count:
            break
    return crops


def _shared(first: Corner, second: Corner, size_px: int) -> float:
    sides = [max(0, size_px - abs(a - b)) for a, b in zip(first, second, strict=True)]
    return sides[0] * sides[1] / size_px**2


def read_tile(scene: xr.Dataset, corner: Corner, size_px: int, spec: InputSpec) -> Tensor:
    """Counts (C, size_px, size_px) in the order of the contract; what lies beyond the scene is 0.

    Raises:
        LookupError: A band is missing.
        ValueError: The file cannot be read.
    """
    order = list(spec.check_bands([str(name) for name in scene["band"].values]))
    return torch.as_tensor(square_in(scene, "reflectance", corner, size_px)[0][order].astype(np.float32))


def mask_in_tile(scene: xr.Dataset, corner: Corner, size_px: int) -> NDArray[np.uint8]:
    """Classes (size_px, size_px); 255 beyond the scene."""
    return square_in(scene, "mask", corner, size_px, filling=UNLABELLED).astype(np.uint8)


def square_in(scene: xr.Dataset, name: str, corner: Corner, size_px: int, *, filling: int = 0) -> NDArray:
    """A square of a variable (..., size_px, size_px) of the only patch, filled beyond the scene.

    The square is cut out first and of the bare variable: anything else has dask and xarray look at the whole
    scene for each tile, which took twenty times as long as reading.
    """
    rows, columns = (slice(first, first + size_px) for first in corner)
    part = np.asarray(scene.variables[name][0, ..., rows, columns].values)
    height, width = part.shape[-2:]
    wider = [(0, 0)] * (part.ndim - 2) + [(0, size_px - height), (0, size_px - width)]
    return np.pad(part, wider, constant_values=filling)


def boxes_of(scene: xr.Dataset) -> Tensor:
    """Boxes (N, 5) of a scene: class, left, top, right, bottom."""
    boxes = torch.as_tensor(scene["boxes"].values[0].astype(np.float32)).reshape(-1, 5)
    boxes = boxes[boxes[:, 0] >= 0]  # rows of -1 fill up the array of a cube
    return boxes[(boxes[:, 3:] > boxes[:, 1:3]).all(1)]


def smaller_than(boxes: Tensor, least_side_px: float) -> Tensor:
    """Which of boxes (N, 4) have a shorter side, shape (N,)."""
    return (boxes[:, 2:] - boxes[:, :2] < least_side_px).any(1)


def without_class_if_small(boxes: Tensor, least_side_px: float) -> Tensor:
    """Boxes (N, 5) with -1 as the class of smaller ones."""
    small = smaller_than(boxes[:, 1:], least_side_px)
    return torch.cat([torch.where(small, -1, boxes[:, 0])[:, None], boxes[:, 1:]], dim=1)


def boxes_in_tile(boxes: Tensor, corner: Corner, size_px: int) -> Tensor:
    """Boxes (N, 5) of which 30 % or more lie in a tile, cut at its edges and counted from its corner."""
    shift = boxes.new_tensor([corner[1], corner[0]]).repeat(2)
    moved = boxes[:, 1:] - shift
    cut = moved.clamp(0, size_px)
    area, whole = ((b[:, 2:] - b[:, :2]).prod(1) for b in (cut, moved))
    return torch.cat([boxes[:, :1], cut], dim=1)[area >= _LEAST_SHARE * whole]


def check_scenes(scenes: Mapping[str, xr.Dataset], labels: str, spec: InputSpec) -> None:
    """Refuse what is not a set of labelled scenes for an encoder; every scene is opened, no pixel is read.

    Args:
        scenes: By name.
        labels: "boxes" or "mask".
        spec: Input contract of the encoder.

    Raises:
        ValueError: Nothing, a scene of several patches or without labels, a mask that holds no whole numbers,
            a unit that is not that of the other scenes or cannot be converted.
        LookupError: A band is missing.
    """
    if not scenes:
        raise ValueError("no scene was given")
    first, unit = next((name, scene.attrs.get("unit")) for name, scene in scenes.items())
    for name, scene in scenes.items():
        _check_scene(scene, name, labels)
        try:
            Preparation.of(scene, spec)
        except (ValueError, LookupError) as error:
            raise type(error)(f"scene {name}: {error}") from error
        if scene.attrs["unit"] != unit:
            raise ValueError(
                f"scene {name} is in {scene.attrs['unit']}, {first} in {unit}; take one kind at a time"
            )


def _check_scene(scene: xr.Dataset, name: str, labels: str) -> None:
    patches = scene.sizes.get("patch", 0)
    if patches != 1 or labels not in scene.variables:
        raise ValueError(
            f"a scene is a cube of one patch with {labels!r}, {name} has {patches} patches and "
            f"{', '.join(map(str, scene.data_vars))}; scenes_of(cube) cuts a labelled cube into scenes"
        )
    if labels == "mask" and scene["mask"].dtype.kind not in "iub":
        raise ValueError(f"a mask holds class numbers, that of scene {name} holds {scene['mask'].dtype}")


def check_classes(numbers: ArrayLike, classes: int, name: str) -> None:
    """Refuse class numbers of a scene that are beyond the classes.

    Raises:
        ValueError: Names the highest.
    """
    highest = int(np.asarray(numbers).max(initial=0))
    if highest >= classes:
        raise ValueError(
            f"scene {name} holds class {highest}, but {classes} classes are told apart, numbered from 0; "
            "name all of them (class_names), or label what is not to count 255 in a mask"
        )
