"""When to look: dates for each place, a pure function of (seed, place name).

All functions return days, ``datetime64[D]`` of shape (place, season) in UTC. Nothing asks for today's
date: the reference is an argument.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.places import Place
from seco_lab.places.draw import hashed_uniforms

Days = NDArray[np.datetime64]

REFERENCE = np.datetime64("2024-12-31")  # the default "today"; a later one changes every date
SEASONS = ("winter", "spring", "summer", "autumn")
PHASES = ("green-up", "maturity", "senescence", "dormancy")
DEFAULT_WINDOW_DAYS = 7.5


def _as_day(date: str | np.datetime64) -> np.datetime64:
    try:
        day = np.datetime64(date, "D")
    except (ValueError, TypeError) as error:
        raise ValueError(f"a date looks like 2024-12-31, got {date!r}") from error
    if np.isnat(day):
        raise ValueError("the reference date is missing (NaT); give one such as 2024-12-31")
    return day


def _names(places: Sequence[Place | str]) -> list[str]:
    if len(places) == 0:
        raise ValueError("no places: dates need at least one")
    return [place.name if isinstance(place, Place) else str(place) for place in places]


def random_phase(
    places: Sequence[Place | str],
    *,
    seed: int = 0,
    reference: str | np.datetime64 = REFERENCE,
    seasons: int = 5,
    weeks_apart: float = 12,
    weeks_before: float = 4,
) -> Days:
    """Dates a fixed time apart with a random phase per place, as SeCo has them (arXiv:2103.16607, sec. 3.1).

    The newest is the reference minus four weeks minus 0 to 364 days, drawn once per place; the others go back
    from it in steps of 12 weeks. Five dates thus span 48 weeks, not a year.

    Args:
        places: Places or their names; a place keeps its dates whatever others are in the list.
        seed: From 0 to 2**64 - 1.
        reference: The day that counts as today.
        seasons: Dates per place.
        weeks_apart: Step between dates, in weeks.
        weeks_before: Weeks from the reference back to the newest date that may occur.

    Returns:
        Days, newest first, shape (place, season).
    """
    if seasons < 1 or weeks_apart <= 0:
        raise ValueError(f"need at least 1 season and a positive step, got {seasons} and {weeks_apart} weeks")
    phase = np.floor(hashed_uniforms(seed, "phase", _names(places), 1) * 365)
    back = np.round(phase + 7 * (weeks_before + weeks_apart * np.arange(seasons)))
    return _as_day(reference) - back.astype("timedelta64[D]")


def date_windows(dates: Days, *, days: float = DEFAULT_WINDOW_DAYS) -> tuple[Days, Days]:
    """First and last moment, to the hour, in which a scene for each date may lie: the date +- `days`."""
    if not days >= 0:
        raise ValueError(f"a window has a length of at least 0 days, got {days}")
    half = np.timedelta64(round(days * 24), "h")
    hours = np.asarray(dates).astype("datetime64[h]")
    return hours - half, hours + half


def within_windows(
    dates: Days, places: Sequence[Place | str], *, seed: int = 0, days: float = DEFAULT_WINDOW_DAYS
) -> Days:
    """Each date moved by a random number of days within its window, as real overpasses fall.

    Args:
        dates: Shape (place, season).
        places: Places or their names, as many as rows.
        seed: From 0 to 2**64 - 1.
        days: Half the window; the shift is at most its whole part.
    """
    names = _names(places)
    dates = np.asarray(dates).astype("datetime64[D]")
    if dates.ndim != 2 or len(dates) != len(names):
        raise ValueError(f"dates must have a row per place: {len(names)} places, dates {dates.shape}")
    whole = int(days)
    columns = [hashed_uniforms(seed, f"window {t}", names, 1)[:, 0] for t in range(dates.shape[1])]
    shift = np.floor(np.stack(columns, axis=1) * (2 * whole + 1)) - whole
    return dates + shift.astype("timedelta64[D]")


def quarters(n_places: int, *, years: Sequence[int] = (2024,)) -> Days:
    """The middle of each meteorological season: 15 January, April, July, October of each year.

    Args:
        n_places: Rows; all alike.
        years: At least one.

    Returns:
        Days in order of time, shape (place, 4 x years).
    """
    if n_places < 1 or len(years) == 0:
        raise ValueError(f"quarters need at least one place and one year, got {n_places} and {len(years)}")
    row = np.array([f"{year:04d}-{month:02d}-15" for year in sorted(years) for month in (1, 4, 7, 10)])
    return np.tile(row.astype("datetime64[D]"), (n_places, 1))


def years_apart(dates: Days, *, years: int = 4) -> Days:
    """The dates and the same days years earlier: pairs that show lasting change (CACo, CVPR 2023).

    Args:
        dates: Recent dates, shape (place, season).
        years: How many years earlier.

    Returns:
        Days, shape (place, 2 x season): the recent ones, then their partners in the same order; 29 February
        becomes 28 February where the earlier year has none.
    """
    if years < 1:
        raise ValueError(f"pairs lie at least one year apart, got {years}")
    dates = np.asarray(dates).astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    day = (dates - month.astype("datetime64[D]")).astype(int)
    earlier = month - np.timedelta64(12 * years, "M")
    last = (
        (earlier + np.timedelta64(1, "M")).astype("datetime64[D]") - earlier.astype("datetime64[D]")
    ).astype(int) - 1
    partner = earlier.astype("datetime64[D]") + np.minimum(day, last).astype("timedelta64[D]")
    return np.concatenate([dates, partner], axis=1)


def phenology_dates(
    curve: ArrayLike,
    day_of_year: ArrayLike,
    *,
    year: int,
    low: float = 0.15,
    high: float = 0.9,
    min_amplitude: float = 0.1,
) -> Days:
    """The middle of each phase of the plants' own year, after the idea of SSL4Eco (CVPR workshops 2025).

    The curve is smoothed by two harmonics of a year. Around its peak, green-up runs from `low` to `high` of
    the amplitude, maturity lies above `high`, senescence goes back down to `low`, dormancy is the rest: the
    fractions of NASA's product MCD12Q2. Differs from the paper: it takes the dates from that product, we take
    them from any curve that the caller has.

    Args:
        curve: A vegetation index such as NDVI, shape (place, day); NaN where it is unknown.
        day_of_year: 1 to 366, shape (day,), at least 6 of them over the year; of several years if you like.
        year: The year of the dates.
        low: Fraction of the amplitude at which growth starts and ends.
        high: Fraction above which plants are mature.
        min_amplitude: A place whose index varies less has no cycle and gets the days of ``quarters``.

    Returns:
        Days of that year, one per phase of ``PHASES``, shape (place, 4); not sorted by time.
    """
    curve, day = np.atleast_2d(np.asarray(curve, float)), np.asarray(day_of_year, float)
    if curve.shape[1] != len(day) or len(day) < 6 or not ((day >= 1) & (day <= 366)).all():
        raise ValueError(
            "a curve needs one value for each of at least 6 days of the year (1 to 366), got shape "
            f"{curve.shape} for {len(day)} days"
        )
    if not 0 < low < high < 1:
        raise ValueError(f"low and high are fractions with low < high, got {low} and {high}")
    daily = _smooth_year(curve, day)
    amplitude = np.ptp(daily, axis=1)
    cyclic = amplitude >= min_amplitude  # False for NaN as well
    out = quarters(len(curve), years=(year,))
    if cyclic.any():
        height = (daily[cyclic] - daily[cyclic].min(1, keepdims=True)) / amplitude[cyclic, None]
        middle = _phase_middles(height, low, high)
        out[cyclic] = np.datetime64(f"{year:04d}-01-01") + middle.astype("timedelta64[D]")
    return out


def _harmonics(day: NDArray[np.float64]) -> NDArray[np.float64]:
    angle = 2 * np.pi * (day - 1) / 365.25
    waves = [np.ones_like(angle), np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)]
    return np.stack(waves, axis=1)


def _smooth_year(curve: NDArray[np.float64], day: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two harmonics fitted to each row, shape (place, 365); NaN where under 6 values are known."""
    basis, daily = _harmonics(day), np.full((len(curve), 5), np.nan)
    known = np.isfinite(curve)
    for row, use in enumerate(known):
        if use.sum() >= 6:
            daily[row] = np.linalg.lstsq(basis[use], curve[row, use], rcond=None)[0]
    return daily @ _harmonics(np.arange(1.0, 366.0)).T


def _phase_middles(height: NDArray[np.float64], low: float, high: float) -> NDArray[np.int64]:
    """Day counted from 1 January (0 to 364) in the middle of each phase, shape (place, 4)."""
    peak = height.argmax(1)
    after = np.take_along_axis(height, (peak[:, None] + np.arange(365)) % 365, axis=1)
    before = np.take_along_axis(height, (peak[:, None] - np.arange(365)) % 365, axis=1)
    senescence, dormancy = (after < high).argmax(1), (after < low).argmax(1)
    maturity, green_up = -(before < high).argmax(1), -(before < low).argmax(1)
    edges = np.stack([green_up, maturity, senescence, dormancy, green_up + 365], axis=1)
    return (peak[:, None] + (edges[:, :-1] + edges[:, 1:]) // 2) % 365


def season_labels(dates: Days, lat: ArrayLike) -> NDArray[np.str_]:
    """The meteorological season of each date in the hemisphere of its place.

    Args:
        dates: Shape (place, season).
        lat: Degrees north, shape (place,); the equator counts as north. In the tropics these names say
            little; use ``phenology_dates`` there.

    Returns:
        "winter" (December to February in the north), "spring", "summer", "autumn"; shape (place, season).
    """
    lat = np.asarray(lat, float)
    if len(lat) != len(dates):
        raise ValueError(f"one latitude per row of dates is needed, got {len(lat)} for {len(dates)}")
    month = np.asarray(dates).astype("datetime64[M]").astype(int) % 12 + 1
    quarter = month % 12 // 3 + np.where(lat < 0, 2, 0)[:, None]
    return np.array(SEASONS)[quarter % 4]


def check_past(dates: Days, *, latest: str | np.datetime64) -> None:
    """Refuses dates of which no image can exist yet.

    Raises:
        ValueError: A date lies after `latest`.
    """
    late = np.asarray(dates) > _as_day(latest)
    if late.any():
        raise ValueError(
            f"{int(late.sum())} of {late.size} dates lie in the future (after {latest}), the last one "
            f"{np.max(np.asarray(dates)).astype('datetime64[D]')}; take an earlier reference"
        )


def dates_hash(dates: Days) -> str:
    """Sixteen hex digits that change with any date, to the second, or with the number of seasons."""
    seconds = np.ascontiguousarray(np.asarray(dates).astype("datetime64[s]").astype("<i8"))
    return hashlib.sha256(repr(seconds.shape[1:]).encode() + seconds.tobytes()).hexdigest()[:16]
