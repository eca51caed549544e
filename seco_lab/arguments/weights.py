"""``weights`` and its actions."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import add_reading, command, count, family, target_file


def add_weights(commands: Any) -> None:
    """``weights``."""
    actions = family(
        commands,
        "weights",
        "files of weights: get, inspect, convert, examine",
        "Files of weights: of this toolkit, of the official SeCo and GASSL code, of torchvision.",
        "seco-lab weights inspect seco_resnet18_1m.ckpt --json",
        "ACTION",
    )
    name = "commands.weights:"
    command(
        actions,
        "list",
        f"{name}list_weights",
        "architectures, published files, input contracts",
        "seco-lab weights list",
    )
    get = command(
        actions,
        "get",
        f"{name}get",
        "download a published file and check it",
        "seco-lab weights get seco_resnet18_1m --from /media/stick/seco_resnet18_1m.ckpt",
    )
    get.add_argument("name", metavar="NAME", help="one of seco-lab weights list")
    get.add_argument(
        "--from", dest="source", metavar="PATH", help="a copy on this machine, without a network"
    )
    get.add_argument(
        "--out", type=target_file, metavar="FILE", help="by default the published name, in this folder"
    )
    _inspect_and_export(actions, name)
    doctor = command(
        actions,
        "doctor",
        f"{name}doctor",
        "were the BatchNorm statistics polluted? measure them anew",
        "seco-lab weights doctor seco_resnet18_1m.ckpt --data cube.zarr --out clean.pt",
    )
    doctor.add_argument("file", metavar="FILE")
    add_reading(doctor)
    doctor.add_argument("--data", metavar="CUBE", help="measure the statistics on this cube")
    doctor.add_argument("--images", type=count, default=2048, help="how many of its images (2048)")
    doctor.add_argument("--device", default="auto")
    doctor.add_argument("--out", type=target_file, metavar="FILE", help="where the recalibrated encoder goes")


def _inspect_and_export(actions: Any, name: str) -> None:
    inspect = command(
        actions,
        "inspect",
        f"{name}inspect",
        "what a file holds and expects",
        "seco-lab weights inspect runs/seco --json",
    )
    inspect.add_argument("file", metavar="FILE")
    add_reading(inspect)
    export = command(
        actions,
        "export",
        f"{name}export",
        "write an encoder for other programs",
        "seco-lab weights export runs/seco --format onnx --out seco.onnx",
    )
    export.add_argument("file", metavar="FILE")
    export.add_argument("out_file", type=target_file, nargs="?", metavar="OUT", help="the same as --out")
    export.add_argument(
        "--format", help="torchvision, safetensors, onnx or seco_lab; by default from the ending"
    )
    export.add_argument(
        "--out", type=target_file, metavar="FILE", help="ending in .pth, .safetensors, .onnx or .pt"
    )
    add_reading(export)
