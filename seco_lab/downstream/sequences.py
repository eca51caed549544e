"""Several images of a place and one answer for it: what does looking more than once add?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.downstream.classification import ProbeSettings, accuracy_and_f1
from seco_lab.downstream.cube_protocol import cube_protocol, input_notes
from seco_lab.downstream.features import extract_both
from seco_lab.downstream.floors import unlearnt_features
from seco_lab.downstream.labels import check_learnable, class_names_of, holdout, labels_under
from seco_lab.downstream.linear_probe import linear_probe
from seco_lab.downstream.logistic import VALIDATION_SHARE
from seco_lab.downstream.metrics import correct, per_class_accuracy
from seco_lab.downstream.result import Protocol, Result, Score
from seco_lab.downstream.splits import SplitCubes, split_cubes
from seco_lab.input_spec import InputSpec


@dataclass(frozen=True)
class PlaceImages:
    """All images of some places.

    Attributes:
        features: Shape (N, D), one row an image.
        owner: Shape (N,), number of the place of each image.
        labels: Shape (P,), class number of each place.
    """

    features: NDArray[np.float32]
    owner: NDArray[np.int64]
    labels: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of images of each place, shape (P,)."""
        return np.bincount(self.owner, minlength=len(self.labels))

    def mean(self, values: NDArray) -> NDArray[np.float32]:
        """Means (P, K) over the images of each place, of values (N, K)."""
        total = np.zeros((len(self.labels), values.shape[1]))
        np.add.at(total, self.owner, values)
        return (total / self.counts[:, None]).astype(np.float32)


def evaluate_sequences(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset | None = None,
    settings: ProbeSettings | None = None,
    *,
    task: str = "sequences",
    name: str = "encoder",
) -> Result:
    """One answer a place from all its images, combined in three ways.

    "mean_features": a linear probe on the mean of the features. "mean_scores": a linear probe on single
    images, whose probabilities are averaged. "vote": its answers are counted, equal counts settled by the
    mean probability. Whole places are held out wherever something is chosen or tested: another date of a
    training place is no new place.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        spec: Its input contract.
        train_cube: Labelled; seasons are the images of a place, or, in a cube of one season, patches with the
            same coordinate ``sequence``.
        test_cube: Test places; without them the split of ``train_cube`` or a held-out fifth of the places.
        settings: How the encoder is asked.
        task: Name of the task, for the protocol.
        name: Whose result it is.

    Returns:
        Scores "mean_features", "mean_scores", "vote", each also as mean F1 over the classes ("..._f1"), and
        "single_image", the share of single images that are right. Baselines by mean of features: "floor",
        "untrained", "random_features".

    Raises:
        ValueError: Nothing says which images belong together, pictures of a place with different labels, a
            place without data, or lists that cannot be learnt from.
        LookupError: A band or class is missing.
    """
    settings = settings or ProbeSettings()
    spec = settings.spec(spec)
    places = _Places.of(train_cube, test_cube, settings.seed)
    own = places.images(lambda cubes: extract_both(encoder, cubes, spec, settings.features))
    train, test = (_with_data(part, what) for part, what in zip(own, ("training", "test"), strict=True))
    scores, told, answers = _combined(train, test, settings)
    others = {}
    if settings.baselines:
        for who, (first, second) in _unlearnt(places, encoder, spec, settings).items():
            floors = _with_data(first, "training"), _with_data(second, "test")
            predicted = _on_means(*floors, settings)[0]
            others |= accuracy_and_f1(who, predicted, test.labels, settings.seed)
    protocol = _protocol(places, (train, test), encoder, spec, told, settings.seed, task)
    per_class = per_class_accuracy(answers, test.labels, places.classes)
    return Result(name, "accuracy", scores, others, per_class, protocol)


def _combined(
    train: PlaceImages, test: PlaceImages, settings: ProbeSettings
) -> tuple[dict[str, Score], dict[str, Any], NDArray[np.int64]]:
    """Scores of all combinations, the strengths chosen, and the answers of the first."""
    on_means, strength = _on_means(train, test, settings)
    held = holdout(train.labels, VALIDATION_SHARE, seed=settings.seed)
    single = linear_probe(
        train.features, train.labels[train.owner], test.features, held=held[train.owner],
        strengths=settings.strengths, seed=settings.seed, device=settings.features.device,
    )  # fmt: skip
    chances = _softmax(single.scores)
    mean = test.mean(chances)
    votes = test.mean(np.eye(chances.shape[1])[single.predicted]) + 1e-6 * mean
    scores: dict[str, Score] = {}
    answers = {"mean_features": on_means, "mean_scores": mean.argmax(1), "vote": votes.argmax(1)}
    for how, predicted in answers.items():
        scores |= accuracy_and_f1(how, predicted, test.labels, settings.seed)
    truth = test.labels[test.owner]
    scores["single_image"] = Score.of(correct(single.predicted, truth), seed=settings.seed)
    told = {"strengths": list(settings.strengths), "strength": strength, "strength_single": single.strength}
    return scores, told, on_means


def _on_means(
    train: PlaceImages, test: PlaceImages, settings: ProbeSettings
) -> tuple[NDArray[np.int64], float]:
    """Answers for the mean features of each place, and the strength chosen."""
    found = linear_probe(
        train.mean(train.features), train.labels, test.mean(test.features),
        strengths=settings.strengths, seed=settings.seed, device=settings.features.device,
    )  # fmt: skip
    return found.predicted, found.strength


def _softmax(scores: NDArray) -> NDArray[np.float64]:
    powers = np.exp(scores.astype(np.float64) - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _with_data(images: PlaceImages, what: str) -> PlaceImages:
    """Without the images that hold no data.

    Raises:
        ValueError: A place is left without an image.
    """
    kept = np.isfinite(images.features).all(1)
    found = PlaceImages(images.features[kept], images.owner[kept], images.labels)
    bare = np.flatnonzero(found.counts == 0)
    if bare.size:
        raise ValueError(
            f"{bare.size} of {len(images.labels)} {what} places have no image with data, the first in row "
            f"{bare[0]}; leave them out, or look into the encoder: its features may be NaN"
        )
    return found


@dataclass(frozen=True)
class _Places:
    """Training and test cubes, and which place each of their patches belongs to."""

    cubes: SplitCubes
    owners: tuple[NDArray[np.int64], NDArray[np.int64]]
    labels: tuple[NDArray[np.int64], NDArray[np.int64]]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, cube: xr.Dataset, test: xr.Dataset | None, seed: int) -> _Places:
        cubes = _split_places(cube, test, seed)
        names = class_names_of(cubes.train)
        parts = [_grouped(part, labels_under(part, names)) for part in (cubes.train, cubes.test)]
        owners, labels = zip(*parts, strict=True)
        check_learnable(*labels, names)
        if cubes.train.sizes["season"] != cubes.test.sizes["season"]:
            raise ValueError(
                f"training places have {cubes.train.sizes['season']} seasons and test places "
                f"{cubes.test.sizes['season']}; take the same number of both"
            )
        return cls(cubes, owners, labels, names)

    def images(
        self, features_of: Callable[[SplitCubes], tuple[NDArray, NDArray]]
    ) -> tuple[PlaceImages, PlaceImages]:
        """Features of every season, joined."""
        seasons = self.cubes.train.sizes["season"]
        found = [features_of(_season(self.cubes, number)) for number in range(seasons)]
        train, test = (
            PlaceImages(np.concatenate(part), np.tile(owner, seasons), labels)
            for part, owner, labels in zip(zip(*found, strict=True), self.owners, self.labels, strict=True)
        )
        return train, test


def _season(cubes: SplitCubes, number: int) -> SplitCubes:
    one = slice(number, number + 1)
    return SplitCubes(cubes.train.isel(season=one), cubes.test.isel(season=one), cubes.how)


def _unlearnt(
    places: _Places, encoder: nn.Module, spec: InputSpec, settings: ProbeSettings
) -> dict[str, tuple[PlaceImages, PlaceImages]]:
    """Images of all places as those see them who learnt nothing."""
    seasons = range(places.cubes.train.sizes["season"])
    found = [
        unlearnt_features(encoder, _season(places.cubes, number), spec, settings.features, seed=settings.seed)
        for number in seasons
    ]
    out = {}
    for who in found[0]:
        by_season = iter([part[who] for part in found])
        out[who] = places.images(lambda _, by_season=by_season: next(by_season))
    return out


def _split_places(cube: xr.Dataset, test: xr.Dataset | None, seed: int) -> SplitCubes:
    """As ``split_cubes``, but what is held out are whole places."""

    def whole_places(cube: xr.Dataset, share: float, seed: int) -> NDArray[np.bool_]:
        owner, labels = _grouped(cube, labels_under(cube, class_names_of(cube)))
        return holdout(labels, share, seed=seed)[owner]

    return split_cubes(cube, test, seed=seed, held_out=whole_places, what="places")


def _grouped(cube: xr.Dataset, labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of the place of each patch, and the label of each place.

    Raises:
        ValueError: Nothing says which images belong together, or a place has two labels.
    """
    if "sequence" not in cube.coords:
        if cube.sizes["season"] < 2:
            raise ValueError(
                "nothing says which images show the same place: wanted several seasons a patch, or a "
                "coordinate 'sequence' along patch, as load_fmow gives"
            )
        return np.arange(cube.sizes["patch"]), labels
    names, first, owner = np.unique(
        cube["sequence"].values.astype(str), return_index=True, return_inverse=True
    )
    odd = np.flatnonzero(labels != labels[first][owner])
    if odd.size:
        raise ValueError(f"pictures of {names[owner[odd[0]]]} have different labels; look into the table")
    return owner, labels[first]


def _protocol(
    places: _Places,
    images: tuple[PlaceImages, PlaceImages],
    encoder: nn.Module,
    spec: InputSpec,
    settings: dict[str, Any],
    seed: int,
    task: str,
) -> Protocol:
    train, test = images
    left_out = len(places.owners[0]) * places.cubes.train.sizes["season"] - len(train.owner)
    numbers = {
        "images": {"train": len(train.owner), "test": len(test.owner)},
        "images_a_place": float(np.mean(test.counts)),
        "unit_of_sizes": "places",
        "size_px": spec.size_px,
    }
    held = int(holdout(train.labels, VALIDATION_SHARE, seed=seed).sum())
    notes = [f"{left_out} training images without data were left out"] if left_out else []
    return cube_protocol(
        encoder, spec, places.cubes, task=task, sizes=(len(train.labels), held, len(test.labels)),
        classes=places.classes, settings=settings | numbers,
        notes=input_notes(spec, places.cubes) + notes, seed=seed,
    )  # fmt: skip
