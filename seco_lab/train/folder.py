"""The folder of a run: its owner, its checkpoint, a row for each of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seco_lab.alone import claim_folder, release_folder
from seco_lab.checkpoints import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from seco_lab.train.agreement import check_free, check_identity, check_same_step
from seco_lab.train.guards import COLLAPSE_COLUMNS
from seco_lab.train.log import MetricsFile, StepLog


class RunFolder:
    """What a run does with its folder; of several processes the main one alone, but for ``stored``.

    Attributes:
        path: The folder, whatever the working folder is later.
        checkpoint: Its checkpoint.
    """

    def __init__(self, path: str | Path) -> None:
        """Name the folder; nothing is written yet."""
        self.path = Path(path).absolute()
        self.checkpoint = self.path / CHECKPOINT_NAME
        self._metrics = MetricsFile(self.path / "metrics.csv", COLLAPSE_COLUMNS)

    def begin(self) -> None:
        """Make it the folder of a run that starts; rows of a run that was never saved go.

        Raises:
            FileExistsError: It holds a run, or another process works in it.
            OSError: It cannot be made.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        claim_folder(self.path)
        check_free(self.path)
        self._metrics.keep_until(0)

    def stored(self, ours: Mapping[str, Any], accept: Sequence[str]) -> dict[str, Any] | None:
        """The checkpoint, if there is one; every process must ask.

        Args:
            ours: ``identity`` of the run that wants to continue it.
            accept: Fields that may differ.

        Raises:
            ValueError: Damaged, of another configuration, or not seen by all processes.
        """
        content = load_checkpoint(self.checkpoint) if self.checkpoint.exists() else None
        check_same_step(None if content is None else content["step"], self.checkpoint)
        if content is not None:
            check_identity(self.checkpoint, content, ours, accept)
        return content

    def go_on(self, step: int) -> None:
        """Make it the folder of a run that continues after that many steps; rows of later ones go.

        Raises:
            FileExistsError: Another process works in it.
            OSError: It cannot be written.
        """
        claim_folder(self.path)
        self._metrics.keep_until(step)

    def add(self, log: StepLog) -> None:
        """Remember a row."""
        self._metrics.add(log)

    def write_rows(self) -> None:
        """Append the rows remembered.

        Raises:
            OSError: The disk is full; they are kept for the next attempt.
        """
        self._metrics.write()

    def save(self, content: Mapping[str, Any]) -> Path:
        """Write the rows remembered and a checkpoint.

        Returns:
            The checkpoint.

        Raises:
            FileExistsError: Another process works in the folder.
            OSError: The disk is full; the checkpoint before is intact and the rows are kept.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        claim_folder(self.path)  # it may have been removed and made anew by another process meanwhile
        # Rows first: a checkpoint whose rows are missing could not be completed later.
        self._metrics.write(durable=True)
        save_checkpoint(self.checkpoint, content)
        return self.checkpoint

    def leave(self) -> None:
        """Let other processes in."""
        release_folder(self.path)
