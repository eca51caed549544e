"""What an answer of a server means: a part of a file, a reason to wait, or an end in one sentence."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import aiohttp

from seco_lab.remote.errors import ChangedError, GoneError, NoRangesError, RemoteError, UnreachableError
from seco_lab.remote.retries import PASSING, THROTTLED, retry_after_s

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class PassingError(Exception):
    """A failure that may pass when asked again."""


class ThrottledError(PassingError):
    """The host wants fewer requests; how many seconds it wants none is its second argument."""


class RefusedError(Exception):
    """401 or 403: perhaps the signature is too old."""


def named(href: str) -> str:
    """A file for messages: host and path without the signature."""
    parts = urlsplit(href)
    return f"{parts.netloc}{parts.path}"


def in_words(error: BaseException) -> str:
    """First line of what a library has to say."""
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def check_status(answer: aiohttp.ClientResponse, href: str) -> None:
    """Turns every status but 206 into what it means."""
    status = answer.status
    if status == 206:
        return
    if status in THROTTLED:
        raise ThrottledError(f"answered {status}", retry_after_s(answer.headers))
    if status in PASSING:
        raise PassingError(f"answered {status}")
    if status in (401, 403):
        raise RefusedError(str(status))
    if status in (404, 410):
        raise GoneError(f"{named(href)} is not there ({status})")
    if status == 416:
        raise ChangedError(f"{named(href)} is shorter than it was: the part asked for is not in it")
    raise _end(answer, href)


def _end(answer: aiohttp.ClientResponse, href: str) -> RemoteError:
    if answer.status == 200 and "html" in answer.headers.get("Content-Type", ""):
        return NoRangesError(
            f"{answer.url.host} answered with a web page instead of {named(href)}; is there a login page "
            "between here and the internet?"
        )
    if answer.status == 200:
        return NoRangesError(
            f"{named(href)} comes only as a whole, as its server does not know range requests; use a server "
            "that does"
        )
    return UnreachableError(f"{named(href)} answered {answer.status} {answer.reason}")


def size_of_file(answer: aiohttp.ClientResponse, href: str, start: int, stop: int) -> int:
    """Bytes of the whole file, where the answer is the part that was asked for."""
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if found is None:
        raise NoRangesError(
            f"{named(href)} comes in parts that do not say where they belong; use another server"
        )
    first, last, size = map(int, found.groups())
    if first != start or last != min(stop, size) - 1:
        raise PassingError(f"sent bytes {first} to {last} instead of {start} to {min(stop, size) - 1}")
    return size


def version_of(answer: aiohttp.ClientResponse, size: int) -> str:
    """What changes when the file is replaced."""
    return answer.headers.get("ETag") or f"{answer.headers.get('Last-Modified', '')} {size}"
