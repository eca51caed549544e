"""What each sub-space gives away: can season and augmentation be read from its embeddings?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seco_lab.diagnostics import effective_rank, uniformity
from seco_lab.downstream.linear_probe import fit_logistic, predict_logistic
from seco_lab.downstream.metrics import balanced_accuracy
from seco_lab.methods.seco import SUBSPACES, SeCo
from seco_lab.nn.losses import unit_length

REPRESENTATION = "representation"
# Of each thing that may be kept: the sub-space of SeCo that is told to keep it, and those told to ignore it.
KEEPS = {
    "season": ("augmentation", ("all", "season")),
    "augmentation": ("season", ("all", "augmentation")),
}
# Weight of the probe's penalty, for features of one common scale. It is high on purpose: a probe that may
# weigh what hardly moves an embedding finds a trace of everything in every space.
_STRENGTH = 1.0


@dataclass(frozen=True)
class SpaceReading:
    """What one space gives away, and how it is filled.

    Attributes:
        season_leak: How well a linear probe names the season at places it was not fitted on: 0 as guessing,
            1 always, below 0 worse than guessing.
        augmentation_leak: The same for the look of an image: as it is, darker, brighter, grey or blurred.
        season_shift: Squared distance between two seasons of a place over that between two places: 0 where
            the season changes nothing, 1 where it changes as much as another place does.
        augmentation_shift: The same for an image and the image with a changed look.
        alignment: Mean squared distance between two seasons of a place (arXiv:2005.10242).
        uniformity: See ``seco_lab.diagnostics``.
        effective_rank: See ``seco_lab.diagnostics``.
    """

    season_leak: float
    augmentation_leak: float
    season_shift: float
    augmentation_shift: float
    alignment: float
    uniformity: float
    effective_rank: float


@dataclass(frozen=True)
class SubspaceReport:
    """All spaces of a method at one moment.

    Attributes:
        spaces: A reading by name of the space; ``"representation"`` is the encoder's own output.
        chances: Share of right answers of pure guessing, for ``"season"`` and for ``"augmentation"``.
    """

    spaces: Mapping[str, SpaceReading]
    chances: Mapping[str, float]

    def floats(self) -> dict[str, float]:
        """All numbers by name, such as ``season_leak_all``: what ``TrainingDashboard.update`` takes."""
        names = [field.name for field in fields(SpaceReading)]
        return {
            f"{name}_{space}": getattr(self.spaces[space], name) for name in names for space in self.spaces
        }

    def rows(self) -> list[dict[str, float | str]]:
        """One row a space, for a table."""
        return [{"space": name, **asdict(reading)} for name, reading in self.spaces.items()]

    def accuracy(self, space: str, what: str) -> float:
        """Share of right answers of the probe, every class weighing the same.

        Args:
            space: Name of the space.
            what: ``"season"`` or ``"augmentation"``.
        """
        leak, chance = getattr(self.spaces[space], f"{what}_leak"), self.chances[what]
        return chance + leak * (1 - chance)

    def complaints(self) -> list[str]:
        """Which of SeCo's sub-spaces keeps what it was told to ignore, in sentences; none if all obey.

        A space that keeps something must move by it further than one that ignores it does. Shifts decide and
        not probes: a short training parts how far spaces move long before it parts what can be read from
        them (``docs/decisions/0048-what-to-watch.md``). A method without these sub-spaces gives no cause for
        complaint.
        """
        if not set(SUBSPACES) <= set(self.spaces):
            return []
        return [
            sentence
            for what, (keeper, others) in KEEPS.items()
            for sentence in self._less_than(f"{what}_shift", keeper, others)
        ]

    def _less_than(self, measure: str, keeper: str, others: tuple[str, ...]) -> list[str]:
        kept = getattr(self.spaces[keeper], measure)
        return [
            f"{measure.replace('_', ' ')} of sub-space {keeper!r}, which is to keep it, is {kept:.2f}; "
            f"that of {other!r}, which is to ignore it, is {ignored:.2f}"
            for other in others
            if (ignored := getattr(self.spaces[other], measure)) >= kept
        ]

    def __str__(self) -> str:
        """A table for a terminal."""
        head = f"{'space':>15}" + "".join(f"{field.name:>20}" for field in fields(SpaceReading))
        lines = [
            f"{row.pop('space'):>15}" + "".join(f"{value:20.2f}" for value in row.values())
            for row in self.rows()
        ]
        return "\n".join([head, *lines])


def spaces_of(method: nn.Module) -> dict[str, nn.Module | None]:
    """The spaces of a method by name: its representation (None, no head), then one for each head.

    Several heads lie in ``heads``, a single one in ``head`` or ``projector``; the single one's space is
    called ``"all"``, as in the embeddings that the method reports.

    Args:
        method: Any method.
    """
    found: dict[str, nn.Module | None] = {REPRESENTATION: None}
    heads = getattr(method, "heads", None)
    if isinstance(heads, nn.ModuleDict):
        return found | dict(heads.items())
    if heads is not None:
        names = SUBSPACES if isinstance(method, SeCo) else map(str, range(len(heads)))
        return found | dict(zip(names, heads, strict=True))
    single = getattr(method, "head", getattr(method, "projector", None))
    return found if single is None else found | {"all": single}


def readable(features: Tensor, labels: NDArray[np.int64], parts: NDArray[np.int64]) -> float:
    """Balanced accuracy of a linear probe, each part answered by a probe fitted on all others.

    Args:
        features: Shape (N, D), on the CPU.
        labels: Shape (N,), class numbers from 0, without gaps.
        parts: Shape (N,): part of the places that each row belongs to.
    """
    classes, target = int(labels.max()) + 1, torch.from_numpy(labels)
    predicted = torch.empty_like(target)
    for part in np.unique(parts):
        test = torch.from_numpy(parts == part)
        mean = features[~test].mean(0)
        scale = (features[~test] - mean).square().mean().sqrt().clamp_min(1e-12)
        x = (features - mean) / scale
        weights, _ = fit_logistic(x[~test], target[~test], classes, _STRENGTH)
        predicted[test] = predict_logistic(x[test], weights)
    return balanced_accuracy(predicted.numpy(), labels)


def read_space(
    seasonal: Tensor, looks: Tensor, seasons: NDArray[np.int64], parts: NDArray[np.int64]
) -> SpaceReading:
    """Read one space.

    Args:
        seasonal: Shape (P, T, D): embeddings of P places in T seasons; scaled to unit length here.
        looks: Shape (K, P, D): of one image of each place in K looks, the unchanged one first.
        seasons: Shape (P, T), class numbers from 0, without gaps.
        parts: Shape (P,): part of the places; a probe answers for one part and is fitted on the others.
    """
    seasonal, looks = (unit_length(x.flatten(0, 1)).view_as(x) for x in (seasonal, looks))
    flat, kinds = seasonal.flatten(0, 1), np.repeat(np.arange(len(looks)), len(parts))
    season = readable(flat, seasons.ravel(), np.repeat(parts, seasons.shape[1]))
    look = readable(looks.flatten(0, 1), kinds, np.tile(parts, len(looks)))
    between_places, between_seasons = distance_of_places(seasonal), distance_within(seasonal)
    return SpaceReading(
        season_leak=_above(season, 1 / (int(seasons.max()) + 1)),
        augmentation_leak=_above(look, 1 / len(looks)),
        season_shift=between_seasons / between_places,
        augmentation_shift=float((looks[1:] - looks[0]).square().sum(-1).mean()) / between_places,
        alignment=between_seasons,
        uniformity=float(uniformity(flat)),
        effective_rank=float(effective_rank(flat)),
    )


def _above(accuracy: float, chance: float) -> float:
    return (accuracy - chance) / (1 - chance)


def distance_within(unit: Tensor) -> float:
    """Mean squared distance between two seasons of a place: shape (P, T, D), unit length, to a number."""
    times = unit.shape[1]
    # The mean over all ordered pairs of different seasons is 2 T / (T - 1) times the spread about the mean.
    spread = (unit - unit.mean(1, keepdim=True)).double().square().sum(-1).mean()
    return float(spread * 2 * times / (times - 1))


def distance_of_places(unit: Tensor) -> float:
    """Mean squared distance between images of different places: shape (P, T, D), unit length, to a number."""
    places, times, _ = unit.shape
    unit = unit.double()
    whole, own = unit.sum((0, 1)).square().sum(), unit.sum(1).square().sum()
    cosine = (whole - own) / (places * (places - 1) * times**2)
    return max(float(2 - 2 * cosine), 1e-9)
