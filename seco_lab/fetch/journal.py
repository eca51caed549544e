"""What is known of each place beside the cube: a SQLite file, one transaction for each place."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.fetch.outcome import FAILED, FETCHED, Outcome, Provenance
from seco_lab.remote import Traffic

STORED = "stored"  # in the cube; its pixels are no longer here
_TABLES = """
CREATE TABLE IF NOT EXISTS request (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS place (
    patch TEXT PRIMARY KEY, state TEXT NOT NULL, why TEXT NOT NULL, detail TEXT NOT NULL, pixels BLOB,
    attempts INTEGER NOT NULL, requests INTEGER NOT NULL, bytes INTEGER NOT NULL, retries INTEGER NOT NULL,
    seconds REAL NOT NULL, finished TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS image (
    patch TEXT NOT NULL, season INTEGER NOT NULL, provenance TEXT NOT NULL, PRIMARY KEY (patch, season)
);
"""
_PUT = """
INSERT INTO place VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (patch) DO UPDATE SET
    state = excluded.state, why = excluded.why, detail = excluded.detail, pixels = excluded.pixels,
    attempts = attempts + 1, requests = requests + excluded.requests, bytes = bytes + excluded.bytes,
    retries = retries + excluded.retries, seconds = seconds + excluded.seconds, finished = excluded.finished
"""


def journal_path(out: str | Path) -> Path:
    """The journal of a cube: cube.zarr -> cube.zarr.journal.db."""
    out = Path(out)
    return out.with_name(f"{out.name}.journal.db")


class Journal:
    """The journal of one cube; to be used as ``with Journal(path) as journal``.

    A place is written with its pixels, which stay here until the cube has them; so whatever ends the process,
    what was fetched is in one of the two.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Journal:
        """Opens the file, which is made where it is missing.

        Raises:
            ValueError: It is no journal.
        """
        self._file = sqlite3.connect(self.path, isolation_level=None)
        try:
            with _in_words(self.path):
                self._file.execute("PRAGMA journal_mode = WAL")
                # The cube must never have a place of which the journal knows nothing, also after a power cut.
                self._file.execute("PRAGMA synchronous = FULL")
                self._file.executescript(_TABLES)
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the file."""
        self._file.close()

    @classmethod
    @contextmanager
    def only_read(cls, path: Path) -> Iterator[Journal]:
        """A journal as it stands, in a folder that may be written to or not.

        Raises:
            ValueError: It is no journal.
            OSError: A run that was killed left its end in a file of its own, and it cannot be joined here.
        """
        journal = cls(path)
        journal._file = sqlite3.connect(_reading(path), uri=True, isolation_level=None)
        try:
            with _in_words(path):
                journal._look(path)
            yield journal
        finally:
            journal._file.close()

    def _look(self, path: Path) -> None:
        try:
            self._file.execute("SELECT count(*) FROM place")
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise sqlite3.DatabaseError(str(error)) from error
            raise OSError(
                f"{path} was left by a run that was killed, and its end can be read only where it may be "
                "written; copy the cube and all that is named like it to such a folder"
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _in_words(self.path):
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._file.execute("COMMIT")
            except BaseException:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise

    def request(self) -> dict[str, Any]:
        """What was asked for when the journal was begun; empty where it is new."""
        return {key: json.loads(value) for key, value in self._file.execute("SELECT key, value FROM request")}

    def begin(self, request: Mapping[str, Any]) -> None:
        """Writes down what is asked for."""
        with self._transaction():
            rows = [(key, json.dumps(value)) for key, value in request.items()]
            self._file.executemany("INSERT OR REPLACE INTO request VALUES (?, ?)", rows)

    def put(self, outcome: Outcome) -> None:
        """Writes what became of a place; what it cost is added to what earlier attempts cost."""
        traffic, pixels = outcome.traffic, outcome.pixels
        blob = None if pixels is None else np.ascontiguousarray(pixels, "<u2").tobytes()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        cost = (traffic.requests, traffic.bytes, traffic.retries, outcome.seconds)
        images = [(row.patch, row.season, json.dumps(vars(row))) for row in outcome.provenance]
        with self._transaction():
            row = (outcome.patch, outcome.state, outcome.why, outcome.detail, blob, *cost, now)
            self._file.execute(_PUT, row)
            self._file.executemany("INSERT OR REPLACE INTO image VALUES (?, ?, ?)", images)

    def stored(self, patches: Sequence[str]) -> None:
        """Marks places as being in the cube and lets go of their pixels."""
        with self._transaction():
            rows = [(STORED, patch) for patch in patches]
            self._file.executemany("UPDATE place SET state = ?, pixels = NULL WHERE patch = ?", rows)

    def forget(self, patches: Sequence[str]) -> None:
        """Removes places, as if they had never been tried."""
        with self._transaction():
            for table in ("place", "image"):
                rows = [(patch,) for patch in patches]
                self._file.executemany(f"DELETE FROM {table} WHERE patch = ?", rows)

    def give_up(self, state: str) -> None:
        """Puts all failed places into another state."""
        with self._transaction():
            self._file.execute("UPDATE place SET state = ? WHERE state = ?", (state, FAILED))

    def states(self) -> Iterator[tuple[str, str]]:
        """Name and state of each place that was tried."""
        return self._file.execute("SELECT patch, state FROM place")

    def reasons(self, state: str) -> dict[str, tuple[str, str]]:
        """Word and sentence of each place in a state."""
        rows = self._file.execute("SELECT patch, why, detail FROM place WHERE state = ?", (state,))
        return {patch: (why, detail) for patch, why, detail in rows}

    def pixels(self, patch: str, shape: tuple[int, ...]) -> NDArray[np.uint16]:
        """Pixels of a fetched place that the cube does not have yet."""
        row = self._file.execute(
            "SELECT pixels FROM place WHERE patch = ? AND state = ?", (patch, FETCHED)
        ).fetchone()
        return np.frombuffer(row[0], "<u2").reshape(shape)

    def provenance(self, patch: str) -> list[Provenance]:
        """Rows of a place, in order of the seasons."""
        rows = self._file.execute("SELECT provenance FROM image WHERE patch = ? ORDER BY season", (patch,))
        return [Provenance(**json.loads(text)) for (text,) in rows]

    def reason(self, state: str) -> tuple[str, str, str] | None:
        """Name, word and sentence of one place in a state; None where there is none."""
        rows = self._file.execute("SELECT patch, why, detail FROM place WHERE state = ? LIMIT 1", (state,))
        return rows.fetchone()

    def costs(self, patches: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """What these places cost, or all: state, attempts, requests, bytes, retries, seconds, finished."""
        names = ("patch", "state", "attempts", "requests", "bytes", "retries", "seconds", "finished")
        chosen = "" if patches is None else f" WHERE patch IN ({', '.join('?' * len(patches))})"
        rows = self._file.execute(f"SELECT {', '.join(names)} FROM place{chosen}", patches or ())
        return [dict(zip(names, row, strict=True)) for row in rows]

    def cost(self) -> Traffic:
        """What all places together have cost."""
        names = ("requests", "bytes", "retries", "seconds")
        sums = ", ".join(f"coalesce(sum({name}), 0)" for name in names)
        row = self._file.execute(f"SELECT {sums} FROM place").fetchone()
        return Traffic(**dict(zip(names, row, strict=True)))

    def tidy(self) -> None:
        """Gives the disk back the room of pixels that have gone into the cube.

        Raises:
            OSError: There is no room for the second copy that this takes for a moment.
        """
        with _in_words(self.path):
            if self._file.execute("PRAGMA freelist_count").fetchone()[0]:
                self._file.execute("VACUUM")
            self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _reading(path: Path) -> str:
    """How SQLite is asked to open a journal that is only read.

    In a folder that may not be written to it wants to be told that nobody else writes there; what a killed
    process left in the ``-wal`` beside the journal would then be passed over.
    """
    file, ahead = path.absolute().as_uri(), path.with_name(f"{path.name}-wal")
    if os.access(path.parent, os.W_OK) and os.access(path, os.W_OK):
        return f"{file}?mode=rw"
    whole = not ahead.exists() or not ahead.stat().st_size
    return f"{file}?mode=ro{'&immutable=1' if whole else ''}"


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise OSError(f"no space left for {path}; free some and give the same command again") from error
        raise OSError(f"{path} cannot be written: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ValueError(
            f"{path} is no journal of fetching ({error}); move it away and begin anew"
        ) from error
