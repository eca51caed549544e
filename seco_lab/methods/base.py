"""What a method is: ``step`` computes, ``after_step`` changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from seco_lab.batch import Batch


@dataclass(frozen=True)
class StepOutput:
    """What one step computed.

    Attributes:
        loss: Scalar, still attached to the graph.
        metrics: Detached scalars by name, such as ``"top1"``.
        keys: What ``after_step`` puts into queues, by queue: shape (B, D), unit length, detached.
        embeddings: Query embeddings by sub-space, shape (B, D), unit length, detached; the collapse watch
            looks at them.
    """

    loss: Tensor
    metrics: Mapping[str, Tensor] = field(default_factory=dict)
    keys: Mapping[str, Tensor] = field(default_factory=dict)
    embeddings: Mapping[str, Tensor] = field(default_factory=dict)


class Method(Protocol):
    """The seam between the loop and a self-supervised method; every method is also an ``nn.Module``.

    Attributes:
        encoder: The network whose representation is wanted in the end.
        view_names: Names of the views that ``step`` compares.
    """

    encoder: nn.Module
    view_names: tuple[str, ...]

    def trainable(self) -> Iterable[nn.Parameter]:
        """Parameters that the optimizer moves."""
        ...

    def step(self, views: Mapping[str, Tensor], batch: Batch) -> StepOutput:
        """Loss of one batch; changes nothing but BatchNorm statistics.

        Args:
            views: Shape (B, C, S, S) each, standardised, by name.
            batch: Where the views come from: rows, coordinates, dates.
        """
        ...

    def after_step(self, output: StepOutput) -> None:
        """What follows the optimizer's step: momentum copies and queues move."""
        ...

    def settings(self) -> dict[str, Any]:
        """Numbers and words that define the method; two runs can be continued if they agree."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All tensors; ``nn.Module`` has it."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """The inverse of ``state_dict``; ``nn.Module`` has it."""
        ...


def views_named(views: Mapping[str, Tensor], names: Sequence[str], method: str) -> list[Tensor]:
    """The views in the order of ``names``.

    Raises:
        LookupError: One is missing; the message names both sides.
    """
    missing = [name for name in names if name not in views]
    if missing:
        raise LookupError(
            f"{method} compares the views {', '.join(names)}; got {', '.join(views) or 'none'}: "
            f"{', '.join(missing)} is missing"
        )
    return [views[name] for name in names]


def check_rows(index: Tensor, places: int, knows: str, give: str) -> None:
    """Refuse patches that a method knows nothing of; on a GPU the mere look-up would end the process.

    Args:
        index: Shape (B,), rows of the patches in the cube.
        places: How many patches the method knows.
        knows: What it says of that number.
        give: What it should be given.

    Raises:
        ValueError: A row lies beyond them.
    """
    last = int(index.max())
    if last >= places:
        raise ValueError(
            f"the batch holds patch {last} of the cube, but {knows} {places} places; give {give}"
        )
