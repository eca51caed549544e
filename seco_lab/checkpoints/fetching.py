"""Published weights onto this machine: downloaded or copied, checked, and put in place in one move."""

from __future__ import annotations

import http.client
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from seco_lab import __version__
from seco_lab.checkpoints.contracts import CONTRACTS
from seco_lab.checkpoints.published import PublishedFile, sums_of
from seco_lab.checkpoints.weights import read_weights
from seco_lab.whole import whole_file

_BLOCK_BYTES = 2**20
_TIMEOUT_S = 60
Progress = Callable[[int, int | None], None]


def get_weights(
    entry: PublishedFile,
    out: str | Path | None = None,
    *,
    source: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """A published file on this machine, its checksum verified.

    Args:
        entry: Which file.
        out: Where to; by default under its published name in the current folder. A file that is there and has
            the right sum is left as it is.
        source: A copy on this machine, where there is no network.
        progress: Called with the bytes so far and in all, None where the server does not say.

    Raises:
        FileNotFoundError: No file at ``source``.
        FileExistsError: ``out`` is there and is another file.
        ValueError: The checksum is wrong, both sums are named; or, where none is known, the file holds no
            such encoder. Nothing is left behind.
        OSError: No network, or the disk is full.
    """
    out = Path(out or entry.file)
    out = out / entry.file if out.is_dir() else out
    if out.exists():
        return _already_there(entry, out)
    with whole_file(out) as partial:
        with partial.open("wb") as file:
            _fill(file, entry, source, progress)
        _verify(entry, partial, source or entry.url)
    return out


def _already_there(entry: PublishedFile, out: Path) -> Path:
    if not (entry.md5 or entry.sha256):
        raise FileExistsError(
            f"{out} is there and no sum of {entry.file} is known: remove it or choose another --out"
        )
    difference = sums_of(out).difference(entry)
    if difference:
        raise FileExistsError(f"{out} is there and is not {entry.file}: {difference}; choose another --out")
    return out


def _fill(file: BinaryIO, entry: PublishedFile, source: str | Path | None, progress: Progress | None) -> None:
    if source is not None:
        if not Path(source).is_file():
            raise FileNotFoundError(f"no file at {source}; --from takes a copy of {entry.file}")
        with Path(source).open("rb") as copy:
            shutil.copyfileobj(copy, file, _BLOCK_BYTES)
        return
    request = urllib.request.Request(entry.url, headers={"User-Agent": f"seco-lab/{__version__}"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            total = int(answer.headers.get("Content-Length") or 0) or None
            while block := answer.read(_BLOCK_BYTES):
                file.write(block)
                if progress:
                    progress(file.tell(), total)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise ConnectionError(
            f"cannot download {entry.url} ({reason}); fetch it on another machine, then: "
            f"seco-lab weights get {entry.name} --from PATH"
        ) from error


def _verify(entry: PublishedFile, path: Path, source: str | Path) -> None:
    difference = sums_of(path).difference(entry)
    if difference is None and not (entry.md5 or entry.sha256):
        difference = _other_kind(entry, path)
    if difference:
        raise ValueError(f"{source} is not {entry.file}: {difference}; nothing was kept, get it again")


def _other_kind(entry: PublishedFile, path: Path) -> str | None:
    """Where no sum is known: why the content cannot be the published one, None where it can."""
    try:
        found = read_weights(path, spec=CONTRACTS[entry.contract]).report.encoder["name"]
    except ValueError as error:
        return str(error)
    return None if found == entry.encoder else f"it holds a {found}, not a {entry.encoder}"
