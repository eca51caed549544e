"""What stops a run that would waste its time: wrong input, lost spread, a loss that is no number."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from seco_lab.diagnostics import collapse_measures
from seco_lab.input_spec import InputSpec
from seco_lab.nn.collectives import every_row
from seco_lab.nn.processes import from_all, is_main

COLLAPSE_COLUMNS = ("spread", "mean_cosine", "effective_rank")


class InputMismatchWarning(UserWarning):
    """The first batch does not look like what the input contract says."""


class CollapseWarning(UserWarning):
    """All embeddings come to lie at one place."""


@dataclass(frozen=True)
class BandStatistics:
    """One band at the network's input, over all views of the first batch."""

    band: str
    mean: float
    std: float

    def describe(self) -> str:
        """The band with what came, beside what the contract makes of typical data: mean 0, std 1."""
        return f"{self.band} has mean {self.mean:.2f} and std {self.std:.2f}"

    @property
    def hopeless(self) -> bool:
        """No image of the sensor looks like this: constant, or on another scale."""
        return self.std < 0.05 or self.std > 10 or abs(self.mean) > 10

    @property
    def suspicious(self) -> bool:
        """Far from mean 0 and std 1, but possible."""
        return self.std < 0.3 or self.std > 3 or abs(self.mean) > 1.5


@torch.no_grad()
def band_statistics(views: Mapping[str, Tensor], spec: InputSpec) -> list[BandStatistics]:
    """Mean and std of each band over the views, each (B, C, S, S), of all processes.

    Raises:
        ValueError: The views have another number of bands than the contract.
    """
    sums = torch.zeros(2, len(spec.bands), dtype=torch.float64)
    for name, view in views.items():
        if view.shape[1] != len(spec.bands):
            raise ValueError(
                f"the input contract has {len(spec.bands)} bands ({', '.join(spec.bands)}), "
                f"view {name!r} has {view.shape[1]}"
            )
        pixels = view.float()
        sums[0] += pixels.mean((0, 2, 3)).cpu().double()
        sums[1] += pixels.square().mean((0, 2, 3)).cpu().double()
    mean, square = torch.stack(from_all(sums)).mean(0) / len(views)
    std = (square - mean.square()).clamp_min(0).sqrt()
    return [
        BandStatistics(band, float(m), float(s)) for band, m, s in zip(spec.bands, mean, std, strict=True)
    ]


def check_first_batch(views: Mapping[str, Tensor], spec: InputSpec) -> list[BandStatistics]:
    """Compare the network's first input with the contract.

    Returns:
        Statistics of each band, for those who want to see them.

    Raises:
        ValueError: A band is constant or on another scale, as reflectance is where DN is expected.

    Warns:
        InputMismatchWarning: A band lies far from mean 0 and std 1, as a swapped band does.
    """
    found = band_statistics(views, spec)
    wanted = (
        f"the contract ({spec.sensor}, {spec.unit}, limits {_numbers(spec.low)} to {_numbers(spec.high)}) "
        "wants mean near 0 and std near 1 in every band"
    )
    hopeless = [band.describe() for band in found if band.hopeless]
    if hopeless:
        raise ValueError(
            f"the network's input is on another scale than its contract: {'; '.join(hopeless)}; {wanted}; "
            "check the unit of the data and the order of the bands (or set check_input=False)"
        )
    suspicious = [band.describe() for band in found if band.suspicious]
    if suspicious and is_main():
        warnings.warn(f"{'; '.join(suspicious)}; {wanted}", InputMismatchWarning, stacklevel=2)
    return found


def _numbers(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:g}" for value in values)


class CollapseWatch:
    """Measures the spread of the embeddings now and then, and warns once when it is gone."""

    # Untrained networks map everything to nearly one place too; so the first looks prove nothing, and one bad
    # look does not either.
    _QUIET_LOOKS, _BAD_LOOKS = 10, 3

    def __init__(self, every_steps: int) -> None:
        self._every = every_steps
        self._looks = self._bad = 0

    def look(self, step: int, embeddings: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Measures of the worst sub-space every so many steps, else nothing.

        Args:
            step: Steps done.
            embeddings: Shape (B, D) each, by sub-space; those of all processes are looked at.

        Warns:
            CollapseWarning: Spread gone at several looks in a row.
        """
        if step % self._every:
            return {}
        # On the CPU, since not all GPUs have singular values; the numbers are read at once anyway.
        rows = {name: every_row(e).cpu() for name, e in embeddings.items()}
        rows = {name: e for name, e in rows.items() if len(e) > 1}
        if not rows:
            return {}
        measured = {name: collapse_measures(e) for name, e in rows.items()}
        name = min(measured, key=lambda n: float(measured[n]["spread"]))
        self._judge(step, name, measured[name])
        return measured[name]

    def _judge(self, step: int, name: str, measures: Mapping[str, Tensor]) -> None:
        values = {key: float(value) for key, value in measures.items()}
        self._looks += 1
        collapsed = values["spread"] < 0.1 or values["mean_cosine"] > 0.98 or values["effective_rank"] < 1.5
        self._bad = self._bad + 1 if collapsed and self._looks > self._QUIET_LOOKS else 0
        if self._bad == self._BAD_LOOKS and is_main():
            warnings.warn(
                f"embeddings of sub-space {name!r} have collapsed by step {step}: spread "
                f"{values['spread']:.3f} (1 is healthy), mean cosine {values['mean_cosine']:.3f} (0), "
                f"effective rank {values['effective_rank']:.1f}; lower the learning rate or enlarge batch "
                "and queue",
                CollapseWarning,
                stacklevel=2,
            )


class LossWatch:
    """Stops a run whose loss is no number, without making a GPU wait at every step."""

    def __init__(
        self, every_steps: int, input_of: Callable[[int], tuple[Tensor, Mapping[str, Tensor]]]
    ) -> None:
        """Start with nothing seen.

        Args:
            every_steps: How many losses to collect before looking at them.
            input_of: Makes patch rows and views of a step anew, to tell what was wrong with them.
        """
        self._every, self._input_of = every_steps, input_of
        self._unchecked: list[tuple[int, Tensor, float]] = []

    def add(self, step: int, loss: Tensor, lr: float) -> None:
        """Remember a loss, and look at those remembered every so many steps.

        Raises:
            FloatingPointError: A loss is NaN or infinite.
        """
        self._unchecked.append((step, loss.detach(), lr))
        if len(self._unchecked) >= self._every:
            self.check()

    def check(self) -> None:
        """Look at the remembered losses.

        Raises:
            FloatingPointError: One is NaN or infinite; says at which step and with what data.
        """
        unchecked, self._unchecked = self._unchecked, []
        if not unchecked:
            return
        losses = torch.stack([loss for _, loss, _ in unchecked]).tolist()
        for (step, _, lr), loss in zip(unchecked, losses, strict=True):
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss became {loss} at step {step} with learning rate {lr:.3g}; "
                    f"{blame(*self._input_of(step))}"
                )


def blame(index: Tensor, views: Mapping[str, Tensor]) -> str:
    """Whether pixels or the learning rate made a loss infinite, in words.

    Args:
        index: Shape (B,), rows of the patches; those of other processes are asked for.
        views: Shape (B, C, S, S) each.
    """
    finite = torch.stack([view.isfinite().flatten(1).all(1) for view in views.values()]).all(0).cpu()
    everyone = from_all((index.tolist(), index.cpu()[~finite].tolist()))
    all_rows, bad = (list(chain(*parts)) for parts in zip(*everyone, strict=True))
    if bad:
        return f"pixels of patches {_rows(bad)} are not finite: mask or drop them"
    return f"its patches {_rows(all_rows)} are finite, so lower the learning rate"


def _rows(rows: list[int]) -> str:
    shown = ", ".join(str(row) for row in rows[:8])
    return f"{shown} and {len(rows) - 8} more" if len(rows) > 8 else shown
