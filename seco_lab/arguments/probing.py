"""``probe`` and its tasks."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import (
    Parser,
    add_encoder,
    add_images_at_a_time,
    add_label_options,
    amount,
    command,
    count,
    family,
    number,
    target,
    target_file,
)


def add_probe(commands: Any) -> None:
    """``probe``."""
    tasks = family(
        commands,
        "probe",
        "measure what features are worth on a labelled task",
        "What an encoder is worth on a labelled task, beside what has learnt nothing.",
        "seco-lab probe eurosat --weights runs/seco --data EuroSAT_RGB --json",
        "TASK",
    )
    for add in (
        _add_eurosat,
        _add_bigearthnet,
        _add_fmow,
        _add_naip,
        _add_geoimagenet,
        _add_oscd,
        _add_xview,
        _add_spacenet,
    ):
        add(tasks)


def task(tasks: Any, name: str, function: str, summary: str, data: str, more: str = "") -> Parser:
    """A task with the options that all tasks share; its example ends with ``more``."""
    example = f"seco-lab probe {name} --weights runs/seco --data {data} {more}".rstrip()
    parser = command(tasks, name, f"commands.{function}", summary, example)
    add_encoder(parser, random=True)
    parser.add_argument("--data", required=True, metavar="FOLDER", help="images with labels")
    parser.add_argument("--seed", type=number, default=0, metavar="N", help="of all chance (0)")
    parser.add_argument(
        "--out", type=target_file, metavar="JSON", help="also write the result and its protocol here"
    )
    return parser


def add_pictures(parser: Parser) -> None:
    """Which pictures train and which are tested."""
    group = parser.add_argument_group("pictures")
    group.add_argument("--test", metavar="FOLDER", help="a separate folder of tests")
    group.add_argument("--tested", metavar="SPLIT", help="which split is tested (test, or else val)")
    group.add_argument("--limit", type=count, metavar="N", help="only so many, spread over the list")


def add_table(parser: Parser) -> None:
    """Where the table of pictures lies."""
    parser.add_argument("--csv", metavar="TABLE", help="the table of --data, where it lies elsewhere")


def add_asking(parser: Parser) -> None:
    """How pictures with labels are shown to an encoder."""
    add_pictures(parser)
    group = parser.add_argument_group("how the encoder is asked")
    group.add_argument(
        "--size-px", type=count, help="resize images to this size (the encoder's own, but at least 128)"
    )
    _add_measuring(group)
    group.add_argument("--encoder", metavar="NAME", help="of --weights random (resnet18)")
    group.add_argument("--bands", metavar="NAMES", help="of --weights random: rgb, all or names (rgb)")
    add_images_at_a_time(group)
    group.add_argument(
        "--precision", choices=["float32", "bf16", "auto"], default="float32", help="of features (float32)"
    )
    group.add_argument("--no-baselines", action="store_true", help="leave out what has learnt nothing")
    keep = group.add_mutually_exclusive_group()
    keep.add_argument("--cache", metavar="FOLDER", help="keep features here (a folder of the user's cache)")
    keep.add_argument("--no-cache", action="store_true", help="keep no features for the next question")


def add_class_options(parser: Parser) -> None:
    """What tasks of one or several labels an image share."""
    add_asking(parser)
    group = parser.add_argument_group("what else is measured")
    group.add_argument("--finetune-epochs", type=count, metavar="N", help="fine-tune as well, for N epochs")
    group.add_argument("--finetune-lr", type=amount, metavar="RATE", help="peak learning rate (0.0005)")
    group.add_argument(
        "--official-epochs",
        type=number,
        default=0,
        metavar="N",
        help="the paper's own protocol as well, quirks included (100 epochs in the papers)",
    )
    group.add_argument(
        "--curve", action="store_true", help="also with 1, 5, 10 and 50 %% of the labels, and for every k"
    )
    group.add_argument(
        "--curve-seeds", type=count, default=3, metavar="N", help="draw each share of the labels N times (3)"
    )
    group.add_argument("--figures", type=target, metavar="FOLDER", help="draw what was measured as PNG files")


def add_distance(parser: Parser) -> None:
    """The same pictures parted by distance."""
    parser.add_argument(
        "--spatial-km",
        type=amount,
        metavar="KM",
        help="also with lists parted at random and by blocks of KM",
    )


def _add_measuring(parser: Any) -> None:
    parser.add_argument(
        "--measure-input",
        action="store_true",
        help="limits and statistics of these images in place of those that the weights learned with",
    )


def _add_eurosat(tasks: Any) -> None:
    summary = "one of ten kinds of land cover an image"
    parser = task(tasks, "eurosat", "class_probing:eurosat", summary, "EuroSAT_RGB", "--curve --json")
    add_class_options(parser)
    add_distance(parser)
    add_table(parser)


def _add_fmow(tasks: Any) -> None:
    summary = "one of 62 kinds of places a picture"
    parser = task(tasks, "fmow", "class_probing:fmow", summary, "fMoW/train", "--test fMoW/val")
    add_class_options(parser)
    add_distance(parser)
    _add_scaling(parser, "224")
    # GASSL publishes neither a script nor the rule by which pictures are combined, so no option asks for it.
    summary = (
        "one of 62 kinds of places, all pictures of a place together (by three rules; the paper tells none)"
    )
    more = "--test fMoW/val"
    parser = task(tasks, "fmow-temporal", "class_probing:fmow_temporal", summary, "fMoW/train", more)
    add_asking(parser)
    _add_scaling(parser, "224")
    for each in tasks.choices["fmow"], parser:
        add_table(each)


def _add_scaling(parser: Parser, side: str) -> None:
    parser.add_argument(
        "--picture-px", type=count, metavar="N", help=f"read pictures of any size as squares of N ({side})"
    )


def _add_naip(tasks: Any) -> None:
    summary = "one kind of land cover an aerial image"
    parser = task(tasks, "naip", "class_probing:naip", summary, "NAIP", "--spatial-km 5")
    add_class_options(parser)
    add_distance(parser)
    parser.add_argument(
        "--tile-px", type=count, metavar="N", help="side of the tiles that whole scenes are cut into (64)"
    )


def _add_geoimagenet(tasks: Any) -> None:
    summary = "one of many kinds of things a photograph, with the place known"
    parser = task(tasks, "geoimagenet", "class_probing:geoimagenet", summary, "GeoImageNet")
    add_class_options(parser)
    add_distance(parser)
    _add_scaling(parser, "they must have 224")


def _add_bigearthnet(tasks: Any) -> None:
    summary = "several of 19 or 43 kinds of land cover a patch"
    more = "--share 0.1"
    parser = task(tasks, "bigearthnet", "class_probing:bigearthnet", summary, "BigEarthNet-v1.0", more)
    add_class_options(parser)
    add_label_options(parser)
    parser.add_argument("--share", type=float, default=1.0, help="part of the labels to use, such as 0.1 (1)")
    parser.add_argument(
        "--mlp-epochs", type=number, default=0, metavar="N", help="a hidden layer as well, at most N epochs"
    )


def _add_oscd(tasks: Any) -> None:
    summary = "where a city changed between two dates"
    parser = task(tasks, "oscd", "probing:oscd", summary, "OSCD", "--protocol unet")
    parser.add_argument(
        "--protocol",
        choices=["distance", "unet", "official"],
        default="distance",
        help="how change is found (distance)",
    )
    parser.add_argument("--epochs", type=count, help="of the U-Net (100)")
    parser.add_argument("--train-encoder", action="store_true", help="let the encoder learn under the U-Net")
    parser.add_argument("--rectified", action="store_true", help="the registered variant, imgs_1_rect")
    parser.add_argument("--limit", type=count, metavar="N", help="only the first N cities")
    parser.add_argument(
        "--groups", type=count, metavar="N", help="leave out N groups of cities in turn (each city)"
    )
    parser.add_argument("--encoder", metavar="NAME", help="of --weights random (resnet18)")


def _add_scenes(parser: Parser, *, tile_px: int, tiles: int, lr: float) -> None:
    """What tasks on scenes share: a schedule on tiles."""
    parser.add_argument("--epochs", type=count, default=10, help="passes over the scenes (10)")
    parser.add_argument("--tiles-per-scene", type=count, default=tiles, help=f"in a pass ({tiles})")
    parser.add_argument("--tile-px", type=count, default=tile_px, help=f"side of a tile ({tile_px})")
    parser.add_argument("--lr", type=amount, default=lr, help=f"peak learning rate of Adam ({lr:g})")
    parser.add_argument("--frozen", action="store_true", help="train only what stands on the encoder")
    parser.add_argument("--limit", type=count, help="only so many scenes")
    _add_measuring(parser)


def _add_xview(tasks: Any) -> None:
    summary = "where 60 kinds of objects are in pictures of 0.3 m"
    parser = task(tasks, "xview", "scene_probing:xview", summary, "xView", "--epochs 10")
    _add_scenes(parser, tile_px=416, tiles=16, lr=1e-4)
    parser.add_argument("--labels", metavar="GEOJSON", help="xView_train.geojson, where it lies elsewhere")
    parser.add_argument(
        "--protocol",
        choices=["scenes", "official"],
        default="scenes",
        help="whole scenes, or GASSL's 100 crops of 416 px a scene, which fixes all but --epochs (scenes)",
    )


def _add_spacenet(tasks: Any) -> None:
    summary = "which pixels are buildings"
    parser = task(tasks, "spacenet", "scene_probing:spacenet", summary, "AOI_2_Vegas_Train", "--epochs 10")
    _add_scenes(parser, tile_px=256, tiles=4, lr=5e-4)
    parser.add_argument(
        "--variant", choices=["rgb", "8band", "pan"], default="rgb", help="which folder of images (rgb)"
    )
