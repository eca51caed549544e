"""Microsoft's Planetary Computer: its STAC API, and the tokens without which its files cannot be read."""

from __future__ import annotations

import json
from datetime import datetime
from threading import Lock
from time import sleep, time
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from seco_lab.catalogs.api import StacApi
from seco_lab.catalogs.base import CatalogError

API_URL = "https://planetarycomputer.microsoft.com/api/stac/v1"
TOKEN_URL = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
_BLOBS = ".blob.core.windows.net"
_SPARE_S = 300.0  # a token is renewed before reads that are under way could outlive it
_TRIES = 5


class _Token(NamedTuple):
    query: str
    ends: float  # seconds since 1970
    renew_at: float


class PlanetaryComputer(StacApi):
    """The Planetary Computer; hrefs stay unsigned until they are read.

    Args:
        url: Landing page of the API.
        token_url: Endpoint that gives a token for account and container.
        collection: Name of the collection.
        timeout_s: Seconds to connect, and seconds without a byte.
        wait_s: Scale of the waits between tries.
    """

    def __init__(
        self,
        url: str = API_URL,
        *,
        token_url: str = TOKEN_URL,
        collection: str = "sentinel-2-l2a",
        timeout_s: tuple[float, float] = (5.0, 30.0),
        wait_s: float = 0.5,
    ) -> None:
        name = f"planetary-computer {collection}" if url == API_URL else None
        super().__init__(url, collection=collection, name=name, timeout_s=timeout_s, wait_s=wait_s)
        self._tokens = SasTokens(token_url, timeout_s=timeout_s, wait_s=wait_s)

    def sign(self, href: str) -> str:
        """The address with a token that is valid for minutes to come."""
        return self._tokens.sign(href)

    def resign(self, href: str) -> str:
        """The address with a new token."""
        return self._tokens.sign(href, fresh=True)


class SasTokens:
    """Tokens of blob containers: one for all files of a container, renewed before it ends; safe in threads.

    Args:
        url: Endpoint; account and container are appended.
        timeout_s: Seconds to connect, and seconds without a byte.
        wait_s: Scale of the waits between tries.
    """

    def __init__(
        self, url: str, *, timeout_s: tuple[float, float] = (5.0, 30.0), wait_s: float = 0.5
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._wait_s = wait_s
        self._tokens: dict[str, _Token] = {}
        self._lock = Lock()

    def __getstate__(self) -> dict[str, object]:
        """All but the lock: a worker in another process has its own."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, object]) -> None:
        """What another process sent."""
        vars(self).update(state)
        self._lock = Lock()

    def sign(self, href: str, *, fresh: bool = False) -> str:
        """The address with a token; one that lies elsewhere, or has a signature of its own, as it is.

        Args:
            href: Address of a file.
            fresh: Do not trust the token at hand, a file was refused with it.

        Raises:
            CatalogError: No token can be had.
        """
        parts = urlsplit(href)
        host = parts.hostname or ""
        if not host.endswith(_BLOBS) or "sig" in parse_qs(parts.query):
            return href
        container = f"{host.removesuffix(_BLOBS)}/{parts.path.split('/')[1]}"
        asked = self._tokens.get(container)
        with self._lock:
            token = self._tokens.get(container)
            # Of many readers that were refused with one token, the first to come here renews it for all.
            if token is None or time() >= token.renew_at or (fresh and token is asked):
                token = self._tokens[container] = self._fetched(container)
        return parts._replace(query=token.query).geturl()

    def _fetched(self, container: str) -> _Token:
        """A token that has not ended; the endpoint has been seen to give out old ones."""
        for attempt in range(_TRIES):
            token = self._asked(container)
            if token.ends > time():
                return token
            sleep(self._wait_s * 2**attempt)
        raise CatalogError(
            f"{self._url} gives tokens that have already ended; is the clock of this computer right?"
        )

    def _asked(self, container: str) -> _Token:
        from seco_lab.catalogs.patient import PatientIO

        transport = PatientIO(timeout_s=self._timeout_s, wait_s=self._wait_s)
        answer = json.loads(transport.request(f"{self._url}/{container}"))
        query = answer.get("token", "")
        ends = parse_qs(query).get("se", [answer.get("msft:expiry", "")])[0]
        try:
            end = datetime.fromisoformat(ends).timestamp()
        except ValueError as error:
            raise CatalogError(f"the token for {container} does not say when it ends") from error
        now = time()
        # Short-lived ones are renewed after four fifths of their time.
        return _Token(query, end, end - min(_SPARE_S, (end - now) / 5))
