"""What all subcommands share: a parser that complains in one sentence, and options met more than once."""

from __future__ import annotations

import argparse
import math
import sys
from typing import Any, NoReturn

BAD_INPUT = 2


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence and that takes no shortened options."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, allow_abbrev=False, **options)

    def parse_known_args(
        self, args: Any = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse, but the subcommand itself complains of what it does not know."""
        found, odd = super().parse_known_args(args, namespace)
        if odd:
            self.error(f"unrecognized arguments: {' '.join(odd)}")
        return found, odd

    def error(self, message: str) -> NoReturn:
        """One sentence on stderr and exit code 2."""
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(BAD_INPUT)


def count(text: str) -> int:
    """A whole number of at least 1."""
    return _whole(text, 1)


def number(text: str) -> int:
    """A whole number of at least 0."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"a whole number of at least {least} is wanted, got {text!r}")
    return value


def amount(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"a number above 0 is wanted, got {text!r}")
    return value


def command(commands: Any, name: str, function: str, summary: str, example: str) -> argparse.ArgumentParser:
    """A subcommand that runs ``function`` ("module:name" within ``seco_lab``) and knows ``--json``."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    parser.set_defaults(function=function)
    return parser


def add_reading(parser: argparse.ArgumentParser) -> None:
    """What tells how a file of weights is to be read."""
    parser.add_argument(
        "--spec",
        metavar="NAME_OR_JSON",
        help="input contract of weights that do not tell theirs: a name of weights list, or a JSON file",
    )
    parser.add_argument("--side", default="query", help="query, or key for the momentum encoder (query)")
