"""``demo``."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import amount, command, count, number, target


def add_demo(commands: Any) -> None:
    """``demo``."""
    demo = command(
        commands,
        "demo",
        "demo:run_demo",
        "the whole path, offline, on the simulated world",
        "seco-lab demo --out data/work/demo",
    )
    demo.add_argument(
        "--out", type=target, default="data/work/demo", help="folder for all results (data/work/demo)"
    )
    demo.add_argument("--places", type=count, default=600, metavar="N", help="how many places (600)")
    demo.add_argument("--minutes", type=amount, default=4.0, metavar="M", help="how long to train (4)")
    demo.add_argument("--seed", type=number, default=0, metavar="N", help="of all chance (0)")
