"""Random reads for the trainer: shards mapped into memory, pixels copied once into a kept buffer."""

from __future__ import annotations

import mmap
import threading
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.store.shards import (
    ShardLayout,
    array_metadata,
    index_location,
    mapped_layout,
    read_index,
    root_metadata,
    shard_path,
)

# Every map holds a file descriptor, and a process may have 256 of them on some systems.
MAX_MAPS = 128

# Pages that were read count as memory of the process until they are given back; the system keeps them cached.
MAX_MAPPED_BYTES = 3 * 2**29
_FAULT_AROUND_BYTES = 2**16  # what Linux maps beside a page that is touched

Patches = NDArray | list[NDArray]


class MappedCube:
    """The pixels of a cube on disk, mapped into memory.

    It sees the length that the cube had when it was opened. Several threads may read at once if each brings
    its own ``out``.

    Attributes:
        path: Folder of the cube.
        shape: (P, T, C, H, W).
        dtype: Pixel type.
    """

    def __init__(self, path: str | Path) -> None:
        """Open the cube; files are mapped when first read.

        Raises:
            FileNotFoundError: No such folder.
            ValueError: No cube, or its pixels are compressed or cut in another way: ``repack`` it first.
        """
        # Shards are opened when they are wanted, wherever the working folder is by then.
        self.path = Path(path).absolute()
        root = root_metadata(self.path)
        meta = array_metadata(self.path, root)
        layout = mapped_layout(meta)
        if layout is None:
            raise ValueError(
                f"the pixels of {self.path} are compressed or chunked in another way and cannot be mapped "
                "into memory; write them anew with seco_lab.store.repack(path, new_path)"
            )
        self._layout: ShardLayout = layout
        self._location = index_location(meta)
        self._fill = meta["fill_value"]
        self.shape: tuple[int, ...] = tuple(meta["shape"])
        self.dtype = layout.dtype
        self._maps: OrderedDict[int, Patches] = OrderedDict()
        self._files: dict[int, mmap.mmap] = {}
        self._touched_bytes = 0
        self._lock = threading.Lock()
        # A store such as ``save_cube`` writes, which has all its shards.
        self._whole = self._location == "start" and bool(root.get("consolidated_metadata"))
        self._buffer = np.empty(0, self.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> tuple[type[MappedCube], tuple[Path]]:
        return MappedCube, (self.path,)

    def patch(self, row: int) -> NDArray:
        """One patch as a read-only view of the file, shape (T, C, H, W); nothing is copied."""
        shard, slot = divmod(row, self._layout.slots)
        return self._shard(shard)[slot]

    def _shard(self, number: int) -> Patches:
        """Patches of a shard; the least recently used map is closed where there are too many."""
        patches = self._maps.get(number)
        if patches is not None and len(self._maps) < MAX_MAPS:
            return patches
        with self._lock:
            patches = self._maps.pop(number, None)
            if patches is None:
                patches = self._map(number)
            while len(self._maps) >= MAX_MAPS:
                self._files.pop(self._maps.popitem(last=False)[0], None)
            self._maps[number] = patches
        return patches

    def _map(self, number: int) -> Patches:
        """Map a shard file: one array where its slots lie in order, else one view per slot."""
        layout, file = self._layout, shard_path(self.path, number)
        count = min(layout.slots, len(self) - number * layout.slots)
        if not file.exists():
            if not (self.path / "zarr.json").exists():
                raise FileNotFoundError(
                    f"no cube at {self.path} any more: it was moved, removed or unmounted"
                )
            self._tell_missing(file)
            return [self._empty()] * count  # other writers leave out shards of nothing but the fill value
        offsets = read_index(file, layout, self._location)[:count]
        with file.open("rb") as stream:
            self._files[number] = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        raw = np.frombuffer(self._files[number], dtype=np.uint8)
        if offsets.max(initial=0) + layout.patch_bytes > raw.size:
            raise ValueError(f"shard {file} is cut short: {raw.size} bytes do not hold its {count} patches")
        expected = offsets[0] + np.arange(count) * layout.patch_bytes
        if offsets[0] >= 0 and np.array_equal(offsets, expected):
            shape = (count, *layout.patch_shape)
            return np.ndarray(shape, layout.dtype, buffer=raw, offset=int(offsets[0]))
        return [self._slot(raw, int(offset)) for offset in offsets]

    def _tell_missing(self, file: Path) -> None:
        """Say once that a shard is missing: ``save_cube`` leaves out none, so it may not have been copied."""
        if self._whole:
            self._whole = False
            warnings.warn(
                f"{file} is missing, its patches count as without data, and so may others; was the cube "
                "copied whole?",
                stacklevel=2,
            )

    def _slot(self, raw: NDArray, offset: int) -> NDArray:
        if offset < 0:
            return self._empty()
        return np.ndarray(self._layout.patch_shape, self.dtype, buffer=raw, offset=offset)

    def _empty(self) -> NDArray:
        return np.broadcast_to(np.array(self._fill, self.dtype), self._layout.patch_shape)

    def read(
        self,
        rows: ArrayLike,
        seasons: ArrayLike,
        band_positions: Sequence[int],
        *,
        top: ArrayLike | None = None,
        left: ArrayLike | None = None,
        size_px: int | None = None,
        out: NDArray | None = None,
    ) -> NDArray:
        """Crops of some seasons and bands of some patches, copied once.

        Args:
            rows: Shape (B,), rows of the cube.
            seasons: Shape (B, T), seasons of each row, in the order wanted.
            band_positions: C positions along the cube's bands, in the order wanted.
            top: Shape (B,), first line of each crop; 0 if left out.
            left: Shape (B,), first column of each crop; 0 if left out.
            size_px: Side of the crops; the whole patch if left out.
            out: Shape (B, T, C, h, w), the cube's dtype. Left out: a buffer that the next read overwrites.

        Returns:
            ``out`` or the buffer, shape (B, T, C, h, w).

        Raises:
            IndexError: A row, season, band or crop lies outside the cube.
            ValueError: ``out`` has another shape or dtype.
        """
        rows, seasons = np.asarray(rows, np.int64), np.asarray(seasons, np.int64)
        height, width = (size_px, size_px) if size_px else self.shape[3:]
        top = np.zeros_like(rows) if top is None else np.asarray(top, np.int64)
        left = np.zeros_like(rows) if left is None else np.asarray(left, np.int64)
        self._check(rows, seasons, band_positions, top + height, left + width, np.minimum(top, left))
        shape = (*seasons.shape, len(band_positions), height, width)
        out = self._out(out, shape)
        runs = band_runs(band_positions)
        lines_bytes = len(band_positions) * height * self.shape[4] * self.dtype.itemsize
        self._give_back(seasons.size * (lines_bytes + len(runs) * _FAULT_AROUND_BYTES))
        shards, slots = np.divmod(rows, self._layout.slots)
        lists = (shards.tolist(), slots.tolist(), seasons.tolist(), top.tolist(), left.tolist(), out)
        for shard, slot, picked, y, x, target in zip(*lists, strict=True):
            patch, lines, columns = self._shard(shard)[slot], slice(y, y + height), slice(x, x + width)
            for season, image in zip(picked, target, strict=True):
                for source, place in runs:
                    image[place] = patch[season, source, lines, columns]
        return out

    def _give_back(self, bytes_to_touch: int) -> None:
        """Let go of the pages read so far where they would add up to more than the process should hold.

        Nothing is lost: the system still has them cached, and maps a page again that is wanted again.
        """
        self._touched_bytes += bytes_to_touch
        if self._touched_bytes < MAX_MAPPED_BYTES or not hasattr(mmap, "MADV_DONTNEED"):
            return
        self._touched_bytes = 0
        with self._lock:
            if sum(map(len, self._files.values())) > MAX_MAPPED_BYTES:
                for mapped in self._files.values():
                    mapped.madvise(mmap.MADV_DONTNEED)

    def _out(self, out: NDArray | None, shape: tuple[int, ...]) -> NDArray:
        """The target of a read: the caller's array if it fits, else a view of the kept buffer."""
        if out is not None:
            if out.shape != shape or out.dtype != self.dtype:
                raise ValueError(f"out must be {self.dtype} {shape}, got {out.dtype} {out.shape}")
            return out
        size = int(np.prod(shape))
        if self._buffer.size < size:
            self._buffer = np.empty(size, self.dtype)
        return self._buffer[:size].reshape(shape)

    def _check(
        self,
        rows: NDArray,
        seasons: NDArray,
        bands: Sequence[int],
        bottom: NDArray,
        right: NDArray,
        first: NDArray,
    ) -> None:
        """Refuse reads that would wrap around: a negative index is a mistake here."""
        limits = zip(
            ("row", "season", "band", "bottom edge", "right edge"),
            (rows, seasons, np.asarray(bands, np.int64), bottom - 1, right - 1),
            self.shape,
            strict=True,
        )
        for name, values, limit in limits:
            if values.size and (values.min() < 0 or values.max() >= limit):
                raise IndexError(f"{name} must lie in 0 to {limit - 1}, got {values.min()} to {values.max()}")
        if first.size and first.min() < 0:
            raise IndexError(f"a crop must begin inside the patch, got {first.min()}")
        if seasons.shape[:1] != rows.shape or seasons.ndim != 2:
            raise ValueError(f"seasons needs shape ({rows.size}, T), got {seasons.shape}")


def band_runs(positions: Sequence[int]) -> list[tuple[slice, slice]]:
    """Band positions as few (source, target) slices, so that bands in a row are copied at once.

    B04, B03, B02 lie backwards in a Sentinel-2 cube, one slice of step -1.
    """
    runs, begin = [], 0
    while begin < len(positions):
        end = begin + 1
        step = positions[end] - positions[begin] if end < len(positions) else 1
        while end < len(positions) and positions[end] - positions[end - 1] == step and abs(step) == 1:
            end += 1
        step = step if end - begin > 1 else 1
        stop = positions[end - 1] + step
        runs.append((slice(positions[begin], stop if stop >= 0 else None, step), slice(begin, end)))
        begin = end
    return runs
