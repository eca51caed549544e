"""One fetching job on disk: what is left to do, what is ready for the cube, and the tables beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from seco_lab.catalogs import Tasks
from seco_lab.fetch.cubes import cube_of
from seco_lab.fetch.jobs import Job, Wanted, jobs_of
from seco_lab.fetch.journal import STORED, Journal, journal_path
from seco_lab.fetch.outcome import FAILED, FETCHED, REJECTED, Outcome
from seco_lab.gather.ledger import only_writer
from seco_lab.store import append, open_cube, save_cube

REQUEST = "fetch"  # attribute of the cube
_BLOCK_BYTES = 64 * 2**20  # an append syncs the disk, so it should be worth it
_MOST_IN_BLOCK = 64
_DECIDED = (STORED, REJECTED)


class Ledger:
    """The journal and the cube of one request, kept in step.

    Places go into the cube in the order of the plan and in blocks whose borders depend on the plan alone, as
    soon as all places of a block are decided. So the cube's bytes do not depend on which place came first, on
    interruptions or on retries.

    Attributes:
        jobs: All places.
        wanted: What is wanted of them.
        states: State of each place that was tried.
    """

    def __init__(self, tasks: Tasks, out: Path, wanted: Wanted, journal: Journal) -> None:
        self.tasks = tasks
        self.out = out
        self.wanted = wanted
        self.journal = journal
        self.jobs = jobs_of(tasks)
        self._request = request_of(tasks, wanted)
        self._check_request()
        self.states = self._agreed()
        self._next_block = 0

    @property
    def patch_shape(self) -> tuple[int, int, int, int]:
        """(T, C, H, W) of a place."""
        size_px = self.wanted.size_px
        return (len(self.jobs[0].seasons), len(self.wanted.bands), size_px, size_px)

    @property
    def patch_bytes(self) -> int:
        """Bytes of a place in the cube."""
        return int(np.prod(self.patch_shape)) * 2

    def left(self) -> list[Job]:
        """Places that are still to be read, failed ones included."""
        return [job for job in self.jobs if self.states.get(job.patch, FAILED) == FAILED]

    def count(self, state: str) -> int:
        """Places in a state."""
        return sum(one == state for one in self.states.values())

    def _check_request(self) -> None:
        before = self.journal.request()
        if not before:
            if self.out.exists():
                raise FileExistsError(
                    f"{self.out} exists and has no journal {self.journal.path.name} beside it; choose "
                    "another name"
                )
            self.journal.begin(self._request)
            return
        differ = [key for key, value in self._request.items() if before.get(key) != value]
        if differ:
            key = differ[0]
            raise ValueError(
                f"{self.out} was begun with {key.replace('_', ' ')} {before.get(key)}, now it is "
                f"{self._request[key]}; choose another name, or ask for the same"
            )

    def _agreed(self) -> dict[str, str]:
        """States, brought in line with the cube: a run may have ended between the two."""
        states, held = self.journal.states(), _patches_in(self.out)
        late = [patch for patch, state in states.items() if state == FETCHED and patch in held]
        self.journal.stored(late)
        lost = [patch for patch, state in states.items() if state == STORED and patch not in held]
        if (lost and held) or held - set(states):
            raise ValueError(
                f"{self.out} and its journal do not belong together ({len(lost)} places are missing from the "
                "cube); move both away and begin anew"
            )
        self.journal.forget(lost)  # the cube was removed: its places are fetched again
        return self.journal.states()

    def record(self, outcome: Outcome) -> None:
        """Write down what became of a place; then whatever is ready goes into the cube."""
        self.journal.put(outcome)
        self.states[outcome.patch] = outcome.state
        self.store_ready()

    def give_up_failed(self) -> None:
        """Leave places that cannot be read out of the cube, for good."""
        self.journal.give_up(REJECTED)
        self.states = self.journal.states()
        self.store_ready()

    def store_ready(self) -> None:
        """Put blocks of which every place is decided into the cube, as far as there is no gap."""
        step = int(np.clip(_BLOCK_BYTES // self.patch_bytes, 1, _MOST_IN_BLOCK))
        while block := self.jobs[self._next_block * step : (self._next_block + 1) * step]:
            states = {job.patch: self.states.get(job.patch, FAILED) for job in block}
            if FAILED in states.values():
                return
            ready = [job for job in block if states[job.patch] == FETCHED]
            if ready:
                self._store(ready)
            self._next_block += 1

    def _store(self, jobs: Sequence[Job]) -> None:
        pixels = np.stack([self.journal.pixels(job.patch, self.patch_shape) for job in jobs])
        rows = [self.journal.provenance(job.patch) for job in jobs]
        asked = {REQUEST: json.dumps(self._request), "plan_hash": self._request["plan_hash"]}
        source = str(self.tasks.about["catalog"])
        cube = cube_of(jobs, pixels, rows, self.wanted, source=source).assign_attrs(asked)
        if self.out.exists():
            append(self.out, cube)
        else:
            save_cube(cube, self.out)
        patches = [job.patch for job in jobs]
        self.journal.stored(patches)
        self.states |= dict.fromkeys(patches, STORED)

    def provenance_rows(self) -> list[dict[str, Any]]:
        """Where each image of the cube comes from, in the order of the cube."""
        held = [job for job in self.jobs if self.states.get(job.patch) == STORED]
        return [
            {**asdict(row), "lon": job.lon, "lat": job.lat}
            for job in held
            for row in self.journal.provenance(job.patch)
        ]


def request_of(tasks: Tasks, wanted: Wanted) -> dict[str, Any]:
    """What must be the same for two runs to work at one cube."""
    about = {key: tasks.about.get(key) for key in ("catalog", "plan_hash", "dates_hash")}
    options = {"size_px": wanted.size_px, "bands": list(wanted.bands), "max_cloud": wanted.max_cloud}
    options["max_nodata_share"] = wanted.max_nodata_share
    return {**about, "tasks_hash": tasks.hash, **options}


def _patches_in(out: Path) -> set[str]:
    if not out.exists():
        return set()
    try:
        with open_cube(out) as cube:
            return set(cube["patch"].values.tolist())
    except (ValueError, OSError) as error:
        raise FileExistsError(f"{out} exists and is no cube; choose another name") from error


@contextmanager
def opened(tasks: Tasks, out: Path, wanted: Wanted) -> Iterator[Ledger]:
    """The ledger of a request, for this process alone.

    Raises:
        FileExistsError: Another process works at it, or something else lies there.
        ValueError: It was begun with other tasks or options.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(out), Journal(journal_path(out)) as journal:
        yield Ledger(tasks, out, wanted, journal)
