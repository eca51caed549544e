"""When the satellite came by, and which pass a gatherer would take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seco_lab.world.atmosphere import cloud_amount
from seco_lab.world.frame import Frame
from seco_lab.world.hashing import chance

REVISIT_DAYS = 5


def clearest(frame: Frame, day: int, max_cloud: float, within_days: int) -> int:
    """The pass nearest to a day whose sky is clear enough; the clearest one where none is.

    Args:
        frame: Where.
        day: Wanted, days since 1970-01-01.
        max_cloud: Percent of the sky.
        within_days: How far from the wanted day a pass may lie.
    """
    nearest_first = sorted(passes_near(frame, day, within_days).tolist(), key=lambda found: abs(found - day))
    amounts = []
    for found in nearest_first:
        amounts.append(100 * cloud_amount(frame, found))
        if amounts[-1] <= max_cloud:
            return found
    return nearest_first[int(np.argmin(amounts))]


def passes_near(frame: Frame, day: int, within_days: int) -> NDArray[np.int64]:
    """Days of the passes within some days of a day; at least the nearest one."""
    phase = int(chance(frame.salt("orbit"), *frame.square(100_000)) * REVISIT_DAYS)
    first = -(-(day - within_days - phase) // REVISIT_DAYS) * REVISIT_DAYS + phase
    passes = np.arange(first, day + within_days + 1, REVISIT_DAYS, dtype=np.int64)
    nearest = (day - phase + REVISIT_DAYS // 2) // REVISIT_DAYS * REVISIT_DAYS + phase
    return passes if len(passes) else np.array([nearest], np.int64)
