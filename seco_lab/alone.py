"""Folders in which one process at a time works; the claim ends with its process and leaves no file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

CAN_LOCK = fcntl is not None
# Open folders that this process has claimed, by device and inode.
_claimed: dict[tuple[int, int], int] = {}


def lock_open(handle: int, *, wait: bool) -> None:
    """Lock an open file or folder until it is closed; nothing happens on a disk without such locks.

    Raises:
        BlockingIOError: Another process has it, and this one does not wait.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # Lustre and some network disks are mounted without them
        return


def claim_folder(folder: Path) -> None:
    """Keep other processes out of a folder until it is released or this process ends.

    The same process may claim it again, as a notebook does whose cell is run anew. On systems and disks
    without such locks nothing happens.

    Args:
        folder: It is there.

    Raises:
        FileExistsError: Another process has claimed it.
    """
    if not CAN_LOCK:
        return
    handle = os.open(folder, os.O_RDONLY)
    key = _key(os.fstat(handle))
    try:
        if key not in _claimed:
            lock_open(handle, wait=False)
            _claimed[key] = handle
    except BlockingIOError as error:
        raise FileExistsError(
            f"another process works in {folder}: wait for its end, or shut down the notebook that holds it, "
            "or choose another folder"
        ) from error
    finally:
        if _claimed.get(key) != handle:
            os.close(handle)


def release_folder(folder: Path) -> None:
    """Let other processes in again; nothing happens where the folder is not claimed or gone."""
    if folder.exists():
        handle = _claimed.pop(_key(folder.stat()), None)
        if handle is not None:
            os.close(handle)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Work in a folder, which may be gone at the end, while other processes are kept out.

    Raises:
        FileExistsError: Another process works in it.
    """
    key = _key(folder.stat())
    was_claimed = key in _claimed
    claim_folder(folder)
    try:
        yield
    finally:
        if not was_claimed and key in _claimed:
            os.close(_claimed.pop(key))


def _key(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
