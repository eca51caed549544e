"""What all subcommands share: a parser that complains in one sentence, and options met more than once."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
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
        for action in self._actions:
            if getattr(found, action.dest, None) == "":
                name = "/".join(action.option_strings) or action.metavar or action.dest
                self.error(f"argument {name}: a value is wanted, got an empty text (a variable not set?)")
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


def target(text: str) -> str:
    """A file or folder to make; asked before long work whether it can be."""
    path = Path(text).absolute()
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text} cannot be made: {folder} is a file, and no folder")
    if not path.exists() and not os.access(folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be made: {folder} may only be read")
    return text


def target_file(text: str) -> str:
    """A file to make."""
    if text and Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"a file is wanted, {text} is a folder")
    return target(text)


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


def family(commands: Any, name: str, summary: str, description: str, example: str, kind: str) -> Any:
    """A subcommand that has subcommands of its own; ``kind`` is what one of them is called in the help."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser.add_subparsers(dest=kind.lower(), required=True, parser_class=Parser, metavar=kind)


def add_encoder(parser: argparse.ArgumentParser, *, random: bool = False) -> None:
    """Which encoder is used, how its file is to be read, and where it runs."""
    parser.add_argument(
        "--weights",
        required=True,
        metavar="RUN_OR_FILE|random" if random else "RUN_OR_FILE",
        help="a run of pretrain, a file, or random" if random else "a run of pretrain, or a file",
    )
    add_reading(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (auto)")


def add_images_at_a_time(parser: argparse.ArgumentParser) -> None:
    """How many images pass an encoder together."""
    parser.add_argument("--batch", type=count, default=256, metavar="N", help="images at a time (256)")


def add_label_options(parser: Any) -> None:
    """What is read of BigEarthNet."""
    parser.add_argument(
        "--classes", type=int, choices=[19, 43], help="of BigEarthNet: 19, or the 43 that v1 has (19)"
    )
    parser.add_argument(
        "--cloudy", action="store_true", help="of BigEarthNet: also patches of the snow and cloud lists"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """What tells how a file of weights is to be read."""
    parser.add_argument(
        "--spec",
        metavar="NAME_OR_JSON",
        help="input contract of weights that do not tell theirs: a name of weights list, or a JSON file",
    )
    parser.add_argument("--side", default="query", help="query, or key for the momentum encoder (query)")
