"""Parts of remote files: polite requests for ranges of bytes, windows of cloud-optimised GeoTIFFs."""

from __future__ import annotations

from seco_lab.remote.base import Part, Parts, Signer, Traffic, Unsigned
from seco_lab.remote.cog import CogReader
from seco_lab.remote.errors import (
    ChangedError,
    CorruptError,
    DeniedError,
    GoneError,
    NoRangesError,
    RemoteError,
    UnreachableError,
    UnsupportedError,
)
from seco_lab.remote.parts import AllParts
from seco_lab.remote.windows import OwnReader, WindowReader

__all__ = [
    "AllParts", "CogReader", "Part", "Parts", "Signer", "Traffic", "Unsigned", "RemoteError", "GoneError",
    "DeniedError", "ChangedError", "CorruptError", "UnreachableError", "NoRangesError", "UnsupportedError",
    "WindowReader", "OwnReader",
]  # fmt: skip
