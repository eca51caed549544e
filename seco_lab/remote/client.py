"""Parts of files over HTTP: politely many at a time, asked for again where the network failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from urllib.parse import urlsplit

import aiohttp

from seco_lab import __version__
from seco_lab.remote.answers import (
    PassingError,
    RefusedError,
    ThrottledError,
    check_status,
    in_words,
    named,
    size_of_file,
    version_of,
)
from seco_lab.remote.base import MOST_REQUESTS, Part, Signer, Traffic
from seco_lab.remote.errors import ChangedError, DeniedError, UnreachableError
from seco_lab.remote.gate import Gate
from seco_lab.remote.retries import PATIENCE_S, TRIES, jittered_s

_CONNECT_S, _SILENCE_S = 15.0, 30.0
_NETWORK = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError)


class RangeClient:
    """Reads parts of files over HTTP; to be used as ``async with RangeClient(signer) as client``.

    Each request is signed anew. A host that answers 429 or 503 is left alone as long as it asks for
    (``Retry-After``), by all requests together, and gets half as many at a time afterwards; being told to
    wait is no failure. Other passing errors, resets, short bodies and stalls are repeated after random waits
    that grow. Nothing is ever downloaded whole.

    Args:
        signer: Signs addresses.
        most_requests: Requests to one host at a time that are never exceeded.
        silence_s: Longest pause within an answer.
        tries: Failures of one part before it is given up; waits that were asked for do not count.
    """

    def __init__(
        self,
        signer: Signer,
        *,
        most_requests: int = MOST_REQUESTS,
        silence_s: float = _SILENCE_S,
        tries: int = TRIES,
    ) -> None:
        if most_requests < 1 or tries < 1:
            raise ValueError(f"most_requests and tries must be at least 1, got {most_requests} and {tries}")
        self._signer = signer
        self._most = most_requests
        self._tries = tries
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=silence_s)
        self._session: aiohttp.ClientSession | None = None
        self.gates: dict[str, Gate] = {}
        self.traffic = Traffic()

    async def __aenter__(self) -> RangeClient:
        """Opens the connections."""
        self._session = aiohttp.ClientSession(
            timeout=self._timeout,
            connector=aiohttp.TCPConnector(limit=0),  # the gates limit
            headers={"User-Agent": f"seco_lab/{__version__}", "Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=True,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        """Closes the connections."""
        assert self._session is not None
        await self._session.close()

    async def read(
        self, href: str, start: int, stop: int, *, version: str | None = None, traffic: Traffic | None = None
    ) -> Part:
        """See ``Parts.read``."""
        counts = (self.traffic, traffic or Traffic())
        sign, failures = self._signer.sign, 0
        patience_ends = perf_counter() + PATIENCE_S
        while True:
            try:
                part = await self._ask(href, sign, start, stop, counts)
            except RefusedError as refused:
                if sign == self._signer.resign:
                    raise DeniedError(
                        f"{named(href)} answered {refused}, with a new signature too; check your access to it"
                    ) from None
                sign = self._signer.resign
            except PassingError as passing:
                failures += not isinstance(passing, ThrottledError)
                if failures >= self._tries or perf_counter() > patience_ends:
                    raise UnreachableError(
                        f"{named(href)} {passing.args[0]}, and {failures} times failed before it was given up"
                    ) from passing
                await asyncio.sleep(jittered_s(failures))
            else:
                if version is not None and part.version != version:
                    raise ChangedError(f"{named(href)} was replaced while it was read")
                return part
            for count in counts:
                count.retries += 1

    async def _ask(
        self, href: str, sign: Callable[[str], str], start: int, stop: int, counts: tuple[Traffic, ...]
    ) -> Part:
        """One request, at its turn."""
        gate = self.gates.setdefault(urlsplit(href).netloc, Gate(self._most))
        async with gate.pass_through() as began:
            address = await _signed(sign, href)
            try:
                part = await self._receive(address, href, start, stop, counts)
            except ThrottledError as throttled:
                gate.refused(began, throttled.args[1])
                raise
            gate.succeeded()
            return part

    async def _receive(
        self, address: str, href: str, start: int, stop: int, counts: tuple[Traffic, ...]
    ) -> Part:
        assert self._session is not None
        begun, body = perf_counter(), bytearray()
        try:
            async with self._session.get(address, headers={"Range": f"bytes={start}-{stop - 1}"}) as answer:
                check_status(answer, href)
                size = size_of_file(answer, href, start, stop)
                async for chunk in answer.content.iter_any():
                    body += chunk
                    if len(body) > stop - start:
                        break
                if len(body) != min(stop, size) - start:
                    raise PassingError(f"sent {len(body)} of {min(stop, size) - start} bytes")
                return Part(bytes(body), version_of(answer, size), size)
        except aiohttp.ClientConnectorCertificateError as error:
            raise UnreachableError(f"{named(href)} cannot be trusted: {in_words(error)}") from error
        except _NETWORK as error:
            raise PassingError(f"failed ({in_words(error)})") from error
        except aiohttp.ClientError as error:
            raise UnreachableError(f"{named(href)} cannot be read: {in_words(error)}") from error
        finally:
            for count in counts:
                count.requests += 1
                count.bytes += len(body)
                count.seconds += perf_counter() - begun


async def _signed(sign: Callable[[str], str], href: str) -> str:
    """An address to be used now; asking for a new token takes time, so it is done in a thread."""
    try:
        return await asyncio.to_thread(sign, href)
    except RuntimeError as error:
        raise UnreachableError(f"{named(href)} cannot be signed: {in_words(error)}") from error
