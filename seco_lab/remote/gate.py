"""How many requests one host gets at a time: slowly more while it answers, half as many when it complains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

START_REQUESTS = 8.0


class Gate:
    """Lets a changing number of requests through to one host.

    As TCP does it (Jacobson 1988): until the host complains for the first time each success adds one request,
    so that their number n doubles with each round; from then on each success adds 1/n, about one request a
    round. A 429 or 503 halves n, once for all requests that were under way together. A time before which the
    host wants no request holds for all of them.

    Args:
        most: Requests at a time that are never exceeded.
    """

    def __init__(self, most: int) -> None:
        self.limit = min(START_REQUESTS, float(most))
        self.most = most
        self.running = 0
        self.throttled = 0
        self._not_before = 0.0
        self._halved = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def pass_through(self) -> AsyncIterator[float]:
        """Waits for a turn; gives the moment at which it began, by the clock of the loop."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.running < max(1, int(self.limit)))
            self.running += 1
        try:
            await self._pause()
            yield asyncio.get_running_loop().time()
        finally:
            self.running -= 1
            async with self._changed:
                self._changed.notify(2)  # its own place, and one that the limit may have gained

    async def _pause(self) -> None:
        clock = asyncio.get_running_loop()
        while (wait := self._not_before - clock.time()) > 0:
            await asyncio.sleep(wait)

    def succeeded(self) -> None:
        """One request was answered."""
        self.limit = min(self.most, self.limit + (1 / self.limit if self.throttled else 1))

    def refused(self, began: float, wait_s: float) -> None:
        """The host asked for fewer requests.

        Args:
            began: When the refused request was sent; one sent before the last halving halves nothing.
            wait_s: Seconds for which the host wants no request.
        """
        now = asyncio.get_running_loop().time()
        self.throttled += 1
        self._not_before = max(self._not_before, now + wait_s)
        if began >= self._halved:
            self.limit, self._halved = max(1.0, self.limit / 2), now
