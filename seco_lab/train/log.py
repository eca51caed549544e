"""What a step reports, and the table of all steps beside the checkpoint."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from seco_lab.whole import whole_file

_FIRST_COLUMNS = ("step", "epoch", "loss", "lr", "images_per_s", "seconds")


@dataclass(frozen=True)
class StepLog:
    """What one step reports; tensors stay on the device until somebody reads them.

    Attributes:
        step: Number of steps done, this one included.
        epoch: Pass over the data that the step belongs to, from 0.
        loss: Scalar.
        metrics: Scalars by name, such as ``"top1"``.
        lr: Learning rate of the step.
        images_per_s: Patches trained on per second, over the last steps.
        seconds: Training time of the run up to here, pauses left out.
    """

    step: int
    epoch: int
    loss: Tensor
    metrics: Mapping[str, Tensor]
    lr: float
    images_per_s: float
    seconds: float

    def floats(self) -> dict[str, float]:
        """All numbers by name; waits for the device."""
        names = list(self.metrics)
        values = torch.stack([self.loss, *(self.metrics[name].to(self.loss) for name in names)]).tolist()
        first = {"step": self.step, "epoch": self.epoch, "loss": values[0], "lr": self.lr}
        first |= {"images_per_s": round(self.images_per_s, 2), "seconds": round(self.seconds, 3)}
        return first | dict(zip(names, values[1:], strict=True))

    def __str__(self) -> str:
        """One line for a progress bar."""
        values = self.floats()
        shares = [f"{name} {values[name]:.2f}" for name in values if name.startswith("top1")]
        return " ".join([f"loss {values['loss']:.3f}", *shares, f"{self.images_per_s:.0f} images/s"])


class MetricsFile:
    """A CSV with one row a step, which never holds a row twice.

    Rows that were written after the last checkpoint are taken out again by ``keep_until`` when a run resumes.
    """

    def __init__(self, path: Path, extra_columns: Sequence[str] = ()) -> None:
        """Name the file; nothing is written yet.

        Args:
            path: The CSV.
            extra_columns: Names of metrics that some steps lack; their cells stay empty then.
        """
        self._path = path
        self._extra = tuple(extra_columns)
        self._pending: list[StepLog] = []

    def add(self, log: StepLog) -> None:
        """Remember a row until the next ``write``."""
        self._pending.append(log)

    def write(self, *, durable: bool = False) -> None:
        """Append the remembered rows; ``durable`` waits until they are on the disk.

        Raises:
            OSError: The disk is full or the folder is gone.
        """
        if not self._pending:
            return
        text = self._text([log.floats() for log in self._pending])
        try:
            append_whole(self._path, text.encode(), durable=durable)
        except OSError as error:
            sentence = f"cannot write {self._path}: {error.strerror}; the rows wait for the next attempt"
            raise OSError(error.errno, sentence) from error
        self._pending.clear()

    def _text(self, rows: list[dict[str, float]]) -> str:
        text = io.StringIO()
        header = self._header()
        writer = csv.DictWriter(text, header or self._columns(rows[0]), lineterminator="\n")
        if not header:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def _header(self) -> list[str]:
        """Columns of the file; none where it is missing, or empty because the disk was full at once."""
        if not self._path.exists():
            return []
        with self._path.open() as file:
            return next(csv.reader(file), [])

    def _columns(self, row: Mapping[str, float]) -> list[str]:
        own = [name for name in row if name not in (*_FIRST_COLUMNS, *self._extra)]
        return [*_FIRST_COLUMNS, *own, *self._extra]

    def keep_until(self, step: int) -> None:
        """Take out the rows of later steps, half-written ones included."""
        self._pending.clear()
        if not self._path.exists():
            return
        header, *rows = self._path.read_text().splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and int(row.partition(",")[0]) <= step]
        if not header.endswith("\n") or not kept:
            self._path.unlink()
        elif len(kept) < len(rows):
            with whole_file(self._path) as partial:
                partial.write_text("".join([header, *kept]))


def append_whole(path: Path, content: bytes, *, durable: bool) -> None:
    """Append all of ``content`` or, where the disk is full, nothing.

    Args:
        path: File to append to; made where it is missing.
        content: What to append.
        durable: Wait until it is on the disk.

    Raises:
        OSError: The disk is full or the folder is gone; the file is as it was.
    """
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        try:
            _write_all(file, content)
            if durable:
                os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def _write_all(file: io.FileIO, content: bytes) -> None:
    written = 0
    while written < len(content):
        written += file.write(content[written:])


def read_metrics(folder: str | Path) -> dict[str, list[float]]:
    """The columns of a run's ``metrics.csv``, by name; cells that a step left empty are NaN.

    Raises:
        FileNotFoundError: The folder has no metrics yet.
    """
    path = Path(folder) / "metrics.csv"
    if not path.exists() or not path.stat().st_size:
        raise FileNotFoundError(f"no metrics at {path}; a run writes them as it trains")
    with path.open() as file:
        header, *rows = csv.reader(file)
    whole = [row for row in rows if len(row) == len(header)]
    return {name: [float(row[i] or "nan") for row in whole] for i, name in enumerate(header)}
