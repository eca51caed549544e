"""Places read by the workers of a dask cluster; the one process that asked writes cube and journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from seco_lab.fetch.jobs import Job, Wanted
from seco_lab.fetch.local import Pace, reader_of
from seco_lab.fetch.outcome import FAILED, Outcome
from seco_lab.fetch.place import fetch_place
from seco_lab.remote import Signer
from seco_lab.remote.together import all_of

if TYPE_CHECKING:
    from distributed import Client, Future

_PLACES_A_TASK = 8  # they share connections and headers
_TASKS_A_WORKER = 2  # one at work, one waiting: more would fill the memory with pixels


class ClusterReading:
    """Outcomes of places, as they come from workers; to be used as ``with ClusterReading(...) as outcomes``.

    A worker that dies costs the places that it had: dask gives them to another one. Each worker has its own
    limit of requests, so ``pace.requests`` is shared out among them.

    Args:
        jobs: Places.
        wanted: What holds for all of them.
        signer: Signs addresses; it travels to the workers.
        pace: How much is done at a time, by all workers together.
        client: Of the cluster.
    """

    def __init__(
        self, jobs: Iterable[Job], wanted: Wanted, signer: Signer, pace: Pace, client: Client
    ) -> None:
        self._jobs = iter(jobs)
        self._wanted = wanted
        self._signer = signer
        self._pace = pace
        self._client = client
        self._under_way: dict[Future, Sequence[Job]] = {}

    def __enter__(self) -> ClusterReading:
        """Nothing is begun before the first outcome is asked for."""
        return self

    def __exit__(self, *error: object) -> None:
        """Calls off what is under way."""
        self._client.cancel(list(self._under_way))

    def __iter__(self) -> Iterator[Outcome]:
        """Outcomes as they come; a few tasks for each worker are under way at a time."""
        from distributed import as_completed

        groups = iter(lambda: list(islice(self._jobs, _PLACES_A_TASK)), [])
        coming = as_completed([self._submit(group) for group in islice(groups, self._most)])
        for future in coming:
            yield from self._outcomes(future)
            for group in islice(groups, 1):
                coming.add(self._submit(group))

    @property
    def _workers(self) -> int:
        return max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))

    @property
    def _most(self) -> int:
        return _TASKS_A_WORKER * self._workers

    def _submit(self, group: Sequence[Job]) -> Future:
        pace = Pace(self._pace.places, max(1, self._pace.requests // self._workers), self._pace.silence_s)
        future = self._client.submit(fetch_group, group, self._wanted, self._signer, pace, pure=False)
        self._under_way[future] = group
        return future

    def _outcomes(self, future: Future) -> list[Outcome]:
        group = self._under_way.pop(future)
        if future.status == "finished":
            return future.result()
        error = future.exception()
        return [Outcome(job.patch, FAILED, "worker lost", f"the worker was lost: {error}") for job in group]


def fetch_group(jobs: Sequence[Job], wanted: Wanted, signer: Signer, pace: Pace) -> list[Outcome]:
    """What a worker does: some places, at once."""

    async def read() -> list[Outcome]:
        async with reader_of(signer, pace) as reader:
            return await all_of(fetch_place(reader, job, wanted) for job in jobs)

    return asyncio.run(read())
