"""Several labels an image: what is scored, a linear probe on frozen features, subsets of the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from seco_lab.downstream.logistic import (
    STRENGTHS,
    VALIDATION_SHARE,
    ProbeOutcome,
    chosen_probe,
    fit_scores,
)
from seco_lab.downstream.metrics import bootstrap_means
from seco_lab.downstream.ranking import average_precision, resampled_average_precision
from seco_lab.downstream.result import Score

OFFICIAL_BATCH = 256
_FEWEST = 10


def multilabels_of(cube: xr.Dataset) -> NDArray[np.uint8]:
    """Labels of each patch, shape (P, C), 0 and 1.

    Raises:
        ValueError: The cube has none, or other values.
    """
    if "labels" not in cube.variables:
        raise ValueError("the cube has no 'labels' (patch, class); a cube of one label a patch has 'label'")
    labels = np.asarray(cube["labels"].values)
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1 for each class, got {np.unique(labels)[:5].tolist()}")
    return labels.astype(np.uint8)


def multilabel_names(cube: xr.Dataset) -> tuple[str, ...]:
    """Names of the classes; their numbers where there are no names.

    Raises:
        ValueError: The cube has no labels, or other values than 0 and 1.
    """
    count = multilabels_of(cube).shape[1]
    names = cube["class"].values if "class" in cube.coords else cube.attrs.get("class_names", range(count))
    return tuple(str(name) for name in names)


def check_multilabel(labels: NDArray, truth: NDArray, class_names: Sequence[str]) -> None:
    """Refuse training and test lists that cannot give a score.

    Raises:
        ValueError: An empty list; no class that some training patches show and others do not; average
            precision undefined for every class of the test list.
    """
    if not len(labels) or not len(truth):
        raise ValueError(
            "a probe needs training and test patches, and one of the lists is empty: there are "
            f"{len(labels)} and {len(truth)}"
        )
    for part, what, why in (
        (labels, "training", "there is nothing to tell apart"),
        (truth, "test", "average precision is undefined"),
    ):
        shown = part.sum(0)
        if not ((shown > 0) & (shown < len(part))).any():
            everywhere = ", ".join(n for n, s in zip(class_names, shown, strict=True) if s) or "none"
            raise ValueError(
                f"all {len(part)} {what} patches have the same labels ({everywhere}), so {why}; "
                "take more patches"
            )


def label_subset(count: int, share: float, *, seed: int = 0) -> NDArray[np.int64]:
    """Rows of a share of the training list, drawn without replacement, in their own order.

    Smaller shares of the same seed lie within larger ones. The official code draws with replacement, so that
    its 10 % hold 9.5 % of the patches.

    Raises:
        ValueError: A share that is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share of the labels must lie above 0 and not above 1, got {share}")
    return np.sort(np.random.default_rng(seed).permutation(count)[: max(1, round(share * count))])


def fit_multilabel(
    x: Tensor, y: Tensor, strength: float, *, start: Tensor | None = None
) -> tuple[Tensor, bool]:
    """Weights of one logistic regression a class, all at once, by L-BFGS on the whole set.

    Args:
        x: Shape (N, D), standardised.
        y: Shape (N, C), 0 and 1.
        strength: Weight of ``||W||^2 / 2`` beside the mean over rows and classes of the cross-entropy
            (torch's MultiLabelSoftMarginLoss); the bias is free.
        start: Weights to start from, shape (C, D + 1).

    Returns:
        Weights (C, D + 1), the bias in the last column, and whether they converged.
    """
    target = y.T.to(x.dtype).contiguous()

    def objective(scores: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(scores, target)

    return fit_scores(x, len(target), objective, strength, start=start)


def multilabel_probe(
    features: NDArray,
    labels: NDArray,
    test_features: NDArray,
    *,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
    device: str = "auto",
) -> ProbeOutcome:
    """Choose the strength on a fifth of the training rows, fit again on all of them, answer the test rows.

    Args:
        features: Shape (N, D).
        labels: Shape (N, C), 0 and 1.
        test_features: Shape (M, D).
        strengths: Penalties to try.
        seed: Seed of the validation part.
        device: Where to fit; by default on a GPU if there is one.

    Raises:
        ValueError: NaN in the features, or no strength.
    """

    def fit(x: Tensor, y: Tensor, strength: float, start: Tensor | None) -> tuple[Tensor, bool]:
        return fit_multilabel(x, y, strength, start=start)

    def micro_ap(scores: NDArray[np.float32], truth: NDArray) -> float:
        return float(average_precision(scores, truth) or 0.0)

    return chosen_probe(
        features, labels, test_features, fit=fit, judge=micro_ap, held=held_rows(labels, seed=seed),
        strengths=strengths, device=device,
    )  # fmt: skip


def held_rows(labels: NDArray, *, seed: int = 0) -> NDArray[np.bool_]:
    """A fifth of the rows (N, C) to choose on, as a mask (N,); none where they are few or show nothing."""
    held = np.zeros(len(labels), bool)
    if len(labels) >= _FEWEST:
        rows = np.random.default_rng(seed).permutation(len(labels))
        held[rows[: round(VALIDATION_SHARE * len(labels))]] = True
    return held if labels[held].any() else np.zeros(len(labels), bool)


def per_class_precision(
    scores: NDArray, truth: NDArray, class_names: Sequence[str]
) -> dict[str, float | None]:
    """Average precision of each class; None where no test patch, or every one, shows it: it is undefined."""
    defined = (truth.sum(0) > 0) & (truth.sum(0) < len(truth))
    return {
        name: average_precision(scores[:, k], truth[:, k]) if defined[k] else None
        for k, name in enumerate(class_names)
    }


def multilabel_scores(scores: NDArray, truth: NDArray, *, seed: int = 0) -> dict[str, Score]:
    """Whole-set micro and macro average precision, and the mean over batches that the official code reports.

    Args:
        scores: Shape (N, C).
        truth: Shape (N, C), 0 and 1.
        seed: Seed of the resampling.

    Returns:
        "micro_ap": all answers in one list; "macro_ap": mean over the classes for which it is defined;
        "batch_ap": micro average precision of each batch of 256, averaged, without the last incomplete one.
    """
    names = [str(number) for number in range(truth.shape[1])]
    per_class = [v for v in per_class_precision(scores, truth, names).values() if v is not None]
    micro, macro = resampled_average_precision(scores, truth, seed=seed)
    micro_ap = Score.drawn(float(average_precision(scores, truth)), micro)
    macro_ap = Score.drawn(float(np.mean(per_class)), macro)
    batches = batch_precisions(scores, truth)
    # A single batch is no sample of batches: its interval would have no width. It is all items, or most.
    drawn = bootstrap_means(batches, seed=seed) if len(batches) > 1 else micro
    batch_ap = Score.drawn(float(np.mean(batches)), drawn)
    return {"micro_ap": micro_ap, "macro_ap": macro_ap, "batch_ap": batch_ap}


def batch_precisions(scores: NDArray, truth: NDArray, batch_size: int = OFFICIAL_BATCH) -> list[float]:
    """Micro average precision of each whole batch; fewer rows than a batch count as one."""
    starts = range(0, len(scores) - batch_size + 1, batch_size) if len(scores) >= batch_size else [0]
    found = [average_precision(scores[s : s + batch_size], truth[s : s + batch_size]) for s in starts]
    return [value for value in found if value is not None]
