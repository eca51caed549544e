"""What features are worth with fewer labels, with more neighbours, and far from what was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.data import split_cube
from seco_lab.downstream.classification import ClassTask, ProbeSettings
from seco_lab.downstream.features import extract, extract_both
from seco_lab.downstream.floors import nearest_km, statistics_of, statistics_of_both, untrained_like
from seco_lab.downstream.knn import KS, knn_predict, knn_probe
from seco_lab.downstream.labels import check_learnable, class_names_of, class_subset, holdout, labels_of
from seco_lab.downstream.linear_probe import linear_probe
from seco_lab.downstream.logistic import STRENGTHS
from seco_lab.downstream.multilabel import label_subset, multilabel_probe, multilabel_scores
from seco_lab.downstream.multilabel_task import MultilabelTask
from seco_lab.downstream.result import Score
from seco_lab.downstream.splits import HOLDOUT_SHARE, SplitCubes
from seco_lab.input_spec import InputSpec

if TYPE_CHECKING:
    import pandas as pd

SHARES = (0.01, 0.05, 0.1, 0.5, 1.0)
_KM_APART = 25.0


def label_curve(
    features: Mapping[str, tuple[NDArray, NDArray]],
    labels: NDArray[np.int64],
    truth: NDArray[np.int64],
    *,
    shares: Sequence[float] = SHARES,
    seeds: Sequence[int] = (0, 1, 2),
    strengths: Sequence[float] = STRENGTHS,
    device: str = "auto",
) -> pd.DataFrame:
    """Accuracy with a share of the labels: everything is chosen within that share, on a fifth of it.

    Args:
        features: By name of who made them: training (N, D) and test features (M, D).
        labels: Shape (N,), class numbers from 0.
        truth: Shape (M,).
        shares: Parts of the training labels; each class keeps at least one image.
        seeds: Each draws nested subsets of its own; all labels are all labels, so share 1 is fitted once.
        strengths: Penalties of the logistic regression to choose from.
        device: Where to fit.

    Returns:
        One row a score: features, probe ("linear", "knn"), share, images, seed, value, low, high.

    Raises:
        ValueError: NaN in the features, a share that is not in (0, 1], or no seed.
    """

    def drawn(share: float, seed: int) -> NDArray[np.int64]:
        return class_subset(labels, share, seed=seed)

    def asked(train: NDArray, test: NDArray, kept: NDArray[np.int64], seed: int) -> dict[str, Score]:
        given = train[kept], labels[kept], test
        linear = linear_probe(*given, strengths=strengths, seed=seed, device=device).predicted
        return {
            "linear": Score.of(linear == truth),
            "knn": Score.of(knn_probe(*given, seed=seed)[0] == truth),
        }

    return _over_shares(features, shares, seeds, drawn, asked)


def multilabel_curve(
    features: Mapping[str, tuple[NDArray, NDArray]],
    labels: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    *,
    shares: Sequence[float] = SHARES,
    seeds: Sequence[int] = (0, 1, 2),
    strengths: Sequence[float] = STRENGTHS,
    device: str = "auto",
) -> pd.DataFrame:
    """Micro average precision with a share of the labels, as ``label_curve`` tells accuracy.

    A draw that shows too little for a score is left out.

    Args:
        features: By name of who made them: training (N, D) and test features (M, D).
        labels: Shape (N, C), 0 and 1.
        truth: Shape (M, C).
        shares: Parts of the training labels.
        seeds: Each draws nested subsets of its own.
        strengths: Penalties of the logistic regression to choose from.
        device: Where to fit.

    Returns:
        One row a score: features, probe ("linear"), share, images, seed, value, low, high.

    Raises:
        ValueError: NaN in the features, a share that is not in (0, 1], or no seed.
    """

    def drawn(share: float, seed: int) -> NDArray[np.int64]:
        return label_subset(len(labels), share, seed=seed)

    def asked(train: NDArray, test: NDArray, kept: NDArray[np.int64], seed: int) -> dict[str, Score]:
        if not labels[kept].any():
            return {}
        found = multilabel_probe(
            train[kept], labels[kept], test, strengths=strengths, seed=seed, device=device
        )
        return {"linear": multilabel_scores(found.scores, truth, seed=seed)["micro_ap"]}

    return _over_shares(features, shares, seeds, drawn, asked)


def _over_shares(
    features: Mapping[str, tuple[NDArray, NDArray]],
    shares: Sequence[float],
    seeds: Sequence[int],
    drawn: Callable[[float, int], NDArray[np.int64]],
    asked: Callable[[NDArray, NDArray, NDArray[np.int64], int], dict[str, Score]],
) -> pd.DataFrame:
    """One row a score: everyone's features, asked with the labels of each share and seed."""
    import pandas as pd

    if not len(seeds):
        raise ValueError("a curve over labels needs one seed or more to draw subsets with, got none")
    rows = []
    for who, (train, test) in features.items():
        for share in shares:
            for seed in seeds if share < 1 else seeds[:1]:
                kept = drawn(share, seed)
                row = {"features": who, "share": share, "images": len(kept), "seed": seed}
                rows += [row | _row(probe, s) for probe, s in asked(train, test, kept, seed).items()]
    return pd.DataFrame(rows)


def _row(probe: str, score: Score) -> dict[str, object]:
    return {"probe": probe, "value": score.value, "low": score.low, "high": score.high}


def k_curve(
    features: Mapping[str, tuple[NDArray, NDArray]],
    labels: NDArray[np.int64],
    truth: NDArray[np.int64],
    *,
    ks: Sequence[int] = KS,
) -> pd.DataFrame:
    """Test accuracy of every k, at the cost of one search; to choose k without the test: ``knn_probe``.

    Returns:
        One row a score: features, k, value, low, high.
    """
    import pandas as pd

    rows = []
    for who, (train, test) in features.items():
        found = knn_predict(train, labels, test, ks)
        rows += [{"features": who, "k": k} | _row("knn", Score.of(found[k] == truth)) for k in sorted(found)]
    return pd.DataFrame(rows)


def features_to_compare(
    task: ClassTask | MultilabelTask,
    encoder: nn.Module,
    spec: InputSpec,
    settings: ProbeSettings,
    *,
    name: str = "encoder",
) -> dict[str, tuple[NDArray, NDArray]]:
    """Features of an encoder, of its untrained twin and of colours, for ``label_curve`` and ``k_curve``."""
    spec, options = settings.spec(spec), settings.features
    own = {name: extract_both(encoder, task.cubes, spec, options)}
    if not settings.baselines:
        return own
    twin = untrained_like(encoder, seed=settings.seed)
    colours = statistics_of_both(task.cubes, spec, cache=options.cache)
    return own | {"untrained": extract_both(twin, task.cubes, spec, options), "floor": colours}


def split_gap(
    encoder: nn.Module,
    spec: InputSpec,
    cube: xr.Dataset,
    settings: ProbeSettings | None = None,
    *,
    block_km: float = _KM_APART,
) -> pd.DataFrame:
    """The same images parted at random and parted by distance: how much of a score is knowing the neighbours?

    Random lists leave test images beside training images, often of the same field. The other keeps blocks
    of ``block_km`` whole. The nearest training image on the map, which sees no pixel, stands beside both.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        spec: Its input contract.
        cube: Labelled, with places; its own split is not used.
        settings: How the encoder is asked; its seed draws both lists.
        block_km: Side of the blocks.

    Returns:
        One row a score: split ("random", "spatial"), probe ("linear", "knn", "colours", "coordinates"),
        value, low, high, images (of the test list), nearest_km (median distance to a training image).

    Raises:
        ValueError: A place is not known, or the blocks are too few for two lists with all classes.
    """
    import pandas as pd

    settings = settings or ProbeSettings()
    if not np.isfinite(cube["lon"].values + cube["lat"].values).all():
        raise ValueError("a split by distance needs the place of each image; some have no lon and lat")
    labels, seed = labels_of(cube), settings.seed
    options = replace(settings.features, progress=False)
    own = extract(encoder, cube, settings.spec(spec), **vars(options))
    colours = statistics_of(cube, spec, cache=options.cache)
    held = holdout(labels, HOLDOUT_SHARE, seed=seed)
    train, test = split_cube(cube, shares=(1 - HOLDOUT_SHARE, HOLDOUT_SHARE), block_km=block_km, seed=seed)
    lists = {"random": (np.flatnonzero(~held), np.flatnonzero(held)), "spatial": (train, test)}
    rows = []
    for split, (train, test) in lists.items():
        check_learnable(labels[train], labels[test], class_names_of(cube))
        near, km = nearest_km(SplitCubes(cube.isel(patch=train), cube.isel(patch=test), split))
        answers = {
            "linear": _linear(own, labels, train, test, settings),
            "knn": knn_probe(own[train], labels[train], own[test], seed=seed)[0],
            "colours": _linear(colours, labels, train, test, settings),
            "coordinates": labels[train][near],
        }
        row = {"split": split, "images": len(test), "nearest_km": float(np.median(km))}
        rows += [row | _row(probe, Score.of(found == labels[test])) for probe, found in answers.items()]
    return pd.DataFrame(rows)


def _linear(
    features: NDArray,
    labels: NDArray[np.int64],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    settings: ProbeSettings,
) -> NDArray[np.int64]:
    return linear_probe(
        features[train], labels[train], features[test],
        strengths=settings.strengths, seed=settings.seed, device=settings.features.device,
    ).predicted  # fmt: skip
