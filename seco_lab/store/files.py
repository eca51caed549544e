"""Files that are there whole or not at all: hidden names, renames, locks, and a full disk in words."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from seco_lab.alone import CAN_LOCK, lock_open
from seco_lab.whole import sync_folder

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def hidden(path: Path, word: str) -> Path:
    """A name beside ``path`` that no other process uses."""
    return path.parent / f".{path.name}.{os.getpid()}.{word}"


def remove_leftovers(path: Path) -> None:
    """Remove what a killed process left of an earlier attempt at the same place.

    Killed in the midst of replacing, it left the old one aside and nothing in its place: that comes back.
    """
    for leftover in path.parent.glob(f".{escape(path.name)}.*.*"):
        pid, word = leftover.name.split(".")[-2:]
        if word not in ("partial", "old") or not pid.isdigit() or _alive(int(pid)):
            continue
        if word == "old" and not path.exists():
            leftover.rename(path)
        else:
            shutil.rmtree(leftover, ignore_errors=True)


def _alive(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 is no question but an interrupt
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it lives, but belongs to somebody else
        return True
    return pid != os.getpid()


def put_in_place(partial: Path, path: Path) -> None:
    """Rename; what was there steps aside first and comes back if the rename fails."""
    aside = hidden(path, "old")
    if path.exists():
        path.rename(aside)
    try:
        partial.rename(path)
    except OSError:
        if aside.exists():
            aside.rename(path)
        raise
    sync_folder(path.parent)
    if aside.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
    elif aside.exists():
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
        if error.errno not in _FULL:
            raise
        free = shutil.disk_usage(path.parent).free
        raise OSError(
            f"no space left for {path}: its pixels need {wanted_bytes / 2**20:.1f} MiB and "
            f"{free / 2**20:.1f} MiB are free; free some, or choose another disk"
        ) from error
