"""Whether the BatchNorm statistics of a checkpoint come from training alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seco_lab.checkpoints.files import CHECKPOINT_NAME, is_own
from seco_lab.checkpoints.layouts import Found, choose, resnets_in
from seco_lab.checkpoints.opening import Shell, number_in, open_file, state_of


@dataclass(frozen=True)
class LayerStatistics:
    """Running statistics of one BatchNorm layer: lowest and highest over its channels.

    Attributes:
        name: Name of the layer, as in torchvision.
        mean: Running mean.
        var: Running variance.
        from_key: Distance of the mean from the key encoder's, in its standard deviations, averaged over
            channels; None where the file holds no key encoder.
    """

    name: str
    mean: tuple[float, float]
    var: tuple[float, float]
    from_key: float | None


@dataclass(frozen=True)
class BatchNormReport:
    """What the BatchNorm statistics of a file tell of their past.

    Attributes:
        verdict: "clean", "polluted", "untrained", "broken" or "unknown".
        reason: The verdict in one sentence.
        batches: Batches that the encoder saw in train mode, by its own counter; None where it has none.
        expected: Batches that training alone explains; None where the file does not tell.
        layers: All layers, in the order of the network.
    """

    verdict: str
    reason: str
    batches: int | None
    expected: int | None
    layers: tuple[LayerStatistics, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def batchnorm_report(source: str | Path, *, side: str = "query") -> BatchNormReport:
    """Compare the batches that an encoder has seen with the steps that it was trained.

    The official SeCo code evaluates every 25 epochs and leaves the encoder in train mode, so images of
    BigEarthNet, scaled to [0, 1] and not standardised, move the running statistics that the checkpoint keeps.
    Each such batch counts in ``num_batches_tracked`` and not in ``global_step``. The key encoder takes no
    part: it sees one batch of each of its views in a step, and its statistics show what training alone gives.

    Args:
        source: A file of weights, or the folder of a run.
        side: "query" or "key".

    Raises:
        FileNotFoundError: Nothing there.
        ValueError: As for ``read_weights``.
    """
    path = Path(source)
    path = path / CHECKPOINT_NAME if path.is_dir() else path
    content = open_file(path).content
    state = state_of(content)
    found = resnets_in(state)
    chosen = choose(found, side, path, state)
    other = next((one for one in found if one.side == "key" and one is not chosen), None)
    layers = tuple(_statistics(chosen, other))
    batches = _batches(chosen)
    expected = _expected(content, state, chosen, other)
    verdict, reason = _verdict(layers, batches, expected)
    return BatchNormReport(verdict, reason, batches, expected, layers)


def _statistics(chosen: Found, other: Found | None) -> list[LayerStatistics]:
    rows = []
    for name, mean in chosen.entries.items():
        if name.endswith(".running_mean"):
            layer = name.removesuffix(".running_mean")
            var = chosen.entries[f"{layer}.running_var"]
            rows.append(LayerStatistics(layer, _range(mean), _range(var), _distance(layer, mean, other)))
    return rows


def _range(values: Tensor) -> tuple[float, float]:
    low, high = torch.aminmax(values.float())
    return float(low), float(high)


def _distance(layer: str, mean: Tensor, other: Found | None) -> float | None:
    if other is None:
        return None
    key_mean, key_var = (other.entries[f"{layer}.{name}"] for name in ("running_mean", "running_var"))
    return float(((mean - key_mean).abs() / key_var.clamp(min=1e-12).sqrt()).mean())


def _batches(one: Found) -> int | None:
    counts = [int(v) for name, v in one.entries.items() if name.endswith("num_batches_tracked")]
    return max(counts) if counts else None


def _expected(content: Any, state: Mapping[str, Tensor], chosen: Found, other: Found | None) -> int | None:
    """Batches of training: steps by the file's own count, or by the key encoder's counter."""
    if is_own(content) and chosen.side == "key":
        return None  # how many views it sees in a step is the method's own affair
    views = len(state["queue"]) if "queue" in state and state["queue"].ndim == 3 else 1
    a_step = views if chosen.side == "key" else 1
    steps = number_in(content, "global_step", "step")
    if steps is not None:
        return steps * a_step * _accumulated(content)
    counted = None if other is None else _batches(other)
    return counted // views if counted else None


def _accumulated(content: Mapping[str, Any]) -> int:
    """Batches in one optimizer step, by our own configuration or by Lightning's argument."""
    if is_own(content):
        return content.get("full_config", {}).get("accumulate", 1)
    given = content.get("hyper_parameters") or {}
    given = given.held if isinstance(given, Shell) else given
    number = given.get("accumulate_grad_batches", 1) if isinstance(given, Mapping) else 1
    return number if isinstance(number, int) and number > 0 else 1


def _verdict(
    layers: tuple[LayerStatistics, ...], batches: int | None, expected: int | None
) -> tuple[str, str]:
    dead = [layer.name for layer in layers if layer.var[0] < 0]
    if dead:
        return "broken", f"running variances below 0 in {', '.join(dead)}: these weights cannot be used"
    if all(layer.mean == (0, 0) and layer.var == (1, 1) for layer in layers):
        return "untrained", "BatchNorm has never seen a batch: its statistics are those of initialisation"
    if batches is None or expected is None:
        return "unknown", "the file does not count steps and batches, so nothing can be compared"
    if batches > expected:
        return "polluted", (
            f"BatchNorm saw {batches} batches where training explains {expected}: {batches - expected} of "
            "something else (the official online evaluator) moved its statistics; recalibrate it on your data"
        )
    if batches < expected:
        return "unknown", f"BatchNorm saw {batches} batches in {expected} steps: its counters were reset"
    return "clean", f"BatchNorm saw {batches} batches, one for each step of training"
