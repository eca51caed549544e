"""Feeding: samples a second from a stored cube, memory meanwhile, and what feeding costs a training step.

The cube is larger than the memory bound (2 GB) and has holes on disk, so that it is made in seconds. Memory
that belongs to the process (RssAnon) is what counts; pages of mapped files (RssFile) are the system's cache
and go whenever somebody needs the room. Run ``python bench/feeding.py [--json FILE] [--gigabytes 3]``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from seco_lab.batch import Batch, generator_for
from seco_lab.cube import make_cube
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.methods import MoCo
from seco_lab.nn.encoders import resnet18
from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.store import save_cube
from seco_lab.train import PretrainingRun, TrainConfig
from seco_lab.views import MoCoViews, SeasonalViews

SIDE, SEASONS, BANDS = 264, 5, ("B02", "B03", "B04")
BATCH, SIZE_PX, CROP_PX = 64, 96, 120
STEPS = 8


def memory_mb() -> dict[str, float]:
    """Memory of this process in MB: its own, and pages of files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {line.split(":")[0]: float(line.split()[1]) / 1000 for line in lines if line.startswith("Rss")}
    return {"own": found["RssAnon"], "files": found["RssFile"]}


def large_cube(folder: Path, gigabytes: float) -> Path:
    """A stored cube of that size, written piece by piece."""
    from seco_lab.store import append

    patches = int(gigabytes * 1e9 / (SEASONS * len(BANDS) * SIDE * SIDE * 2))
    rng, path = np.random.default_rng(0), folder / "cube.zarr"
    tile = rng.integers(100, 5000, (64, SEASONS, len(BANDS), SIDE, SIDE)).astype(np.uint16)
    for begin in range(0, patches, 64):
        count = min(64, patches - begin)
        piece = make_cube(
            tile[:count],
            patch=[f"p{begin + i}" for i in range(count)],
            time=np.datetime64("2021-01-15") + np.arange(SEASONS) * 70 + np.zeros((count, 1), int),
            lon=rng.uniform(-170, 170, count),
            lat=rng.uniform(-60, 60, count),
            sensor=SENTINEL2_L2A,
            bands=BANDS,
        )
        save_cube(piece, path) if begin == 0 else append(path, piece)
    return path


class Ready:
    """One batch already in memory, whatever the step."""

    def __init__(self, batches: CubeBatches) -> None:
        self.batch_size, self.steps_per_epoch = batches.batch_size, batches.steps_per_epoch
        self.bands, self.unit, self.sensor = batches.bands, batches.unit, batches.sensor
        first = batches[0]
        self._batch = Batch(first.images.clone(), first.index, first.lonlat, first.time)

    def __getitem__(self, step: int) -> Batch:
        return self._batch


def reading(path: Path) -> list[dict]:
    """Samples a second of batches alone, and what memory they take."""
    rows = []
    for what, seasons, crop in (
        ("3 seasons, whole", 3, None),
        ("3 seasons, crop", 3, CROP_PX),
        ("1 image, crop", 1, CROP_PX),
    ):
        batches = CubeBatches(path, BATCH, seasons=seasons, bands=BANDS[::-1], crop_px=crop)
        before = memory_mb()["own"]
        rates, step = [], 0
        for _ in range(5):
            begin = time.perf_counter()
            for _ in range(STEPS):
                batches[step]
                step += 1
            rates.append(STEPS * BATCH / (time.perf_counter() - begin))
        rows.append(
            {"what": what, "samples/s": round(median(rates)), "own MB": round(memory_mb()["own"] - before)}
        )
    return rows


def training(path: Path) -> list[dict]:
    """Seconds a step: the model alone on ready views, with views of a ready batch, with everything."""
    crop = CubeBatches(path, BATCH, seasons=1, bands=BANDS[::-1], crop_px=CROP_PX)
    spec = input_spec_for(path, bands=BANDS[::-1], size_px=SIZE_PX)
    views = MoCoViews(spec, SIZE_PX)
    ready = Ready(crop)
    made = views(ready[0].images, generator_for(0, 0))
    setups: dict[str, tuple[object, Callable]] = {
        "model only, views ready": (ready, lambda images, chance: made),
        "with views": (ready, views),
        "with views and reading": (crop, views),
    }
    runs = {
        name: PretrainingRun(
            MoCo(resnet18(), queue_size=1024),
            batches,
            view,
            TrainConfig(steps=10**6),
            spec=spec,
            device="cpu",
        )
        for name, (batches, view) in setups.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(STEPS + 2):
        for name, run in runs.items():
            begin = time.perf_counter()
            next(run)
            if turn >= 2:
                seconds[name].append(time.perf_counter() - begin)
    middle = {name: median(values) for name, values in seconds.items()}
    base = middle["model only, views ready"]
    return [
        {"what": name, "samples/s": round(BATCH / value, 1), "of model only": round(base / value, 3)}
        for name, value in middle.items()
    ]


def memory(path: Path) -> list[dict]:
    """Peak of the memory of its own while SeCo's views of a large cube are made, less what it had before."""
    before = memory_mb()
    batches = CubeBatches(path, BATCH, seasons=3, bands=BANDS[::-1])
    spec = input_spec_for(path, bands=BANDS[::-1], size_px=224)
    views = SeasonalViews(spec, 224)
    peak = {"own": 0.0, "files": 0.0}
    for step in range(batches.steps_per_epoch):
        made = views(batches[step].images, generator_for(0, step))
        peak = {key: max(value, memory_mb()[key]) for key, value in peak.items()}
    held = sum(view.nbytes for view in made.values()) + batches[0].images.nbytes
    row = {
        "what": f"an epoch of SeCo's views at 224 px, batch {BATCH}",
        "cube MB": round(sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) / 1e6),
        "own MB": round(peak["own"] - before["own"]),
        "of it batch and views MB": round(held / 1e6),
        "files MB": round(peak["files"] - before["files"]),
    }
    return [row]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--gigabytes", type=float, default=2.5)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        path = large_cube(Path(folder), arguments.gigabytes)
        rows = []
        for part in (memory, reading, training):
            found = part(path)
            rows += found
            for row in found:
                print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    ratio = rows[-1]["of model only"]
    if arguments.json:
        result = {
            "name": "feeding",
            "rows": rows,
            "ratio": ratio,
            "command": "python bench/feeding.py",
        }
        Path(arguments.json).write_text(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
