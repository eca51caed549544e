"""Patches from cloud-optimised GeoTIFFs behind a server: ours, rasterio and odc-stac, the same pixels.

24 places of 264 px lie each in one internal tile of 512 px; three dates, red, green and blue. Every run is a
new process; the server is one of its own and waits 0 or 50 ms before each answer. odc-stac is left out where
it is not installed; stackstac 0.5 does not run beside pandas 3. With --exits N a few places are gathered N
times for the exit code.
Run: python bench/fetching.py [--json FILE] [--exits 50]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
SIDE_PX, SIZE_PX, BLOCK_PX, PLACES = 2560, 264, 512, 24
DATES, BANDS = ("2021-03-01", "2021-06-01", "2021-09-01"), ("B04", "B03", "B02")
LEFT, TOP, EPSG = 300000.0, 5700000.0, 32633
GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES", "GDAL_INGESTED_BYTES_AT_OPEN": "32768", "VSI_CACHE": "TRUE",
}  # fmt: skip
ODC = "odc-stac, 16 places at a time"
FEW = "seco_lab, few places"  # as many as show how a process ends
METHODS = ("seco_lab", "rasterio, 64 threads", "rasterio, plain loop", ODC)


def texture(rng: np.random.Generator) -> np.ndarray:
    """An image that deflate and the predictor shrink to about two thirds, as they do Sentinel-2."""
    fy, fx = np.fft.fftfreq(SIDE_PX)[:, None], np.fft.rfftfreq(SIDE_PX)[None]
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1 / SIDE_PX) ** 1.3
    image = np.fft.irfft2(amplitude * np.exp(2j * np.pi * rng.random(amplitude.shape)), s=(SIDE_PX, SIDE_PX))
    image = 700 + 260 * image / image.std() + rng.normal(0, 45, image.shape)
    return np.clip(image, 1, 10000).astype(np.uint16)


def write_archive(root: Path) -> None:
    from seco_lab.cube import Grid
    from seco_lab.store.cog import write_cog

    rng = np.random.default_rng(0)
    for date in DATES:
        base = texture(rng)
        for number, band in enumerate((*BANDS, "SCL")):
            step = 2 if band == "SCL" else 1
            pixels = np.full((SIDE_PX // 2, SIDE_PX // 2), 5, np.uint8) if band == "SCL" else base
            if band != "SCL":
                pixels = np.roll(base, 97 * number, axis=1)
            (root / date).mkdir(parents=True, exist_ok=True)
            grid = Grid.of(f"EPSG:{EPSG}", (10.0 * step, 0, LEFT, 0, -10.0 * step, TOP))
            write_cog(root / date / f"{band}.tif", pixels[None], grid, block_px=BLOCK_PX)


def corners() -> list[tuple[int, int]]:
    """Column and row of each place, whole 60 m, within one internal tile."""
    rng = np.random.default_rng(1)
    blocks = rng.permutation((SIDE_PX // BLOCK_PX) ** 2)[:PLACES]
    inside = rng.integers(1, (BLOCK_PX - SIZE_PX - 6) // 6, (PLACES, 2)) * 6
    found = []
    for block, (right, down) in zip(blocks, inside, strict=True):
        row, column = divmod(int(block), SIDE_PX // BLOCK_PX)
        found.append(
            (-(-column * BLOCK_PX // 6) * 6 + int(right) - 6, -(-row * BLOCK_PX // 6) * 6 + int(down) - 6)
        )
    return [(max(c, 0), max(r, 0)) for c, r in found]


def by_seco_lab(url: str, places: int = PLACES) -> np.ndarray:
    from seco_lab.fetch.jobs import Candidate, Job, Wanted
    from seco_lab.fetch.local import LocalReading, Pace
    from seco_lab.remote import Unsigned

    def candidate(date: str) -> Candidate:
        files = json.dumps({band: f"{url}/{date}/{band}.tif" for band in (*BANDS, "SCL")})
        words = ("s", "c", "", np.datetime64(date, "ms"), "sentinel-2a", "33UUP", 0.0, "03.00", False, "")
        return Candidate(0, *words, files)

    seasons = tuple((candidate(date),) for date in DATES)
    jobs = [
        Job(f"p{n}", 15.0, 51.0, EPSG, LEFT + 10 * column, TOP - 10 * row, seasons)
        for n, (column, row) in enumerate(corners()[:places])
    ]
    with LocalReading(jobs, Wanted(BANDS, SIZE_PX, 20, 0.01), Unsigned(), Pace()) as outcomes:
        found = {outcome.patch: outcome.pixels for outcome in outcomes}
    return np.stack([found[job.patch] for job in jobs])


def by_rasterio(url: str, threads: int, **settings: str) -> np.ndarray:
    import rasterio
    from rasterio.windows import Window

    def read(what: tuple[int, int, str, str]) -> np.ndarray:
        column, row, date, band = what
        with rasterio.Env(**settings), rasterio.open(f"{url}/{date}/{band}.tif") as file:
            return file.read(1, window=Window(column, row, SIZE_PX, SIZE_PX))

    wanted = [(c, r, date, band) for c, r in corners() for date in DATES for band in BANDS]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(read, wanted))
    return np.stack(found).reshape(PLACES, len(DATES), len(BANDS), SIZE_PX, SIZE_PX)


def items(url: str) -> list:
    import pystac
    from shapely.geometry import box, mapping

    found = []
    for date in DATES:
        about = {"proj:epsg": EPSG, "proj:code": f"EPSG:{EPSG}"}
        where = {"proj:transform": [10, 0, LEFT, 0, -10, TOP], "proj:shape": [SIDE_PX, SIDE_PX]}
        bounds = [11, 51, 12.5, 52]
        item = pystac.Item(date, mapping(box(*bounds)), bounds, datetime.fromisoformat(date), about)
        item.stac_extensions.append("https://stac-extensions.github.io/projection/v2.0.0/schema.json")
        for band in BANDS:
            kind = "image/tiff; application=geotiff; profile=cloud-optimized"
            item.add_asset(
                band, pystac.Asset(f"{url}/{date}/{band}.tif", media_type=kind, extra_fields=about | where)
            )
        item.collection_id = "s2"
        found.append(item)
    return found


def by_odc_stac(url: str) -> np.ndarray:
    from odc.geo.geobox import GeoBox
    from odc.stac import configure_rio, load
    from rasterio import Affine

    configure_rio(cloud_defaults=True, **GDAL)
    scenes = items(url)

    def one(corner: tuple[int, int]) -> np.ndarray:
        column, row = corner
        box = GeoBox(
            (SIZE_PX, SIZE_PX), Affine(10, 0, LEFT + 10 * column, 0, -10, TOP - 10 * row), f"EPSG:{EPSG}"
        )
        found = load(scenes, bands=BANDS, geobox=box, pool=4, dtype="uint16", nodata=0)
        return np.stack([found[band].values for band in BANDS], axis=1)

    with ThreadPoolExecutor(16) as pool:
        return np.stack(list(pool.map(one, corners())))


def child(method: str, url: str) -> dict:
    """One run, in this process."""
    _import_libraries(method)
    begun, busy = time.perf_counter(), time.process_time()
    if method == "seco_lab":
        pixels = by_seco_lab(url)
    elif method == FEW:
        pixels = by_seco_lab(url, 4)
    elif method == "rasterio, 64 threads":
        pixels = by_rasterio(url, 64, **GDAL)
    elif method == "rasterio, plain loop":
        pixels = by_rasterio(url, 1)
    else:
        pixels = by_odc_stac(url)
    return {
        "seconds": time.perf_counter() - begun,
        "cpu_s": time.process_time() - busy,
        "hash": hashlib.sha256(np.ascontiguousarray(pixels, "<u2")).hexdigest(),
        "peak_MB": _peak_bytes() / 1e6,
    }


def _import_libraries(method: str) -> None:
    """A program imports once, so that is not timed."""
    names = {"seco_lab": ["seco_lab.fetch"], FEW: ["seco_lab.fetch"], ODC: ["odc.stac", "pystac"]}
    for name in names.get(method, ["rasterio"]):
        importlib.import_module(name)


def _peak_bytes() -> int:
    """Most memory so far; what ``resource`` tells would be inherited from the parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


class Server:
    """The archive behind a server in a process of its own, with its counts."""

    def __init__(self, root: Path, latency_s: float) -> None:
        command = [sys.executable, __file__, "--serve", str(root), "--latency", str(latency_s)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().strip()

    def counts(self) -> dict:
        """Requests and bytes so far."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        """Ends the process."""
        self._process.communicate()


def serve(root: Path, latency_s: float) -> None:
    from fault_server import FaultServer

    with FaultServer(root, latency_s=latency_s) as server:
        print(server.url, flush=True)
        for _ in sys.stdin:
            print(json.dumps({"requests": server.requests, "bytes": server.bytes}), flush=True)


def run(method: str, url: str) -> dict:
    command = [sys.executable, __file__, "--child", method, "--url", url]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    if done.returncode:
        raise SystemExit(f"{method} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(root: Path, rounds: int) -> list[dict]:
    """Medians over interleaved rounds, the plain loop once."""
    from statistics import median

    methods = [m for m in METHODS if m != ODC or importlib.util.find_spec("odc")]
    rows, patches = [], PLACES * len(DATES)
    for latency_s in (0.0, 0.05):
        server, found = Server(root, latency_s), {}
        for number in range(rounds):
            for method in methods:
                if method == "rasterio, plain loop" and number:
                    continue
                before = server.counts()
                one = run(method, server.url)
                after = server.counts()
                one |= {key: after[key] - before[key] for key in after}
                found.setdefault(method, []).append(one)
        server.stop()
        assert len({one["hash"] for many in found.values() for one in many}) == 1, "all read the same pixels"
        for method, many in found.items():
            rows.append(
                {
                    "latency ms": round(1000 * latency_s),
                    "reader": method,
                    "patches/s": patches / median(one["seconds"] for one in many),
                    "CPU s": median(one["cpu_s"] for one in many),
                    "requests a patch": median(one["requests"] for one in many) / patches,
                    "MB a patch": median(one["bytes"] for one in many) / patches / 1e6,
                    "peak memory MB": median(one["peak_MB"] for one in many),
                }
            )
    return rows


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--exits", type=int, default=50)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--latency", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.serve:
        serve(options.serve, options.latency)
        return 0
    if options.child:
        print(json.dumps(child(options.child, options.url)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write_archive(Path(folder))
        rows = measure(Path(folder), options.rounds)
        server = Server(Path(folder), 0.0)
        with ThreadPoolExecutor(2) as pool:
            ended_well = sum(map(bool, pool.map(run, [FEW] * options.exits, [server.url] * options.exits)))
        server.stop()
    speed = {(row["latency ms"], row["reader"]): row["patches/s"] for row in rows}
    ratio = speed[50, "seco_lab"] / speed[50, "rasterio, 64 threads"]
    ours = next(row for row in rows if row["reader"] == "seco_lab")
    for row in rows:
        print(
            ", ".join(
                f"{key} {value if isinstance(value, str) else round(value, 2)}" for key, value in row.items()
            )
        )
    note = (
        f"the ratio is ours to rasterio with its best settings at 50 ms; {ended_well} of {options.exits} "
        "runs ended with exit code 0; ours reads the scene classification as well"
    )
    print(f"ratio {ratio:.2f}; {note}")
    if options.json:
        result = {
            "name": "fetching",
            "rows": rows,
            "ratio": ratio,
            "note": note,
            "command": "python bench/fetching.py",
        }
        result["target"] = (
            f"at most 1.2 MB a patch from tiles of 512 px (here {ours['MB a patch']:.2f}), under 1000 MB of "
            "memory"
        )
        options.json.write_text(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
