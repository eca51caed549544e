"""The command ``seco-lab``: a thin layer over the library, for scripts and clusters."""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from seco_lab.arguments.base import BAD_INPUT
from seco_lab.arguments.parser import build_parser

FAILED, INTERRUPTED = 1, 130
_GOES_ON = dict.fromkeys(("demo", "gather", "embed"), "the same command goes on from here") | {
    "pretrain": "the same command with --resume goes on from the last checkpoint"
}


def _run(args: argparse.Namespace) -> dict[str, Any] | None:
    module, _, function = args.function.partition(":")
    return getattr(importlib.import_module(f"seco_lab.{module}"), function)(args)


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        bare = error.strerror == os.strerror(errno.ENOSPC)  # else whoever raised it told more
        place = f"for {error.filename}" if error.filename else "on the disk"
        return f"no space left {place}; make room and give the command again" if bare else error.strerror
    if isinstance(error, OSError) and error.filename and error.strerror and str(error).startswith("[Errno"):
        return f"{error.filename} cannot be read or written: {error.strerror.lower()}"
    text = str(error.args[0]) if isinstance(error, LookupError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


def _warn(message: Warning | str, *_where: Any, **_line: Any) -> None:
    """A warning as its sentence: where in the code it arose helps nobody at a terminal."""
    print(f"seco-lab: {message}", file=sys.stderr)


def _answer(result: dict[str, Any]) -> None:
    try:
        print(json.dumps(result, default=str), flush=True)
    except BrokenPipeError:  # whoever listened has gone, but the work is done
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or leaving would fail as well


def _exit_code(error: BaseException) -> int:
    missing = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)
    if isinstance(error, OSError) and not isinstance(error, missing):
        return FAILED
    return BAD_INPUT if isinstance(error, (ValueError, LookupError, OSError, ImportError)) else FAILED


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        0 when the work is done, 2 for bad input, 1 when the work failed (disk full, training diverged), 130
        when interrupted. What went wrong stands on stderr in one sentence.
    """
    args = build_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            result = _run(args)
        if args.json and result is not None:
            _answer(result)
    except KeyboardInterrupt:
        how = _GOES_ON.get(args.command, "the same command begins anew")
        print(f"seco-lab {args.command}: interrupted; {how}", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, LookupError, OSError, ImportError, ArithmeticError, RuntimeError) as error:
        print(f"seco-lab {args.command}: {_sentence(error)}", file=sys.stderr)
        return _exit_code(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
