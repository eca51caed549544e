"""How the pixels of a batch reach the device: from an array kept there, or read ahead by one thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seco_lab.batch import sent
from seco_lab.data.readers import Reader
from seco_lab.data.ring import Ring

_AHEAD = 2
# Patches copied at a time when a cube moves to the device.
_PIECE = 64


@dataclass(frozen=True)
class Picked:
    """What a batch is made of.

    Attributes:
        rows: Shape (B,), patches.
        seasons: Shape (B, T), seasons of each.
        top: Shape (B,), first line of each crop.
        left: Shape (B,), first column of each crop.
        size_px: Side of the crops; None for whole patches.
    """

    rows: NDArray
    seasons: NDArray
    top: NDArray
    left: NDArray
    size_px: int | None


class KeptFeed:
    """Pixels kept on the device in their storage dtype; a batch is one gather."""

    def __init__(self, reader: Reader, rows: NDArray, bands: Sequence[int], device: torch.device) -> None:
        # Unsigned 16-bit numbers have few operations; the same bits as int16 can be gathered everywhere.
        self._dtype = torch.from_numpy(np.empty(0, reader.dtype)).dtype
        kept = torch.int16 if self._dtype == torch.uint16 else self._dtype
        _, seasons, _, height, width = reader.shape
        self._pixels = torch.empty(len(rows), seasons, len(bands), height, width, dtype=kept, device=device)
        self._place = np.full(reader.shape[0], -1)
        self._place[rows] = np.arange(len(rows))
        for begin in range(0, len(rows), _PIECE):
            part = rows[begin : begin + _PIECE]
            out = np.empty((len(part), *self._pixels.shape[1:]), reader.dtype)
            every = np.broadcast_to(np.arange(seasons), (len(part), seasons))
            zero = np.zeros(len(part), np.int64)
            reader.read(part, every, bands, top=zero, left=zero, size_px=None, out=out)
            self._pixels[begin : begin + len(part)] = torch.from_numpy(out).view(kept).to(device)

    def get(self, step: int, picked: Picked) -> Tensor:
        """Pixels (B, T, C, h, w) of a batch, the caller's own."""
        device = self._pixels.device
        channels, height, width = self._pixels.shape[2:]
        side = (picked.size_px, picked.size_px) if picked.size_px else (height, width)
        rows, seasons, top, left = (
            sent(torch.from_numpy(np.ascontiguousarray(values)), device)
            for values in (self._place[picked.rows], picked.seasons, picked.top, picked.left)
        )
        lines = top[:, None, None, None, None] + torch.arange(side[0], device=device)[:, None]
        columns = left[:, None, None, None, None] + torch.arange(side[1], device=device)
        bands = torch.arange(channels, device=device)[:, None, None]
        chosen = self._pixels[
            rows[:, None, None, None, None], seasons[:, :, None, None, None], bands, lines, columns
        ]
        return chosen.view(self._dtype)


class ReadFeed:
    """Pixels read from memory or disk into reused buffers, by a thread that is two batches ahead.

    Args:
        reader: Where pixels come from.
        bands: Positions of the bands wanted.
        batch_size: Patches in a batch.
        device: Where batches go; for a GPU the buffers are pinned.
        plan: What the batch of a step is made of; None to read nothing ahead.
    """

    def __init__(
        self,
        reader: Reader,
        bands: Sequence[int],
        device: torch.device,
        plan: Callable[[int], Picked] | None,
    ) -> None:
        self._reader, self._bands, self._device, self._plan = reader, tuple(bands), device, plan
        self._rings: dict[tuple[int, ...], Ring] = {}
        self._pending: dict[int, Future[NDArray]] = {}
        self._sent: deque[tuple[torch.cuda.Event, NDArray]] = deque()
        self._pool = ThreadPoolExecutor(1, "seco_lab-read-ahead") if plan else None

    def planned(self, plan: Callable[[int], Picked]) -> ReadFeed:
        """A feed of the same pixels that reads ahead by another plan, where this one reads ahead."""
        return ReadFeed(self._reader, self._bands, self._device, plan if self._plan else None)

    def get(self, step: int, picked: Picked) -> Tensor:
        """Pixels (B, T, C, h, w) of a batch; their memory is not used again while a tensor holds it."""
        future = self._pending.pop(step, None)
        buffer = future.result() if future else self._read(picked)
        self._look_ahead(step)
        if self._device.type == "cpu":
            return self._ring(buffer.shape).lend(buffer)
        return self._send(buffer)

    def _send(self, buffer: NDArray) -> Tensor:
        """Copy to the device; the buffer goes back once the copy is done, so that no read overtakes it."""
        there = sent(torch.from_numpy(buffer), self._device)
        if self._device.type != "cuda":
            self._ring(buffer.shape).give(buffer)
            return there
        done = torch.cuda.Event()
        done.record(torch.cuda.current_stream(self._device))
        self._sent.append((done, buffer))
        if len(self._sent) > _AHEAD:
            # Two batches ago: the GPU has a whole step left to do, so this waits for nothing that matters.
            done, buffer = self._sent.popleft()
            done.synchronize()
            self._ring(buffer.shape).give(buffer)
        return there

    def _look_ahead(self, step: int) -> None:
        if self._pool is None or self._plan is None:
            return
        wanted = range(step + 1, step + 1 + _AHEAD)
        for stale in [number for number in self._pending if number not in wanted]:
            self._drop(self._pending.pop(stale))
        for number in wanted:
            if number not in self._pending:
                self._pending[number] = self._pool.submit(self._read_step, number)

    def _drop(self, future: Future[NDArray]) -> None:
        """Give the buffer of a batch that nobody wants any more back to its ring."""
        if not future.cancel():
            future.add_done_callback(self._recycle)

    def _recycle(self, future: Future[NDArray]) -> None:
        if not future.cancelled() and future.exception() is None:
            buffer = future.result()
            self._ring(buffer.shape).give(buffer)

    def _read_step(self, step: int) -> NDArray:
        assert self._plan is not None
        return self._read(self._plan(step))

    def _read(self, picked: Picked) -> NDArray:
        height, width = (picked.size_px,) * 2 if picked.size_px else self._reader.shape[3:]
        out = self._ring((*picked.seasons.shape, len(self._bands), height, width)).take()
        corners = {"top": picked.top, "left": picked.left, "size_px": picked.size_px}
        return self._reader.read(picked.rows, picked.seasons, self._bands, out=out, **corners)

    def _ring(self, shape: tuple[int, ...]) -> Ring:
        pinned = self._device.type == "cuda"
        return self._rings.setdefault(shape, Ring(shape, self._reader.dtype, pinned=pinned))
