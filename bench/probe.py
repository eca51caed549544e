"""Evaluation: feature extraction against the bare forward pass, five probe strengths, exact neighbours.

The bare pass runs the same network on ready-made float32 batches in channels_last; extraction starts from the
8-bit pixels of a cube and ends with an array. Both take turns, and medians are compared.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from seco_lab.cube import make_cube
from seco_lab.downstream.features import extract
from seco_lab.downstream.linear_probe import linear_probe
from seco_lab.downstream.logistic import STRENGTHS
from seco_lab.embeddings import Preparation
from seco_lab.embeddings.encode import frozen_copy
from seco_lab.input_spec import InputSpec
from seco_lab.neighbours import nearest
from seco_lab.nn.devices import choose_device
from seco_lab.nn.encoders import resnet18
from seco_lab.sensors import SENTINEL2_L1C

RGB, SIZE_PX, BATCH = ("B04", "B03", "B02"), 64, 256
SPEC = InputSpec(
    "sentinel2-l1c", RGB, "eurosat_jpeg", (0,) * 3, (255,) * 3, (0.4,) * 3, (0.2,) * 3, 10.0, SIZE_PX
)


def pictures(count: int):
    """A cube like EuroSAT's, of noise."""
    chance = np.random.default_rng(0)
    return make_cube(
        chance.integers(1, 255, (count, 1, 3, SIZE_PX, SIZE_PX)).astype(np.uint8),
        patch=[f"p{i}" for i in range(count)],
        time=np.full((count, 1), np.datetime64("2020-01-01")),
        lon=np.zeros(count),
        lat=np.zeros(count),
        sensor=SENTINEL2_L1C,
        bands=RGB,
        unit="eurosat_jpeg",
    )


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def extraction(rounds: int, images: int, precision: str) -> list[dict]:
    device, encoder, cube = choose_device("auto"), resnet18(), pictures(images)
    bare, prepare = frozen_copy(encoder, device), Preparation.of(cube, SPEC)
    pixels = torch.from_numpy(cube["reflectance"].values[:, 0]).to(device)
    ready = [prepare(part).contiguous(memory_format=torch.channels_last) for part in pixels.split(BATCH)]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32

    @torch.no_grad()
    def forward() -> None:
        with torch.autocast(device.type, dtype, enabled=precision == "bf16"):
            for batch in ready:
                bare(batch)

    def whole() -> None:
        extract(encoder, cube, SPEC, batch_size=BATCH, precision=precision)

    seconds(forward), seconds(whole)
    times = [(seconds(forward), seconds(whole)) for _ in range(rounds)]
    share = median(a / b for a, b in times)
    name = f"ResNet-18, {SIZE_PX} px, {precision}, {device.type}"
    return [
        {"what": f"bare forward pass: {name}", "images/s": images / median(a for a, _ in times)},
        {
            "what": f"extract() from pixels: {name}",
            "images/s": images / median(b for _, b in times),
            "share of bare": share,
        },
    ]


def probe_seconds() -> dict:
    """Ten overlapping classes, features with the decaying spectrum that encoders have."""
    chance = np.random.default_rng(0)
    labels = np.arange(10_000) % 10
    spectrum = 1 / np.sqrt(1 + np.arange(512))
    mixing = np.linalg.qr(chance.normal(size=(512, 512)))[0]
    features = (chance.normal(size=(10, 512))[labels] + 2 * chance.normal(size=(10_000, 512))) * spectrum
    features = (features @ mixing).astype(np.float32)
    taken = seconds(lambda: linear_probe(features[:8000], labels[:8000], features[8000:]))
    return {"what": f"linear probe, {len(STRENGTHS)} strengths, 10,000 x 512", "seconds": taken}


def neighbour_seconds(rows: int) -> dict:
    bank = np.random.default_rng(0).normal(size=(rows, 128)).astype(np.float32)
    taken = seconds(lambda: nearest(bank[:10], bank, 10, exclude=np.arange(10)))
    return {"what": f"10 queries, exact, in a bank of {rows:,} x 128", "seconds": taken}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", help="file for the result")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=1536)
    parser.add_argument("--precision", default="float32", help="float32 or bf16")
    options = parser.parse_args()
    rows = extraction(options.rounds, options.images, options.precision)
    rows += [probe_seconds(), neighbour_seconds(1_000_000)]
    for row in rows:
        print("  ".join(f"{v:.3g}" if isinstance(v, float) else f"{v:58}" for v in row.values()))
    ratio = rows[1]["share of bare"]
    print(f"extraction runs at {ratio:.2f} of the bare forward pass (target 0.9)")
    if options.json:
        result = {
            "name": "Evaluation: feature extraction, linear probe, neighbours",
            "rows": rows,
            "ratio": ratio,
            "target": "0.9 of the bare forward pass; five strengths in under 20 s",
            "command": "python bench/probe.py",
        }
        with open(options.json, "w") as file:
            json.dump(result, file)


if __name__ == "__main__":
    main()
