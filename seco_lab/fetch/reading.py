"""Places read and recorded as they come, until it shows that the server, not a few places, is at fault."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from seco_lab.fetch.jobs import Job, Wanted
from seco_lab.fetch.ledger import Ledger
from seco_lab.fetch.local import LocalReading, Pace
from seco_lab.fetch.outcome import FAILED, REJECTED, Outcome
from seco_lab.remote import Signer, UnreachableError

if TYPE_CHECKING:
    from distributed import Client

SEVERAL = 8  # places that fail in a row: then as many elsewhere are tried


def read_all(
    ledger: Ledger,
    numbers: NDArray[np.intp],
    signer: Signer,
    pace: Pace,
    *,
    cluster: Client | None = None,
    progress: bool = False,
) -> None:
    """Reads places and records each as it comes.

    Where several fail one after the other, they may have that in common, such as a tile whose files are lost;
    or the server is gone. Places spread over all that are left tell which: if any of them can be read, or
    given up for a reason, the reading goes on.

    Raises:
        UnreachableError: The server is gone; places that are left were not tried.
    """
    how = {"cluster": cluster, "progress": progress}
    while len(numbers):
        tried, trouble = _read_while_well(ledger, numbers, signer, pace, **how)
        numbers = np.setdiff1d(numbers, tried)
        if not trouble or not len(numbers):
            return
        elsewhere = spread(numbers)
        _read_while_well(ledger, elsewhere, signer, pace, **how)
        if np.isin(elsewhere, ledger.in_state(FAILED)).all():
            raise gone(f"{SEVERAL} places in a row, and {len(elsewhere)} elsewhere,", trouble)
        numbers = np.setdiff1d(numbers, elsewhere)


def spread(numbers: NDArray[np.intp]) -> NDArray[np.intp]:
    """Some of these places, evenly over the list: neighbours in it may be neighbours on the ground."""
    count = min(SEVERAL, len(numbers))
    return numbers[[i * len(numbers) // count for i in range(count)]]


def gone(which: str, trouble: str) -> UnreachableError:
    """The sentence with which a run ends."""
    return UnreachableError(
        f"{which} could not be read, so this run ends: {trouble}; what was read is kept, the same command "
        "goes on"
    )


def _read_while_well(
    ledger: Ledger,
    numbers: NDArray[np.intp],
    signer: Signer,
    pace: Pace,
    *,
    cluster: Client | None,
    progress: bool,
) -> tuple[list[int], str]:
    """Reads places until they all are done or too many fail one after the other.

    Returns:
        Those that were tried, and why the last one failed where too many did, "" otherwise.
    """
    tried: list[int] = []
    in_a_row = received = 0
    total = len(ledger.places)
    with (
        tqdm(total=total, initial=total - len(numbers), unit="place", disable=not progress) as bar,
        _reading_of(ledger.jobs(numbers), ledger.wanted, signer, pace, cluster) as outcomes,
    ):
        for outcome in outcomes:
            tried.append(ledger.record(outcome))
            received += outcome.traffic.bytes
            in_a_row = in_a_row + 1 if outcome.state == FAILED else 0
            if in_a_row >= SEVERAL:
                return tried, outcome.detail
            if bar.update():  # it was drawn: counting all places for each of them would take longer than that
                bar.set_postfix_str(_told(ledger, received, bar.format_dict["elapsed"]), refresh=False)
    return tried, ""


def _reading_of(
    jobs: Iterable[Job], wanted: Wanted, signer: Signer, pace: Pace, cluster: Client | None
) -> AbstractContextManager[Iterable[Outcome]]:
    """Outcomes of places as they come, read in this process or by a cluster."""
    if cluster is None:
        return LocalReading(jobs, wanted, signer, pace)
    from seco_lab.fetch.cluster import ClusterReading

    return ClusterReading(jobs, wanted, signer, pace, cluster)


def _told(ledger: Ledger, received: int, elapsed_s: float) -> str:
    """What a bar tells beside rate and time left."""
    words = [f"{received / 1e6 / max(elapsed_s, 1e-9):.1f} MB/s"]
    words += [f"{n} {word}" for word in (REJECTED, FAILED) if (n := ledger.count(word))]
    return ", ".join(words)
