"""Published weights onto this machine: downloaded or copied, checked, and put in place in one move."""

from __future__ import annotations

import shutil
from pathlib import Path

from seco_lab.checkpoints.contracts import CONTRACTS
from seco_lab.checkpoints.downloading import Progress, download
from seco_lab.checkpoints.opening import is_web_page
from seco_lab.checkpoints.published import PublishedFile, sums_of
from seco_lab.checkpoints.weights import read_weights
from seco_lab.whole import whole_file


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
        ConnectionError: No network, or a line that broke for good. What came stays beside ``out`` as
            ``*.part``, and the same call goes on from there.
        OSError: The disk is full.
    """
    out = Path(out or entry.file)
    out = out / entry.file if out.is_dir() else out
    if out.exists():
        return _already_there(entry, out)
    if source is None:
        part = out.with_name(f"{out.name}.part")
        _downloaded(entry, part, progress)
    elif not Path(source).is_file():
        raise FileNotFoundError(f"no file at {source}; --from takes a copy of {entry.file}")
    with whole_file(out) as partial:
        if source is None:
            part.replace(partial)
        else:
            shutil.copyfile(source, partial)
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


def _downloaded(entry: PublishedFile, part: Path, progress: Progress | None) -> None:
    try:
        download(entry.url, part, progress)
    except ConnectionError as error:
        kept = part.stat().st_size
        if not kept:
            part.unlink()
        again = f"; {kept} bytes are kept, the same command goes on from there;" if kept else ";"
        raise ConnectionError(
            f"cannot download {entry.url} ({error}){again} or fetch it on another machine, then: "
            f"seco-lab weights get {entry.name} --from PATH"
        ) from error


def _verify(entry: PublishedFile, path: Path, source: str | Path) -> None:
    difference = sums_of(path).difference(entry)
    if difference is None and not (entry.md5 or entry.sha256):
        difference = _other_kind(entry, path)
    if difference:
        with path.open("rb") as file:
            page = is_web_page(file.read(64))
        difference = "it is a web page, perhaps the login of a proxy" if page else difference
        raise ValueError(f"{source} is not {entry.file}: {difference}; nothing was kept, get it again")


def _other_kind(entry: PublishedFile, path: Path) -> str | None:
    """Where no sum is known: why the content cannot be the published one, None where it can."""
    try:
        found = read_weights(path, spec=CONTRACTS[entry.contract]).report.encoder["name"]
    except ValueError as error:
        return str(error)
    return None if found == entry.encoder else f"it holds a {found}, not a {entry.encoder}"
