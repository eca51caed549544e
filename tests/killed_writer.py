"""Writes cubes in processes that die half-way. Run by test_store.py."""

import itertools
import os
import signal
from pathlib import Path

import xarray as xr
from cubes import small_cube
from forks import serve

from seco_lab.store import append, open_cube, save_cube, shards

shards.MAX_SLOTS = 4
# Loaded once here, not once in each child.
xr.backends.list_engines()
small_cube()


def die_at(call):
    """Kill this process at its n-th sync or rename: each moment at which the disk changes state."""
    counter = itertools.count(1)

    def deadly(function):
        def wrapped(*args, **kwargs):
            if next(counter) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return wrapped

    os.fsync, Path.replace, Path.rename = deadly(os.fsync), deadly(Path.replace), deadly(Path.rename)


def save_within(path, limit_bytes):
    """Save under a limit of the system on the size of files; fails unless the error is our sentence."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    try:
        save_cube(small_cube(10, size=32), path)
    except OSError as error:
        if str(error).startswith("no space left for"):
            return
        raise
    raise AssertionError("the limit was not met")


def grow(path):
    """Save a cube and append to it until somebody ends it."""
    if not path.exists():
        save_cube(small_cube(1), path)
    for first in itertools.count(open_cube(path).sizes["patch"]):
        append(path, small_cube(1, first=first))


def work(task, path, number=0):
    if task == "limited":
        return save_within(path, number)
    if task == "grow":
        return grow(Path(path))
    die_at(number)
    return save_cube(small_cube(6), path) if task == "save" else append(path, small_cube(3, first=3))


if __name__ == "__main__":
    serve(work)
