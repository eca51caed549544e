"""Every task on the simulated world, trained encoder beside untrained; writes a table in ``docs/results.md``.

    python tools/simulated_tasks.py --out runs/tasks

Labels of whole places are asked of ``data/tiny_encoder.pt``, which learned from views of whole places;
buildings of an encoder that learns here from small crops of towns, change of one that learns from the same
places in other years. Beside each stands the same network untrained. What is finished is kept in the folder,
so the same command goes on where it was stopped; ``--rows OSCD`` makes one row again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr
from simulated_lessons import LESSONS, PATCH_PX, PLACES
from torch import nn

from seco_lab.checkpoints import read_weights
from seco_lab.cube import utm_epsg
from seco_lab.downstream import (
    Comparison,
    DetectionProtocol,
    FeatureDistance,
    ProbeSettings,
    Result,
    SegmentationProtocol,
    compare,
    evaluate_detection,
    evaluate_segmentation,
    untrained_like,
)
from seco_lab.downstream.bigearthnet import evaluate_bigearthnet
from seco_lab.downstream.change_unet import UNetProtocol
from seco_lab.downstream.eurosat import evaluate_eurosat
from seco_lab.downstream.fmow import evaluate_fmow, evaluate_fmow_temporal
from seco_lab.downstream.geoimagenet import evaluate_geoimagenet, load_geoimagenet
from seco_lab.downstream.naip import evaluate_naip, load_naip
from seco_lab.downstream.oscd import evaluate_oscd
from seco_lab.downstream.simulated_scenes import simulated_cities, simulated_industry, simulated_towns
from seco_lab.downstream.untrained import bands_like, measured_spec
from seco_lab.input_spec import InputSpec
from seco_lab.nn.anchors import Anchors
from seco_lab.places import AroundCities, plan_places
from seco_lab.seasons import quarters
from seco_lab.sources import SimulatedSource
from seco_lab.sources.practice_sets import write_practice_geoimagenet, write_practice_naip

PLACES_ENCODER = Path(__file__).resolve().parents[1] / "data" / "tiny_encoder.pt"
BEGIN, END = "<!-- tasks: begin -->\n", "<!-- tasks: end -->\n"
LABELLED, TOWNS, TRAINING_TOWNS, TOWN_PX = 1400, 40, 16, 96
TRAINING_CITIES, CITIES, TRAINING_SITES, SITES = 16, 24, 24, 24
# Seeds of scenes that no setting was chosen on; those for towns were chosen on seed 3, for change on 3, 4, 5.
FRESH_TOWNS, FRESH_SITES, FRESH_FOLDERS, FRESH_CITIES, FRESH_DECODED = 61, 21, 41, 31, 51
# One in 25 of the places drawn near cities of the Earth lies in the UTM zone of Germany and Italy.
SCENES, ZONE, DRAWN = 100, 32632, 6000
# The same passes in batches of 8 are 120 steps, too few to learn to read the deep maps.
DECODE = UNetProtocol(epochs=60, batch_size=2, lr=3e-3)
TILES = {"tile_px": 32, "overlap_px": 8, "enlarge": 4, "batch_size": 8, "tiles_per_scene": 4}
PAINT = SegmentationProtocol(**TILES, epochs=24, lr=3e-3, train_encoder=False)
# Halls of 60 m are 12 px wide on tiles enlarged twice; the encoder learns as well, as in the paper.
SEEK = DetectionProtocol(tile_px=64, overlap_px=16, enlarge=2, batch_size=4, tiles_per_scene=4, epochs=20,
                         lr=2e-3, least_side_px=6, anchors=Anchors(base_px=8))  # fmt: skip
PLAIN = ProbeSettings(size_px=PATCH_PX, baselines=False)


@dataclass(frozen=True)
class Row:
    """A task.

    Attributes:
        name: Of the task.
        learned: What the encoder learned from, "places", "towns" or "years".
        stands_in: What the simulated world has in its place.
        measure: What is measured, in words.
        score: Name of that score in the result.
        ask: Judges an encoder under its contract.
    """

    name: str
    learned: str
    stands_in: str
    measure: str
    score: str
    ask: Callable[[nn.Module, InputSpec], Result]

    def judged(self, who: str, encoder: nn.Module, spec: InputSpec, out: Path) -> Result:
        """The result of an encoder, unless it is there already."""
        kept = out / f"{self.name.lower().replace(' ', '-').replace(',', '')}-{who}.json"
        if not kept.exists():
            start = time.process_time()
            self.ask(encoder, spec).save(kept)
            print(f"{self.name}, {who}: {time.process_time() - start:.0f} CPU s", file=sys.stderr, flush=True)
        return Result.load(kept)


@cache
def labelled_places() -> tuple[xr.Dataset, xr.Dataset]:
    """Training and test places of another world on two days; classes that both lists know."""
    places = plan_places(LABELLED, AroundCities(50), seed=1).place_list()
    days = quarters(len(places), years=(2024,))[:, 1:3]
    cube = SimulatedSource(seed=1, clouds=False).labelled(places, days, PATCH_PX, "rgb")
    cube = cube.drop_vars(["mask", "boxes"])
    train, test = (cube.isel(patch=slice(first, None, 2)) for first in (0, 1))
    known = np.isin(test["label"].values, np.unique(train["label"].values))
    return train, test.isel(patch=np.flatnonzero(known))


def one_day() -> list[xr.Dataset]:
    """The same places on the first of both days."""
    return [cube.isel(season=[0]) for cube in labelled_places()]


@cache
def cities(seed: int) -> dict[str, xr.Dataset]:
    """Places that change: those to train a decoder on, and others to be judged on."""
    places = simulated_cities(TRAINING_CITIES + CITIES, seed=seed)
    train, test = parted(places, TRAINING_CITIES)
    return {name: city.assign_coords(split=("patch", [split]))
            for split, part in (("train", train), ("test", test)) for name, city in part.items()}  # fmt: skip


@cache
def towns() -> list[dict[str, xr.Dataset]]:
    """Towns to train a head on and towns to be judged on."""
    return parted(simulated_towns(TOWNS, size_px=TOWN_PX, seed=FRESH_TOWNS), TRAINING_TOWNS)


@cache
def industry() -> list[dict[str, xr.Dataset]]:
    """Industrial places to train a detector on and others to be judged on."""
    sites = simulated_industry(TRAINING_SITES + SITES, size_px=TOWN_PX, seed=FRESH_SITES)
    return parted(sites, TRAINING_SITES)


@cache
def aerial() -> xr.Dataset:
    """Scenes of four bands beside a raster of classes, written and read as NAIP."""
    places = plan_places(DRAWN, AroundCities(50), seed=FRESH_FOLDERS).place_list()
    zones = utm_epsg([place.lon for place in places], [place.lat for place in places])
    here = [place for place, zone in zip(places, zones, strict=True) if zone == ZONE]
    lists = {"train": here[:SCENES], "test": here[SCENES : 2 * SCENES]}
    with TemporaryDirectory() as folder:
        return load_naip(write_practice_naip(folder, lists, seed=FRESH_FOLDERS))


@cache
def pictures() -> xr.Dataset:
    """Pictures in folders of classes with a table of coordinates, written and read as GeoImageNet."""
    places = plan_places(LABELLED, AroundCities(50), seed=FRESH_FOLDERS).place_list()
    lists = {"train": places[: LABELLED // 2], "val": places[LABELLED // 2 :]}
    with TemporaryDirectory() as folder:
        return load_geoimagenet(write_practice_geoimagenet(folder, lists, seed=FRESH_FOLDERS))


def on_pictures(
    evaluate: Callable[..., Result], encoder: nn.Module, spec: InputSpec, cube: xr.Dataset
) -> Result:
    """The result on imagery of another sensor, whose limits and statistics are measured on what trains."""
    spec = measured_spec(cube, bands=bands_like(spec, cube), size_px=PATCH_PX)
    return evaluate(encoder, spec, cube, None, PLAIN)


def parted(scenes: dict[str, xr.Dataset], first: int) -> list[dict[str, xr.Dataset]]:
    """The first scenes, and the others."""
    names = list(scenes)
    return [{name: scenes[name] for name in part} for part in (names[:first], names[first:])]


ROWS = [
    Row("EuroSAT", "places", "ten kinds of land cover", "accuracy, linear", "linear",
        lambda e, s: evaluate_eurosat(e, s, *one_day(), PLAIN)),
    Row("BigEarthNet", "places", "all kinds that cover 4 % of a patch", "micro AP, linear", "micro_ap",
        lambda e, s: evaluate_bigearthnet(e, s, *one_day(), PLAIN)),
    Row("fMoW", "places", "land cover", "F1, linear", "linear_f1",
        lambda e, s: evaluate_fmow(e, s, *one_day(), PLAIN)),
    Row("fMoW temporal", "places", "land cover on two days", "accuracy, mean of features", "mean_features",
        lambda e, s: evaluate_fmow_temporal(e, s, *labelled_places(), PLAIN)),
    Row("NAIP", "places", "land cover of tiles, by scene", "accuracy, linear", "linear",
        lambda e, s: on_pictures(evaluate_naip, e, s, aerial())),
    Row("GeoImageNet", "places", "pictures of ten kinds of land cover", "top-1, linear", "linear",
        lambda e, s: on_pictures(evaluate_geoimagenet, e, s, pictures())),
    Row("OSCD", "years", "built over, cut or flooded in three years", "AUC, distance of features", "auc",
        lambda e, s: evaluate_oscd(e, s, cities(FRESH_CITIES), FeatureDistance(), baselines=False)),
    Row("OSCD, U-Net", "years", "the same on other places", "average precision, frozen encoder, 16 places",
        "average_precision",
        lambda e, s: evaluate_oscd(e, s, cities(FRESH_DECODED), DECODE, baselines=False)),
    Row("SpaceNet", "towns", "pixels of buildings", "mIoU, frozen encoder", "miou",
        lambda e, s: evaluate_segmentation(e, s, *towns(), PAINT, baselines=False, device="cpu")),
    Row("xView", "towns", "halls and tanks of 60 m and more", "AP50, all weights trained", "ap50",
        lambda e, s: evaluate_detection(e, s, *industry(), SEEK, class_names=("hall",), baselines=False,
                                        device="cpu")),
]  # fmt: skip


def line(row: Row, trained: Result, untrained: Result) -> str:
    """A row of the table."""
    lead: Comparison = compare(trained, untrained, row.score)
    own, other = trained.scores[row.score], untrained.scores[row.score]
    cells = [
        row.name,
        row.stands_in,
        row.learned,
        row.measure,
        f"**{100 * own.value:.1f}**",
        f"{100 * other.value:.1f}",
    ]
    cells.append(f"{100 * lead.difference:+.1f} ({100 * lead.low:.1f} to {100 * lead.high:.1f})")
    return f"| {' | '.join(cells)} |"


def standing(document: Path) -> dict[str, str]:
    """The rows that the document holds, by task."""
    _, _, rest = document.read_text().partition(BEGIN)
    rows = [row for row in rest.partition(END)[0].splitlines() if row.startswith("| ")]
    return {row.split("|")[1].strip(): row for row in rows[1:]}


def write(document: Path, lines: list[str], steps: int) -> None:
    """Put the table between its marks in the document."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    head = [
        "| task | what stands in for it | encoder | measured % | trained | untrained | lead (95 % interval) |"
    ]
    numbers = {"steps": steps, "places": PLACES, "labelled": LABELLED // 2, "scenes": SCENES,
               "training_cities": TRAINING_CITIES, "cities": CITIES,
               "epochs": DECODE.epochs, "pairs": DECODE.batch_size,
               "train": TRAINING_TOWNS, "test": TOWNS - TRAINING_TOWNS,
               "training_sites": TRAINING_SITES, "sites": SITES}  # fmt: skip
    text = _TEXT.format(rows="\n".join([*head, "|---" * 7 + "|", *lines]), **numbers)
    document.write_text(before + BEGIN + text + END + after)


_TEXT = """# Every task on the simulated world: trained beside untrained

Three encoders that learned from simulated worlds without labels, each beside the same network untrained,
asked about *other* worlds; the interval of the lead draws the same items for both. Encoder "places":
`data/tiny_encoder.pt`, 0.2 million weights, two minutes of SimCLR with pairs of seasons on views of
whole places. Encoder "towns": a narrow ResNet-18, SimCLR with pairs of seasons on {places:,} towns,
{steps} steps of 64 small crops (6 to 40 % of 640 x 640 m). Encoder "years": the same network, SimCLR
with pairs of June days three or six years apart on {places:,} places round cities (L1C), {steps} steps
of 64 crops of 10 to 60 %.

{rows}

Land cover: {labelled} places to fit on, as many to be judged on. Change: {training_cities} places of
960 x 960 m to train the Siamese U-Net on for {epochs} epochs in batches of {pairs}, encoder frozen,
{cities} to be judged on; the distance learns nothing and is judged on {cities} others. Pixels: {train}
towns to train the head on, {test} to be judged on, tiles of 32 px enlarged four times, encoder frozen.
Boxes: {training_sites} industrial places to train on, {sites} to be judged on, tiles of 64 px enlarged
twice, the encoder trained as well. NAIP and GeoImageNet are written to files in their own layouts and
read from there: {scenes} scenes of 1.9 km to fit on and as many to be judged on, in red, green, blue
and near infrared of 8 bits beside a raster of classes, at 10 m where NAIP has 1 m (the encoder sees
three of the bands); and {labelled} JPEG pictures of ten classes for each list. For both the encoder's
input is measured on the training list (`--measure-input`). There is no counterpart of fMoW's kinds of
places (land cover stands in), of NAIP's detail and of GeoImageNet's photographs. Scenes of the rows of
"towns" and "years", and both sets of files, are of seeds that no setting was chosen on.

Command: `python tools/simulated_tasks.py --steps {steps}`
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, default=Path("runs/tasks"))
    parser.add_argument("--document", type=Path, default=Path("docs/results.md"))
    parser.add_argument("--steps", type=int, default=300, help="of the pretraining")
    parser.add_argument("--seed", type=int, default=0)
    names = [row.name for row in ROWS]
    parser.add_argument("--rows", nargs="+", choices=names, default=names, help="the others stay as they are")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    lines = standing(args.document)
    asked = [row for row in ROWS if row.name in args.rows]
    learned = {name: lesson.learned(args.out, args.steps, args.seed)
               for name, lesson in LESSONS.items() if name in {row.learned for row in asked}}  # fmt: skip
    weights = read_weights(PLACES_ENCODER)
    learned["places"] = weights.encoder, weights.spec
    for row in asked:
        encoder, spec = learned[row.learned]
        twins = {"trained": encoder, "untrained": untrained_like(encoder, seed=args.seed)}
        results = [row.judged(who, one, spec, args.out) for who, one in twins.items()]
        lines[row.name] = line(row, *results)
        print(lines[row.name], flush=True)
    write(args.document, [lines[name] for name in names if name in lines], args.steps)


if __name__ == "__main__":
    main()
