"""Parts of files wherever they lie: over HTTP or on a disk, by their address."""

from __future__ import annotations

from urllib.parse import urlsplit

from seco_lab.remote.base import Part, Signer, Traffic
from seco_lab.remote.disk import DiskParts, is_on_disk
from seco_lab.remote.errors import UnsupportedError


class AllParts:
    """Reads parts of files by their address; to be used as ``async with AllParts(signer) as parts``.

    An archive on a disk is read without aiohttp, an optional package that only HTTP needs.

    Args:
        signer: Signs addresses of HTTP.
        most_requests: Requests to one host at a time that are never exceeded.
        silence_s: Longest pause within an answer.
    """

    def __init__(self, signer: Signer, *, most_requests: int, silence_s: float) -> None:
        self._disk, self._http = DiskParts(), None
        try:
            from seco_lab.remote.client import RangeClient
        except ImportError:
            return
        self._http = RangeClient(signer, most_requests=most_requests, silence_s=silence_s)

    async def __aenter__(self) -> AllParts:
        """Opens the connections."""
        if self._http is not None:
            await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        """Closes the connections."""
        if self._http is not None:
            await self._http.__aexit__(*error)

    @property
    def traffic(self) -> Traffic:
        """What all reading has cost so far."""
        both = [parts.traffic for parts in (self._http, self._disk) if parts is not None]
        names = ("requests", "bytes", "retries", "seconds")
        return Traffic(**{name: sum(getattr(one, name) for one in both) for name in names})

    async def read(
        self, href: str, start: int, stop: int, *, version: str | None = None, traffic: Traffic | None = None
    ) -> Part:
        """See ``Parts.read``; ImportError where HTTP is wanted and aiohttp is not installed."""
        scheme = urlsplit(href).scheme
        if is_on_disk(href):
            return await self._disk.read(href, start, stop, version=version, traffic=traffic)
        if scheme in ("http", "https"):
            if self._http is None:
                raise ImportError(
                    f"reading {scheme}://{urlsplit(href).netloc} needs aiohttp, which is not installed: "
                    "pip install 'seco-lab[stac]'"
                )
            return await self._http.read(href, start, stop, version=version, traffic=traffic)
        raise UnsupportedError(
            f"{href} cannot be read: wanted an address of https or a path, got {scheme}://"
        )
