"""Ask a real STAC API (pgstac on PostgreSQL) and the one of the tests the same questions, and compare.

Needs PostgreSQL with PostGIS and a Python environment with the server, both only for this check:

    apt-get install -y --no-install-recommends postgresql-15 postgresql-15-postgis-3
    python -m venv pgstac
    pgstac/bin/pip install 'stac-fastapi.pgstac[server]==7.2.0' 'pypgstac[psycopg]==0.10.0'
    python tools/check_pgstac.py --server pgstac
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fake_stac import FakeStac  # noqa: E402
from stac_items import earth_search_item, planetary_item  # noqa: E402

from seco_lab.catalogs import Scene, StacApi, find_scenes  # noqa: E402
from seco_lab.places import Place, plan_of  # noqa: E402

TILES = [("33UUT", 300000.0, 5800020.0), ("33UVT", 399960.0, 5800020.0), ("33UUU", 300000.0, 5900040.0)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", required=True, type=Path, help="environment with stac-fastapi.pgstac")
    parser.add_argument("--questions", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    items = everything()
    with (
        database() as environment,
        api(args.server, environment, items) as real,
        FakeStac(items).running() as fake,
    ):
        failures = [check(real, fake.url, args) for check in (same_answers, same_tasks)]
    print("agree" if not any(failures) else f"{sum(failures)} differences")
    return int(any(failures))


def everything() -> list[dict]:
    """Items of two forms: every five days of a year over three tiles, some processed twice."""
    days = np.arange(
        np.datetime64("2024-01-02T10:30:31"), np.datetime64("2024-12-31"), np.timedelta64(5, "D")
    )
    items = []
    for number, day in enumerate(days):
        for tile, left, top in TILES:
            place = {"tile": tile, "left": left, "top": top, "cloud": float(7 * number % 100)}
            items.append(earth_search_item(day, **place))
            items.append(planetary_item(day + np.timedelta64(1, "D"), platform="sentinel-2b", **place))
            if number % 10 == 0:
                items.append(earth_search_item(day, sequence=1, baseline="05.10", **place))
    return items


@contextmanager
def database() -> Iterator[dict[str, str]]:
    """A PostgreSQL of its own in a folder that goes away; the environment with which to reach it."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        raise SystemExit("PostgreSQL is not installed; see --help")
    port, folder = str(free_port()), Path(tempfile.mkdtemp(prefix="pgstac"))
    root = os.geteuid() == 0  # the server refuses to run as root
    if root:
        shutil.chown(folder, "postgres")

    def run(command: str) -> None:
        line = f"{binaries[-1]}/{command}"
        words = ["su", "postgres", "-c", line] if root else ["sh", "-c", line]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    run(f"initdb -D {folder}/data -A trust -U postgres")
    run(
        f"pg_ctl -D {folder}/data -l {folder}/log -w start "
        f"-o '-p {port} -k {folder} -c listen_addresses=127.0.0.1'"
    )
    try:
        run(f"createdb -h 127.0.0.1 -p {port} -U postgres stac")
        settings = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "postgres", "PGDATABASE": "stac"}
        yield {**os.environ, **settings, "PGPASSWORD": "none"}
    finally:
        run(f"pg_ctl -D {folder}/data -m immediate stop")
        shutil.rmtree(folder)


@contextmanager
def api(server: Path, environment: dict[str, str], items: list[dict]) -> Iterator[str]:
    """The API over these items; its address."""
    collections = [FakeStac(items).collections()[0]]
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (("collections", collections), ("items", items)):
            Path(folder, name).write_text("\n".join(json.dumps(row) for row in rows))
        for words in (
            ["migrate"],
            *(["load", name, f"{folder}/{name}", "--method", "upsert"] for name in ("collections", "items")),
        ):
            subprocess.run([server / "bin/pypgstac", *words], env=environment, check=True)
    port = free_port()
    command = [server / "bin/python", "-m", "uvicorn", "stac_fastapi.pgstac.app:create_app", "--factory"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"], env=environment
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/_mgmt/ping")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(url, timeout=5)
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise SystemExit(f"nothing answers at {url}")


def same_answers(real: str, fake: str, args: argparse.Namespace) -> int:
    """Random boxes and times: the same scenes in the same order, the same reading of each."""
    chance, differ, found, seconds = random.Random(args.seed), 0, 0, {}
    archives = [StacApi(real, name="pgstac"), StacApi(fake, name="of the tests")]
    for _ in range(args.questions):
        west, south = chance.uniform(11.5, 15.5), chance.uniform(50.8, 53.4)
        size, day = chance.choice([0.05, 0.3, 1.0]), chance.randrange(330)
        start = np.datetime64("2024-01-01") + np.timedelta64(day, "D")
        question = (
            (west, south, west + size, south + size),
            start,
            start + np.timedelta64(chance.randrange(60), "D"),
        )
        answers = [timed(archive, question, seconds) for archive in archives]
        names = [[scene.item_id for scene in answer] for answer in answers]
        files = [[scene.assets for scene in answer] for answer in answers]
        differ += names[0] != names[1] or files[0] != files[1]
        found += len(names[0])
    print(f"{args.questions} questions, {found} scenes: {differ} answers differ")
    for name, spent in seconds.items():
        print(f"seconds a question, {name}: {spent / args.questions:.3f}")
    return differ


def timed(archive: StacApi, question: tuple, seconds: dict[str, float]) -> list[Scene]:
    begin = time.perf_counter()
    answer = archive.search(*question)
    seconds[archive.name] = seconds.get(archive.name, 0.0) + time.perf_counter() - begin
    return answer


def same_tasks(real: str, fake: str, args: argparse.Namespace) -> int:
    """Forty places and four seasons: the same tasks, and no request when asked again."""
    chance = random.Random(args.seed)
    places = [Place(f"p{i}", chance.uniform(12.3, 14.6), chance.uniform(51.5, 53.0)) for i in range(40)]
    dates = np.tile(
        np.array(["2024-02-01", "2024-05-01", "2024-08-01", "2024-11-01"], "datetime64[D]"), (40, 1)
    )
    plan, hashes = plan_of(places), []
    for url in (real, fake):
        with tempfile.TemporaryDirectory() as folder:
            # Under one name, for the name is part of what is compared.
            tasks = find_scenes(plan, dates, StacApi(url, name="check"), folder=folder, progress=False)
            again = find_scenes(
                plan, dates, StacApi("http://127.0.0.1:9", name="check"), folder=folder, progress=False
            )
        hashes.append((tasks.hash, again.hash))
    kept, given_up = len(tasks.patches), len(tasks.rejected)
    print(f"tasks of 40 places ({kept} kept, {given_up} given up): {hashes[0][0]} and {hashes[1][0]}")
    return len(set(sum(hashes, ()))) - 1


if __name__ == "__main__":
    sys.exit(main())
