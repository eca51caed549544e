"""Numbers that are kept on disk under the hash of all they were made from."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seco_lab import __version__
from seco_lab.whole import whole_file


def kept(
    cache: str | Path | None, made_from: Sequence[str | NDArray], make: Callable[[], NDArray]
) -> NDArray:
    """What ``make`` gives, or what it gave when it was asked the same before by this version of the toolkit.

    Several runs may share a folder. An answer that cannot be written is given all the same.

    Args:
        cache: Folder; None keeps nothing.
        made_from: All that the answer depends on.
        make: Computes it.

    Warns:
        UserWarning: The answer could not be written.
    """
    if cache is None:
        return make()
    file = Path(cache) / f"{hash_of([__version__, *made_from])}.npy"
    with suppress(FileNotFoundError):
        found = np.load(file)
        with suppress(OSError):  # a folder that may only be read
            file.touch()  # so that it is not the first to go
        return found
    found = make()
    try:
        with whole_file(file) as partial:
            np.save(partial, found)
    except OSError as error:
        warnings.warn(f"what was computed is not kept for the next question: {error}", stacklevel=2)
    return found


def hash_of(parts: Sequence[str | NDArray]) -> str:
    """Hash of words and arrays, in their order."""
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        array = not isinstance(part, str)
        digest.update(f"{part.shape}{part.dtype}".encode() if array else part.encode())
        digest.update(np.ascontiguousarray(part) if array else b"\n")
    return digest.hexdigest()


def default_cache() -> Path:
    """Folder of the user's cache where the command line keeps features: ``~/.cache/seco_lab/features``."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "seco_lab" / "features"


def trim_cache(folder: str | Path, most_bytes: int) -> int:
    """Delete what was asked for longest ago, until a folder holds at most so many bytes.

    Returns:
        How many files went.
    """
    files = []
    for file in Path(folder).glob("*.npy"):
        with suppress(FileNotFoundError):  # another run tidies up as well
            files.append((file.stat().st_mtime, file.stat().st_size, file))
    files.sort(reverse=True)
    held = np.cumsum([size for _, size, _ in files])
    gone = [file for (_, _, file), size in zip(files, held, strict=True) if size > most_bytes]
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)
