"""Fetches the made-up archive; run as a script, in processes that can be killed."""

import hashlib
from pathlib import Path

from archive import make_tasks
from forks import serve

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


if __name__ == "__main__":
    serve(lambda base, out: fetched(base, out))
