"""``probe``."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import add_reading, command


def add_probe(commands: Any) -> None:
    """``probe``."""
    probe = command(
        commands,
        "probe",
        "commands.probing:probe",
        "measure what frozen features are worth",
        "seco-lab probe eurosat --weights runs/seco --data EuroSAT_RGB --json",
    )
    probe.add_argument("task", choices=["eurosat", "oscd", "bigearthnet"])
    probe.add_argument("--weights", required=True, metavar="RUN_OR_FILE|random")
    add_reading(probe)
    probe.add_argument("--data", required=True, metavar="FOLDER")
    probe.add_argument("--test", metavar="FOLDER", help="eurosat, bigearthnet: a separate folder of tests")
    probe.add_argument(
        "--size-px", type=int, help="resize images to this size (the encoder's own, but at least 128)"
    )
    probe.add_argument(
        "--protocol", choices=["distance", "unet", "official"], help="oscd: how change is found (distance)"
    )
    probe.add_argument("--epochs", type=int, help="oscd: of the U-Net (100)")
    probe.add_argument("--share", type=float, help="bigearthnet: part of the labels to use, such as 0.1 (1)")
    probe.add_argument(
        "--measure-input",
        action="store_true",
        default=None,
        help="eurosat: limits and statistics of its pictures in place of those that the weights learned with",
    )
    probe.add_argument("--device", default="auto")
    probe.add_argument("--seed", type=int, default=0)
    probe.add_argument("--out", metavar="JSON", help="also write the result and its protocol here")
