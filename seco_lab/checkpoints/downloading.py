"""A file from a web server, on lines that break: what came is kept, and only the rest is asked for."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from seco_lab import __version__

_BLOCK_BYTES = 2**20
_TIMEOUT_S = 60
_NOT_IN_FILE = 416
Progress = Callable[[int, int | None], None]


def download(url: str, part: Path, progress: Progress | None = None) -> None:
    """Fill ``part`` with what lies at ``url``, going on behind what it holds already.

    Connections that break are opened again for as long as each of them brings something.

    Args:
        url: Where the file lies.
        part: What has come so far; made where it is missing, with its folder.
        progress: Called with the bytes so far and in all, None where the server does not say.

    Raises:
        ConnectionError: No network, a refusal, or a connection that brought nothing; ``part`` stays.
        OSError: The disk is full.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    whole = False
    while not whole:
        before = part.stat().st_size
        try:
            whole = _go_on(url, part, progress)
            reason: object = "the connection ended before the file did"
        except urllib.error.HTTPError as error:
            if error.code == _NOT_IN_FILE and before:
                whole = error.headers.get("Content-Range") == f"bytes */{before}"
                if not whole:
                    part.write_bytes(b"")  # longer than the file there, so it is not its beginning
                continue
            reason = error
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
        if not whole and part.stat().st_size <= before:
            raise ConnectionError(str(reason))


def _go_on(url: str, part: Path, progress: Progress | None) -> bool:
    """Ask for the rest; whether all has come."""
    request = urllib.request.Request(url, headers={"User-Agent": f"seco-lab/{__version__}"})
    if start := part.stat().st_size:
        request.add_header("Range", f"bytes={start}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        # Servers that know no parts send the whole file again.
        with part.open("ab" if answer.status == http.client.PARTIAL_CONTENT else "wb") as file:
            start, length = file.tell(), answer.headers.get("Content-Length")
            total = None if length is None else start + int(length)
            while block := answer.read(_BLOCK_BYTES):
                file.write(block)
                if progress:
                    progress(file.tell(), total)
            return total is None or file.tell() >= total
