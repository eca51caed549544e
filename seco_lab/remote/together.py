"""Many things at a time, all of them to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

Result = TypeVar("Result")


async def all_of(waiting: Iterable[Awaitable[Result]]) -> list[Result]:
    """Results in order; where some fail, the first failure in order, whichever came first in time.

    What is stored must not depend on which answer was faster.
    """
    results = await asyncio.gather(*waiting, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)
