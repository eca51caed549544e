"""``demo``."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import command


def add_demo(commands: Any) -> None:
    """``demo``."""
    demo = command(
        commands,
        "demo",
        "demo:run_demo",
        "the whole path, offline, on the simulated world",
        "seco-lab demo --out data/work/demo",
    )
    demo.add_argument("--out", default="data/work/demo", help="folder for all results")
    demo.add_argument("--places", type=int, default=600, help="how many places (600)")
    demo.add_argument("--minutes", type=float, default=4.0, help="how long to train (4)")
    demo.add_argument("--seed", type=int, default=0)
