"""Options that would be passed over in silence are refused, and targets that would be lost."""

from __future__ import annotations

import argparse
from pathlib import Path


def refuse(args: argparse.Namespace, why: str, *options: str) -> None:
    """Refuse those of these options that were given.

    Args:
        args: What was parsed; an option that was not given is None or False there.
        why: Why they mean nothing here.
        options: Names as in ``args``.

    Raises:
        ValueError: Names the first of them.
    """
    idle = [option for option in options if getattr(args, option) not in (None, False)]
    if idle:
        raise ValueError(f"--{idle[0].replace('_', '-')} means nothing here: {why}; leave it out")


def refuse_own_input(out: str, *read: str | Path | None) -> None:
    """Refuse to write over a file that is read.

    Raises:
        ValueError: Names the file.
    """
    for file in filter(None, map(_there, read)):
        if Path(out).exists() and Path(out).samefile(file):
            raise ValueError(f"--out {out} is a file that is read; choose a new one")


def _there(file: str | Path | None) -> Path | None:
    return None if file is None or not Path(file).exists() else Path(file)
