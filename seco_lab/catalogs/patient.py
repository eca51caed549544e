"""Requests that wait, try again and give up with a sentence: for catalogues and token endpoints."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import requests
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import MaxRetryError

from seco_lab.catalogs.base import CatalogError

TIMEOUT_S = (5.0, 30.0)  # to connect, and without a byte
_TRIES = 6
_LONGEST_WAIT_S = 300  # a server that asks for more has closed for today
_LATER = (408, 425, 429, 500, 502, 503, 504)


class PatientIO(StacApiIO):
    """Transport of pystac-client with a time-out, and retries for whatever may pass.

    Differs from its own: that one waits for ever for a stalled server and tries again only where the answer
    carries Retry-After.

    Args:
        timeout_s: Seconds to connect, and seconds without a byte.
        wait_s: Scale of the waits between tries, which double each time, with jitter.
    """

    def __init__(self, *, timeout_s: tuple[float, float] = TIMEOUT_S, wait_s: float = 0.5) -> None:
        super().__init__(timeout=timeout_s, max_retries=patience(wait_s))

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """The text of an answer that is JSON.

        Raises:
            CatalogError: No such answer came; an APIError with code 404 passes through.
        """
        for left in reversed(range(_TRIES)):
            try:
                text = super().request(href, method, headers, parameters)
            except APIError as error:
                if isinstance(error.__context__, CatalogError):
                    raise error.__context__ from None
                if left and _broke_off(error.__context__):
                    continue
                if getattr(error, "status_code", None) == 404:
                    raise
                raise CatalogError(_sentence(href, error, self.timeout)) from error
            return checked_json(text, href)
        raise AssertionError("the last try returns or raises")


class _Patience(Retry):
    """Retries that do not sleep for an hour because a server says so."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Seconds that the server asks for.

        Raises:
            CatalogError: They are too many.
        """
        seconds = super().get_retry_after(response)
        if seconds and seconds > _LONGEST_WAIT_S:
            raise CatalogError(
                f"the server wants no more requests for {seconds / 60:.0f} minutes; start again then, what "
                "was found is kept"
            )
        return seconds


def patience(wait_s: float) -> Retry:
    """Which answers to try again: also those to POST, as a search changes nothing."""
    return _Patience(
        total=_TRIES,
        backoff_factor=wait_s,
        backoff_jitter=wait_s,
        status_forcelist=_LATER,
        allowed_methods=None,
        respect_retry_after_header=True,
        raise_on_status=False,
    )


def checked_json(text: str, href: str) -> str:
    """The text, where it is a JSON object.

    Raises:
        CatalogError: It is a web page, or broken off.
    """
    if text.lstrip()[:1] == "<":
        raise CatalogError(
            f"{urlsplit(href).hostname} answered with a web page instead of data: your network may want a "
            f"login first; open {href} in a browser"
        )
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise CatalogError(f"{href} answered with something that is no JSON: {text[:80]!r}") from error
    return text


def _broke_off(error: BaseException | None) -> bool:
    """Whether an answer had begun: the transport itself tries again only until then."""
    began = not (error and error.args and isinstance(error.args[0], MaxRetryError))
    return isinstance(error, requests.RequestException) and began


def _sentence(href: str, error: APIError, timeout_s: Any) -> str:
    host = urlsplit(href).netloc
    code = getattr(error, "status_code", None)
    if code in (401, 403):
        return f"{host} refuses the request ({code}): it wants a key or has blocked this address"
    if code in _LATER:
        return f"{host} is overloaded or down ({code}, {_TRIES + 1} times); try again later"
    if code is not None:
        return f"{host} did not understand the request ({code}): {str(error)[:200]}"
    if "timed out" in str(error).lower():
        return f"{host} gave no answer within {timeout_s[1]:g} s, {_TRIES + 1} times; try again later"
    return f"{host} cannot be reached: is there a network? ({str(error)[:200]})"
