"""``gather`` from an archive: search, estimate, fetch, a second look; each step goes on where it stopped."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.commands.gathering import dates_of, size_px_of
from seco_lab.commands.say import say

if TYPE_CHECKING:
    from seco_lab.catalogs import Catalog, TaskList


def gather_archive(args: argparse.Namespace) -> dict[str, Any]:
    """Fill a cube with scenes of a catalogue.

    Beside the cube stay ``.search`` (answers of the catalogue) and ``.tasks.parquet`` (candidate scenes).

    Raises:
        LookupError: No place has a scene in every season.
        OSError: Something could not be read; the same command goes on.
    """
    from seco_lab.fetch import estimate, fetch, verify
    from seco_lab.fetch.jobs import check_limits
    from seco_lab.fetch.ledger import begin
    from seco_lab.fetch.reading import SEVERAL
    from seco_lab.fetch.run import MAX_CLOUD, MAX_NODATA_SHARE, wanted_of
    from seco_lab.remote import UnreachableError

    max_cloud = MAX_CLOUD if args.max_cloud is None else args.max_cloud
    check_limits(max_cloud, MAX_NODATA_SHARE)  # before the search, which may take long
    catalog = catalog_named(args.source)
    tasks = _tasks(args, catalog)
    begin(tasks, Path(args.out), wanted_of(tasks, max_cloud, MAX_NODATA_SHARE))
    _save(tasks, Path(args.out))  # not over those of another request, which has been refused
    how = {"signer": catalog, "max_cloud": max_cloud}
    reckoned = None
    if tasks.with_scenes > SEVERAL:
        reckoned = estimate(tasks, args.out, **how)
        say(reckoned)
    report = fetch(tasks, args.out, **how, leave_out_failed=args.leave_out_failed)
    if report.failed:
        raise UnreachableError(str(report))
    say(report)
    looked = verify(args.out)
    say(looked)
    counts = {name: getattr(report, name) for name in ("already", "rejected", "failed", "bytes", "requests")}
    found = {"gathered": looked.places, "without_scenes": len(tasks.rejected), "damaged": len(looked.damaged)}
    return {"out": str(report.path), **counts, **found, "estimate": reckoned and vars(reckoned)}


def catalog_named(source: str) -> Catalog:
    """The catalogue of an archive's name, or of a folder or file.

    Raises:
        LookupError: No such archive, and nothing at such a path.
    """
    from seco_lab import catalogs

    if source == "earth-search":
        return catalogs.earth_search()
    if source == "planetary-computer":
        return catalogs.PlanetaryComputer()
    if source == "earth-engine":
        return catalogs.EarthEngine()
    if Path(source).exists():
        return catalogs.open_catalog(source)
    raise LookupError(
        f"unknown source {source!r}: wanted simulated, earth-search, planetary-computer, earth-engine, or a "
        "folder of STAC items or a stac-geoparquet file that is there"
    )


def _tasks(args: argparse.Namespace, catalog: Catalog) -> TaskList:
    from seco_lab.catalogs import find_scenes
    from seco_lab.places import open_plan, rejected_path

    out = Path(args.out)
    plan = open_plan(args.places)
    tasks = find_scenes(
        plan,
        dates_of(args, plan.place_list()),
        catalog,
        folder=out.with_name(f"{out.name}.search"),
        size_px=size_px_of(args),
        bands=args.bands,
        snap=args.snap or "grid",
    )
    if not len(tasks):
        why, count = Counter(tasks.rejected["detail"]).most_common(1)[0]
        kept = "" if out.exists() else f"; all reasons are in {rejected_path(_save(tasks, out))}"
        raise LookupError(f"no place has a scene in every season; most often ({count}): {why}{kept}")
    return tasks


def _save(tasks: TaskList, out: Path) -> Path:
    from seco_lab.catalogs import save_tasks

    file = save_tasks(tasks, out.with_name(f"{out.name}.tasks.parquet"))
    places = tasks.with_scenes + len(tasks.rejected)
    say(f"{tasks.with_scenes} of {places} places have scenes in every season: {file}")
    return file
