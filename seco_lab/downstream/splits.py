"""Which images train and which are tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.downstream.labels import class_names_of, holdout, labels_of

TEST_SPLITS = ("test", "val", "validation")
HOLDOUT_SHARE = 0.2


@dataclass(frozen=True)
class SplitCubes:
    """Training and test images of an evaluation.

    Attributes:
        train: Labelled cube.
        test: Labelled cube.
        how: In words, for the protocol.
    """

    train: xr.Dataset
    test: xr.Dataset
    how: str


def tested_on(cube: xr.Dataset, split: str) -> xr.Dataset:
    """The images of the training list and of one other list, which is then the test list.

    Raises:
        ValueError: The cube has no such list beside "train".
    """
    splits = cube["split"].values.astype(str) if "split" in cube.variables else np.array([], str)
    others = sorted(set(splits.tolist()) & set(TEST_SPLITS))
    if split not in others or not (splits == "train").any():
        raise ValueError(
            f"no split {split!r} to be tested beside 'train': the images have {', '.join(others) or 'none'}"
        )
    return cube.isel(patch=np.flatnonzero(np.isin(splits, ["train", split])))


def of_known_classes(cubes: SplitCubes) -> SplitCubes:
    """The same without test images of classes that no training image shows; in words, which these are."""
    names, test_names = class_names_of(cubes.train), np.array(class_names_of(cubes.test))
    shown = test_names[labels_of(cubes.test)]
    known = np.isin(shown, [names[number] for number in np.unique(labels_of(cubes.train))])
    if known.all():
        return cubes
    gone = f"{(~known).sum()} test images left out, of classes that no training image shows"
    how = f"{cubes.how}; {gone}: {', '.join(dict.fromkeys(shown[~known].tolist()))}"
    return SplitCubes(cubes.train, cubes.test.isel(patch=np.flatnonzero(known)), how)


# From a cube, the share wanted and a seed to the rows that are held out, a mask (P,).
HeldOut = Callable[[xr.Dataset, float, int], NDArray[np.bool_]]


def of_each_class(cube: xr.Dataset, share: float, seed: int) -> NDArray[np.bool_]:
    """A share of each class."""
    return holdout(labels_of(cube), share, seed=seed)


def of_all(cube: xr.Dataset, share: float, seed: int) -> NDArray[np.bool_]:
    """A share of all patches, whatever they show."""
    held = np.zeros(cube.sizes["patch"], bool)
    held[np.random.default_rng(seed).permutation(len(held))[: round(share * len(held))]] = True
    return held


def split_cubes(
    cube: xr.Dataset,
    test: xr.Dataset | None = None,
    *,
    seed: int = 0,
    held_out: HeldOut = of_each_class,
    what: str = "images of each class",
) -> SplitCubes:
    """Which images are tested: a cube of its own, else the cube's split, else a fifth that is held out.

    Args:
        cube: Labelled.
        test: Labelled test images.
        seed: Seed of what is held out.
        held_out: Chooses it.
        what: What it chooses from, in words.

    Raises:
        ValueError: The cube's split has no "train".
    """
    if test is not None:
        shared = len(np.intersect1d(cube["patch"].values.astype(str), test["patch"].values.astype(str)))
        note = f"; {shared} names of images are in both" if shared else ""
        return SplitCubes(cube, test, f"a separate test set, all of the data for training{note}")
    if "split" in cube.variables:
        splits = cube["split"].values.astype(str)
        wanted = next((name for name in TEST_SPLITS if (splits == name).any()), None)
        if wanted is not None and (splits == "train").any():
            parts = [cube.isel(patch=np.flatnonzero(splits == name)) for name in ("train", wanted)]
            return SplitCubes(*parts, f"split {wanted!r} is the test list, 'train' the training list")
        if len(set(splits.tolist())) > 1:
            raise ValueError(
                "the table's splits need 'train' and one of "
                f"{', '.join(TEST_SPLITS)}, got {', '.join(sorted(set(splits.tolist())))}"
            )
    held = held_out(cube, HOLDOUT_SHARE, seed)
    parts = [cube.isel(patch=np.flatnonzero(mask)) for mask in (~held, held)]
    return SplitCubes(*parts, f"no test list: {HOLDOUT_SHARE:.0%} of the {what} held out, seed {seed}")
