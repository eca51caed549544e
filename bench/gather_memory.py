"""Peak memory of gathering from an archive by the size of the plan: RGB, five seasons, four candidates each.

Every stage is a process of its own. "search" goes through the whole plan; its catalogue makes up scenes with
the addresses of an archive. "fetch" opens tasks of the whole plan and is killed when some hundred places are
read, from a small archive on this disk. "whole" reads all places of a plan from there, in tiny patches of one
season, asks once more and takes a second look. "again" opens a finished job of the whole plan, which asks
nothing but checks and writes everything, and takes a second look. Such a job is made up, as fetching so many
places would take days; its patches are tiny.
Run: python bench/gather_memory.py [--places 1000 5000 20000 200000] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
SEASONS, CANDIDATES, BANDS = 5, 4, ("B02", "B04", "B05")
SIZE_PX, WHOLE_PX, TINY_PX = 48, 12, 2
PLACES_READ, BLOCK, AT_ONCE, TARGET_MB = 300, 500, 10_000, 1000
HREF = "https://sentinel-cogs.s3.us-west-2.amazonaws.com/sentinel-s2-l2a-cogs/33/U/UP/2021/6"


class MadeUp:
    """Scenes over the real grid of tiles, one every 15 days, all of them clear."""

    name = "made up"

    def search(self, bbox: tuple, start: np.datetime64, end: np.datetime64) -> list:
        """Scenes that meet the box."""
        from seco_lab.catalogs.mgrs import tiles_in

        days = np.arange(start.astype("datetime64[D]"), end.astype("datetime64[D]"), 15)
        return [self._scene(*tile, day) for tile in tiles_in(bbox) for day in days]

    def _scene(self, tile: str, grid: object, outline: object, day: np.datetime64) -> object:
        from seco_lab.catalogs import Asset, Scene

        name, side = f"S2A_{tile}_{str(day).replace('-', '')}_0_L2A", 10980
        where = (grid.epsg, (10.0, 0.0, grid.left, 0.0, -10.0, grid.top), (side, side))
        files = {band: Asset(f"{HREF}/{name}/{band}.tif", *where) for band in ("B04", "B03", "B02", "SCL")}
        time = day.astype("datetime64[ms]") + np.timedelta64(10, "h")
        words = ("sentinel-2-l2a", f"{HREF}/{name}/{name}.json", time, time, "sentinel-2a", tile)
        return Scene(name, *words, 5.0, 0.0, "05.09", True, outline, files)

    def sign(self, href: str) -> str:
        """The address itself."""
        return href

    resign = sign


def tasks_file(
    folder: Path,
    places: int,
    *,
    seasons: int = SEASONS,
    candidates: int = CANDIDATES,
    size_px: int = SIZE_PX,
) -> None:
    """Tasks of so many places over the small archive."""
    from archive import TILES, corners, make_tasks, write_archive

    from seco_lab.catalogs.tasks import write_tasks

    file = folder / f"tasks-{places}.parquet"
    like = make_tasks(str(write_archive(folder / "archive")), places=1, bands=BANDS, size_px=size_px)
    rows = like.table.iloc[[0]].loc[[0] * seasons * candidates].reset_index(drop=True)
    rows["season"], rows["rank"] = np.divmod(np.arange(len(rows)), candidates)
    block = []
    for _, tile, column, row in corners(BLOCK):
        (epsg, left, top), files = TILES[tile], rows["assets"].str.replace("33UUP", tile)
        where = {"tile": tile, "epsg": epsg, "x0": left + 10.0 * column, "y0": top - 10.0 * row}
        block.append(rows.assign(assets=files, **where))
    table = pd.concat(block, ignore_index=True).drop(columns="geometry")

    def parts() -> Iterator[pd.DataFrame]:
        for first in range(0, places, BLOCK):
            names = [f"place-{number:06d}" for number in range(first, first + BLOCK)]
            yield table.assign(patch=np.repeat(names, len(rows)))

    write_tasks(parts(), lambda: like.rejected, like.about, file)


def tiny_tasks(folder: Path, places: int) -> None:
    """Tasks that can all be read: one date of tiny patches."""
    tasks_file(folder, places, seasons=1, candidates=1, size_px=WHOLE_PX)


def finished(folder: Path, places: int) -> None:
    """A job over the tasks of so many places that has nothing left to do."""
    from seco_lab.catalogs import open_tasks
    from seco_lab.fetch.cubes import cube_of
    from seco_lab.fetch.jobs import Wanted
    from seco_lab.fetch.journal import Journal, journal_path
    from seco_lab.fetch.ledger import begin
    from seco_lab.fetch.outcome import Provenance
    from seco_lab.fetch.scene import pixels_hash
    from seco_lab.store import append, save_cube

    tasks, out = folder / f"tasks-{places}.parquet", folder / f"done-{places}.zarr"
    wanted = Wanted(BANDS, SIZE_PX, 20.0, 0.01)
    pixels = np.ones((1, SEASONS, len(BANDS), TINY_PX, TINY_PX), np.uint16)
    files = json.dumps({band: '"0123456789abcdef0123456789abcdef"' for band in (*BANDS, "SCL")})
    image = Provenance(
        "", 0, "S2A_33UUP_20210601_0_L2A", "c", f"{HREF}/S2A.json", "2021-06-01T10:20:30", "sentinel-2a",
        "33UUP", 0, "+-7.5 d", "", 32633, 3e5, 5.7e6, TINY_PX, 0, 0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, "05.09",
        False, "baseline", files, pixels_hash(pixels[0, 0]), "0.1.0",
    )  # fmt: skip
    begin(open_tasks(tasks), out, wanted)
    with Journal(journal_path(out)) as journal:
        asked = {"fetch": json.dumps(journal.request())}
    tiny = replace(wanted, size_px=TINY_PX)
    with closing(sqlite3.connect(journal_path(out))) as file, file:
        for first in range(0, places, AT_ONCE):
            names = [f"place-{number:06d}" for number in range(first, min(first + AT_ONCE, places))]
            rows = [[replace(image, patch=name, season=t) for t in range(SEASONS)] for name in names]
            cube = cube_of(np.repeat(pixels, len(names), 0), rows, tiny, source="made up")
            append(out, cube) if first else save_cube(cube.assign_attrs(asked), out)
            states = [(name,) for name in names]
            file.executemany(
                "INSERT INTO place VALUES (?, 'stored', '', '', NULL, 1, 4, 9, 0, 1, '')", states
            )
            texts = [(row.patch, row.season, json.dumps(asdict(row))) for some in rows for row in some]
            file.executemany("INSERT INTO image VALUES (?, ?, ?)", texts)


def search(folder: Path, places: int) -> None:
    from seco_lab.catalogs import find_scenes
    from seco_lab.places import AroundCities, plan_places
    from seco_lab.seasons import random_phase

    plan = plan_places(places, AroundCities())
    dates = random_phase(plan.place_list(), seasons=SEASONS, reference="2022-06-01")
    found = find_scenes(
        plan, dates, MadeUp(), folder=folder / "s", bands="rgb", candidates=CANDIDATES, progress=False
    )
    assert len(found.patches) > 0.5 * places


def fetch(folder: Path, places: int) -> None:
    from seco_lab.fetch import Pace
    from seco_lab.fetch import fetch as fetch_places
    from seco_lab.remote import Unsigned

    tasks = folder / f"tasks-{places}.parquet"
    fetch_places(tasks, folder / f"{places}.zarr", signer=Unsigned(), pace=Pace(places=16), progress=False)


def whole(folder: Path, places: int) -> None:
    from seco_lab.fetch import fetch as fetch_places
    from seco_lab.fetch import verify
    from seco_lab.remote import Unsigned

    tasks, out = folder / f"tasks-{places}.parquet", folder / f"whole-{places}.zarr"
    first = fetch_places(tasks, out, signer=Unsigned(), progress=False)
    assert (first.gathered + first.rejected, first.failed) == (places, 0)
    assert fetch_places(tasks, out, signer=Unsigned(), progress=False).requests == 0
    assert not verify(out).damaged


def again(folder: Path, places: int) -> None:
    from seco_lab.fetch import fetch as fetch_places
    from seco_lab.fetch import verify
    from seco_lab.remote import Unsigned

    tasks, out = folder / f"tasks-{places}.parquet", folder / f"done-{places}.zarr"
    report = fetch_places(tasks, out, signer=Unsigned(), progress=False)
    assert (report.already, report.requests) == (places, 0)
    assert verify(out).places == places


def measured(stage: str, folder: Path, places: int) -> dict:
    """Peak of one stage in a process of its own; one that fetches is killed after some hundred places."""
    out, begun, peak_mb = folder / f"{places}.zarr", time.perf_counter(), 0.0
    child = subprocess.Popen([sys.executable, __file__, "--stage", stage, str(folder), str(places)])
    while child.poll() is None:
        peak_mb = peak_of(child.pid) or peak_mb
        if stage == "fetch" and read_so_far(out) >= PLACES_READ:
            child.send_signal(signal.SIGKILL)
            child.wait()
        time.sleep(0.05)
    assert child.returncode in (0, -signal.SIGKILL), f"{stage} failed"
    row = {"stage": stage, "places": places, "peak memory MB": round(peak_mb)}
    return row | {"seconds": round(time.perf_counter() - begun)}


def peak_of(pid: int) -> float:
    """Most memory that a process has held so far, MB; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0.0
    return next((float(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM")), 0.0)


def read_so_far(out: Path) -> int:
    from seco_lab.fetch import journal_path

    if not journal_path(out).exists():
        return 0
    with closing(sqlite3.connect(journal_path(out), timeout=30)) as file:
        found = file.execute("SELECT count(*) FROM sqlite_master WHERE name = 'place'").fetchone()[0]
        return file.execute("SELECT count(*) FROM place").fetchone()[0] if found else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--places", type=int, nargs="+", default=[1000, 5000, 20_000, 200_000])
    parser.add_argument("--searched", type=int, default=1000, help="largest plan that is searched for too")
    parser.add_argument("--read", type=int, default=5000, help="largest plan that is read to its end")
    parser.add_argument("--finished", type=int, default=20_000, help="largest job that is made up and opened")
    parser.add_argument("--stage", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        stage, folder, places = options.stage
        stages = {"search": search, "fetch": fetch, "whole": whole, "again": again}
        stages[stage](Path(folder), int(places))
        return
    rows = []
    stages = (
        ("search", options.searched, []),
        ("whole", options.read, [tiny_tasks]),
        ("fetch", max(options.places), [tasks_file]),
        ("again", options.finished, [tasks_file, finished]),
    )
    for places in options.places:
        for stage, _, preparing in (stage for stage in stages if places <= stage[1]):
            with tempfile.TemporaryDirectory() as folder:
                for prepare in preparing:
                    prepare(Path(folder), places)
                rows.append(measured(stage, Path(folder), places))
                print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    worst = max(row["peak memory MB"] for row in rows)
    if options.json:
        target = f"under {TARGET_MB} MB at any size of the plan (here at most {worst})"
        body = {"name": "Memory of gathering", "rows": rows, "target": target}
        options.json.write_text(json.dumps(body | {"command": "python bench/gather_memory.py"}))


if __name__ == "__main__":
    main()
