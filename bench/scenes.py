"""Large scenes: suppressing overlapping boxes, reading tiles, and the memory that a search takes."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.windows import Window

COMMAND = "python bench/scenes.py"
SIDE_PX, TILE_PX, OVERLAP_PX = 3000, 416, 96


def one_by_one(boxes: torch.Tensor, scores: torch.Tensor, iou: float) -> torch.Tensor:
    """The plain way: the best box, then all that it does not overlap, again and again."""
    from seco_lab.nn.boxes import box_iou

    order, kept = scores.argsort(descending=True, stable=True), []
    while len(order):
        kept.append(order[0])
        order = order[1:][box_iou(boxes[order[:1]], boxes[order[1:]])[0] <= iou]
    return torch.stack(kept)


def suppression(count: int) -> list[dict]:
    from seco_lab.nn.boxes import suppress

    chance = torch.Generator().manual_seed(0)
    corner = torch.rand(count, 2, generator=chance) * SIDE_PX
    boxes = torch.cat([corner, corner + 10 + torch.rand(count, 2, generator=chance) * 50], 1)
    scores = torch.rand(count, generator=chance)
    rows, answers = [], []
    for name, way in (("blocks", suppress), ("one by one", one_by_one)):
        answers.append(way(boxes, scores, iou=0.5))
        seconds = best_of(partial(way, boxes, scores, iou=0.5))
        rows.append({"case": f"suppress {count} boxes, {name}", "ms": 1000 * seconds})
    assert torch.equal(*answers)
    return rows


def best_of(work, times: int = 2) -> float:
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def written_scene(path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (3, SIDE_PX, SIDE_PX), np.uint8)
    form = {"driver": "GTiff", "count": 3, "height": SIDE_PX, "width": SIDE_PX, "dtype": "uint8"}
    place = {"crs": "EPSG:32616", "transform": rasterio.Affine(0.3, 0, 733_600, 0, -0.3, 3_725_140)}
    with rasterio.open(path, "w", **form, **place) as target:
        target.write(pixels)
    return path


def opened(path: Path):
    from seco_lab.sensors import RGB8
    from seco_lab.sources.rasters import describe_raster
    from seco_lab.sources.scenes import scene_cube

    boxes = np.array([(0, 10, 10, 30, 30)], np.float32)
    return scene_cube(
        path, describe_raster(path), name="s", sensor=RGB8, bands=RGB8.band_names, positions=(0, 1, 2),
        boxes=boxes, attrs={}, class_names=("thing",),
    )  # fmt: skip


def contract():
    from seco_lab.input_spec import InputSpec

    return InputSpec(
        "rgb8", ("R", "G", "B"), "uint8", (0,) * 3, (255,) * 3, (0.5,) * 3, (0.3,) * 3, 0.3, TILE_PX
    )


def tiles(path: Path) -> list[dict]:
    from seco_lab.downstream.tiles import read_tile, tiles_over

    scene, spec = opened(path), contract()
    corners = tiles_over((SIDE_PX, SIDE_PX), TILE_PX, OVERLAP_PX)

    def ours() -> None:
        for corner in corners:
            read_tile(scene, corner, TILE_PX, spec)

    def bare() -> None:
        with rasterio.open(path) as source:
            for row, column in corners:
                source.read(window=Window(column, row, TILE_PX, TILE_PX)).astype(np.float32)

    return [
        {"case": f"read {len(corners)} tiles, {name}", "ms": 1000 * best_of(way, 2)}
        for name, way in (("lazy scene", ours), ("rasterio alone", bare))
    ]


def search(path: Path) -> dict:
    """In a process of its own: how much memory a search of the whole scene adds."""
    from seco_lab.downstream.detection import DetectionProtocol
    from seco_lab.downstream.finding import find_objects
    from seco_lab.nn.detection import RetinaNet
    from seco_lab.nn.encoders import encoder_named

    torch.set_num_threads(1)
    model = RetinaNet(encoder_named("resnet18-narrow"), 60).eval()
    protocol = DetectionProtocol(tile_px=TILE_PX, overlap_px=OVERLAP_PX)
    scene, spec = opened(path), contract()
    find_objects(model, scene.isel(y=slice(0, TILE_PX), x=slice(0, TILE_PX)), spec, protocol)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    find_objects(model, scene, spec, protocol)
    seconds, after = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    case = f"search {SIDE_PX} x {SIDE_PX} px, 60 classes, ResNet-18 of a quarter of the width"
    return {"case": case, "cpu_seconds": round(seconds, 1), "more_mb": round((after - before) / 1024)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        print(json.dumps(search(options.search)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = written_scene(Path(folder) / "s.tif")
        boxes, reading = suppression(6000), tiles(path)
        command = [sys.executable, __file__, "--search", str(path)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows = [*boxes, *reading, found]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    result = {
        "name": "Large scenes: boxes, tiles, memory",
        "rows": rows,
        "ratio": boxes[1]["ms"] / boxes[0]["ms"],
        "note": "the ratio is that of both ways to suppress; more_mb is what the scene adds to one tile",
        "command": COMMAND,
    }
    if options.json:
        options.json.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
