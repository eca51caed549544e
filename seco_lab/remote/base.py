"""A part of a file, what reading has cost, and who signs addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

MOST_REQUESTS = 64  # to one host at a time, unless asked otherwise


class Signer(Protocol):
    """Knows with which address a file may be read; every catalogue is one.

    Both methods raise RuntimeError with a sentence where no signature can be had.
    """

    def sign(self, href: str) -> str:
        """The address to be used now."""
        ...

    def resign(self, href: str) -> str:
        """The same with a new signature, after the old one was refused."""
        ...


class Unsigned:
    """Addresses as they are, for archives that are open to all."""

    def sign(self, href: str) -> str:
        """The same address."""
        return href

    def resign(self, href: str) -> str:
        """The same address."""
        return href


@dataclass(frozen=True)
class Part:
    """Bytes of a file.

    Attributes:
        content: What was asked for, or less at the end of the file.
        version: Changes when the file is replaced: its ETag, else its date and size.
        size: Bytes of the whole file.
    """

    content: bytes
    version: str
    size: int


@dataclass
class Traffic:
    """What reading has cost.

    Attributes:
        requests: Sent, repeated ones included.
        bytes: Received in bodies.
        retries: Requests that had to be repeated.
        seconds: Sum over requests, many of which run at once.
    """

    requests: int = 0
    bytes: int = 0
    retries: int = 0
    seconds: float = 0.0


class Parts(Protocol):
    """Reads parts of files: over HTTP, or from a disk."""

    traffic: Traffic

    async def read(
        self, href: str, start: int, stop: int, *, version: str | None = None, traffic: Traffic | None = None
    ) -> Part:
        """Bytes ``start`` to ``stop`` of a file, fewer only where it ends.

        Args:
            href: Unsigned address.
            start: First byte, from 0.
            stop: One behind the last byte.
            version: What the file must still be, as an earlier part said.
            traffic: Counts what this costs, beside the count of all.

        Raises:
            GoneError: The file is not there.
            DeniedError: Not without another permission.
            ChangedError: The file is another one than ``version``.
            NoRangesError: The server answers with web pages or whole files.
            UnreachableError: It fails again and again.
        """
        ...
