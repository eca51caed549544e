"""From tasks to a seasonal cube: whatever interrupts it, nothing is read twice and nothing is lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from seco_lab.catalogs import TaskList
from seco_lab.catalogs.tasks import tasks_of
from seco_lab.fetch.jobs import Wanted
from seco_lab.fetch.journal import STORED
from seco_lab.fetch.ledger import Ledger, opened
from seco_lab.fetch.local import Pace
from seco_lab.fetch.outcome import FAILED, FETCHED, REJECTED
from seco_lab.fetch.reading import read_all
from seco_lab.fetch.tables import provenance_path, write_tables
from seco_lab.gather.ledger import check_disk, rejected_path
from seco_lab.remote import Signer, Traffic, UnreachableError

if TYPE_CHECKING:
    from distributed import Client

MAX_CLOUD, MAX_NODATA_SHARE = 20.0, 0.01


@dataclass(frozen=True)
class FetchReport:
    """What a run of ``fetch`` did.

    Attributes:
        path: The cube.
        gathered: Places read by this run.
        already: Places that had been read before.
        rejected: Places given up for good, before and in this run.
        failed: Places that could not be read now; the same call tries them again.
        trouble: Why one of them could not be read; "" where none failed.
        in_order: Whether the cube is in the order of the plan: False where places came late and the disk has
            no room for the second copy that putting in order takes.
        requests: Sent by this run.
        bytes: Received by this run.
        seconds: Time this run took.
    """

    path: Path
    gathered: int
    already: int
    rejected: int
    failed: int
    trouble: str
    in_order: bool
    requests: int
    bytes: int
    seconds: float

    @property
    def provenance_path(self) -> Path:
        """Table of where each image comes from."""
        return provenance_path(self.path)

    @property
    def rejected_path(self) -> Path:
        """Table of the places given up, with the reason."""
        return rejected_path(self.path)

    def __str__(self) -> str:
        text = (
            f"{self.gathered} places gathered in {self.seconds:.0f} s by {self.requests} requests "
            f"({self.bytes / 1e6:.1f} MB), {self.already} were there, {self.rejected} given up: {self.path}"
        )
        if self.failed:
            text += (
                f"; {self.failed} could not be read now ({self.trouble}): the same command tries them again, "
                "and leaving them out completes the cube without them"
            )
        if not self.in_order:
            text += (
                "; places that came late lie at its end, as the disk has no room for a second copy: with "
                "more room the same command puts them in order"
            )
        return text


def fetch(
    tasks: TaskList | str | Path,
    out: str | Path,
    *,
    signer: Signer,
    max_cloud: float = MAX_CLOUD,
    max_nodata_share: float = MAX_NODATA_SHARE,
    pace: Pace | None = None,
    cluster: Client | None = None,
    leave_out_failed: bool = False,
    progress: bool = True,
) -> FetchReport:
    """Reads the scenes of all places into a Zarr cube.

    Of each place and season the first candidate is taken that is clear enough over the patch itself. A call
    after a kill, a crash or an interrupt goes on where the last one stopped; when all is done, another call
    sends no request. Cube and provenance are the same to the byte however often that happened.

    A longer plan that begins with the places of the shorter one makes its cube longer: what is there stays,
    and in the end cube and tables are those of the longer plan from the start. A place that cannot be read
    holds up no other: it is tried again when the others are done, and in the next run. Of tasks in a file
    only a part is in memory, however large the plan.

    Beside the cube lie ``.journal.db`` (SQLite: states, reasons, what each place cost),
    ``.provenance.parquet`` and ``.rejected.parquet``.

    Args:
        tasks: Candidates of each place and season, or their file.
        out: Folder of the cube; by custom its name ends in ``.zarr``.
        signer: Signs addresses: the catalogue that the tasks come from, or ``remote.Unsigned()``.
        max_cloud: Per cent of a patch that cloud and its shadow may cover.
        max_nodata_share: Share of a patch, 0 to 1, that may lack data.
        pace: How much is done at a time.
        cluster: A dask client: its workers read, this process writes.
        leave_out_failed: Complete the cube without places that cannot be read, for good.
        progress: Show a bar.

    Raises:
        ValueError: No places, or `out` was begun with other options, or with tasks that differ from the first
            of these.
        FileExistsError: `out` is something else, or another process is at work on it.
        OSError: The disk is too small, or nothing can be read any more (a login page, no network, no access).
        LookupError: No place could be had.
    """
    begun, out = perf_counter(), Path(out)
    tasks = tasks_of(tasks)
    wanted = wanted_of(tasks, max_cloud, max_nodata_share)
    with opened(tasks, out, wanted) as ledger:
        already = ledger.count(STORED) + ledger.count(FETCHED)
        check_disk(out, ledger.needed_bytes())
        before = ledger.journal.cost()
        reading = {"cluster": cluster, "progress": progress}
        try:
            ledger.store_ready()
            read_all(ledger, ledger.untried(), signer, pace or Pace(), **reading)
            with suppress(UnreachableError):  # that all of these fail again says nothing of the server
                read_all(ledger, ledger.in_state(FAILED), signer, pace or Pace(), **reading)
            if leave_out_failed:
                ledger.give_up_failed()
            in_order = ledger.finish()
        finally:
            write_tables(ledger)
        if ledger.count(STORED) + ledger.count(FETCHED) + ledger.count(FAILED) == 0:
            _, why, _ = ledger.journal.reason(REJECTED) or ("", "", "")
            raise LookupError(
                f"none of the {len(ledger.places)} places could be had ({why}); all reasons are in "
                f"{rejected_path(out)}"
            )
        if not len(ledger.left()):
            with suppress(OSError):  # tidying takes room for a moment; what was asked for is there without it
                ledger.journal.tidy()
        return _report(ledger, already, before, in_order, perf_counter() - begun)


def _report(ledger: Ledger, already: int, before: Traffic, in_order: bool, seconds: float) -> FetchReport:
    """What was done since ``already`` places were there and ``before`` had been spent."""
    cost, failed = ledger.journal.cost(), ledger.journal.reason(FAILED)
    return FetchReport(
        path=ledger.out,
        gathered=ledger.count(STORED) + ledger.count(FETCHED) - already,
        already=already,
        rejected=ledger.count(REJECTED),
        failed=ledger.count(FAILED),
        trouble=f"{failed[0]}: {failed[2]}" if failed else "",
        in_order=in_order,
        requests=cost.requests - before.requests,
        bytes=cost.bytes - before.bytes,
        seconds=seconds,
    )


def wanted_of(tasks: TaskList, max_cloud: float, max_nodata_share: float) -> Wanted:
    """What is wanted of every place, by the tasks' own words and two limits."""
    bands = tasks.about["bands"]
    return Wanted(tuple(bands), int(tasks.about["size_px"]), max_cloud, max_nodata_share)
