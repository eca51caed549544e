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
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from seco_lab.batch import generator_for
from seco_lab.checkpoints import load_encoder
from seco_lab.cli import main as seco_lab
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import encoder_named
from seco_lab.nn.inputs import standardise, to_unit_range


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
        found = {
            "steps": args.steps,
            "trained": season_retrieval(encoder, spec, cube),
            "untrained": season_retrieval(untrained, spec, cube),
        }
        print(json.dumps(found))


@torch.no_grad()
def season_retrieval(
    encoder: torch.nn.Module, spec: InputSpec, cube: str | Path, rounds: int = 8
) -> dict[str, Any]:
    """Share of crops whose nearest crop of another season is of the same place.

    Both crops are random, so that the layout of the fields within the patch does not give the place away:
    aligned patches are matched by their layout alone, even by raw pixels.
    """
    hits, total, places = 0, 0, 0
    for crop in range(rounds):
        one, two = (crops(encoder, spec, cube, 40, seed) for seed in (2 * crop, 2 * crop + 1))
        places, seasons = one.shape[:2]
        for a in range(seasons):
            for b in range(seasons):
                if a != b:
                    nearest = (one[:, a] @ two[:, b].T).argmax(1)
                    hits, total = hits + int((nearest == torch.arange(places)).sum()), total + places
    return {"share": round(hits / total, 4), "chance": round(1 / places, 4), "places": places, "tries": total}


def crops(
    encoder: torch.nn.Module, spec: InputSpec, cube: str | Path, crop_px: int, seed: int
) -> torch.Tensor:
    """Unit embeddings (P, T, D) of one random crop of every patch and season."""
    from seco_lab.store import open_cube

    opened = open_cube(cube)
    positions = spec.check_bands([str(band) for band in opened["band"].values])
    images = torch.from_numpy(opened["reflectance"].values[:, :, list(positions)].astype(np.float32))
    places, seasons = images.shape[:2]
    generator = generator_for(seed, 0, "crops")
    free = images.shape[-1] - crop_px + 1
    corners = torch.randint(free, (places, seasons, 2), generator=generator)
    windows = torch.stack([
        images[p, t, :, y : y + crop_px, x : x + crop_px]
        for p, row in enumerate(corners.tolist())
        for t, (y, x) in enumerate(row)
    ])  # fmt: skip
    pixels = standardise(to_unit_range(windows, spec, str(opened.attrs["unit"])), spec)
    features = torch.nn.functional.normalize(encoder(pixels), dim=1)
    return features.view(places, seasons, -1)


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
