"""Fetches the made-up archive; run as a script, again and again in children that can be killed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from archive import make_tasks

from seco_lab.fetch import Pace, fetch, ledger, provenance_path
from seco_lab.gather import rejected_path
from seco_lab.remote import Unsigned

# Several blocks, so that a run can be killed between two of them.
ledger._MOST_IN_BLOCK = 8


def fetched(base, out, *, places=12, **options):
    tasks = make_tasks(str(base), places=places)
    return fetch(tasks, out, signer=Unsigned(), progress=False, **{"pace": Pace(places=4), **options})


def fingerprint(out):
    """Bytes of everything that must not depend on how the run went: cube, provenance, places given up."""
    out = Path(out)
    files = [file for file in sorted(out.rglob("*")) if file.is_file()]
    files += [provenance_path(out), rejected_path(out)]
    names = [str(f.relative_to(out.parent)).replace(out.name, "cube") for f in files]
    return {name: hashlib.sha256(f.read_bytes()).hexdigest() for name, f in zip(names, files, strict=True)}


class Children:
    """Runs that can be killed: forked from one process that has done the imports and nothing else."""

    def __init__(self, base, out):
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(base), str(out)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        self._process.stdout.readline()
        return self

    def __exit__(self, *error):
        self._process.communicate()

    def start(self):
        """Process number of a new run."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self):
        """How it ended: minus the signal's number, or its exit code."""
        return int(self._process.stdout.readline())


def _serve(base, out):
    print("ready", flush=True)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            fetched(base, out)
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
