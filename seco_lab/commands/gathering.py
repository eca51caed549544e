"""``plan`` and ``gather``: from places to a cube."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.commands.say import say

if TYPE_CHECKING:
    from seco_lab.places import Sampler


def plan(args: argparse.Namespace) -> dict[str, Any]:
    """Draw places and write them beside the rejected ones."""
    from seco_lab.places import plan_places, rejected_path, save_plan

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
    if args.source == "simulated":
        return _gather_simulated(args)
    if args.years_apart is not None:
        raise ValueError(
            f"--years-apart chooses dates for --source simulated, got --source {args.source}, which has its "
            "own dates; leave it out"
        )
    if args.places == "-":
        return _gather_folder(args)
    raise ValueError(
        f"source {args.source!r} cannot be asked for chosen places: use --source simulated, or turn a folder "
        f"of imagery into a cube with: seco-lab gather - --source {args.source} --out {args.out}"
    )


def _gather_folder(args: argparse.Namespace) -> dict[str, Any]:
    """Make a cube of a folder, or add the folder's patches to a cube with the same bands and seasons."""
    from seco_lab.sources import import_cube, read_cube
    from seco_lab.store import append, open_cube

    options = {"seasons": args.seasons, "size_px": args.size_px, "bands": args.bands}
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


def _gather_simulated(args: argparse.Namespace) -> dict[str, Any]:
    from seco_lab.gather import gather as gather_plan
    from seco_lab.places import open_plan
    from seco_lab.seasons import random_phase, years_apart
    from seco_lab.sources.simulated import SimulatedSource

    drawn = open_plan(args.places)
    dates = random_phase(
        drawn.place_list(), seed=args.seed, reference=args.reference_date, seasons=args.seasons or 5
    )
    change = None
    if args.years_apart is not None:
        dates = years_apart(dates, years=args.years_apart)
        # Or there would be nothing to find between the years.
        change = (dates.min(), dates.max())
    source, size_px = SimulatedSource(seed=args.seed, change=change), args.size_px or 264
    report = gather_plan(drawn, source, dates, args.out, size_px=size_px, bands=args.bands)
    say(report)
    counts = {name: getattr(report, name) for name in ("gathered", "already", "rejected")}
    return {"out": str(report.path), **counts}
