"""The header of a TIFF file: where its tiles lie and how they are packed (TIFF 6.0, BigTIFF, GeoTIFF 1.1)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.remote.errors import CorruptError, UnsupportedError

# Tags that are read.
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 317, 322, 323, 324, 325
SAMPLE_FORMAT, JPEG_TABLES, SUBSAMPLING = 339, 347, 530
PIXEL_SCALE, TIE_POINT, MATRIX, GEO_KEYS = 33550, 33922, 34264, 34735
_PROJECTED, _GEOGRAPHIC = 3072, 2048
_AREA_OR_POINT, _IS_POINT = 1025, 2

_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}
_TYPES |= {13: "I", 16: "Q", 17: "q", 18: "Q"}
_KINDS = {1: "u", 2: "i", 3: "f"}

Value = tuple[int | float, ...] | bytes


class NeedsMoreError(Exception):
    """The header goes on behind the bytes that are there; up to where is the only argument."""


@dataclass(frozen=True)
class TiffHeader:
    """What must be known to read a window of the full-resolution image.

    A file in strips is one whose tiles are as wide as the image.

    Attributes:
        shape: Samples, rows and columns.
        tile: Rows and columns of a tile.
        dtype: Of a sample, with the byte order of the file.
        compression: TIFF number: 1 none, 8 deflate, 50000 zstd, ...
        predictor: 1 none, 2 differences of integers, 3 differences of floats.
        planar: Whether each sample has tiles of its own.
        offsets: Where each tile begins, 0 where it was left out.
        counts: Bytes of each tile.
        transform: (pixel width, left edge, pixel height, upper edge), heights negative when north is up.
        epsg: Of the grid, 0 where the file does not tell.
        tags: Tags that a decoder of pictures wants to know.
        source: The file, for messages.
    """

    shape: tuple[int, int, int]
    tile: tuple[int, int]
    dtype: np.dtype
    compression: int
    predictor: int
    planar: bool
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    transform: tuple[float, float, float, float]
    epsg: int
    tags: Mapping[int, Value]
    source: str

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return -(-self.shape[2] // self.tile[1])

    @property
    def down(self) -> int:
        """Rows of tiles."""
        return -(-self.shape[1] // self.tile[0])

    @property
    def block_shape(self) -> tuple[int, int, int]:
        """Rows, columns and samples of a decoded tile."""
        return (*self.tile, 1 if self.planar else self.shape[0])


def parse_header(content: bytes, source: str) -> TiffHeader:
    """The header of the first image of a file.

    Args:
        content: The file's first bytes.
        source: Its name, for messages.

    Raises:
        NeedsMoreError: More bytes are needed; the argument says how many.
        CorruptError: No TIFF, or one that contradicts itself.
        UnsupportedError: A grid that is turned, or samples of an unknown kind.
    """
    if len(content) < 16:
        raise CorruptError(f"{source} is no TIFF file: it has {len(content)} bytes")
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    version = struct.unpack_from(f"{order}H", content, 2)[0] if order else 0
    if version not in (42, 43):
        raise CorruptError(f"{source} is no TIFF file: it begins with {content[:4]!r}")
    tags = _read_tags(content, order, big=version == 43, source=source)
    try:
        header = _header(tags, order, source)
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CorruptError(f"{source} has a damaged header: {type(error).__name__} {error}") from error
    _check(header)
    return header


def _unpack(form: str, content: bytes, at: int) -> tuple:
    end = at + struct.calcsize(form)
    if end > len(content):
        raise NeedsMoreError(end)
    return struct.unpack_from(form, content, at)


def _read_tags(content: bytes, order: str, *, big: bool, source: str) -> dict[int, Value]:
    """Values of all tags of the first directory."""
    (at,) = _unpack(f"{order}{'Q' if big else 'I'}", content, 8 if big else 4)
    (entries,) = _unpack(f"{order}{'Q' if big else 'H'}", content, at)
    if entries > 4096:
        raise CorruptError(f"{source} has a damaged header: {entries} tags")
    at += 8 if big else 2
    size, inline = (20, 8) if big else (12, 4)
    tags = {}
    for entry in range(at, at + entries * size, size):
        tag, kind, count = _unpack(f"{order}HH{'Q' if big else 'I'}", content, entry)
        if kind not in _TYPES or count > 2**28:
            raise CorruptError(f"{source} has a damaged header: tag {tag} of type {kind}, {count} values")
        form = f"{order}{count}s" if _TYPES[kind] == "s" else f"{order}{_TYPES[kind] * count}"
        value_at = entry + size - inline
        if struct.calcsize(form) > inline:
            (value_at,) = _unpack(f"{order}{'Q' if big else 'I'}", content, value_at)
        values = _unpack(form, content, value_at)
        tags[tag] = values[0] if _TYPES[kind] == "s" else values
    return tags


def _header(tags: Mapping[int, Value], order: str, source: str) -> TiffHeader:
    samples = int(tags.get(SAMPLES, (1,))[0])
    height, width = int(tags[HEIGHT][0]), int(tags[WIDTH][0])
    tiled = TILE_WIDTH in tags
    rows = min(int(tags.get(ROWS_PER_STRIP, (height,))[0]), height)
    return TiffHeader(
        shape=(samples, height, width),
        tile=(int(tags[TILE_HEIGHT][0]), int(tags[TILE_WIDTH][0])) if tiled else (rows, width),
        dtype=_dtype(tags, order, source),
        compression=int(tags.get(COMPRESSION, (1,))[0]),
        predictor=int(tags.get(PREDICTOR, (1,))[0]),
        planar=samples > 1 and int(tags.get(PLANAR, (1,))[0]) == 2,
        offsets=np.array(tags[TILE_OFFSETS if tiled else STRIP_OFFSETS], np.int64),
        counts=np.array(tags[TILE_BYTES if tiled else STRIP_BYTES], np.int64),
        transform=_transform(tags, source),
        epsg=_epsg(tags),
        tags={tag: value for tag, value in tags.items() if tag in (PHOTOMETRIC, JPEG_TABLES, SUBSAMPLING)},
        source=source,
    )


def _dtype(tags: Mapping[int, Value], order: str, source: str) -> np.dtype:
    bits, formats = set(tags.get(BITS, (1,))), set(tags.get(SAMPLE_FORMAT, (1,)))
    if len(bits) != 1 or len(formats) != 1 or not bits <= {8, 16, 32, 64} or not formats <= set(_KINDS):
        raise UnsupportedError(
            f"{source} has samples of {sorted(bits)} bits and kind {sorted(formats)}; samples of whole bytes "
            "and one kind are read"
        )
    return np.dtype(f"{order}{_KINDS[formats.pop()]}{bits.pop() // 8}")


def _transform(tags: Mapping[int, Value], source: str) -> tuple[float, float, float, float]:
    """Of a grid whose axes are those of the map."""
    if PIXEL_SCALE in tags and TIE_POINT in tags:
        scale, tie = tags[PIXEL_SCALE], tags[TIE_POINT]
        transform = (scale[0], tie[3] - tie[0] * scale[0], -scale[1], tie[4] + tie[1] * scale[1])
    elif MATRIX in tags:
        matrix = tags[MATRIX]
        if matrix[1] or matrix[4]:
            raise UnsupportedError(f"{source} lies on a grid that is turned; north must be up")
        transform = (matrix[0], matrix[3], matrix[5], matrix[7])
    else:
        transform = (1.0, 0.0, 1.0, 0.0)
    if _geo_key(tags, _AREA_OR_POINT) == _IS_POINT:
        a, left, e, top = transform
        transform = (a, left - a / 2, e, top - e / 2)
    return tuple(map(float, transform))


def _geo_key(tags: Mapping[int, Value], wanted: int) -> int | None:
    keys = tags.get(GEO_KEYS, ())
    for at in range(4, len(keys) - 3, 4):
        if keys[at] == wanted and keys[at + 1] == 0:
            return int(keys[at + 3])
    return None


def _epsg(tags: Mapping[int, Value]) -> int:
    code = _geo_key(tags, _PROJECTED) or _geo_key(tags, _GEOGRAPHIC) or 0
    return 0 if code == 32767 else code  # "user-defined"


def _check(header: TiffHeader) -> None:
    """Refuse headers whose numbers contradict each other: a flipped bit must not move a window."""
    sane = min(header.shape) > 0 and min(header.tile) > 0 and header.transform[0] > 0
    tiles = header.across * header.down * (header.shape[0] if header.planar else 1) if sane else 0
    if not sane or len(header.offsets) != tiles or len(header.counts) != tiles:
        raise CorruptError(
            f"{header.source} has a damaged header: {header.shape} pixels in tiles of {header.tile}, "
            f"{len(header.offsets)} offsets and {len(header.counts)} lengths"
        )
