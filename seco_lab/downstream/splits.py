"""Which images train and which are tested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from seco_lab.downstream.labels import holdout, labels_of

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


def split_cubes(cube: xr.Dataset, test: xr.Dataset | None = None, *, seed: int = 0) -> SplitCubes:
    """Which images are tested: a cube of its own, else the cube's split, else a stratified fifth.

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
            return SplitCubes(
                *parts, f"split {wanted!r} of the table is the test list, 'train' the training list"
            )
        if len(set(splits.tolist())) > 1:
            raise ValueError(
                "the table's splits need 'train' and one of "
                f"{', '.join(TEST_SPLITS)}, got {', '.join(sorted(set(splits.tolist())))}"
            )
    held = holdout(labels_of(cube), HOLDOUT_SHARE, seed=seed)
    parts = [cube.isel(patch=np.flatnonzero(mask)) for mask in (~held, held)]
    how = f"no test list: a stratified {HOLDOUT_SHARE:.0%} of the images held out, seed {seed}"
    return SplitCubes(*parts, how)
