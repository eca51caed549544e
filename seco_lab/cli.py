"""The command ``seco-lab``: a thin layer over the library, for scripts and clusters."""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from seco_lab import __version__

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence and that takes no shortened options."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(BAD_INPUT)


def _command(commands: Any, name: str, function: str, summary: str, example: str) -> argparse.ArgumentParser:
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


def _add_demo(commands: Any) -> None:
    demo = _command(
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


def _add_data(commands: Any) -> None:
    plan = _command(
        commands,
        "plan",
        "commands.gathering:plan",
        "draw places on Earth",
        "seco-lab plan --places 1000 --std-km 50 --out places.parquet",
    )
    plan.add_argument("--places", type=int, required=True, metavar="N")
    plan.add_argument(
        "--sampler",
        default="cities",
        help="cities, population, land, continents, grid or a file of points/polygons",
    )
    plan.add_argument("--std-km", type=float, default=50.0, help="spread around a city in km (50)")
    plan.add_argument("--seed", type=int, default=0)
    plan.add_argument("--out", required=True, metavar="PARQUET")

    gather = _command(
        commands,
        "gather",
        "commands.gathering:gather",
        "fetch the seasons of each place into a cube",
        "seco-lab gather places.parquet --source simulated --out cube.zarr",
    )
    gather.add_argument("places", metavar="PLACES", help="a plan, or - to convert a folder given by --source")
    gather.add_argument("--source", default="simulated", help="simulated, or a folder of imagery")
    gather.add_argument("--seasons", type=int, help="dates per place (5)")
    gather.add_argument("--years-apart", type=int, metavar="N", help="also N years earlier, for caco")
    gather.add_argument("--size-px", type=int, help="side of a patch (264, or what the folder holds)")
    gather.add_argument("--bands", default="all", help="rgb, all, or names such as B02,B03")
    gather.add_argument("--add", action="store_true", help="append a folder of imagery to a cube")
    gather.add_argument("--reference-date", default="2024-12-01", help="the last season lies before this day")
    gather.add_argument("--seed", type=int, default=0)
    gather.add_argument("--out", required=True, metavar="CUBE")


def _add_training(commands: Any) -> None:
    pretrain = _command(
        commands,
        "pretrain",
        "commands.training:pretrain",
        "train an encoder on a cube without labels",
        "seco-lab pretrain cube.zarr --method seco --minutes 30 --out runs/seco",
    )
    pretrain.add_argument(
        "cube", metavar="CUBE", help="a Zarr cube, or a folder of imagery that a reader knows"
    )
    pretrain.add_argument(
        "--method",
        default="seco",
        help="seco, moco, geo, simclr or vicreg; moco-tp, geo-tp, simclr-tp, vicreg-tp pair seasons; caco "
        "compares years, seco-eco the phases of the plants' year (seco)",
    )
    pretrain.add_argument("--encoder", default="resnet18")
    length = pretrain.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int)
    length.add_argument("--epochs", type=float)
    length.add_argument("--minutes", type=float, help="measure a few steps, then fix the number of steps")
    pretrain.add_argument("--batch", type=int, default=64)
    pretrain.add_argument("--size-px", type=int, help="height and width of the views (96, or the patch)")
    pretrain.add_argument("--bands", default="rgb")
    pretrain.add_argument("--split", help="use only the patches of this split, where the cube has splits")
    pretrain.add_argument("--queue", type=int, help="negatives from past batches; the papers have 16384")
    pretrain.add_argument("--temperature", type=float, help="0.07 in the papers")
    pretrain.add_argument("--momentum", type=float, help="of the key encoder; 0.999 in the papers")
    pretrain.add_argument("--optimizer", help="sgd (the papers) or adamw")
    pretrain.add_argument("--lr", type=float, help="0.03 in the papers")
    pretrain.add_argument("--strength", help="of the views: paper, gassl or mild (more of the colours stays)")
    pretrain.add_argument("--schedule", default="cosine", help="cosine or steps")
    pretrain.add_argument(
        "--accumulate", type=int, default=1, help="parts of a batch, to need less memory (1)"
    )
    pretrain.add_argument(
        "--batchnorm", default="shuffled", help="under torchrun: shuffled (as in MoCo) or synced (shuffled)"
    )
    pretrain.add_argument(
        "--process-timeout", type=float, default=300.0, metavar="S", help="under torchrun: wait so long (300)"
    )
    pretrain.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    pretrain.add_argument("--seed", type=int, default=0)
    pretrain.add_argument("--out", required=True, metavar="RUN")
    pretrain.add_argument("--resume", action="store_true", help="go on where the run in --out stopped")


def _add_use(commands: Any) -> None:
    embed = _command(
        commands,
        "embed",
        "commands.using:embed",
        "turn every patch and season into a vector",
        "seco-lab embed cube.zarr --weights runs/seco --out embeddings.parquet",
    )
    embed.add_argument("cube", metavar="CUBE")
    embed.add_argument("--weights", required=True, metavar="RUN_OR_FILE")
    _add_reading(embed)
    embed.add_argument("--batch", type=int, default=256)
    embed.add_argument("--device", default="auto")
    embed.add_argument("--out", required=True, metavar="PARQUET")

    probe = _command(
        commands,
        "probe",
        "commands.probing:probe",
        "measure what frozen features are worth",
        "seco-lab probe eurosat --weights runs/seco --data EuroSAT_RGB --json",
    )
    probe.add_argument("task", choices=["eurosat", "oscd", "bigearthnet"])
    probe.add_argument("--weights", required=True, metavar="RUN_OR_FILE|random")
    _add_reading(probe)
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

    explore = _command(
        commands,
        "explore",
        "commands.using:explore",
        "write a map that works without Python",
        "seco-lab explore embeddings.parquet --cube cube.zarr --out map.html",
    )
    explore.add_argument("embeddings", metavar="PARQUET")
    explore.add_argument("--cube", metavar="CUBE", help="pictures of the places")
    explore.add_argument("--out", required=True, metavar="HTML")


def _add_area(commands: Any) -> None:
    area = _command(
        commands,
        "area",
        "commands.area:area",
        "turn a whole scene into a raster of vectors that QGIS opens",
        "seco-lab area scene.tif --weights runs/seco --stride-px 16 --out area.tif --rgb rgb.tif",
    )
    area.add_argument("scene", metavar="SCENE", help="a multi-band GeoTIFF of any size, or a Zarr cube")
    area.add_argument("--weights", required=True, metavar="RUN_OR_FILE")
    _add_reading(area)
    area.add_argument(
        "--window-px", type=int, default=64, help="side of a window in pixels of the scene (64)"
    )
    area.add_argument("--stride-px", type=int, default=32, help="step between windows, side of a cell (32)")
    area.add_argument("--file-bands", metavar="NAMES", help="bands in the file's order, where it names none")
    area.add_argument(
        "--offset", default="auto", help="the +1000 of baseline 04.00: auto (by content), remove or keep"
    )
    area.add_argument("--patch", metavar="NAME", help="which patch of a cube")
    area.add_argument("--season", type=int, metavar="N", help="which season of a cube, from 0")
    area.add_argument(
        "--dtype", choices=["float32", "float16"], default="float32", help="float16 halves the file (float32)"
    )
    area.add_argument("--batch", type=int, default=256)
    area.add_argument("--device", default="auto")
    area.add_argument("--out", required=True, metavar="TIF")
    area.add_argument("--rgb", metavar="TIF", help="also write a picture of the vectors (PCA) here")


def _add_weights(commands: Any) -> None:
    weights = commands.add_parser(
        "weights",
        help="files of weights: get, inspect, convert, examine",
        description="Files of weights: of this toolkit, of the official SeCo and GASSL code, of torchvision.",
        epilog="example:\n  seco-lab weights inspect seco_resnet18_1m.ckpt --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = weights.add_subparsers(dest="action", required=True, parser_class=_Parser, metavar="ACTION")
    name = "commands.weights:"
    _command(
        actions,
        "list",
        f"{name}list_weights",
        "architectures, published files, input contracts",
        "seco-lab weights list",
    )
    get = _command(
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
    get.add_argument("--out", metavar="FILE", help="by default the published name, in this folder")
    _add_inspect_and_export(actions, name)
    doctor = _command(
        actions,
        "doctor",
        f"{name}doctor",
        "were the BatchNorm statistics polluted? measure them anew",
        "seco-lab weights doctor seco_resnet18_1m.ckpt --data cube.zarr --out clean.pt",
    )
    doctor.add_argument("file", metavar="FILE")
    _add_reading(doctor)
    doctor.add_argument("--data", metavar="CUBE", help="measure the statistics on this cube")
    doctor.add_argument("--images", type=int, default=2048, help="how many of its images (2048)")
    doctor.add_argument("--device", default="auto")
    doctor.add_argument("--out", metavar="FILE", help="where the recalibrated encoder goes")


def _add_inspect_and_export(actions: Any, name: str) -> None:
    inspect = _command(
        actions,
        "inspect",
        f"{name}inspect",
        "what a file holds and expects",
        "seco-lab weights inspect runs/seco --json",
    )
    inspect.add_argument("file", metavar="FILE")
    _add_reading(inspect)
    export = _command(
        actions,
        "export",
        f"{name}export",
        "write an encoder for other programs",
        "seco-lab weights export runs/seco --format onnx --out seco.onnx",
    )
    export.add_argument("file", metavar="FILE")
    export.add_argument("out_file", nargs="?", metavar="OUT", help="the same as --out")
    export.add_argument(
        "--format", help="torchvision, safetensors, onnx or seco_lab; by default from the ending"
    )
    export.add_argument("--out", metavar="FILE", help="ending in .pth, .safetensors, .onnx or .pt")
    _add_reading(export)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--spec",
        metavar="NAME_OR_JSON",
        help="input contract of weights that do not tell theirs: a name of weights list, or a JSON file",
    )
    parser.add_argument("--side", default="query", help="query, or key for the momentum encoder (query)")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    parser = _Parser(prog="seco-lab", description="Contrastive learning on seasonal satellite imagery.")
    parser.add_argument("--version", action="version", version=f"seco-lab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser, metavar="COMMAND")
    for add in (_add_demo, _add_data, _add_training, _add_use, _add_area, _add_weights):
        add(commands)
    return parser


def _run(args: argparse.Namespace) -> dict[str, Any] | None:
    module, _, function = args.function.partition(":")
    return getattr(importlib.import_module(f"seco_lab.{module}"), function)(args)


def _sentence(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, LookupError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


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
        result = _run(args)
    except KeyboardInterrupt:
        print(f"seco-lab {args.command}: interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, LookupError, OSError, ImportError, ArithmeticError, RuntimeError) as error:
        text = "no space left on the disk" if getattr(error, "errno", 0) == errno.ENOSPC else _sentence(error)
        print(f"seco-lab {args.command}: {text}", file=sys.stderr)
        return _exit_code(error)
    if args.json and result is not None:
        print(json.dumps(result, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
