"""A tile as a TIFF file of its own, in memory: GDAL unpacks it and never goes to the network itself."""

from __future__ import annotations

import struct
import warnings

from numpy.typing import NDArray

from seco_lab.remote import tiff
from seco_lab.remote.errors import CorruptError, UnsupportedError
from seco_lab.remote.tiff import TiffHeader

_EXTRA_SAMPLES = 338
_KINDS = {"u": 1, "i": 2, "f": 3}
_BYTES = {"H": 2, "I": 4, "B": 1}
_TYPE_NUMBERS = {"B": 1, "H": 3, "I": 4}
# Words of GDAL about files that are whole, but of a kind that this build of it cannot read.
_UNKNOWN = ("ompression", "codec", "not recognized", "not supported")


def unpack_by_gdal(header: TiffHeader, content: bytes, rows: int) -> NDArray:
    """Pixels of one tile, shape (rows, columns, samples).

    Raises:
        CorruptError: The bytes are not what was written.
        UnsupportedError: GDAL cannot read this kind.
    """
    from rasterio import Env
    from rasterio.errors import NotGeoreferencedWarning, RasterioError
    from rasterio.io import MemoryFile

    try:
        with warnings.catch_warnings(), Env(GDAL_NUM_THREADS="1"):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with MemoryFile(_file(header, content, rows)) as memory, memory.open(driver="GTiff") as file:
                return file.read().transpose(1, 2, 0)
    except RasterioError as error:
        cause = str(error.__cause__ or error)
        if any(word in cause for word in _UNKNOWN):
            raise UnsupportedError(
                f"{header.source} has tiles of compression {header.compression} and predictor "
                f"{header.predictor}, which cannot be read here: {cause}"
            ) from error
        raise CorruptError(f"a tile of {header.source} is damaged: {cause}") from error


def _file(header: TiffHeader, content: bytes, rows: int) -> bytes:
    order = ">" if header.dtype.str.startswith(">") else "<"
    _, columns, samples = header.block_shape
    colours = header.tags.get(tiff.PHOTOMETRIC, (1,)) if not header.planar else (1,)
    tags: dict[int, tuple[str, tuple | bytes]] = {
        tiff.WIDTH: ("I", (columns,)),
        tiff.HEIGHT: ("I", (rows,)),
        tiff.BITS: ("H", (header.dtype.itemsize * 8,) * samples),
        tiff.COMPRESSION: ("H", (header.compression,)),
        tiff.PHOTOMETRIC: ("H", colours),
        tiff.SAMPLES: ("H", (samples,)),
        tiff.PLANAR: ("H", (1,)),
        tiff.PREDICTOR: ("H", (header.predictor,)),
        tiff.SAMPLE_FORMAT: ("H", (_KINDS[header.dtype.kind],) * samples),
    }
    extra = samples - (1 if colours[0] in (0, 1) else 3)
    if extra > 0:
        tags[_EXTRA_SAMPLES] = ("H", (0,) * extra)
    for tag, kind in ((tiff.JPEG_TABLES, "B"), (tiff.SUBSAMPLING, "H")):
        if tag in header.tags:
            tags[tag] = (kind, tuple(header.tags[tag]))
    if header.tile[1] == header.shape[2]:
        tags |= {tiff.ROWS_PER_STRIP: ("I", (rows,)), tiff.STRIP_BYTES: ("I", (len(content),))}
        return _packed(tags, tiff.STRIP_OFFSETS, content, order)
    tags |= {tiff.TILE_WIDTH: ("I", (columns,)), tiff.TILE_HEIGHT: ("I", (rows,))}
    tags[tiff.TILE_BYTES] = ("I", (len(content),))
    return _packed(tags, tiff.TILE_OFFSETS, content, order)


def _packed(
    tags: dict[int, tuple[str, tuple | bytes]], where_content_lies: int, content: bytes, order: str
) -> bytes:
    """Header, directory, long values, content; a classic TIFF."""
    tags = dict(sorted((tags | {where_content_lies: ("I", (0,))}).items()))
    behind = 8 + 2 + 12 * len(tags) + 4
    values_bytes = sum(
        size + size % 2 for kind, values in tags.values() if (size := _BYTES[kind] * len(values)) > 4
    )
    tags[where_content_lies] = ("I", (behind + values_bytes,))
    directory, long_values = struct.pack(f"{order}H", len(tags)), b""
    for tag, (kind, values) in tags.items():
        raw = struct.pack(f"{order}{len(values)}{kind}", *values)
        directory += struct.pack(f"{order}HHI", tag, _TYPE_NUMBERS[kind], len(values))
        if len(raw) <= 4:
            directory += raw.ljust(4, b"\0")
        else:
            directory += struct.pack(f"{order}I", behind + len(long_values))
            long_values += raw + b"\0" * (len(raw) % 2)
    magic = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return magic + directory + bytes(4) + long_values + content
