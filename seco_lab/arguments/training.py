"""``pretrain``."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import amount, command, count, number, target


def add_pretrain(commands: Any) -> None:
    """``pretrain``."""
    pretrain = command(
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
        "--out", type=target, required=True, metavar="RUN", help="folder of checkpoint and curves"
    )
    pretrain.add_argument("--resume", action="store_true", help="go on where the run in --out stopped")
    pretrain.add_argument(
        "--method",
        default="seco",
        help="seco, moco, geo, simclr or vicreg; moco-tp, geo-tp, simclr-tp, vicreg-tp pair seasons; caco "
        "compares years, seco-eco the phases of the plants' year (seco)",
    )
    pretrain.add_argument(
        "--encoder", metavar="NAME", help="resnet18, resnet34, resnet50 or resnet18-narrow (resnet18)"
    )
    pretrain.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
    pretrain.add_argument("--seed", type=number, default=0, metavar="N", help="of all chance (0)")
    _add_start(pretrain)
    _add_length(pretrain)
    _add_data(pretrain)
    _add_tuning(pretrain)
    _add_processes(pretrain)


def _add_start(pretrain: Any) -> None:
    group = pretrain.add_argument_group(
        "where it starts", "with --weights, the file also tells encoder, bands and input contract"
    )
    group.add_argument(
        "--weights", metavar="RUN_OR_FILE", help="weights to go on from: a run, or a file old or new (random)"
    )
    group.add_argument(
        "--spec",
        metavar="NAME_OR_JSON",
        help="input contract of weights that do not tell theirs: a name of weights list, a JSON file, or "
        "cube, which measures it on the data",
    )


def _add_length(pretrain: Any) -> None:
    group = pretrain.add_argument_group("how long, one of these (200 epochs)")
    length = group.add_mutually_exclusive_group()
    length.add_argument("--steps", type=count, metavar="N", help="batches to train on")
    length.add_argument("--epochs", type=amount, metavar="N", help="passes over the data")
    length.add_argument(
        "--minutes", type=amount, metavar="M", help="measure a few steps, then fix the number of steps"
    )


def _add_data(pretrain: Any) -> None:
    group = pretrain.add_argument_group("what it sees")
    group.add_argument("--batch", type=count, default=64, metavar="N", help="places in a batch (64)")
    group.add_argument(
        "--size-px", type=count, metavar="PX", help="height and width of the views (96, or the patch)"
    )
    group.add_argument("--bands", metavar="NAMES", help="rgb, all, or names such as B08,B04,B03 (rgb)")
    group.add_argument("--split", help="use only the patches of this split, where the cube has splits")
    group.add_argument("--strength", help="of the views: paper, gassl or mild (more of the colours stays)")


def _add_tuning(pretrain: Any) -> None:
    group = pretrain.add_argument_group(
        "numbers of the method", "left out, they are those of the paper, or for short runs measured ones"
    )
    group.add_argument(
        "--queue", type=count, metavar="N", help="negatives from past batches; the papers have 16384"
    )
    group.add_argument("--temperature", type=amount, metavar="T", help="0.07 in the papers")
    group.add_argument("--momentum", type=float, metavar="M", help="of the key encoder; 0.999 in the papers")
    group.add_argument("--optimizer", help="sgd (the papers) or adamw")
    group.add_argument("--lr", type=amount, metavar="RATE", help="learning rate; 0.03 in the papers")
    group.add_argument("--schedule", default="cosine", help="of the learning rate: cosine or steps (cosine)")


def _add_processes(pretrain: Any) -> None:
    group = pretrain.add_argument_group("memory, and several processes")
    group.add_argument(
        "--accumulate", type=count, default=1, metavar="N", help="parts of a batch, to need less memory (1)"
    )
    group.add_argument(
        "--batchnorm", default="shuffled", help="under torchrun: shuffled (as in MoCo) or synced (shuffled)"
    )
    group.add_argument(
        "--process-timeout",
        type=amount,
        default=300.0,
        metavar="S",
        help="under torchrun: wait so long (300)",
    )
