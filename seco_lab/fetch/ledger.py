"""One fetching job on disk: what is left to do, what is ready for the cube, and the tables beside it."""

from __future__ import annotations

import shutil
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
from seco_lab.fetch.request import REQUEST, check_goes_on, request_of
from seco_lab.gather.ledger import held_in, only_writer, state_request
from seco_lab.store import append, open_cube, save_cube
from seco_lab.store.files import remove_leftovers

_BLOCK_BYTES = 64 * 2**20  # an append syncs the disk, so it should be worth it
_MOST_IN_BLOCK = 64


class Ledger:
    """The journal and the cube of one request, kept in step.

    Places go into the cube in the order of the plan, block by block, as soon as all places of a block were
    tried. One that could not be read holds nothing up: it comes behind the others, and once every place is
    decided all are put in order. So the cube's bytes do not depend on which place came first, on
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
        self._asked = _begun(tasks, out, wanted, journal)
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

    def untried(self) -> list[Job]:
        """Places that nobody has tried to read."""
        return [job for job in self.jobs if job.patch not in self.states]

    def failed(self) -> list[Job]:
        """Places that could not be read when they were tried."""
        return self._in_state(FAILED)

    def left(self) -> list[Job]:
        """Places that are still to be read; those that failed come last, so that they hold up no other."""
        return self.untried() + self.failed()

    def _in_state(self, state: str) -> list[Job]:
        return [job for job in self.jobs if self.states.get(job.patch) == state]

    def count(self, state: str) -> int:
        """Places in a state."""
        return sum(one == state for one in self.states.values())

    def _agreed(self) -> dict[str, str]:
        """States, brought in line with the cube: a run may have ended between the two."""
        states, held = self.journal.states(), set(held_in(self.out)[0])
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

    def store_ready(self) -> None:
        """Put blocks of which every place was tried into the cube, as far as there is no gap."""
        while block := self.jobs[self._next_block * self._step : (self._next_block + 1) * self._step]:
            if any(job.patch not in self.states for job in block):
                return
            self._store([job for job in block if self.states[job.patch] == FETCHED])
            self._next_block += 1

    def finish(self) -> bool:
        """Put places that came late into the cube, and where no place is left all in the order of the plan.

        Returns:
            False where the disk has no room for the second copy that putting in order takes: what came late
            stays at the end.
        """
        self.store_ready()
        late = self._in_state(FETCHED) if not self.untried() else []
        for first in range(0, len(late), self._step):
            self._store(late[first : first + self._step])
        return bool(self.left()) or self._put_in_order()

    def _put_in_order(self) -> bool:
        names = {job.patch: job.position for job in self.jobs}
        order = np.argsort([names[patch] for patch in held_in(self.out)[0]])
        if np.array_equal(order, np.arange(len(order))):
            return True
        if shutil.disk_usage(self.out.parent).free < len(order) * self.patch_bytes + _BLOCK_BYTES:
            return False
        save_cube(open_cube(self.out).isel(patch=order), self.out, overwrite=True)
        return True

    @property
    def _step(self) -> int:
        return int(np.clip(_BLOCK_BYTES // self.patch_bytes, 1, _MOST_IN_BLOCK))

    def _store(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        pixels = np.stack([self.journal.pixels(job.patch, self.patch_shape) for job in jobs])
        rows = [self.journal.provenance(job.patch) for job in jobs]
        source = str(self.tasks.about["catalog"])
        cube = cube_of(jobs, pixels, rows, self.wanted, source=source).assign_attrs(self._asked)
        if self.out.exists():
            append(self.out, cube)
        else:
            save_cube(cube, self.out)
        patches = [job.patch for job in jobs]
        self.journal.stored(patches)
        self.states |= dict.fromkeys(patches, STORED)

    def provenance_rows(self) -> list[dict[str, Any]]:
        """Where each image of the cube comes from, in the order of the plan."""
        return [
            {**asdict(row), "lon": job.lon, "lat": job.lat}
            for job in self._in_state(STORED)
            for row in self.journal.provenance(job.patch)
        ]


def begin(tasks: Tasks, out: Path, wanted: Wanted) -> None:
    """Writes a request down at its cube, or refuses it there; no place is looked at.

    Raises:
        FileExistsError: Another process works at it, or something else lies there.
        ValueError: It was begun with other tasks or options.
    """
    with _journal_of(out) as journal:
        _begun(tasks, out, wanted, journal)


@contextmanager
def opened(tasks: Tasks, out: Path, wanted: Wanted) -> Iterator[Ledger]:
    """The ledger of a request, for this process alone.

    Raises:
        FileExistsError: Another process works at it, or something else lies there.
        ValueError: It was begun with other tasks or options.
    """
    with _journal_of(out) as journal:
        yield Ledger(tasks, out, wanted, journal)


@contextmanager
def _journal_of(out: Path) -> Iterator[Journal]:
    """The journal of a cube, for this process alone."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(out), Journal(journal_path(out)) as journal:
        remove_leftovers(out)
        yield journal


def _begun(tasks: Tasks, out: Path, wanted: Wanted, journal: Journal) -> dict[str, str]:
    """The request, checked against that of earlier runs and written down; as attributes of the cube."""
    request, before = request_of(tasks, wanted), journal.request()
    if before:
        check_goes_on(before, request, tasks, out)
    elif out.exists():
        raise FileExistsError(
            f"{out} exists and has no journal {journal.path.name} beside it; choose another name"
        )
    if before != request:
        journal.begin(request)
    return state_request(out, REQUEST, request)
