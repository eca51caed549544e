"""``plan`` and ``gather``: from places to a cube."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.commands.refusing import refuse, refuse_own_input
from seco_lab.commands.say import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from seco_lab.places import Place, Sampler


# Options that only a folder of imagery has.
_FOLDER_ONLY = ("limit", "split", "csv", "classes", "cloudy")


def plan(args: argparse.Namespace) -> dict[str, Any]:
    """Draw places and write them beside the rejected ones."""
    from seco_lab.places import plan_places, rejected_path, save_plan

    refuse_own_input(args.out, args.sampler)
    drawn = plan_places(args.places, _sampler(args), seed=args.seed)
    out = save_plan(drawn, args.out)
    say(f"{len(drawn)} places in {out}; {len(drawn.rejected)} refused, with reasons in {rejected_path(out)}")
    return {"places": len(drawn), "rejected": len(drawn.rejected), "hash": drawn.hash, "out": str(out)}


def _sampler(args: argparse.Namespace) -> Sampler:
    from seco_lab.places import sampler_from_file, sampler_named

    if Path(args.sampler).suffix:  # a file of points or polygons
        return sampler_from_file(args.sampler)
    return sampler_named(args.sampler, places=args.places, std_km=args.std_km)


def gather(args: argparse.Namespace) -> dict[str, Any]:
    """Fill a cube from a source, or turn a folder of imagery into one."""
    if args.places == "-":
        refuse(
            args,
            "a folder of imagery has its own dates and places",
            "years_apart",
            "quarters",
            "max_cloud",
            "snap",
        )
        return _gather_folder(args)
    refuse(args, "it belongs to a folder of imagery (PLACES is -)", *_FOLDER_ONLY)
    if args.source == "simulated":
        refuse(args, "the simulated world has no files", "snap")
        return _gather_simulated(args)
    from seco_lab.commands.archives import gather_archive

    return gather_archive(args)


def _gather_folder(args: argparse.Namespace) -> dict[str, Any]:
    """Make a cube of a folder, or add the folder's patches to a cube with the same bands and seasons."""
    from seco_lab.sources import import_cube, read_cube
    from seco_lab.store import append, open_cube

    if args.source == "simulated":
        raise ValueError("a folder of imagery is wanted (PLACES is -); name it with --source")
    options = {name: getattr(args, name) for name in ("seasons", "size_px", "bands", *_FOLDER_ONLY)}
    options["cloudy"] = args.cloudy or None
    before = 0
    if args.add:
        before = open_cube(args.out).sizes["patch"]
        cube = read_cube(args.source, **options)
        refused = list(cube.attrs.pop("refused", []))
        append(args.out, cube)
    else:
        refused = import_cube(args.source, args.out, **options)
    for bad in refused:
        say(f"left out: {bad}")
    cube = open_cube(args.out)
    counts = {"gathered": cube.sizes["patch"] - before, "already": before, "rejected": len(refused)}
    say(f"{counts['gathered']} patches of {cube.sizes['season']} seasons from {args.source}: {args.out}")
    return {"out": args.out, **counts}


def dates_of(args: argparse.Namespace, places: Sequence[Place]) -> NDArray[np.datetime64]:
    """When to look at each place, by the options of ``gather``."""
    from seco_lab.seasons import quarters, random_phase, years_apart

    if args.quarters is None:
        reference, seasons = args.reference_date, 5 if args.seasons is None else args.seasons
        dates = random_phase(places, seed=args.seed, reference=reference, seasons=seasons)
    else:
        refuse(args, "--quarters gives four dates a year", "seasons")
        dates = quarters(len(places), years=_years(args.quarters))
    return dates if args.years_apart is None else years_apart(dates, years=args.years_apart)


def size_px_of(args: argparse.Namespace) -> int:
    """Side of a patch, by the options of ``gather``."""
    return 264 if args.size_px is None else args.size_px


def _years(text: str) -> list[int]:
    """Years of "2023,2024".

    Raises:
        ValueError: Not years that Sentinel-2 has seen or will see.
    """
    words = text.split(",")
    if not all(word.strip().isdigit() and 2015 <= int(word) <= 2100 for word in words):
        raise ValueError(f"--quarters wants years such as 2023 or 2023,2024, got {text!r}")
    return [int(word) for word in words]


def _gather_simulated(args: argparse.Namespace) -> dict[str, Any]:
    import numpy as np

    from seco_lab.gather import gather as gather_plan
    from seco_lab.places import open_plan
    from seco_lab.sources.simulated import SimulatedSource

    drawn = open_plan(args.places)
    dates = dates_of(args, drawn.place_list())
    if (late := dates > np.datetime64("today")).any():
        say(
            f"{late.sum()} of {dates.size} dates lie in the future, up to {dates.max().astype('M8[D]')}: the "
            "simulated world knows them, an archive refuses them"
        )
    # Or there would be nothing to find between the years.
    change = None if args.years_apart is None else (dates.min(), dates.max())
    clear = {} if args.max_cloud is None else {"max_cloud": args.max_cloud}
    source = SimulatedSource(seed=args.seed, change=change, **clear)
    report = gather_plan(drawn, source, dates, args.out, size_px=size_px_of(args), bands=args.bands)
    say(report)
    counts = {name: getattr(report, name) for name in ("gathered", "already", "rejected")}
    return {"out": str(report.path), **counts}
