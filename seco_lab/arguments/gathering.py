"""``plan`` and ``gather``."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import add_label_options, amount, command, count, number, target, target_file


def add_plan(commands: Any) -> None:
    """``plan``."""
    plan = command(
        commands,
        "plan",
        "commands.gathering:plan",
        "draw places on Earth",
        "seco-lab plan --places 1000 --std-km 50 --out places.parquet",
    )
    plan.add_argument("--places", type=count, required=True, metavar="N", help="how many places")
    plan.add_argument(
        "--sampler",
        default="cities",
        help="cities, population, land, continents, climates, grid or a file of points/polygons (cities)",
    )
    plan.add_argument(
        "--std-km", type=amount, default=50.0, metavar="KM", help="spread around a city in km (50)"
    )
    plan.add_argument("--seed", type=number, default=0, metavar="N", help="of all chance (0)")
    plan.add_argument("--out", type=target_file, required=True, metavar="PARQUET")


def add_gather(commands: Any) -> None:
    """``gather``."""
    gather = command(
        commands,
        "gather",
        "commands.gathering:gather",
        "fetch the seasons of each place into a cube",
        "seco-lab gather places.parquet --source earth-search --bands rgb --snap block --out cube.zarr",
    )
    gather.add_argument("places", metavar="PLACES", help="a plan, or - to convert a folder given by --source")
    gather.add_argument(
        "--source",
        default="simulated",
        help="simulated, earth-search, planetary-computer, earth-engine, a folder or file of STAC items, or "
        "with - a folder of imagery (simulated)",
    )
    gather.add_argument("--seasons", type=count, metavar="N", help="dates per place (5)")
    gather.add_argument(
        "--quarters", metavar="YEARS", help="the middle of each quarter of these years, such as 2023,2024"
    )
    gather.add_argument("--years-apart", type=count, metavar="N", help="also N years earlier, for caco")
    gather.add_argument(
        "--size-px", type=count, metavar="PX", help="side of a patch (264, or what the folder holds)"
    )
    gather.add_argument("--bands", default="all", help="rgb, all, or names such as B02,B03 (all)")
    gather.add_argument(
        "--max-cloud", type=float, help="percent of a patch that cloud and its shadow may cover (20)"
    )
    gather.add_argument(
        "--snap",
        choices=("grid", "block"),
        help="block: shift patches by up to 2.6 km into one internal tile of the files, which takes a third "
        "to a half of the bytes (grid)",
    )
    gather.add_argument(
        "--leave-out-failed", action="store_true", help="complete the cube without places that cannot be read"
    )
    gather.add_argument("--add", action="store_true", help="append a folder of imagery to a cube")
    gather.add_argument(
        "--reference-date", default="2024-12-01", help="the last season lies before this day (2024-12-01)"
    )
    gather.add_argument(
        "--seed", type=number, default=0, metavar="N", help="of dates and simulated world (0)"
    )
    gather.add_argument("--out", type=target, required=True, metavar="CUBE")
    _add_folder(gather)


def _add_folder(gather: Any) -> None:
    group = gather.add_argument_group("of a folder of imagery")
    group.add_argument("--limit", type=count, metavar="N", help="only so many patches, spread over the list")
    group.add_argument("--split", help="only that split, such as train")
    group.add_argument("--csv", metavar="TABLE", help="the table of pictures, where it lies elsewhere")
    add_label_options(group)
