"""Writes cubes in processes that die half-way. Run by test_store.py.

This process does nothing with Zarr itself, so that it has no threads when it forks: a fork of a process with
threads may hang for ever.
"""

import itertools
import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import xarray as xr
from cubes import small_cube

from seco_lab.store import append, save_cube, shards

shards.MAX_SLOTS = 4
xr.backends.list_engines()  # loaded once here, not once in each child


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


def work(task, path, number):
    if task == "limited":
        return save_within(path, number)
    die_at(number)
    return save_cube(small_cube(6), path) if task == "save" else append(path, small_cube(3, first=3))


def killed(job):
    """Whether the process of a job was killed; it must not end in any other unhappy way."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(*job)
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, f"{job} failed"
    return False


if __name__ == "__main__":
    print(json.dumps([killed(job) for job in json.loads(sys.argv[1])]))
