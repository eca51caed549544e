"""Many places at a time in this process: a thread with its own event loop reads, the caller takes results."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass

from seco_lab.fetch.jobs import Job, Wanted
from seco_lab.fetch.outcome import Outcome
from seco_lab.fetch.place import fetch_place
from seco_lab.remote import AllParts, CogReader, OwnReader, Signer, WindowReader
from seco_lab.remote.base import MOST_REQUESTS

_LOOK_UP_S = 0.5  # how long a waiting caller may be deaf to an interrupt


@dataclass(frozen=True)
class Pace:
    """How much is done at a time.

    Attributes:
        places: Places that are read at once; their pixels are in memory.
        requests: Requests to one host that are never exceeded; how many there are, the host's answers decide.
        silence_s: Longest pause within an answer.
    """

    places: int = 16
    requests: int = MOST_REQUESTS
    silence_s: float = 30.0

    def __post_init__(self) -> None:
        if self.places < 1 or self.requests < 1 or self.silence_s <= 0:
            raise ValueError(f"places, requests and silence_s must be positive, got {self}")


@asynccontextmanager
async def reader_of(signer: Signer, pace: Pace) -> AsyncIterator[WindowReader]:
    """What reads windows: of GeoTIFFs, unless the catalogue gives pixels itself."""
    if isinstance(signer, OwnReader):
        with closing(signer.reader(pace.requests)) as reader:
            yield reader
    else:
        async with AllParts(signer, most_requests=pace.requests, silence_s=pace.silence_s) as parts:
            yield CogReader(parts)


class LocalReading:
    """Outcomes of places, as they come; to be used as ``with LocalReading(...) as outcomes``.

    A notebook has an event loop of its own in its thread, so the reading has one in another thread. Leaving
    the block ends all requests.

    Args:
        jobs: Places, begun in this order; they are taken as they are needed, in the thread that reads.
        wanted: What holds for all of them.
        signer: Signs addresses.
        pace: How much is done at a time.
    """

    def __init__(self, jobs: Iterable[Job], wanted: Wanted, signer: Signer, pace: Pace) -> None:
        self._jobs = jobs
        self._wanted = wanted
        self._signer = signer
        self._pace = pace
        self._results: queue.SimpleQueue[Outcome | BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="fetching", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task | None = None
        self._begun = threading.Event()

    def __enter__(self) -> LocalReading:
        """Begins to read."""
        self._thread.start()
        self._begun.wait()
        return self

    def __exit__(self, *error: object) -> None:
        """Ends what is under way."""
        if self._loop and self._main:
            with suppress(RuntimeError):  # the loop has ended by itself, maybe this very moment
                self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join()

    def __iter__(self) -> Iterator[Outcome]:
        """Outcomes in the order in which they come; the next places begin as these are taken."""
        while (result := self._next()) is not None:
            if isinstance(result, BaseException):
                raise result
            yield result
            with suppress(RuntimeError):  # the loop has ended: everything has been read
                self._loop.call_soon_threadsafe(self._free.release)

    def _next(self) -> Outcome | BaseException | None:
        """What came next; None where everything has been read."""
        while True:
            try:
                return self._results.get(timeout=_LOOK_UP_S)
            except queue.Empty:
                assert self._thread.is_alive(), "the reading thread ended without a word"

    def _work(self) -> None:
        try:
            asyncio.run(self._read_all())
            self._results.put(None)
        except asyncio.CancelledError:
            pass
        except BaseExceptionGroup as group:
            self._results.put(group.exceptions[0])
        except BaseException as error:
            self._results.put(error)
        finally:
            self._begun.set()

    async def _read_all(self) -> None:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        # A place counts until the caller has taken it, so that results cannot fill the memory.
        self._free = asyncio.Semaphore(self._pace.places)
        self._begun.set()
        async with reader_of(self._signer, self._pace) as reader, asyncio.TaskGroup() as group:
            for job in self._jobs:
                await self._free.acquire()
                group.create_task(self._read(reader, job))

    async def _read(self, reader: WindowReader, job: Job) -> None:
        self._results.put(await fetch_place(reader, job, self._wanted))
