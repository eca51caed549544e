"""Numbers that are kept on disk under the hash of all they were made from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seco_lab.whole import whole_file


def kept(
    cache: str | Path | None, made_from: Sequence[str | NDArray], make: Callable[[], NDArray]
) -> NDArray:
    """What ``make`` gives, or what it gave when it was asked the same before.

    Args:
        cache: Folder; None keeps nothing.
        made_from: All that the answer depends on.
        make: Computes it.
    """
    if cache is None:
        return make()
    file = Path(cache) / f"{hash_of(made_from)}.npy"
    if file.exists():
        file.touch()  # so that it is not the first to go
        return np.load(file)
    found = make()
    with whole_file(file) as partial:
        np.save(partial, found)
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
    files = sorted(Path(folder).glob("*.npy"), key=lambda file: file.stat().st_mtime, reverse=True)
    held = np.cumsum([file.stat().st_size for file in files])
    gone = [file for file, size in zip(files, held, strict=True) if size > most_bytes]
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)
