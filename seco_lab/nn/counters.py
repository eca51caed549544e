"""Counts of a module that stay on the CPU, where reading them makes nobody wait for a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class CountsOnCpu(nn.Module):
    """A module whose counts go into checkpoints as buffers, but not along to another device.

    Attributes:
        counters: Names of those buffers; one that a module does not have is passed over.
    """

    counters: tuple[str, ...] = ()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        for name in self.counters:
            if name in self._buffers:
                self._buffers[name] = self._buffers[name].cpu()
        return self
