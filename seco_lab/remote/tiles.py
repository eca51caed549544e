"""From the bytes of a tile to its pixels: decompression and the predictors of TIFF."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from seco_lab.remote.errors import CorruptError
from seco_lab.remote.one_tile import unpack_by_gdal
from seco_lab.remote.tiff import TiffHeader

NONE, DEFLATE, OLD_DEFLATE, ZSTD = 1, 8, 32946, 50000
_NO_PREDICTOR, _DIFFERENCES, _FLOATS = 1, 2, 3


def decode_tile(header: TiffHeader, content: bytes, rows: int) -> NDArray:
    """Pixels of one tile.

    Uncompressed, deflated and zstd tiles are unpacked here; tiles of any other kind are given to GDAL as a
    file of one tile in memory, so that it never goes to the network itself.

    Args:
        header: Of the file.
        content: The tile's bytes.
        rows: Rows that it holds; the last strip of a file has fewer than the others.

    Returns:
        Shape (rows, columns, samples), in the byte order of this machine.

    Raises:
        CorruptError: The bytes are not what was written.
        UnsupportedError: Nobody here can unpack it.
    """
    if header.compression not in (NONE, DEFLATE, OLD_DEFLATE, ZSTD) or not _predicted_here(header):
        return unpack_by_gdal(header, content, rows)
    return _undone(header, _unpacked(header, content, rows), rows)


def _predicted_here(header: TiffHeader) -> bool:
    if header.predictor == _NO_PREDICTOR:
        return True
    return header.predictor == (_FLOATS if header.dtype.kind == "f" else _DIFFERENCES)


def _unpacked(header: TiffHeader, content: bytes, rows: int) -> bytes:
    _, columns, samples = header.block_shape
    wanted = rows * columns * samples * header.dtype.itemsize
    try:
        if header.compression == NONE:
            raw = content
        elif header.compression == ZSTD:
            from numcodecs.zstd import Zstd

            raw = bytes(Zstd().decode(content))
        else:
            stream = zlib.decompressobj()
            raw = stream.decompress(content, wanted + 1)
            if not stream.eof:  # only a whole stream has had its checksum compared
                raise CorruptError(f"a tile of {header.source} is cut short")
    except (zlib.error, RuntimeError, ValueError) as error:
        raise CorruptError(f"a tile of {header.source} is damaged: {error}") from error
    if len(raw) != wanted:
        raise CorruptError(f"a tile of {header.source} holds {len(raw)} bytes of pixels, wanted {wanted}")
    return raw


def _undone(header: TiffHeader, raw: bytes, rows: int) -> NDArray:
    """Pixels with the predictor undone."""
    shape = (rows, *header.block_shape[1:])
    native = header.dtype.newbyteorder("=")
    if header.predictor == _FLOATS:
        return _undone_floats(raw, shape, native)
    pixels = np.frombuffer(raw, header.dtype).reshape(shape)
    if header.predictor == _DIFFERENCES:
        return np.add.accumulate(pixels, axis=1, dtype=native)
    return pixels.astype(native, copy=False)


def _undone_floats(raw: bytes, shape: tuple[int, int, int], native: np.dtype) -> NDArray:
    """Predictor 3: bytes of a row sorted by significance, then differences from byte to byte."""
    rows, columns, samples = shape
    lines = np.frombuffer(raw, np.uint8).reshape(rows, -1, samples)
    lines = np.add.accumulate(lines, axis=1, dtype=np.uint8).reshape(rows, native.itemsize, columns * samples)
    big = np.ascontiguousarray(lines.transpose(0, 2, 1)).view(native.newbyteorder(">"))
    return big.reshape(shape).astype(native)
