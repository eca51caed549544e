"""Files that are there whole or not at all: written under a name of their own, then renamed."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import platform
import re
import secrets
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

# A process that cannot be asked (another machine, Windows) is taken for dead when it wrote nothing so long.
_SILENT_S = 24 * 3600
# On Windows a file that is just read, or looked at by a virus scanner, cannot be replaced for a moment.
_REPLACE_AGAIN_AFTER_S = (0.05, 0.2, 0.8)
# What network disks answer that sync no folders, and folders that may be written to and not be listed.
_UNSYNCED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # errors of a disk, or a share of it, that is full
_LIFE = secrets.token_hex(2)  # tells this process from an earlier one that had its number
_OWNER = re.compile(r"(?P<machine>\w+)-(?P<pid>\d+)-(?P<life>\w+)-\d+\.(?P<word>\w+)(\..*)?")
_count = itertools.count()  # tells the threads of a process from one another


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A name beside ``path`` to write to; the file takes its place when the block ends without an error.

    Whatever ends the process, ``path`` holds the old file or the new one, also after a power cut; after an
    error nothing is left beside it. Several may write to one path at once: each has a name of its own, and
    what the last of them wrote stays. What a killed process left is removed by the next writer. The name ends
    like ``path``, for libraries that go by endings.

    Args:
        path: Target; its folder is made where it is missing.

    Raises:
        OSError: The disk is full or the folder cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):  # many libraries would say so in words of their own
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    remove_leftovers(path)
    partial = hidden(path, f"partial{path.suffix}")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        _replace(partial, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno in FULL:  # some libraries have words of their own for it
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        if error.filename == str(partial):  # nobody knows that name
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):  # a disk that may only be read refuses to remove even what is not there
            partial.unlink(missing_ok=True)


def _replace(partial: Path, path: Path) -> None:
    for pause_s in _REPLACE_AGAIN_AFTER_S:
        try:
            partial.replace(path)
            return
        except PermissionError:
            time.sleep(pause_s)
    partial.replace(path)


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where folders can be synced."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _UNSYNCED:
            raise


def hidden(path: Path, word: str) -> Path:
    """A name beside ``path`` that no other thread, process or machine uses."""
    return path.parent / f".{path.name}.{_machine()}-{os.getpid()}-{_LIFE}-{next(_count)}.{word}"


def remove_leftovers(path: Path) -> None:
    """Remove what a killed process left of an earlier attempt at the same place.

    Killed in the midst of replacing, it left the old one aside and nothing in its place: that comes back.
    """
    prefix = f".{path.name}."
    with suppress(OSError):  # not there, or a folder that cannot be listed
        for name in filter(lambda name: name.startswith(prefix), os.listdir(path.parent)):
            owner, leftover = _OWNER.fullmatch(name, len(prefix)), path.parent / name
            if owner and not _lives(leftover, owner["machine"], int(owner["pid"]), owner["life"]):
                _clear(leftover, path, owner["word"])


def _clear(leftover: Path, path: Path, word: str) -> None:
    with suppress(OSError):  # another process tidies up as well
        if word == "old" and not path.exists():
            leftover.rename(path)
        elif leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink()


def _lives(leftover: Path, machine: str, pid: int, life: str) -> bool:
    """Whether the process that writes a file or folder is at work."""
    if machine == _machine() and pid == os.getpid():
        return life == _LIFE
    if machine != _machine() or os.name == "nt":  # on Windows signal 0 is no question but an interrupt
        return time.time() - _last_written(leftover) < _SILENT_S
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it lives, but belongs to somebody else
        pass
    return True


def _last_written(place: Path) -> float:
    """When something was last written to a file or into a folder, seconds since 1970."""
    return max(file.stat().st_mtime for file in [place, *place.rglob("*")])


@cache
def _machine() -> str:
    """A short name for all processes that see one another's numbers.

    Laptops installed from one image may share their name, and containers of one machine their address. Where
    there is no network card, Python gives each process another address, with the bit of a group set.
    """
    seen, address = [platform.node()], uuid.getnode()
    if not address >> 40 & 1:
        seen.append(str(address))
    with suppress(OSError):  # Linux alone has it
        seen.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.blake2b("\n".join(seen).encode(), digest_size=4).hexdigest()
