"""The toolkit's own checkpoints: written whole or not at all, read as tensors and plain values."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from seco_lab import __version__
from seco_lab.whole import FULL, whole_file

CHECKPOINT_NAME = "checkpoint.pt"
_FORMAT, _VERSION = "seco_lab", 1


def save_checkpoint(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values to a file, so that a crash leaves the old file or the new one.

    Args:
        path: Target; an old file is replaced at the very end.
        content: Tensors, numbers, strings, lists and dictionaries of them.

    Raises:
        OSError: The disk is full or the folder cannot be written; the old file is intact and nothing is left
            beside it.
    """
    path = Path(path)
    head = {"format": _FORMAT, "format_version": _VERSION, "toolkit_version": __version__}
    with full_disk_told(path), whole_file(path) as partial:
        torch.save({**head, **content}, partial)


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Turn what writers of weights say of a full disk into one sentence that names the file.

    Raises:
        OSError: The disk is full or the folder cannot be written.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        raise _write_error(path, error) from error


def _write_error(path: Path, error: Exception) -> Exception:
    # The writers of torch and safetensors report a full disk as errors of their own, whose cause is lost.
    signs = ("unexpected pos", "write failed", "os error 28", "os error 27")
    cut_short = any(words in str(error) for words in signs)
    number = getattr(error, "errno", None)
    if number not in FULL and not cut_short:
        return error
    number = number or errno.ENOSPC
    kept = "the checkpoint before it is intact" if path.exists() else "nothing was written"
    return OSError(number, f"cannot save {path}: {os.strerror(number)}; {kept}, make room and go on")


def load_checkpoint(path: str | Path, *, mapped: bool = False) -> dict[str, Any]:
    """Content of a file that ``save_checkpoint`` wrote, on the CPU.

    Only tensors and plain values are read; code in a file never runs.

    Args:
        path: The file.
        mapped: Leave tensors on the disk until they are touched.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Truncated, damaged, of another program, or of a later version of the toolkit.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    content = _read(path, mapped)
    if not is_own(content):
        raise ValueError(f"{path} holds weights, but not of this toolkit; only its own checkpoints fit here")
    check_version(path, content)
    return content


def is_own(content: Any) -> bool:
    """Whether the content of a file is what ``save_checkpoint`` wrote."""
    return isinstance(content, dict) and content.get("format") == _FORMAT


def check_version(path: Path, content: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of a later version of the toolkit.

    Raises:
        ValueError: Its format is newer than this version knows.
    """
    if content["format_version"] > _VERSION:
        raise ValueError(
            f"{path} was written by seco_lab {content['toolkit_version']}, this is {__version__}: update it"
        )


def _read(path: Path, mapped: bool) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is damaged, or holds more than tensors and plain values, which is not opened for safety"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        # A file cut short by a byte is sought beyond its end, which is "invalid argument"; others are real.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise ValueError(
            f"{path} is not a whole checkpoint: truncated, damaged or another format; get or make it again, "
            "in another folder"
        ) from error


def describe_changes(stored: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Fields in which two nested configurations differ, as ``name: stored -> wanted``."""
    changes = []
    for name in sorted({*stored, *wanted}):
        old, new = stored.get(name), wanted.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            changes += describe_changes(old, new, f"{prefix}{name}.")
        elif old != new:
            changes.append(f"{prefix}{name}: {old!r} -> {new!r}")
    return changes
