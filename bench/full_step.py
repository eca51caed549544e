"""The full training step (reading, views, model) against the model alone with its views ready-made.

ResNet-18, 96 px, batch 64, 2 threads, from a stored cube of 264-px patches. Full step and model only live in
processes of their own and take turns, as in bench/step.py; one method comes after the other, so that no more
than two are in memory. The rows also tell what SeCo gains where the keys of all views go through in one pass.
"""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from step import BATCH, SIZE_PX, Step, measure, options_of, rows_of

from seco_lab.cube import make_cube
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.methods import GASSL, MoCo, SeCo
from seco_lab.nn.encoders import Encoder, resnet18
from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.store import open_cube, save_cube
from seco_lab.train import PretrainingRun, TrainConfig
from seco_lab.views import MoCoViews, SeasonalViews, TemporalViews

FULL, MODEL = "full step", "model only"
PATCHES, SEASONS, PATCH_PX, WINDOW_PX = 256, 5, 264, 113


def geo(encoder: Encoder) -> GASSL:
    """GASSL with the patches dealt to ten clusters; which ones makes no difference to the time."""
    return GASSL(encoder, torch.arange(PATCHES) % 10)


METHODS = {
    "MoCo": (MoCo, MoCoViews, 1),
    "MoCo+TP": (MoCo, TemporalViews, 2),
    "SeCo": (SeCo, SeasonalViews, 3),
    "SeCo, keys in one pass": (partial(SeCo, keys_together=True), SeasonalViews, 3),
    "Geo": (geo, MoCoViews, 1),
    "Geo+TP": (geo, TemporalViews, 2),
}


def store_cube(path: Path) -> None:
    """A cube of 1.3 GB on disk, more than any cache of the processor holds."""
    chance = np.random.default_rng(0)
    shape = (PATCHES, SEASONS, 3, PATCH_PX, PATCH_PX)
    pixels = chance.integers(1, 4000, shape, dtype=np.uint16)
    days = np.datetime64("2020-01-15", "ns") + np.arange(SEASONS) * np.timedelta64(72, "D")
    cube = make_cube(
        pixels,
        patch=[f"p{i:04d}" for i in range(PATCHES)],
        time=np.tile(days, (PATCHES, 1)),
        lon=chance.uniform(-180, 180, PATCHES),
        lat=chance.uniform(-60, 60, PATCHES),
        sensor=SENTINEL2_L2A,
        bands=SENTINEL2_L2A.rgb,
    )
    save_cube(cube, path)


def build(method_name: str, path: Path, *, ready: bool) -> Step:
    """A step of the loop; ``ready`` replaces reading and views by what the first step made."""
    method, make_views, seasons = METHODS[method_name]
    spec = input_spec_for(open_cube(path), bands="rgb", size_px=SIZE_PX)
    batches = CubeBatches(path, BATCH, seasons=seasons, crop_px=WINDOW_PX)
    views = make_views(spec, SIZE_PX)
    config = TrainConfig(steps=10**6)
    run = PretrainingRun(method(resnet18()), batches, views, config, spec=spec, device="cpu")
    if ready:
        kept = run._input(0)
        run._input = lambda step: kept
    return lambda: next(run)


def main() -> None:
    options = options_of(__doc__, tuple(METHODS))
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cube.zarr"
        store_cube(path)
        for name in options.methods:
            pair = {
                f"{name}, {what}": partial(build, name, path, ready=what == MODEL) for what in (FULL, MODEL)
            }
            seconds |= measure(pair, options.rounds, options.steps)[0]
    rows = rows_of(seconds)
    ratios = {
        name: median(
            b / a for a, b in zip(seconds[f"{name}, {FULL}"], seconds[f"{name}, {MODEL}"], strict=True)
        )
        for name in options.methods
    }
    for row in rows:
        name, _, what = str(row["step"]).rpartition(", ")
        row["of the model alone"] = ratios[name] if what == FULL else ""
    for name, ratio in ratios.items():
        print(f"{name}: the full step runs at {ratio:.2f} of the model alone (target 0.90)")
    result = {
        "name": "Full step against model only, ResNet-18, 96 px, batch 64, 2 threads",
        "rows": rows,
        "ratio": min(ratios.values()),
        "target": "0.90 on a CPU, for each method",
        "command": "python bench/full_step.py",
    }
    if options.json:
        Path(options.json).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
