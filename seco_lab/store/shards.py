"""How pixels lie on disk: shards of raw patches at fixed places, behind an index that never changes.

A shard file is ``[index | padding | slot 0 | slot 1 | ...]``. The index names every slot that the shard will
ever hold, filled or not. So a cube grows by writing behind the end of a file, no byte that a reader knows of
is touched, and the length in the root metadata alone decides what exists.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PIXELS = "reflectance"
SHARD_BYTES = 512 * 2**20
MAX_SLOTS = 4096  # the index of a shard is read as a whole: 64 KiB at most
_PAGE = 4096
_MISSING = 2**64 - 1


@dataclass(frozen=True)
class ShardLayout:
    """Where each patch lies.

    Attributes:
        patch_shape: (T, C, H, W) of one patch.
        dtype: Pixel type, little endian.
        slots: Patches that a full shard holds.
    """

    patch_shape: tuple[int, int, int, int]
    dtype: np.dtype
    slots: int

    @property
    def patch_bytes(self) -> int:
        """Bytes of one patch: all seasons, all bands."""
        return int(np.prod(self.patch_shape)) * self.dtype.itemsize

    @property
    def index_bytes(self) -> int:
        """Bytes of the shard index: offset and length per slot, and a checksum."""
        return 16 * self.slots + 4

    @property
    def start(self) -> int:
        """Byte at which slot 0 begins, on a memory page."""
        return -(-self.index_bytes // _PAGE) * _PAGE

    def header(self) -> bytes:
        """The bytes in front of slot 0."""
        index = np.empty((self.slots, 2), dtype="<u8")
        index[:, 0] = self.start + np.arange(self.slots) * self.patch_bytes
        index[:, 1] = self.patch_bytes
        raw = index.tobytes()
        return (raw + crc32c(raw).to_bytes(4, "little")).ljust(self.start, b"\0")

    def file_bytes(self, patches: int) -> int:
        """Size of a shard file that holds ``patches`` patches."""
        return self.start + patches * self.patch_bytes


def slots_per_shard(patch_bytes: int) -> int:
    """Patches per shard: a bounded number of bytes and of index entries."""
    return int(np.clip(SHARD_BYTES // max(patch_bytes, 1), 1, MAX_SLOTS))


def shard_path(store: Path, number: int) -> Path:
    """File of a shard, by Zarr's default chunk keys."""
    return store / PIXELS / "c" / str(number) / "0" / "0" / "0" / "0"


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """Castagnoli checksum (RFC 3720), which Zarr puts behind a shard index."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def root_metadata(store: Path) -> dict[str, Any]:
    """The root ``zarr.json``, the only file that says how long a cube is.

    Raises:
        FileNotFoundError: No such folder.
        ValueError: Not a Zarr v3 group.
    """
    if not store.exists():
        raise FileNotFoundError(f"no cube at {store}")
    try:
        root = json.loads((store / "zarr.json").read_text())
    except (OSError, ValueError):
        raise ValueError(f"{store} is not a Zarr v3 store: it has no readable zarr.json") from None
    if root.get("node_type") != "group":
        raise ValueError(f"{store} is a Zarr {root.get('node_type')}, not a group with a cube in it")
    return root


def array_metadata(store: Path, root: dict[str, Any], name: str = PIXELS) -> dict[str, Any]:
    """Metadata of one array, as the root states it, or its own file where nothing is consolidated.

    Raises:
        ValueError: The store has no such array.
    """
    known = (root.get("consolidated_metadata") or {}).get("metadata", {})
    if name in known:
        return known[name]
    try:
        return json.loads((store / name / "zarr.json").read_text())
    except (OSError, ValueError):
        raise ValueError(f"{store} holds no {name!r}: it is a Zarr store, but not a cube") from None


def mapped_layout(meta: dict[str, Any]) -> ShardLayout | None:
    """Layout of pixels that can be mapped into memory; None where they are compressed or cut otherwise.

    Wanted: a sharding codec with raw little-endian chunks, each one patch with all its seasons and bands.
    """
    shape, codecs = meta["shape"], meta["codecs"]
    outer = meta["chunk_grid"]["configuration"]["chunk_shape"]
    if len(shape) != 5 or len(codecs) != 1 or codecs[0]["name"] != "sharding_indexed":
        return None
    inner = codecs[0]["configuration"]
    raw = [codec["name"] for codec in inner["codecs"]] == ["bytes"]
    endian = inner["codecs"][0].get("configuration", {}).get("endian", "little") if raw else ""
    checked = [codec["name"] for codec in inner["index_codecs"]] == ["bytes", "crc32c"]
    one_patch = list(inner["chunk_shape"]) == [1, *shape[1:]] and list(outer[1:]) == list(shape[1:])
    if not (raw and endian == "little" and checked and one_patch):
        return None
    dtype = np.dtype(meta["data_type"]).newbyteorder("<")
    return ShardLayout(tuple(shape[1:]), dtype, int(outer[0]))


def index_location(meta: dict[str, Any]) -> str:
    """Where in a shard file the index lies: "start" or "end"."""
    return meta["codecs"][0]["configuration"].get("index_location", "end")


def read_index(file: Path, layout: ShardLayout, location: str) -> np.ndarray:
    """Offsets of all slots of a shard file, shape (slots,), int64; -1 where a slot was never written.

    Raises:
        ValueError: The file is shorter than its index, or the checksum does not match.
    """
    with file.open("rb") as stream:
        if location == "end":
            stream.seek(-min(layout.index_bytes, os.fstat(stream.fileno()).st_size), os.SEEK_END)
        raw = stream.read(layout.index_bytes)
    if len(raw) != layout.index_bytes or crc32c(raw[:-4]) != int.from_bytes(raw[-4:], "little"):
        raise ValueError(f"shard {file} is damaged: its index does not match its checksum")
    offsets = np.frombuffer(raw[:-4], dtype="<u8").reshape(-1, 2)[:, 0]
    return np.where(offsets == _MISSING, -1, offsets.astype(np.int64))
