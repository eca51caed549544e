"""``pretrain``: train an encoder on a cube without labels."""

from __future__ import annotations

import argparse
import json
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seco_lab import __version__
from seco_lab.alone import claim_folder
from seco_lab.commands.say import say
from seco_lab.whole import whole_file

RUN_FILE = "run.json"
VIEW_PX = 96
EPOCHS = 200  # where no length is asked for; both papers train as long


@dataclass(frozen=True)
class Data:
    """A cube for training.

    Attributes:
        cube: The cube, lazy where it lies on disk.
        source: What batches are read from: a path to map into memory, or the cube itself.
        rows: Patches to use, or None for all.
    """

    cube: xr.Dataset
    source: Path | xr.Dataset
    rows: np.ndarray | None

    @property
    def patches(self) -> np.ndarray:
        """Rows of the patches to use."""
        return np.arange(self.cube.sizes["patch"]) if self.rows is None else self.rows


def open_data(path: str, split: str | None = None) -> Data:
    """Open a Zarr cube, or read a folder of imagery that a reader knows.

    Raises:
        LookupError: Nothing known there, or no such split.
    """
    from seco_lab.sources import read_cube

    cube = read_cube(path)
    mapped = (Path(path) / "zarr.json").exists()
    return Data(cube, Path(path) if mapped else cube, _rows_of(cube, split))


def _rows_of(cube: xr.Dataset, split: str | None) -> np.ndarray | None:
    if split is None:
        return None
    if "split" not in cube:
        raise LookupError(f"split {split!r} was asked for, but the data have no splits")
    rows = np.flatnonzero(cube["split"].values == split)
    if not len(rows):
        known = ", ".join(sorted(set(cube["split"].values.tolist())))
        raise LookupError(f"no patch belongs to split {split!r}; the data have {known}")
    return rows


def pretrain(args: argparse.Namespace) -> dict[str, Any] | None:
    """Train, with a line of costs first and a progress bar.

    Under ``torchrun`` the main process alone talks, and the others return None.
    """
    from tqdm.auto import tqdm

    from seco_lab.nn.processes import is_main, join_processes, main_does
    from seco_lab.train.agreement import check_free

    join_processes(args.device, timeout_s=args.process_timeout)
    out = Path(args.out)
    if not args.resume:
        main_does(lambda: check_free(out))  # before anything is read, measured or shown
    run = _build(args, out)
    if args.resume and run.resume():
        if not len(run):
            _say_once(
                f"all {run.steps} steps of {out} are done, so nothing is left to do; to train longer, start "
                "from it: --weights with this folder and another --out"
            )
            return _told(args, run) if is_main() else None
        _say_once(f"going on at step {run.step} of {run.steps}")
    estimate = run.estimate()
    _say_once(estimate)
    with tqdm(total=run.steps, initial=run.step, unit="step", disable=not is_main()) as bar:
        for log in run:
            bar.update()
            if is_main() and (log.step % 10 == 0 or log.step == run.steps):
                bar.set_postfix_str(str(log))
    _say_once(f"{run.steps} steps done: {out}")
    if not is_main():
        return None
    return _told(args, run) | {
        "loss": float(log.loss),
        "seconds_per_step": estimate.seconds_per_step,
    }


def _told(args: argparse.Namespace, run: Any) -> dict[str, Any]:
    return {
        "run": str(Path(args.out)),
        "method": args.method,
        "steps": run.steps,
        "loss": None,
        "seconds_per_step": None,
        "input": run.spec.to_dict(),
    }


def _say_once(words: object) -> None:
    from seco_lab.nn.processes import is_main

    if is_main():
        say(words)


def _build(args: argparse.Namespace, out: Path) -> Any:
    """The run that the arguments describe; the number of steps is fixed and written down first."""
    from seco_lab.commands.recipes import METHOD_OPTIONS, recipe_named
    from seco_lab.nn.processes import from_main, main_does

    recipe = recipe_named(args.method)
    recipe.check_options(args.method, [name for name in METHOD_OPTIONS if getattr(args, name) is not None])
    data = open_data(args.cube, args.split)
    stored = from_main(_stored_steps(out)) if args.resume else None
    parts = _Parts(args, recipe, data)
    if args.weights is not None:
        spec = parts.spec
        fed = f"{', '.join(spec.bands)} of {spec.sensor} in {spec.unit}"
        _say_once(f"starts from {args.weights}: {parts.encoder.settings()['name']} of {fed}")
    steps = _length(parts, stored, out)
    tuning = parts.tuning(steps)
    run = parts.run(steps, tuning, out)
    _say_once(f"{steps} steps: {tuning.text(recipe.uses)}")
    main_does(lambda: _store(out, args, steps))
    return run


def _length(parts: _Parts, stored: int | None, out: Path) -> int:
    """Steps of the run: those that it was begun with, those that were asked for, or as many as fit."""
    asked, minutes = parts.steps_asked(), parts.args.minutes
    if stored is not None:
        if asked not in (None, stored):
            raise ValueError(
                f"{out} was begun with {stored} steps, and its learning rate falls over them, got {asked}; "
                "leave the number out to go on, or train longer from it: --weights with this folder and "
                "another --out"
            )
        return stored
    if asked is not None:
        return asked
    if minutes is None:
        return parts.steps_of(EPOCHS)
    steps = parts.steps_in(minutes)
    _say_once(f"{minutes:g} minutes are enough for {steps} steps")
    return steps


class _Parts:
    """Batches, views and method of a run whose length is not known yet."""

    def __init__(self, args: argparse.Namespace, recipe: Any, data: Data) -> None:
        from seco_lab.commands.starting import start_of

        side = min(data.cube.sizes["y"], data.cube.sizes["x"])
        self.args, self.recipe, self.data = args, recipe, data
        self.size_px = args.size_px or min(VIEW_PX, side)
        self.encoder, self.spec = start_of(args, data, self.size_px)
        self.batches = self._batches()

    def _batches(self) -> Any:
        from seco_lab.data import CubeBatches
        from seco_lab.views import PickedSeasons

        args, recipe = self.args, self.recipe
        pick = None if recipe.pick is None else recipe.pick(self.data.cube, self.data.patches)
        batches = CubeBatches(
            self.data.source,
            args.batch,
            seasons=recipe.seasons if pick is None else self.data.cube.sizes["season"],
            bands=self.spec.bands,
            seed=args.seed,
            rows=self.data.rows,
        )
        return batches if pick is None else PickedSeasons(batches, pick, seed=args.seed)

    def steps_asked(self) -> int | None:
        """Steps asked for by number or by epochs."""
        epochs = self.args.epochs
        return self.args.steps if epochs is None else self.steps_of(epochs)

    def steps_of(self, epochs: float) -> int:
        """Steps of so many passes over the data."""
        return max(1, round(epochs * self.batches.steps_per_epoch))

    def tuning(self, steps: int) -> Any:
        """The numbers for a run of that length, those on the command line first."""
        from seco_lab.commands.recipes import tuning_for

        asked = {
            name: getattr(self.args, name)
            for name in ("optimizer", "lr", "temperature", "momentum", "strength")
            if getattr(self.args, name) is not None
        }
        return replace(tuning_for(steps, self.recipe), **asked)

    def run(self, steps: int, tuning: Any, out: Path | None) -> Any:
        from seco_lab.commands.recipes import STRENGTHS, Ingredients, queue_for
        from seco_lab.train import PretrainingRun, TrainConfig

        samples = self.batches.steps_per_epoch * self.args.batch
        queue = self.args.queue
        if queue is None:
            queue = queue_for(samples, self.args.batch, tuning.queue_batches, keys=tuning.queue_keys)
        given = Ingredients(self.data.cube, len(self.data.patches), queue, tuning, self.args.seed)
        method = self.recipe.build(deepcopy(self.encoder), given)
        config = TrainConfig(
            steps=steps,
            optimizer=tuning.optimizer,
            lr=tuning.lr,
            schedule=_schedule(self.args.schedule, min(tuning.warmup_steps, steps // 10)),
            seed=self.args.seed,
            accumulate=self.args.accumulate,
            batchnorm=self.args.batchnorm,
            process_timeout_s=self.args.process_timeout,
        )
        if tuning.strength not in STRENGTHS:
            known = ", ".join(STRENGTHS)
            raise LookupError(f"unknown strength of views {tuning.strength!r}; known are {known}")
        views = self.recipe.views(self.spec, self.size_px, strength=STRENGTHS[tuning.strength])
        return PretrainingRun(
            method, self.batches, views, config, spec=self.spec, folder=out, device=self.args.device
        )

    def steps_in(self, minutes: float) -> int:
        from seco_lab.train import steps_for_minutes

        return steps_for_minutes(self.run(1, self.tuning(1), None), minutes)


def _schedule(name: str, warmup_steps: int) -> Any:
    from seco_lab.train import StepCosine, StepDecay

    known = {"cosine": StepCosine(warmup_steps=warmup_steps), "steps": StepDecay()}
    if name not in known:
        raise LookupError(f"unknown schedule {name!r}; known are {', '.join(known)}")
    return known[name]


def _stored_steps(out: Path) -> int | None:
    """Length of the run that is there; what was killed before its first checkpoint binds nobody."""
    path = out / RUN_FILE
    return json.loads(path.read_text())["steps"] if _is_saved(out) and path.exists() else None


def _is_saved(out: Path) -> bool:
    from seco_lab.checkpoints import CHECKPOINT_NAME

    return (out / CHECKPOINT_NAME).exists()


def _store(out: Path, args: argparse.Namespace, steps: int) -> None:
    """Write down what was asked for at first, so that a resumed run has the same length.

    Raises:
        FileExistsError: Another process trains there.
    """
    if _is_saved(out):
        return
    out.mkdir(parents=True, exist_ok=True)
    claim_folder(out)
    wanted = {key: value for key, value in vars(args).items() if key not in ("function", "json", "resume")}
    content = {"toolkit_version": __version__, "steps": steps, "arguments": wanted}
    with whole_file(out / RUN_FILE) as partial:
        partial.write_text(json.dumps(content, indent=1))
