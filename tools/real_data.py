"""Make the figures of docs/real_data.md: pretrain on real pixels, then ask what was learned.

    python tools/real_data.py eurosat EUROSAT_FOLDER --cpu-minutes 10
    python tools/real_data.py series SERIES_FOLDER [SERIES_FOLDER ...] --steps 300

CPU minutes are minutes of one core: on two cores ten of them take five minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from tempfile import TemporaryDirectory

import torch

from seco_lab.checkpoints import load_encoder
from seco_lab.cli import main as seco_lab
from seco_lab.downstream.season_retrieval import season_retrieval
from seco_lab.nn.encoders import encoder_named
from seco_lab.store import open_cube

CROP_PX = 40


def eurosat(args: argparse.Namespace) -> None:
    """MoCo-v2 on the training images without labels, then the probe; one JSON line."""
    cores = min(len(os.sched_getaffinity(0)), torch.get_num_threads())
    out = args.out or f"runs/eurosat-{args.cpu_minutes:g}"
    run(
        *["pretrain", args.folders[0], "--method", "moco", "--split", "train", "--size-px", "64"],
        *["--minutes", str(args.cpu_minutes / cores), "--batch", "64", "--out", out, "--resume", *args.more],
    )
    run(
        "probe",
        "eurosat",
        "--weights",
        out,
        "--data",
        args.folders[0],
        "--out",
        f"{out}/probe.json",
        "--json",
    )


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
    parser.add_argument("what", choices=["eurosat", "series"])
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--cpu-minutes", type=float, default=10)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", help="folder of the run")
    args, args.more = parser.parse_known_args()
    {"eurosat": eurosat, "series": series}[args.what](args)


if __name__ == "__main__":
    main()
