"""Buffers for batches: filled, handed out, and used again once nobody looks at them."""

from __future__ import annotations

import queue
import weakref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Ring:
    """Reused host buffers of one shape.

    A buffer comes back by itself when the last tensor on its memory is gone, views of it included. Whoever
    keeps batches makes the ring grow instead of seeing them change. Fresh memory for each batch would cost
    more than the copying: the system hands it out page by page at first touch.

    Args:
        shape: Shape of each buffer.
        dtype: Its pixel type.
        pinned: Whether the memory is locked, so that a GPU can fetch it while the CPU goes on.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, *, pinned: bool = False) -> None:
        self._shape, self._dtype, self._pinned = shape, dtype, pinned
        self._free: queue.SimpleQueue[NDArray] = queue.SimpleQueue()
        self.made = 0

    def take(self) -> NDArray:
        """A buffer that nobody else holds."""
        try:
            return self._free.get_nowait()
        except queue.Empty:
            self.made += 1
            if not self._pinned:
                return np.empty(self._shape, self._dtype)
            count = int(np.prod(self._shape)) * self._dtype.itemsize
            raw = torch.empty(count, dtype=torch.uint8, pin_memory=True)
            return raw.numpy().view(self._dtype).reshape(self._shape)

    def give(self, buffer: NDArray) -> None:
        """Return a buffer by hand."""
        self._free.put(buffer)

    def lend(self, buffer: NDArray) -> Tensor:
        """The buffer as a tensor; it returns to the ring when no tensor holds its memory any more."""
        loan = buffer.view()
        weakref.finalize(loan, self._free.put, buffer).atexit = False
        return torch.from_numpy(loan)
