"""Windows of cloud-optimised GeoTIFFs: a header read once a file, only the tiles that are needed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seco_lab.remote.base import Parts, Traffic
from seco_lab.remote.errors import ChangedError, CorruptError
from seco_lab.remote.tiff import NeedsMoreError, TiffHeader, parse_header
from seco_lab.remote.tiles import decode_tile
from seco_lab.remote.together import all_of

FIRST_BYTES = 16 * 2**10  # headers of Sentinel-2 archives are a few kB
_LARGEST_HEADER_BYTES = 64 * 2**20
_GAP_BYTES = 32 * 2**10  # reading so much in vain costs less than another request
_JOINED_BYTES = 8 * 2**20
_HEADERS_KEPT = 4096


@dataclass(frozen=True)
class Opened:
    """A file whose header was read.

    Attributes:
        header: Where its tiles lie.
        version: What the file was then.
        size: Bytes of the file.
    """

    header: TiffHeader
    version: str
    size: int


@dataclass
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    opened: Opened | None = None


class CogReader:
    """Reads windows of GeoTIFFs in parts.

    Args:
        parts: Reads parts of files.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def open(self, href: str, *, traffic: Traffic | None = None) -> Opened:
        """The header of a file; a second call for the same file reads nothing.

        Raises:
            RemoteError: The file cannot be read, or is no TIFF.
        """
        entry = self._entries.setdefault(href, _Entry())
        self._entries.move_to_end(href)
        while len(self._entries) > _HEADERS_KEPT:
            self._entries.popitem(last=False)
        async with entry.lock:
            if entry.opened is None:
                entry.opened = await self._read_header(href, traffic)
            return entry.opened

    def forget(self, href: str) -> None:
        """Read the header anew next time: the file was replaced, or its header was damaged on the way."""
        self._entries.pop(href, None)

    async def _read_header(self, href: str, traffic: Traffic | None) -> Opened:
        wanted = FIRST_BYTES
        while True:
            part = await self._parts.read(href, 0, wanted, traffic=traffic)
            try:
                header = parse_header(part.content, href)
            except NeedsMoreError as more:
                if more.args[0] > min(part.size, _LARGEST_HEADER_BYTES):
                    raise CorruptError(f"{href} has a damaged header: it points behind its end") from None
                wanted = max(more.args[0], 2 * wanted)
                continue
            return Opened(header, part.version, part.size)

    async def read(
        self, href: str, top: int, left: int, height: int, width: int, *, traffic: Traffic | None = None
    ) -> NDArray:
        """Pixels of a window at full resolution; 0 outside the image and where tiles were left out.

        Args:
            href: Unsigned address.
            top: First row; may be negative.
            left: First column; may be negative.
            height: Rows.
            width: Columns.
            traffic: Counts what this costs.

        Returns:
            Shape (samples, height, width).

        Raises:
            ChangedError: The file was replaced after its header was read; its header is forgotten.
            CorruptError: The bytes are damaged, twice in a row.
            RemoteError: The file cannot be read.
        """
        window = (top, left, height, width)
        try:
            return await self._read(href, window, traffic)
        except CorruptError:
            self.forget(href)
            return await self._read(href, window, traffic)
        except ChangedError:
            self.forget(href)
            raise

    async def _read(self, href: str, window: tuple[int, int, int, int], traffic: Traffic | None) -> NDArray:
        opened = await self.open(href, traffic=traffic)
        wanted = tiles_in(opened.header, window)
        runs = joined(opened.header, wanted, opened.size)
        contents = await all_of(self._read_run(href, opened, run, traffic) for run in runs)
        tiles = {number: tile for content in contents for number, tile in content.items()}
        return await asyncio.to_thread(_pasted, opened.header, window, tiles)

    async def _read_run(
        self, href: str, opened: Opened, run: Sequence[int], traffic: Traffic | None
    ) -> dict[int, bytes]:
        """Tiles that lie next to each other, by one request."""
        begins, counts = opened.header.offsets, opened.header.counts
        start, stop = int(begins[run[0]]), max(int(begins[n] + counts[n]) for n in run)
        part = await self._parts.read(href, start, stop, version=opened.version, traffic=traffic)
        return {n: part.content[begins[n] - start : begins[n] - start + counts[n]] for n in run}


def tiles_in(header: TiffHeader, window: tuple[int, int, int, int]) -> list[int]:
    """Numbers of the tiles that a window meets and that the file holds."""
    top, left, height, width = window
    samples, rows, columns = header.shape
    top, bottom = max(top, 0), min(top + height, rows)
    left, right = max(left, 0), min(left + width, columns)
    if top >= bottom or left >= right:
        return []
    down = range(top // header.tile[0], (bottom - 1) // header.tile[0] + 1)
    across = range(left // header.tile[1], (right - 1) // header.tile[1] + 1)
    planes = range(samples if header.planar else 1)
    numbers = [
        (plane * header.down + y) * header.across + x for plane in planes for y in down for x in across
    ]
    return [n for n in numbers if header.offsets[n] and header.counts[n]]


def joined(header: TiffHeader, numbers: Sequence[int], size: int) -> list[list[int]]:
    """Tiles in runs that one request each can read: neighbours in the file, small gaps passed over.

    Raises:
        CorruptError: A tile lies outside the file.
    """
    runs: list[list[int]] = []
    begin = end = 0
    for n in sorted(numbers, key=lambda n: header.offsets[n]):
        offset, count = int(header.offsets[n]), int(header.counts[n])
        if offset < 0 or count < 0 or offset + count > size:
            raise CorruptError(f"{header.source} has a damaged header: a tile lies behind its end")
        if runs and offset - end <= _GAP_BYTES and offset + count - begin <= _JOINED_BYTES:
            runs[-1].append(n)
        else:
            runs.append([n])
            begin = offset
        end = max(end, offset + count) if runs[-1][0] != n else offset + count
    return runs


def _pasted(header: TiffHeader, window: tuple[int, int, int, int], tiles: dict[int, bytes]) -> NDArray:
    """The window put together from its tiles."""
    top, left, height, width = window
    out = np.zeros((header.shape[0], height, width), header.dtype.newbyteorder("="))
    per_plane = header.down * header.across
    for number, content in tiles.items():
        plane, place = divmod(number, per_plane)
        y, x = (place // header.across) * header.tile[0], (place % header.across) * header.tile[1]
        is_strip = header.tile[1] == header.shape[2]
        rows = min(header.tile[0], header.shape[1] - y) if is_strip else header.tile[0]
        pixels = decode_tile(header, content, rows).transpose(2, 0, 1)
        pixels = pixels[:, : header.shape[1] - y, : header.shape[2] - x]
        first_row, first_column = max(y, top), max(x, left)
        last_row = min(y + pixels.shape[1], top + height)
        last_column = min(x + pixels.shape[2], left + width)
        target = out[plane : plane + 1] if header.planar else out
        target[:, first_row - top : last_row - top, first_column - left : last_column - left] = pixels[
            :, first_row - y : last_row - y, first_column - x : last_column - x
        ]
    return out
