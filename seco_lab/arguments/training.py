"""``pretrain``."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import command


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
