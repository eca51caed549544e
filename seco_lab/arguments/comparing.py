"""``compare``."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import command, target_file


def add_compare(commands: Any) -> None:
    """``compare``."""
    compare = command(
        commands,
        "compare",
        "commands.comparing:compare",
        "lay results of probe side by side, with the paper's rows and a paired test",
        "seco-lab compare seco.json moco.json --out table.md --figure scores.png",
    )
    compare.add_argument(
        "results",
        nargs="+",
        metavar="RESULT",
        help="what probe wrote with --out; the first is held against each other one",
    )
    compare.add_argument("--score", metavar="NAME", help="such as knn or linear_f1 (the main one)")
    compare.add_argument("--no-paper", action="store_true", help="leave out the published rows")
    compare.add_argument("--out", type=target_file, metavar="FILE", help="the table as .md, .csv or .json")
    compare.add_argument("--figure", metavar="PNG", help="the score of all, with intervals")
