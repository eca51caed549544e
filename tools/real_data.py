"""Make the figures of docs/real_data.md: pretrain on real pixels, then ask what was learned.

    python tools/real_data.py eurosat EUROSAT_FOLDER --cpu-minutes 10
    python tools/real_data.py simulated EUROSAT_FOLDER --cpu-minutes 35
    python tools/real_data.py series SERIES_FOLDER [SERIES_FOLDER ...] --steps 300

CPU minutes are minutes of one core: on two cores ten of them take five minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from seco_lab.checkpoints import load_encoder
from seco_lab.cli import main as seco_lab
from seco_lab.downstream.season_retrieval import season_retrieval
from seco_lab.nn.encoders import encoder_named
from seco_lab.places import PerContinent, plan_places
from seco_lab.sources import SimulatedSource
from seco_lab.store import open_cube, save_cube

CROP_PX, PLACES = 40, 5000


def eurosat(args: argparse.Namespace) -> None:
    """MoCo-v2 on the training images without labels, then the probe; one JSON line."""
    out = args.out or f"runs/eurosat-{args.cpu_minutes:g}"
    pretrain_and_probe(args, [args.folders[0], "--split", "train"], out, [])


def simulated(args: argparse.Namespace) -> None:
    """MoCo-v2 on the simulated world alone, then the probe on real pictures; one JSON line.

    Places and days are like EuroSAT's: around cities of Europe, in clear skies of spring to autumn.
    """
    out = args.out or f"runs/simulated-{args.cpu_minutes:g}"
    cube = Path(out) / "cube.zarr"
    if not cube.exists():
        places = plan_places(PLACES, PerContinent({"Europe": 1.0}), seed=5).place_list()
        chance = np.random.default_rng(0)
        after = np.array([0, 65, 130]) + chance.integers(0, 55, (PLACES, 3))
        dates = np.datetime64("2021-04-10") + after.astype("timedelta64[D]")
        save_cube(SimulatedSource(seed=5, max_cloud=1.0).load(places, dates, 64, "rgb"), cube)
    pretrain_and_probe(args, [str(cube)], f"{out}/run", ["--measure-input"])


def pretrain_and_probe(args: argparse.Namespace, data: list[str], out: str, more: list[str]) -> None:
    """Both commands; minutes of the wall follow from minutes of one core."""
    cores = min(len(os.sched_getaffinity(0)), torch.get_num_threads())
    run(
        *[
            "pretrain",
            *data,
            "--method",
            "moco",
            "--size-px",
            "64",
            "--minutes",
            str(args.cpu_minutes / cores),
        ],
        *["--batch", "64", "--out", out, "--resume", *args.more],
    )
    weights = ["--weights", out, "--data", args.folders[0], "--out", f"{out}/probe.json"]
    run("probe", "eurosat", *weights, *more, "--json")


def run(*argv: str) -> None:
    """A command line, echoed so that a reader can repeat it."""
    print("seco-lab", *argv, file=sys.stderr)
    code = seco_lab(argv)
    if code:
        sys.exit(code)


def series(args: argparse.Namespace) -> None:
    """SeCo on real seasons, then: is a place found again in another season, from other crops?"""
    with TemporaryDirectory() as folder:
        cube, out = f"{folder}/series.zarr", args.out or f"{folder}/run"
        for number, source in enumerate(args.folders):
            more = ["--add"] if number else []
            options = ["--seasons", "5", "--size-px", "64", "--bands", "B02,B03,B04", *more, "--out", cube]
            run("gather", "-", "--source", source, *options)
        run(
            *["pretrain", cube, "--method", "seco", "--steps", str(args.steps), "--batch", "16"],
            *["--size-px", "32", "--queue", "64", "--out", out, *args.more],
        )
        encoder, spec = load_encoder(out)
        untrained = encoder_named(encoder.name, encoder.in_channels).eval()
        opened, spec = open_cube(cube).load(), replace(spec, size_px=CROP_PX)  # pixels as they are
        found = {"steps": args.steps, "places": opened.sizes["patch"], "chance": 1 / opened.sizes["patch"]}
        for name, weights in {"trained": encoder, "untrained": untrained}.items():
            found[name] = float(season_retrieval(weights, spec, opened, crop_px=CROP_PX).mean())
        print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["eurosat", "simulated", "series"])
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--cpu-minutes", type=float, default=10)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", help="folder of the run")
    args, args.more = parser.parse_known_args()
    {"eurosat": eurosat, "simulated": simulated, "series": series}[args.what](args)


if __name__ == "__main__":
    main()
