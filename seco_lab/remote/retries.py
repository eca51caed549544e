"""When to ask again: what an answer means, and how long to wait."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

THROTTLED = frozenset({429, 503})
PASSING = frozenset({408, 425, 500, 502, 504})
TRIES = 6
PATIENCE_S = 900.0  # of being told to wait; that is not a failure
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0

# Retries of many machines must fall apart; nothing that is stored depends on them.
_chance = random.Random()


def jittered_s(attempt: int) -> float:
    """Seconds to wait after failure number ``attempt`` (from 0): anything up to a bound that doubles."""
    return _chance.uniform(0, min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**attempt))


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Seconds that a ``Retry-After`` asks for, given as a number or as a date (RFC 9110, sec. 10.2.3).

    Returns:
        0 where the header is missing, cannot be read, or lies in the past; at most an hour.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return min(float(text), 3600.0)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - (now or datetime.now(UTC))).total_seconds()), 3600.0)
