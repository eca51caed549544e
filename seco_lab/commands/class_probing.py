"""``probe`` on tasks of one label an image: scores, and as asked curves over labels, k and distance."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.commands.probing import contract_on, told
from seco_lab.commands.say import say

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from seco_lab.downstream.classification import ClassTask, ProbeSettings
    from seco_lab.input_spec import InputSpec
    from seco_lab.nn.encoders import ResNet

# Pictures of 64 px leave 2 x 2 cells in the last map of a ResNet (docs/decisions/0066-eurosat-at-128-px.md).
_LEAST_PX = 128


def eurosat(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on EuroSAT."""
    from seco_lab.downstream.eurosat import eurosat_task, load_eurosat

    return _judged(args, load_eurosat, eurosat_task)


def fmow(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on single pictures of fMoW."""
    from seco_lab.downstream.fmow import fmow_task, load_fmow

    return _judged(args, load_fmow, fmow_task)


def naip(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on land cover in NAIP tiles."""
    from seco_lab.downstream.naip import load_naip, naip_task

    return _judged(args, load_naip, naip_task)


def geoimagenet(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on GeoImageNet."""
    from seco_lab.downstream.geoimagenet import geoimagenet_task, load_geoimagenet

    return _judged(args, load_geoimagenet, geoimagenet_task)


def fmow_temporal(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on places of fMoW, all pictures of each together."""
    from seco_lab.downstream.fmow import evaluate_fmow_temporal, load_fmow

    train = load_fmow(args.data)
    test = None if args.test is None else load_fmow(args.test)
    encoder, spec = encoder_for(args, train)
    settings = settings_of(args, spec)
    return told(evaluate_fmow_temporal(encoder, spec, train, test, settings, name=str(args.weights)), args)


def encoder_for(args: argparse.Namespace, train: xr.Dataset) -> tuple[ResNet, InputSpec]:
    """The encoder that is judged and its contract, measured on the training images where asked for."""
    from seco_lab.commands.weights import encoder_of
    from seco_lab.downstream.untrained import measured_spec, random_weights

    if args.weights == "random":
        return random_weights(train, size_px=args.size_px or _LEAST_PX, seed=args.seed)
    encoder, spec = encoder_of(args)

    def measured(bands: Sequence[str]) -> InputSpec:
        return measured_spec(train, bands=bands, size_px=spec.size_px, seed=args.seed)

    return encoder, contract_on(args, spec, train, measured)


def settings_of(args: argparse.Namespace, spec: InputSpec) -> ProbeSettings:
    """How the encoder is asked."""
    from seco_lab.downstream.classification import ProbeSettings
    from seco_lab.downstream.features import FeatureOptions

    return ProbeSettings(
        size_px=args.size_px or max(spec.size_px, _LEAST_PX),
        seed=args.seed,
        features=FeatureOptions(device=args.device, cache=args.cache, progress=True),
    )


def _with_training(settings: ProbeSettings, args: argparse.Namespace) -> ProbeSettings:
    """What trains for epochs, where that is asked for."""
    from seco_lab.downstream.finetune import FinetuneConfig

    epochs = args.finetune_epochs
    tuning = None if epochs is None else FinetuneConfig(epochs, seed=args.seed)
    return replace(settings, finetune=tuning, official_epochs=args.official_epochs)


def _judged(
    args: argparse.Namespace,
    load: Callable[[str], xr.Dataset],
    task_of: Callable[..., ClassTask],
) -> dict[str, Any]:
    """Scores of a task, and the tables that were asked for."""
    from seco_lab.downstream.classification import evaluate_classes

    train = load(args.data)
    test = None if args.test is None else load(args.test)
    encoder, spec = encoder_for(args, train)
    settings = _with_training(settings_of(args, spec), args)
    task = task_of(train, test, seed=args.seed)
    with tempfile.TemporaryDirectory() as folder:
        # Curves ask for the same features once more.
        options = replace(settings.features, cache=args.cache or folder)
        settings = replace(settings, features=options)
        result = evaluate_classes(task, encoder, spec, settings, name=str(args.weights))
        tables = _tables(args, task, encoder, spec, settings)
    if args.figures is not None:
        _draw(Path(args.figures), tables, result)
    for table in tables.values():
        say(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    return told(result, args, {key: table.to_dict("records") for key, table in tables.items()})


def _tables(
    args: argparse.Namespace, task: ClassTask, encoder: ResNet, spec: InputSpec, settings: ProbeSettings
) -> dict[str, pd.DataFrame]:
    """By name: "curve" and "by_k" with ``--curve``, "splits" with ``--spatial-km``."""
    from seco_lab.downstream.curves import features_to_compare, k_curve, label_curve, split_gap

    tables = {}
    if args.curve:
        features = features_to_compare(task, encoder, spec, settings)
        seeds = range(args.curve_seeds)
        tables["curve"] = label_curve(features, task.labels, task.truth, seeds=seeds, device=args.device)
        tables["by_k"] = k_curve(features, task.labels, task.truth)
    if args.spatial_km is not None:
        tables["splits"] = split_gap(encoder, spec, task.joined(), settings, block_km=args.spatial_km)
    return tables


def _draw(folder: Path, tables: dict[str, pd.DataFrame], result: Any) -> None:
    """Figures of what was measured, as PNG files."""
    from seco_lab.viz.figure import figure_png
    from seco_lab.viz.scores import k_curve_figure, label_curve_figure, results_figure, split_figure

    drawn = {"curve": label_curve_figure, "by_k": k_curve_figure, "splits": split_figure}
    figures = {name: drawn[name](table) for name, table in tables.items()} | {
        "scores": results_figure([result])
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        (folder / f"{name}.png").write_bytes(figure_png(figure, dpi=150))
        say(str(folder / f"{name}.png"))
