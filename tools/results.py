"""What each method learns from the simulated world under one budget; writes ``docs/results.md``.

    python tools/results.py --out runs/results

Every run is a ``seco-lab pretrain`` command, echoed as it starts. What is finished is kept in the folder, so
the same command goes on where it was stopped; ``--table`` only writes the table again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import rankdata

from seco_lab.checkpoints import load_encoder
from seco_lab.cli import main as seco_lab
from seco_lab.downstream.floors import statistics_of
from seco_lab.downstream.knn import knn_probe
from seco_lab.downstream.labels import holdout, labels_of
from seco_lab.downstream.linear_probe import linear_probe
from seco_lab.downstream.metrics import bootstrap_interval
from seco_lab.downstream.season_retrieval import season_retrieval
from seco_lab.embeddings import embed
from seco_lab.nn.encoders import encoder_named
from seco_lab.places import AroundCities, plan_places
from seco_lab.seasons import quarters
from seco_lab.sources import SimulatedSource
from seco_lab.store import open_cube, save_cube

# Passes of the encoder over an image in one step: a forward pass is one, a backward pass two.
PASSES = {"moco": 4, "moco-tp": 4, "seco": 6, "geo": 4, "geo-tp": 4}
NAMES = {
    "untrained": "untrained",
    "moco": "MoCo-v2",
    "moco-tp": "MoCo-v2 + TP",
    "seco": "SeCo",
    "geo": "Geo",
    "geo-tp": "Geo + TP",
}
TASKS = {
    "linear": "land cover, linear %",
    "knn": "land cover, kNN %",
    "season": "place found in another season %",
    "change": "change found, AUROC %",
}
ENCODER, PATCH_PX, VIEW_PX, BATCH = "resnet18-narrow", 96, 64, 64
END = "\n<!-- measured: end -->\n"  # what stands behind it was written by hand and stays
BEFORE, AFTER, CHANGED = np.datetime64("2021-06-15"), np.datetime64("2023-06-15"), 0.02


def cubes(out: Path, places: int, exam: int) -> dict[str, xr.Dataset]:
    """The cube to learn from, and two of other simulated worlds for the exams."""
    train = out / "cube.zarr"
    run("plan", "--places", str(places), "--out", str(out / "places.parquet"))
    run(
        *["gather", str(out / "places.parquet"), "--source", "simulated", "--size-px", str(PATCH_PX)],
        *["--bands", "rgb", "--out", str(train)],
    )
    land, change = out / "land.zarr", out / "change.zarr"
    if not land.exists():
        save_cube(_land(exam), land)
    if not change.exists():
        save_cube(_change(exam), change)
    return {"land": open_cube(land).load(), "change": open_cube(change).load()}


def _land(count: int) -> xr.Dataset:
    """Labelled places of a second world, in the middle of each season."""
    chosen = plan_places(count, AroundCities(50), seed=1).place_list()
    cube = SimulatedSource(seed=1).labelled(chosen, quarters(count, years=(2022,)), PATCH_PX, "rgb")
    return cube.drop_vars(["labels", "mask", "boxes"])


def _change(count: int) -> xr.Dataset:
    """Places of a third world on the same day two years apart, and the share of each that was changed."""
    chosen = plan_places(count, AroundCities(50), seed=2).place_list()
    source = SimulatedSource(seed=2, change=(BEFORE, AFTER), change_share=0.3)
    cube = source.load(chosen, np.array([BEFORE, AFTER]), PATCH_PX, "rgb")
    truth = source.change(chosen, BEFORE, AFTER, PATCH_PX)["change"].values
    return cube.assign_coords(changed=("patch", (truth > 0).mean((1, 2))))


def run(*argv: str) -> None:
    """A command line, echoed so that a reader can repeat it."""
    print("seco-lab", *argv, file=sys.stderr, flush=True)
    code = seco_lab(argv)
    if code:
        sys.exit(code)


def examine(encoder: Any, spec: Any, exams: dict[str, xr.Dataset]) -> dict[str, list[float]]:
    """Scores of the single items of each task."""
    land, change = exams["land"], exams["change"]
    features = embed(encoder, land.isel(season=[0]), spec)["embedding"].values[:, 0]
    pair = embed(encoder, change, spec)["embedding"].values
    pair /= np.linalg.norm(pair, axis=-1, keepdims=True)
    found = {
        **land_cover(features, labels_of(land)),
        "season": season_retrieval(encoder, spec, land, crop_px=VIEW_PX, rounds=2),
        "change": change_items(1 - (pair[:, 0] * pair[:, 1]).sum(-1), change["changed"].values),
    }
    return {task: [float(item) for item in items] for task, items in found.items()}


def land_cover(features: NDArray, labels: NDArray[np.int64]) -> dict[str, NDArray]:
    """Whether each test place is named rightly by the linear probe and by its neighbours."""
    test = holdout(labels, 0.5, seed=0)
    linear = linear_probe(features[~test], labels[~test], features[test]).predicted
    voted, *_ = knn_probe(features[~test], labels[~test], features[test])
    return {"linear": linear == labels[test], "knn": voted == labels[test]}


def change_items(distance: NDArray, changed: NDArray) -> NDArray[np.float64]:
    """For each changed place the share of unchanged places that moved less; the mean is the AUROC."""
    positive, negative = distance[changed >= CHANGED], distance[changed == 0]
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    return (ranks - rankdata(positive)) / len(negative)


def train_and_examine(out: Path, method: str, seed: int, passes: int, exams: dict[str, xr.Dataset]) -> None:
    """One run, unless its scores are there."""
    scores, folder = out / f"{method}-{seed}.json", out / f"{method}-{seed}"
    if scores.exists():
        return
    if method == "untrained":
        _, spec = load_encoder(out / f"moco-{seed}")
        encoder = encoder_named(ENCODER, 3, seed=seed).eval()
    else:
        run(
            *["pretrain", str(out / "cube.zarr"), "--method", method, "--encoder", ENCODER, "--bands", "rgb"],
            *["--size-px", str(VIEW_PX), "--batch", str(BATCH), "--steps", str(passes // PASSES[method])],
            *["--seed", str(seed), "--out", str(folder), "--resume"],
        )
        encoder, spec = load_encoder(folder)
    scores.write_text(json.dumps(examine(encoder, spec, exams)))


def floor(exams: dict[str, xr.Dataset], spec: Any) -> dict[str, list[float]]:
    """Colour statistics on land cover: no network."""
    features = statistics_of(exams["land"], spec)
    return {k: v.tolist() for k, v in land_cover(features, labels_of(exams["land"])).items()}


def table(out: Path, seeds: int, args: argparse.Namespace, exams: dict[str, xr.Dataset]) -> str:
    """The document: a row a method, the mean over the seeds and its interval."""
    rows = [f"| method | steps | {' | '.join(TASKS.values())} |", "|---" * (2 + len(TASKS)) + "|"]
    _, spec = load_encoder(out / "moco-0")
    plain = floor(exams, spec)
    cells = [_cell([plain[task]]) if task in plain else "-" for task in TASKS]
    rows.append(f"| colour statistics, no network | - | {' | '.join(cells)} |")
    for method, name in NAMES.items():
        found = [json.loads((out / f"{method}-{seed}.json").read_text()) for seed in range(seeds)]
        cells = [_cell([scores[task] for scores in found]) for task in TASKS]
        steps = args.passes // PASSES[method] if method in PASSES else 0
        rows.append(f"| {name} | {steps:,} | {' | '.join(cells)} |")
    changed = exams["change"]["changed"].values
    numbers = {
        "places": args.places,
        "exam": args.exam,
        "classes": len(np.unique(labels_of(exams["land"]))),
        "changed": int((changed >= CHANGED).sum()),
        "unchanged": int((changed == 0).sum()),
        "seeds": seeds,
        "passes": args.passes,
        "images": args.passes * BATCH,
        "chance": 100 / args.exam,
    }
    return _TEXT.format(rows="\n".join(rows), **numbers)


def _cell(items: list[list[float]]) -> str:
    """Mean over seeds, 95 % interval over items, and the range of the seeds."""
    values = 100 * np.array(items)
    low, high = bootstrap_interval(values.mean(0))
    seeds = values.mean(1)
    spread = f"; {seeds.min():.1f}-{seeds.max():.1f}" if len(seeds) > 1 else ""
    return f"**{values.mean():.1f}** ({low:.1f} to {high:.1f}{spread})"


_TEXT = """# Results on the simulated world

Five methods, {seeds} seeds each, one budget: {images:,} passes of the encoder over an image, where a forward
pass counts one and a backward pass two (SeCo needs six passes a step, the others four, so it takes fewer
steps). Learned from {places:,} places of five seasons without labels, judged on {exam:,} places of *another*
simulated world.

{rows}

A cell: mean over the seeds (95 % interval over the test items; lowest and highest seed). A ResNet-18 of a
quarter of the usual width, views of 64 px, batches of 64, the numbers of short runs
([decision 0046](decisions/0046-short-runs.md)).

- **Land cover**: {classes} classes of EuroSAT, half of the places to fit on, half to be judged on.
- **Place found in another season**: nearest neighbour among crops cut independently, all pairs of seasons;
  {chance:.2f} % by chance.
- **Change**: cosine distance between two days two years apart; {changed} places of which at least 2 % was
  built over, cut or flooded, against {unchanged} unchanged ones. 50 % is chance.

Such short runs tell whether a method learns, not which one is best in the end: the papers train a thousand
times longer.

Command: `python tools/results.py --places {places} --exam {exam} --passes {passes} --seeds {seeds}`
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, default=Path("runs/results"))
    parser.add_argument("--document", type=Path, default=Path("docs/results.md"))
    parser.add_argument("--places", type=int, default=4000)
    parser.add_argument("--exam", type=int, default=1000)
    parser.add_argument("--passes", type=int, default=2400, help="passes of the encoder over each batch")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="only write the table of what is there")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    exams = cubes(args.out, args.places, args.exam)
    if not args.table:
        for seed in range(args.seeds):
            for method in (*PASSES, "untrained"):
                train_and_examine(args.out, method, seed, args.passes, exams)
    _, _, reading = args.document.read_text().partition(END) if args.document.exists() else ("", "", "")
    args.document.write_text(table(args.out, args.seeds, args, exams) + END + reading)
    print(args.document)


if __name__ == "__main__":
    main()
