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

__all__ = [
    "AllParts", "CogReader", "Part", "Parts", "Signer", "Traffic", "Unsigned", "RemoteError", "GoneError",
    "DeniedError", "ChangedError", "CorruptError", "UnreachableError", "NoRangesError", "UnsupportedError",
]  # fmt: skip
