"""What fetching will cost: requests, bytes, hours and disk, from a few places that are really fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from seco_lab.catalogs import TaskList
from seco_lab.catalogs.tasks import tasks_of
from seco_lab.fetch.ledger import Ledger, opened
from seco_lab.fetch.local import Pace
from seco_lab.fetch.outcome import FAILED
from seco_lab.fetch.reading import gone, read_all, spread
from seco_lab.fetch.run import MAX_CLOUD, MAX_NODATA_SHARE, wanted_of
from seco_lab.gather.ledger import check_disk
from seco_lab.remote import Signer


@dataclass(frozen=True)
class Estimate:
    """What is left to do and what it will cost; ranges are those seen among the places of the pilot.

    Attributes:
        places: Places in all.
        left: Places that are still to be fetched.
        pilot: Places that the numbers come from.
        requests: For the places left.
        bytes: To receive for them.
        least_bytes: As if all of them were like the cheapest of the pilot.
        most_bytes: As if all of them were like the dearest.
        seconds: At the pace of the pilot.
        disk_bytes: What the cube will grow by.
    """

    places: int
    left: int
    pilot: int
    requests: int
    bytes: int
    least_bytes: int
    most_bytes: int
    seconds: float
    disk_bytes: int

    def __str__(self) -> str:
        if not self.left:
            return f"all {self.places} places have been tried: nothing is left to read"
        span = f"{_size(self.least_bytes)} to {_size(self.most_bytes)}"
        return (
            f"{self.left} of {self.places} places are left: about {self.requests} requests, "
            f"{_size(self.bytes)} to receive ({span}), {_time(self.seconds)} at the pace of the {self.pilot} "
            f"places just read, {_size(self.disk_bytes)} of disk"
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


def estimate(
    tasks: TaskList | str | Path,
    out: str | Path,
    *,
    signer: Signer,
    max_cloud: float = MAX_CLOUD,
    max_nodata_share: float = MAX_NODATA_SHARE,
    pace: Pace | None = None,
    progress: bool = False,
) -> Estimate:
    """Fetches eight places, spread over the plan, and reckons from them what all will cost.

    Nothing is read for the estimate alone: ``fetch`` with the same arguments goes on from there.

    Args:
        tasks: As for ``fetch``, and so are all others.
        out: Folder of the cube.
        signer: Signs addresses.
        max_cloud: Per cent of a patch that cloud and its shadow may cover.
        max_nodata_share: Share of a patch, 0 to 1, that may lack data.
        pace: How much is done at a time.
        progress: Show a bar.

    Raises:
        ValueError: As ``fetch``.
        OSError: As ``fetch``; the disk is too small for the cube.
    """
    tasks, out = tasks_of(tasks), Path(out)
    with opened(tasks, out, wanted_of(tasks, max_cloud, max_nodata_share)) as ledger:
        check_disk(out, ledger.needed_bytes())
        pilot, begun = spread(ledger.left()), perf_counter()
        read_all(ledger, pilot, signer, pace or Pace(), progress=progress)
        if len(pilot) and np.isin(pilot, ledger.in_state(FAILED)).all():
            _, _, trouble = ledger.journal.reason(FAILED) or ("", "", "")
            raise gone(f"{len(pilot)} places all over the plan", trouble)
        return _reckoned(ledger, pilot, perf_counter() - begun)


def _reckoned(ledger: Ledger, pilot: NDArray[np.intp], seconds: float) -> Estimate:
    costs = ledger.journal.costs([ledger.places.names[number] for number in pilot])
    left, count = len(ledger.left()), max(len(pilot), 1)
    received = np.array([row["bytes"] for row in costs] or [0])
    return Estimate(
        places=len(ledger.places),
        left=left,
        pilot=len(pilot),
        requests=round(sum(row["requests"] for row in costs) / count * left),
        bytes=round(float(received.mean()) * left),
        least_bytes=int(received.min()) * left,
        most_bytes=int(received.max()) * left,
        seconds=seconds / count * left,
        disk_bytes=left * ledger.patch_bytes,
    )
