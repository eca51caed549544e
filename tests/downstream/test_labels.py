"""What cannot be learnt from is refused in one sentence that names it."""

import numpy as np
import pytest
from labelled import class_cube, counts, plain_cube

from seco_lab.downstream.labels import (
    check_finite,
    check_learnable,
    class_names_of,
    holdout,
    labels_of,
    labels_under,
)


def test_holdout_is_stratified_and_never_takes_the_last():
    labels = np.repeat([0, 1, 2], [100, 10, 1])
    mask = holdout(labels, 0.2, seed=1)
    assert [int(mask[labels == i].sum()) for i in range(3)] == [20, 2, 0]
    assert (holdout(labels, 0.2, seed=1) == mask).all()
    assert (holdout(labels, 0.2, seed=2) != mask).any()


def test_labels_are_matched_by_name():
    cube = class_cube(6)
    assert labels_under(cube, ("class2", "class0", "class1")).tolist() == [1, 2, 0, 1, 2, 0]
    with pytest.raises(LookupError, match="'class2' is not in the list: class0, class1"):
        labels_under(cube, ("class0", "class1"))
    assert labels_under(cube.isel(patch=[0, 1]), ("class0", "class1")).tolist() == [0, 1]


def test_unlabelled_cube():
    with pytest.raises(ValueError, match="no 'label'"):
        labels_of(plain_cube(counts(2, 1, 3, 8)))


def test_label_without_name():
    cube = class_cube(6)
    cube.attrs["class_names"] = ["a", "b"]
    with pytest.raises(ValueError, match="label 2 has no name"):
        class_names_of(cube)


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [([0, 0], [0], "all training images are of class 'a'"), ([0, 1], [2], "the test list has c but"),
     ([], [1], "one of the lists is empty"), ([0, 1], [], "one of the lists is empty")],
)  # fmt: skip
def test_hopeless_lists(train, test, words):
    with pytest.raises(ValueError, match=words):
        check_learnable(train, test, ["a", "b", "c"])


def test_nan_features():
    features = np.ones((5, 3))
    features[2:4, 1] = np.nan
    with pytest.raises(ValueError, match="2 of 5 training features hold NaN or infinity, the first in row 2"):
        check_finite(features, "training")
