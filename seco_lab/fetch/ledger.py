"""One fetching job on disk: what is left to do, what is ready for the cube, and the tables beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.catalogs import TaskList
from seco_lab.fetch.cubes import cube_of
from seco_lab.fetch.jobs import Job, Wanted, jobs_of, listing_of
from seco_lab.fetch.journal import STORED, Journal, journal_path
from seco_lab.fetch.outcome import FAILED, FETCHED, REJECTED, Outcome
from seco_lab.fetch.request import REQUEST, check_goes_on, request_of
from seco_lab.gather.ledger import held_in, only_writer, state_request
from seco_lab.store import append, open_cube, save_cube
from seco_lab.whole import remove_leftovers

_BLOCK_BYTES = 64 * 2**20  # an append syncs the disk, so it should be worth it
_MOST_IN_BLOCK = 64
_TOLD_BYTES = 2000  # in the journal for an image: 1200 in an archive of short addresses, 2 kB with long ones
_UNTRIED = ""
_STATES = (_UNTRIED, FETCHED, REJECTED, FAILED, STORED)


class Ledger:
    """The journal and the cube of one request, kept in step.

    Places go into the cube in the order of the plan, block by block, as soon as all places of a block were
    tried. One that could not be read holds nothing up: it comes behind the others, and once every place is
    decided all are put in order. So the cube's bytes do not depend on which place came first, on
    interruptions or on retries.

    Of each place it holds a name, a position and a state; candidates stay in the tasks, pixels and provenance
    in the journal. Places are called by their number in the plan.

    Attributes:
        places: All of them.
        wanted: What is wanted of them.
    """

    def __init__(self, tasks: TaskList, out: Path, wanted: Wanted, journal: Journal) -> None:
        self.tasks = tasks
        self.out = out
        self.wanted = wanted
        self.journal = journal
        self.places = listing_of(tasks)
        self._number = {name: number for number, name in enumerate(self.places.names)}
        self._asked = _begun(tasks, out, wanted, journal)
        self._state = np.zeros(len(self.places), np.int8)  # index of _STATES
        self._agree()
        self._next_block = 0

    @property
    def patch_shape(self) -> tuple[int, int, int, int]:
        """(T, C, H, W) of a place."""
        size_px = self.wanted.size_px
        return (self.places.seasons, len(self.wanted.bands), size_px, size_px)

    @property
    def patch_bytes(self) -> int:
        """Bytes of a place in the cube."""
        return int(np.prod(self.patch_shape)) * 2

    def needed_bytes(self) -> int:
        """Bytes that the places left take on the disk, at the moment at which it is fullest.

        Pixels wait in the journal for their block, those of places that failed until the end, and stay there
        until they are in the cube; what is told of each image stays for good.
        """
        left = len(self.left())
        waiting = min(left, self._step) + self.count(FAILED)
        return (left + waiting) * self.patch_bytes + left * self.places.seasons * _TOLD_BYTES

    def jobs(self, numbers: ArrayLike) -> Iterator[Job]:
        """These places with their candidates, in the order of the plan, read as they are needed."""
        return jobs_of(self.tasks, numbers)

    def untried(self) -> NDArray[np.intp]:
        """Places that nobody has tried to read."""
        return self.in_state(_UNTRIED)

    def left(self) -> NDArray[np.intp]:
        """Places that are still to be read: untried ones and those that failed."""
        return np.union1d(self.untried(), self.in_state(FAILED))

    def in_state(self, state: str) -> NDArray[np.intp]:
        """Places in a state."""
        return np.flatnonzero(self._state == _STATES.index(state))

    def count(self, state: str) -> int:
        """How many places are in a state."""
        return len(self.in_state(state))

    def _agree(self) -> None:
        """Brings states in line with the cube: a run may have ended between the two."""
        held = set(held_in(self.out)[0])
        late, lost, known = [], [], 0
        for patch, state in self.journal.states():
            known += patch in held
            if state == FETCHED and patch in held:
                late.append(patch)
            if state == STORED and patch not in held:
                lost.append(patch)
        if (lost and held) or known < len(held):
            raise ValueError(
                f"{self.out} and its journal do not belong together ({len(lost)} places are missing from the "
                "cube); move both away and begin anew"
            )
        self.journal.stored(late)
        self.journal.forget(lost)  # the cube was removed: its places are fetched again
        self._take_states()

    def _take_states(self) -> None:
        self._state[:] = 0
        for patch, state in self.journal.states():
            self._state[self._number[patch]] = _STATES.index(state)

    def record(self, outcome: Outcome) -> int:
        """Write down what became of a place, whose number this returns; what is ready goes into the cube."""
        number = self._number[outcome.patch]
        self.journal.put(outcome)
        self._state[number] = _STATES.index(outcome.state)
        self.store_ready()
        return number

    def give_up_failed(self) -> None:
        """Leave places that cannot be read out of the cube, for good."""
        self.journal.give_up(REJECTED)
        self._take_states()

    def store_ready(self) -> None:
        """Put blocks of which every place was tried into the cube, as far as there is no gap."""
        while (begin := self._next_block * self._step) < len(self.places):
            block = self._state[begin : begin + self._step]
            if (block == _STATES.index(_UNTRIED)).any():
                return
            self._store(begin + np.flatnonzero(block == _STATES.index(FETCHED)))
            self._next_block += 1

    def finish(self) -> bool:
        """Put places that came late into the cube, and where no place is left all in the order of the plan.

        Returns:
            False where the disk has no room for the second copy that putting in order takes: what came late
            stays at the end.
        """
        self.store_ready()
        late = np.empty(0, np.intp) if len(self.untried()) else self.in_state(FETCHED)
        for first in range(0, len(late), self._step):
            self._store(late[first : first + self._step])
        return len(self.left()) > 0 or self._put_in_order()

    def _put_in_order(self) -> bool:
        order = np.argsort([self._number[patch] for patch in held_in(self.out)[0]])
        if np.array_equal(order, np.arange(len(order))):
            return True
        if shutil.disk_usage(self.out.parent).free < len(order) * self.patch_bytes + _BLOCK_BYTES:
            return False
        save_cube(open_cube(self.out).isel(patch=order), self.out, overwrite=True)
        return True

    @property
    def _step(self) -> int:
        return int(np.clip(_BLOCK_BYTES // self.patch_bytes, 1, _MOST_IN_BLOCK))

    def _store(self, numbers: NDArray[np.intp]) -> None:
        if not len(numbers):
            return
        patches = [self.places.names[number] for number in numbers]
        pixels = np.stack([self.journal.pixels(patch, self.patch_shape) for patch in patches])
        rows = [self.journal.provenance(patch) for patch in patches]
        source = str(self.tasks.about["catalog"])
        cube = cube_of(pixels, rows, self.wanted, source=source).assign_attrs(self._asked)
        if self.out.exists():
            append(self.out, cube)
        else:
            save_cube(cube, self.out)
        self.journal.stored(patches)
        self._state[numbers] = _STATES.index(STORED)

    def provenance_rows(self) -> Iterator[dict[str, Any]]:
        """Where each image of the cube comes from, in the order of the plan."""
        for number in self.in_state(STORED).tolist():
            where = {"lon": self.places.lon[number], "lat": self.places.lat[number]}
            for row in self.journal.provenance(self.places.names[number]):
                yield vars(row) | where


def begin(tasks: TaskList, out: Path, wanted: Wanted) -> None:
    """Writes a request down at its cube, or refuses it there; no place is looked at.

    Raises:
        FileExistsError: Another process works at it, or something else lies there.
        ValueError: It was begun with other tasks or options.
    """
    with _journal_of(out) as journal:
        _begun(tasks, out, wanted, journal)


@contextmanager
def opened(tasks: TaskList, out: Path, wanted: Wanted) -> Iterator[Ledger]:
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


def _begun(tasks: TaskList, out: Path, wanted: Wanted, journal: Journal) -> dict[str, str]:
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
