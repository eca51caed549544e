"""Who reads windows of images: files by their parts, or a service that gives pixels itself."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from numpy.typing import NDArray

from seco_lab.remote.base import Traffic
from seco_lab.remote.cog import Opened


class WindowReader(Protocol):
    """Reads windows by address; ``CogReader`` is one. All failures are RemoteErrors."""

    async def open(self, href: str, *, traffic: Traffic | None = None) -> Opened:
        """Where the pixels of an image lie."""
        ...

    async def read(
        self, href: str, top: int, left: int, height: int, width: int, *, traffic: Traffic | None = None
    ) -> NDArray:
        """Pixels of a window, shape (samples, height, width)."""
        ...

    def forget(self, href: str) -> None:
        """Ask anew next time."""
        ...


class ClosingReader(WindowReader, Protocol):
    """A reader that holds something until it is closed."""

    def close(self) -> None:
        """Lets go of it."""
        ...


@runtime_checkable
class OwnReader(Protocol):
    """A catalogue whose images are no files."""

    def reader(self, most_requests: int) -> ClosingReader:
        """Reads windows of its images, so many requests at a time."""
        ...
