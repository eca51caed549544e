"""One place: of each season the first scene that will do, with all bands, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from seco_lab.fetch.jobs import Candidate, Job, Wanted
from seco_lab.fetch.outcome import FAILED, FETCHED, REJECTED, Outcome
from seco_lab.fetch.scene import Image, Look, SceneReader
from seco_lab.remote import (
    ChangedError,
    CorruptError,
    DeniedError,
    GoneError,
    NoRangesError,
    RemoteError,
    Traffic,
    UnsupportedError,
    WindowReader,
)
from seco_lab.remote.together import all_of

_STARTS = 4  # of a place whose files are replaced or damaged while it is read


@dataclass
class _Season:
    """How far one season has come.

    Attributes:
        candidates: In order.
        passed: Why candidates were not taken: word and sentence of each.
        denied: Whether one of them was refused access: another day it may be allowed.
        look: What the classification of the present candidate says.
        image: Its bands.
    """

    candidates: tuple[Candidate, ...]
    passed: list[tuple[str, str]] = field(default_factory=list)
    denied: bool = False
    look: Look | None = None
    image: Image | None = None

    @property
    def candidate(self) -> Candidate | None:
        """The present one; None where none is left."""
        return self.candidates[len(self.passed)] if len(self.passed) < len(self.candidates) else None

    def pass_over(self, word: str, sentence: str) -> None:
        """Go on to the next candidate."""
        self.passed.append((word, sentence))
        self.look = self.image = None


async def fetch_place(reader: WindowReader, job: Job, wanted: Wanted) -> Outcome:
    """All seasons of a place.

    The classifications of all seasons come first: a place that is cloudy in its last season costs a few small
    files and no band.
    """
    traffic, begun, last = Traffic(), perf_counter(), RemoteError()
    for _ in range(_STARTS):
        try:
            outcome = await _Place(reader, job, wanted, traffic).run()
            break
        except (ChangedError, CorruptError) as error:
            last = error
            for href in job.hrefs:
                reader.forget(href)
        except RemoteError as error:
            word = "no ranges" if isinstance(error, NoRangesError) else "unreachable"
            outcome = Outcome(job.patch, FAILED, word, str(error))
            break
    else:
        why = "replaced" if isinstance(last, ChangedError) else "damaged"
        outcome = Outcome(job.patch, FAILED, why, str(last))
    return Outcome(**{**vars(outcome), "traffic": traffic, "seconds": perf_counter() - begun})


class _Place:
    def __init__(self, reader: WindowReader, job: Job, wanted: Wanted, traffic: Traffic) -> None:
        self._job = job
        self._wanted = wanted
        self._scenes = SceneReader(reader, job, wanted, traffic)
        self._seasons = [_Season(candidates) for candidates in job.seasons]

    async def run(self) -> Outcome:
        await all_of(self._choose(season) for season in self._seasons)
        if all(season.candidate for season in self._seasons):
            await all_of(self._read(season) for season in self._seasons)
        if all(season.image for season in self._seasons):
            return self._fetched()
        return self._given_up()

    async def _choose(self, season: _Season) -> None:
        """The next candidate that is clear enough over the patch."""
        while (candidate := season.candidate) is not None and season.look is None:
            try:
                look = await self._scenes.look(candidate)
            except (GoneError, DeniedError, UnsupportedError) as error:
                _pass_over(season, error)
                continue
            complaint = look.quality.complaint(self._wanted)
            if complaint:
                season.pass_over(*complaint)
            else:
                season.look = look

    async def _read(self, season: _Season) -> None:
        """Its bands, or those of the next one where they are gone or hold too little."""
        while (candidate := season.candidate) is not None and season.image is None:
            assert season.look is not None
            try:
                image = await self._scenes.read(candidate, season.look)
            except (GoneError, DeniedError, UnsupportedError) as error:
                _pass_over(season, error)
                await self._choose(season)
                continue
            complaint = image.quality.complaint(self._wanted)
            if complaint:
                season.pass_over(*complaint)
                await self._choose(season)
            else:
                season.image = image

    def _fetched(self) -> Outcome:
        images = [season.image for season in self._seasons if season.image]
        provenance = tuple(
            self._scenes.provenance(number, season.candidate, season.image, _told(season.passed))
            for number, season in enumerate(self._seasons)
            if season.candidate and season.image
        )
        pixels = np.stack([image.pixels for image in images])
        return Outcome(self._job.patch, FETCHED, pixels=pixels, provenance=provenance)

    def _given_up(self) -> Outcome:
        """Seasons without a scene that will do; they may be worth another try if access was refused."""
        empty = {n: s for n, s in enumerate(self._seasons) if s.candidate is None}
        words = sorted({word for season in empty.values() for word, _ in season.passed})
        detail = "; ".join(f"season {n}: {_told(season.passed)}" for n, season in empty.items())
        state = FAILED if any(season.denied for season in empty.values()) else REJECTED
        return Outcome(self._job.patch, state, ", ".join(words), detail)


def _pass_over(season: _Season, error: RemoteError) -> None:
    season.denied |= isinstance(error, DeniedError)
    words = {GoneError: "gone", DeniedError: "no access", UnsupportedError: "unreadable"}
    season.pass_over(words[type(error)], str(error))


def _told(passed: list[tuple[str, str]]) -> str:
    return ", then ".join(sentence for _, sentence in passed)
