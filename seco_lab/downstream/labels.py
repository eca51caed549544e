"""Labelled cubes: their classes, their splits, and what cannot be learnt from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray


def labels_of(cube: xr.Dataset) -> NDArray[np.int64]:
    """Class number of each patch, shape (P,).

    Raises:
        ValueError: The cube has no labels, or one that is not a class number.
    """
    if "label" not in cube.variables:
        raise ValueError("the cube has no 'label'; a labelled cube has a class number for each patch")
    labels = np.asarray(cube["label"].values)
    if not np.issubdtype(labels.dtype, np.integer) or labels.min(initial=0) < 0:
        raise ValueError(
            f"labels must be whole numbers from 0, got {labels.dtype} from {labels.min(initial=0)}"
        )
    return labels.astype(np.int64)


def class_names_of(cube: xr.Dataset) -> tuple[str, ...]:
    """Names of the classes, in the order of their numbers; the numbers themselves where there are no names.

    Raises:
        ValueError: A label lies beyond the names.
    """
    highest = int(labels_of(cube).max(initial=-1))
    names = tuple(cube.attrs.get("class_names", ())) or tuple(str(i) for i in range(highest + 1))
    if highest >= len(names):
        raise ValueError(f"label {highest} has no name: the cube names {len(names)} classes")
    return names


def labels_under(cube: xr.Dataset, class_names: Sequence[str]) -> NDArray[np.int64]:
    """Labels of a cube, numbered as in ``class_names``.

    Raises:
        LookupError: The cube has a class that is not among them.
    """
    own, labels = class_names_of(cube), labels_of(cube)
    present = {own[number] for number in np.unique(labels)}
    unknown = sorted(present - set(class_names))
    if unknown:
        raise LookupError(f"class {unknown[0]!r} is not in the list: {', '.join(class_names)}")
    numbers = np.array([class_names.index(name) if name in class_names else -1 for name in own], np.int64)
    return numbers[labels] if len(labels) else labels


def check_learnable(labels: ArrayLike, test_labels: ArrayLike, class_names: Sequence[str]) -> None:
    """Refuse training and test lists that cannot give a score.

    Raises:
        ValueError: An empty list, one class only, or a tested class without a training image.
    """
    train, test = set(np.unique(labels).tolist()), set(np.unique(test_labels).tolist())
    if not train or not test:
        raise ValueError(
            "a probe needs training images and test images, and one of the lists is empty: there are "
            f"{np.size(labels)} and {np.size(test_labels)}"
        )
    if len(train) < 2:
        raise ValueError(
            f"all training images are of class {class_names[train.pop()]!r}; a probe needs two or more"
        )
    missing = [class_names[number] for number in sorted(test - train)]
    if missing:
        raise ValueError(
            f"the test list has {', '.join(missing)} but no training image shows it; "
            "take a larger training subset or leave the class out of the test list"
        )


def check_finite(features: NDArray, what: str) -> None:
    """Refuse features with NaN.

    Raises:
        ValueError: Says how many rows, and which is the first.
    """
    bad = np.flatnonzero(~np.isfinite(features).all(1))
    if bad.size:
        raise ValueError(
            f"{bad.size} of {len(features)} {what} features hold NaN or infinity, the first in row {bad[0]}: "
            "leave out images without data (cube.isel(patch=...)) or look into the encoder"
        )


def holdout(labels: ArrayLike, share: float, *, seed: int = 0) -> NDArray[np.bool_]:
    """A stratified part of a list, as a mask (N,) of bool.

    Each class gives its rounded share, but always keeps one item; so classes of one item give none.
    """
    labels = np.asarray(labels)
    chance, mask = np.random.default_rng(seed), np.zeros(len(labels), bool)
    for number in np.unique(labels):
        rows = np.flatnonzero(labels == number)
        taken = min(round(share * len(rows)), len(rows) - 1)
        mask[chance.permutation(rows)[:taken]] = True
    return mask


def class_subset(labels: ArrayLike, share: float, *, seed: int = 0) -> NDArray[np.int64]:
    """Rows of a share of each class, drawn without replacement, at least one image a class, rising.

    Smaller shares of the same seed lie within larger ones, so that a curve over shares adds labels and
    exchanges none.

    Raises:
        ValueError: A share that is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share of the labels must lie above 0 and not above 1, got {share}")
    labels, chance, rows = np.asarray(labels), np.random.default_rng(seed), []
    for number in np.unique(labels):
        own = chance.permutation(np.flatnonzero(labels == number))
        rows.append(own[: max(1, round(share * len(own)))])
    return np.sort(np.concatenate(rows))
