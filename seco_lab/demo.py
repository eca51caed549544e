"""The main job from end to end, offline: places, cube, training, embeddings, probe, map, report."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from seco_lab import __version__
from seco_lab.commands.say import say
from seco_lab.whole import whole_file

if TYPE_CHECKING:
    from seco_lab.downstream.result import Result
    from seco_lab.input_spec import InputSpec
    from seco_lab.nn.encoders import ResNet
    from seco_lab.places import Plan

PATCH_PX, VIEW_PX, BATCH, SEASONS = 64, 64, 64, 4
FEW_STEPS = 150  # below, an encoder has hardly left its start
FIRST_PLACES = 6  # in the picture that is there first
ENCODER = "resnet18-narrow"  # learns more in a few minutes of two cores than a wide one
LABELLED_SEED = 1000  # places with labels are drawn apart from those that are trained on


@dataclass(frozen=True)
class Demo:
    """Settings of the demo.

    Attributes:
        out: Folder of everything that it writes.
        places: Unlabelled places to train on; as many again are drawn with labels for the probe.
        minutes: Time to train.
        seed: Seed of all chance.
    """

    out: Path
    places: int
    minutes: float
    seed: int


def run_demo(args: argparse.Namespace) -> dict[str, Any]:
    """Run the whole path and write ``report.html`` and ``report.json``.

    What is there already from the same settings is kept, so a demo that was interrupted goes on.
    """
    demo = Demo(Path(args.out), args.places, args.minutes, args.seed)
    _settle(demo)
    started = time.perf_counter()
    with stage("1/6 places: around cities, no two overlap"):
        plan = _plan(demo, "places", demo.seed)
        labelled_plan = _plan(demo, "labelled", demo.seed + LABELLED_SEED)
    with stage(f"2/6 cube: {SEASONS} seasons of each place, from the simulated world"):
        cube = _cube(demo, plan)
        say(f"    a first look at them: {_first_look(demo, cube)}")
        labelled = _labelled(demo, labelled_plan)
    with stage(f"3/6 training: SeCo on {len(plan)} places without labels"):
        encoder, spec = _train(demo)
    with stage("4/6 embeddings of every place and season"):
        table = _embed(demo, encoder, spec, cube)
    with stage("5/6 probe: what are frozen features worth?"):
        result = _probe(encoder, spec, labelled)
    with stage("6/6 report"):
        report = _report(demo, plan, cube, table, result, spec, time.perf_counter() - started)
    _say_end(demo, report)
    return report


def _say_end(demo: Demo, report: dict[str, Any]) -> None:
    steps = report["facts"]["steps"]
    if steps < FEW_STEPS:
        say(
            f"\nonly {steps} steps fitted into {demo.minutes:g} minutes of this machine, so expect little of "
            f"the encoder; --minutes {5 * demo.minutes:g} shows more"
        )
    say(f"\nopen {report['report']} in any browser (no network needed); numbers are in report.json")


@contextmanager
def stage(title: str) -> Iterator[None]:
    """Announce a stage and say how long it took."""
    say(title)
    start = time.perf_counter()
    yield
    say(f"    done in {time.perf_counter() - start:.0f} s")


def _settle(demo: Demo) -> None:
    """Start afresh where the folder holds a demo of other settings; other minutes keep its cubes."""
    wanted = {"places": demo.places, "minutes": demo.minutes, "seed": demo.seed, "version": __version__}
    note = demo.out / "demo.json"
    held = json.loads(note.read_text()) if note.exists() else wanted
    if held | {"minutes": demo.minutes} != wanted:
        say(f"{demo.out} holds a demo of other settings: starting afresh")
        shutil.rmtree(demo.out)
    elif held != wanted:
        say(f"{demo.out} holds a demo of {held['minutes']:g} minutes: its places are kept, it trains anew")
        shutil.rmtree(demo.out / "run", ignore_errors=True)
    demo.out.mkdir(parents=True, exist_ok=True)
    with whole_file(note) as partial:
        partial.write_text(json.dumps(wanted))


def _plan(demo: Demo, name: str, seed: int) -> Plan:
    from seco_lab.places import AroundCities, open_plan, plan_places, save_plan

    path = demo.out / f"{name}.parquet"
    if not path.exists():
        save_plan(plan_places(demo.places, AroundCities(std_km=50), seed=seed), path)
    return open_plan(path)


def _cube(demo: Demo, plan: Plan) -> xr.Dataset:
    from seco_lab.gather import gather
    from seco_lab.seasons import random_phase
    from seco_lab.sources.simulated import SimulatedSource
    from seco_lab.store import open_cube

    dates = random_phase(plan.place_list(), seed=demo.seed, seasons=SEASONS)
    path = demo.out / "cube.zarr"
    gather(plan, SimulatedSource(demo.seed), dates, path, size_px=PATCH_PX, bands="rgb")
    return open_cube(path)


def _first_look(demo: Demo, cube: xr.Dataset) -> Path:
    """A few places through their seasons: the first picture, minutes before the report."""
    from seco_lab.viz.figure import figure_png
    from seco_lab.viz.plots import true_colour_grid

    path = demo.out / "first_look.png"
    path.write_bytes(figure_png(true_colour_grid(cube, range(min(FIRST_PLACES, cube.sizes["patch"])))))
    return path


def _labelled(demo: Demo, plan: Plan) -> xr.Dataset:
    """Other places, one season each, with the class that names them."""
    from seco_lab.seasons import random_phase
    from seco_lab.sources.simulated import SimulatedSource
    from seco_lab.store import open_cube, save_cube

    path = demo.out / "labelled.zarr"
    if not path.exists():
        dates = random_phase(plan.place_list(), seed=demo.seed, seasons=1)
        source = SimulatedSource(demo.seed)
        cube = source.labelled(plan.place_list(), dates, size_px=VIEW_PX, bands="rgb")
        save_cube(cube.drop_vars(["labels", "mask", "boxes"], errors="ignore"), path)
    return open_cube(path)


def _train(demo: Demo) -> tuple[ResNet, InputSpec]:
    from seco_lab.arguments.parser import build_parser
    from seco_lab.checkpoints import load_encoder
    from seco_lab.commands.training import pretrain

    folder = demo.out / "run"
    if not _finished(folder):
        words = ["pretrain", str(demo.out / "cube.zarr"), "--method", "seco", "--encoder", ENCODER]
        words += ["--minutes", str(demo.minutes), "--batch", str(BATCH), "--size-px", str(VIEW_PX)]
        words += ["--seed", str(demo.seed), "--out", str(folder), "--resume"]
        pretrain(build_parser().parse_args(words))
    return load_encoder(folder)


def _finished(folder: Path) -> bool:
    from seco_lab.checkpoints import CHECKPOINT_NAME, load_checkpoint

    path = folder / CHECKPOINT_NAME
    if not path.exists():
        return False
    content = load_checkpoint(path, mapped=True)
    return content["step"] == content["config"]["steps"]


def _embed(demo: Demo, encoder: ResNet, spec: InputSpec, cube: xr.Dataset) -> xr.Dataset:
    from seco_lab.embeddings import embed_to, open_embeddings

    path = demo.out / "embeddings.parquet"
    embed_to(encoder, cube, spec, path, overwrite=True)
    return open_embeddings(path)


def _probe(encoder: ResNet, spec: InputSpec, labelled: xr.Dataset) -> Result:
    from seco_lab.downstream.classification import ProbeSettings
    from seco_lab.downstream.eurosat import PROBE_PX, evaluate_eurosat

    settings = ProbeSettings(size_px=PROBE_PX)
    return evaluate_eurosat(encoder, spec, labelled.compute(), settings=settings, name="SeCo")


def _scores(result: Result) -> list[Any]:
    from seco_lab.viz.charts import ScoreRow
    from seco_lab.viz.scores import in_words

    found = [
        ScoreRow("kNN" if name == "knn" else f"{name} probe", "SeCo", s.value, s.low, s.high)
        for name, s in result.scores.items()
    ]
    for name, score in result.baselines.items():
        role = "untrained" if name == "untrained" else "floor"
        found.append(ScoreRow("linear probe", in_words(name), score.value, score.low, score.high, role))
    return found


def _report(
    demo: Demo,
    plan: Plan,
    cube: xr.Dataset,
    table: xr.Dataset,
    result: Result,
    spec: InputSpec,
    seconds: float,
) -> dict[str, Any]:
    from seco_lab.train import read_metrics
    from seco_lab.viz.report import write_report

    curves = read_metrics(demo.out / "run")
    facts = {
        "title": "From places to a map",
        "subtitle": "SeCo trained on a simulated world, offline",
        "places": len(plan),
        "seasons": SEASONS,
        "steps": int(curves["step"][-1]),
        "input": f"{', '.join(spec.bands)} in {spec.unit}, {spec.size_px} px of {spec.pixel_size_m:g} m",
        "time": f"{seconds / 60:.1f} minutes",
        "toolkit": f"seco_lab {__version__}",
    }
    page = write_report(
        demo.out / "report.html",
        embeddings=table,
        cube=cube,
        results=_scores(result),
        curves=curves,
        meta=facts,
        plan=(plan.places["lon"].to_numpy(), plan.places["lat"].to_numpy()),
    )
    numbers = {**result.to_dict(), "facts": facts, "report": str(page), "seconds": round(seconds, 1)}
    with whole_file(demo.out / "report.json") as partial:
        partial.write_text(json.dumps(numbers, indent=1, default=str))
    return {k: v for k, v in numbers.items() if k not in ("protocol", "per_class")}
