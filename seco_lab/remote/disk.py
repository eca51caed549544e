"""Parts of files on a disk, in the same words as parts over HTTP."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit
from urllib.request import url2pathname

from seco_lab.remote.base import Part, Traffic
from seco_lab.remote.errors import ChangedError, GoneError, UnreachableError


def is_on_disk(href: str) -> bool:
    """Whether an address is a path or a file:// URL; a scheme of one letter is a disk of Windows."""
    scheme = urlsplit(href).scheme
    return len(scheme) < 2 or scheme == "file"


class DiskParts:
    """Reads parts of files that lie here, such as a practice archive or a mounted bucket."""

    def __init__(self) -> None:
        self.traffic = Traffic()

    async def read(
        self, href: str, start: int, stop: int, *, version: str | None = None, traffic: Traffic | None = None
    ) -> Part:
        """See ``Parts.read``."""
        begun = perf_counter()
        part = await asyncio.to_thread(_read, _path(href), start, stop)
        for count in (self.traffic, traffic or Traffic()):
            count.requests += 1
            count.bytes += len(part.content)
            count.seconds += perf_counter() - begun
        if version is not None and part.version != version:
            raise ChangedError(f"{href} was replaced while it was read")
        return part


def _path(href: str) -> Path:
    parts = urlsplit(href)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(href)


def _read(path: Path, start: int, stop: int) -> Part:
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(stop - start)
            state = os.fstat(file.fileno())  # of the file that was read, whatever has taken its name since
    except FileNotFoundError:
        raise GoneError(f"{path} is not there") from None
    except OSError as error:
        raise UnreachableError(f"{path} cannot be read: {error.strerror}") from error
    return Part(content, f"{state.st_size}-{state.st_mtime_ns}", state.st_size)
