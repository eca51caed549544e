"""Folders that are there whole or not at all: renames, locks, and a full disk in words."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seco_lab.alone import CAN_LOCK, lock_open
from seco_lab.whole import FULL, hidden, sync_folder


def put_in_place(partial: Path, path: Path) -> None:
    """Rename; what was there steps aside first and comes back if the rename fails."""
    aside = hidden(path, "old")
    if os.path.lexists(path):
        path.rename(aside)
    try:
        partial.rename(path)
    except OSError:
        if os.path.lexists(aside):
            aside.rename(path)
        raise
    sync_folder(path.parent)
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    elif os.path.lexists(aside):
        aside.unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One writer at a time; the lock dies with its process and leaves no file."""
    if not CAN_LOCK:
        yield
        return
    if not path.is_dir():
        raise FileNotFoundError(f"no cube at {path}")
    handle = os.open(path, os.O_RDONLY)
    try:
        lock_open(handle, wait=True)
        yield
    finally:
        os.close(handle)


@contextmanager
def space_in_words(path: Path, wanted_bytes: int) -> Iterator[None]:
    """Turn a full disk into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        free = shutil.disk_usage(path.parent).free
        raise OSError(
            f"no space left for {path}: its pixels need {wanted_bytes / 2**20:.1f} MiB and "
            f"{free / 2**20:.1f} MiB are free; free some, or choose another disk"
        ) from error
