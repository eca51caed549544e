"""``probe`` on tasks of whole images: scores, and as asked curves over labels, k and distance."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.commands.probing import TRAINED, contract_on, told
from seco_lab.commands.refusing import refuse
from seco_lab.commands.say import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import xarray as xr

    from seco_lab.downstream.classification import ClassTask, ProbeSettings
    from seco_lab.downstream.multilabel_task import MultilabelTask
    from seco_lab.downstream.result import Result
    from seco_lab.input_spec import InputSpec
    from seco_lab.nn.encoders import ResNet

# Pictures of 64 px leave 2 x 2 cells in the last map of a ResNet (docs/decisions/0066-eurosat-at-128-px.md).
_LEAST_PX = 128
_ENCODER, _BANDS = "resnet18", "rgb"
_MOST_BYTES = 4 * 2**30  # of the user's cache; a folder that was named is left as it is


def eurosat(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on EuroSAT."""
    from seco_lab.downstream.eurosat import eurosat_task, load_eurosat

    return _of_classes(args, eurosat_task, lambda: _cubes(args, load_eurosat, split_csv=args.csv))


def fmow(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on single pictures of fMoW."""
    from seco_lab.downstream.fmow import fmow_task

    return _of_classes(args, fmow_task, lambda: _fmow(args))


def fmow_temporal(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on places of fMoW, all pictures of each together."""
    from seco_lab.downstream.fmow import evaluate_fmow_temporal

    trained = _trained(args)
    cubes = _fmow(args)
    encoder, spec = _encoder_for(args, cubes[0], trained)
    with _settings(args, spec) as settings:
        result = evaluate_fmow_temporal(encoder, spec, *cubes, settings, name=str(args.weights))
    return told(result, args)


def naip(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on land cover in NAIP tiles."""
    from seco_lab.downstream.naip import load_naip, naip_task

    return _of_classes(args, naip_task, lambda: _cubes(args, load_naip, size_px=args.tile_px))


def geoimagenet(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on GeoImageNet."""
    from seco_lab.downstream.geoimagenet import geoimagenet_task, load_geoimagenet

    options = {"size_px": args.picture_px}
    return _of_classes(args, geoimagenet_task, lambda: _cubes(args, load_geoimagenet, **options))


def bigearthnet(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on BigEarthNet."""
    from seco_lab.downstream.bigearthnet import bigearthnet_task, load_bigearthnet
    from seco_lab.downstream.bigearthnet_input import random_weights
    from seco_lab.downstream.multilabel_task import evaluate_multilabels

    def load(bands: str) -> tuple[xr.Dataset, xr.Dataset | None]:
        own = {"bands": bands, "classes": args.classes, "cloudy": args.cloudy}
        return _cubes(args, load_bigearthnet, **own)

    trained = _trained(args)
    if trained is None:
        bands = args.bands or _BANDS
        encoder, spec = random_weights(args.encoder or _ENCODER, bands=bands, seed=args.seed)
        cubes = load(bands)
    else:
        cubes = load(_bands_to_read(trained[1]))
        encoder, spec = _encoder_for(args, cubes[0], trained)
    task = bigearthnet_task(*cubes, share=args.share, seed=args.seed)
    options = {"mlp_epochs": args.mlp_epochs, "name": str(args.weights)}
    return _judged(args, task, encoder, spec, evaluate_multilabels, _multilabel_tables, **options)


def _bands_to_read(spec: InputSpec) -> str:
    """Those that an encoder sees, or the nearest ones where it knows another kind of imagery."""
    from seco_lab.downstream.untrained import bands_near
    from seco_lab.sensors import SENTINEL2_L2A

    return ",".join(bands_near(spec, SENTINEL2_L2A, SENTINEL2_L2A.band_names))


def _fmow(args: argparse.Namespace) -> tuple[xr.Dataset, xr.Dataset | None]:
    from seco_lab.downstream.fmow import load_fmow

    return _cubes(args, load_fmow, csv=args.csv, size_px=args.picture_px)


def _cubes(
    args: argparse.Namespace, load: Callable[..., xr.Dataset], **own: Any
) -> tuple[xr.Dataset, xr.Dataset | None]:
    """The pictures of ``--data`` and of ``--test``; a table that was named is that of ``--data``."""
    from seco_lab.downstream.splits import tested_on

    train = load(args.data, limit=args.limit, **own)
    if args.test is None:
        return (train if args.tested is None else tested_on(train, args.tested)), None
    refuse(args, "--test names the test list", "tested")
    shared = {name: value for name, value in own.items() if not name.endswith("csv")}
    return train, load(args.test, limit=args.limit, **shared)


def _trained(args: argparse.Namespace) -> tuple[ResNet, InputSpec] | None:
    """The encoder of a file, looked for before any picture is read; None for random weights."""
    from seco_lab.commands.weights import encoder_of

    if args.weights == "random":
        return None
    refuse(args, TRAINED, "encoder", "bands")
    return encoder_of(args)


def _encoder_for(
    args: argparse.Namespace, train: xr.Dataset, trained: tuple[ResNet, InputSpec] | None
) -> tuple[ResNet, InputSpec]:
    """The encoder that is judged and its contract, measured on the training images where asked for."""
    from seco_lab.downstream.untrained import measured_spec, random_weights

    if trained is None:
        size_px = args.size_px or _LEAST_PX
        architecture, bands = args.encoder or _ENCODER, args.bands or _BANDS
        return random_weights(train, architecture, bands=bands, size_px=size_px, seed=args.seed)
    encoder, spec = trained

    def measured(bands: Sequence[str]) -> InputSpec:
        return measured_spec(train, bands=bands, size_px=spec.size_px, seed=args.seed)

    return encoder, contract_on(args, spec, train, measured)


@contextmanager
def _settings(args: argparse.Namespace, spec: InputSpec) -> Iterator[ProbeSettings]:
    """How the encoder is asked; features are kept for the next question unless told otherwise."""
    from seco_lab.downstream.classification import ProbeSettings
    from seco_lab.downstream.features import FeatureOptions
    from seco_lab.downstream.keeping import trim_cache

    with tempfile.TemporaryDirectory() as forgotten:
        # Curves ask for the same features once more, so that there always is a cache.
        cache = args.cache or _own_cache(args) or forgotten
        features = FeatureOptions(args.batch, args.device, args.precision, cache, progress=True)
        yield ProbeSettings(
            size_px=args.size_px or max(spec.size_px, _LEAST_PX),
            baselines=not args.no_baselines,
            seed=args.seed,
            features=features,
        )
    if cache not in (args.cache, forgotten):
        trim_cache(cache, _MOST_BYTES)


def _own_cache(args: argparse.Namespace) -> Path | None:
    """The user's cache, unless it is not wanted or cannot be written."""
    from seco_lab.downstream.keeping import default_cache

    if args.no_cache:
        return None
    folder = default_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        say(f"{folder} cannot be made, so no features are kept for the next question (--cache FOLDER)")
        return None
    return folder


def _with_training(settings: ProbeSettings, args: argparse.Namespace) -> ProbeSettings:
    """What trains for epochs, where that is asked for."""
    from seco_lab.downstream.finetune import FinetuneConfig

    if args.finetune_epochs is None:
        refuse(args, "it belongs to --finetune-epochs", "finetune_lr")
        return replace(settings, official_epochs=args.official_epochs)
    tuning = FinetuneConfig(args.finetune_epochs, seed=args.seed)
    if args.finetune_lr is not None:
        tuning = replace(tuning, lr=args.finetune_lr)
    return replace(settings, finetune=tuning, official_epochs=args.official_epochs)


def _of_classes(
    args: argparse.Namespace,
    task_of: Callable[..., ClassTask],
    read: Callable[[], tuple[xr.Dataset, xr.Dataset | None]],
) -> dict[str, Any]:
    """Scores of a task of one label an image, and the tables that were asked for."""
    from seco_lab.downstream.classification import evaluate_classes

    trained = _trained(args)
    cubes = read()
    encoder, spec = _encoder_for(args, cubes[0], trained)
    task = task_of(*cubes, seed=args.seed)
    return _judged(args, task, encoder, spec, evaluate_classes, _class_tables, name=str(args.weights))


def _judged(
    args: argparse.Namespace,
    task: ClassTask | MultilabelTask,
    encoder: ResNet,
    spec: InputSpec,
    evaluate: Callable[..., Result],
    tables_of: Callable[..., dict[str, pd.DataFrame]],
    **options: Any,
) -> dict[str, Any]:
    with _settings(args, spec) as settings:
        settings = _with_training(settings, args)
        result = evaluate(task, encoder, spec, settings, **options)
        tables = tables_of(args, task, encoder, spec, settings)
    if args.figures is not None:
        _draw(Path(args.figures), tables, result)
    for table in tables.values():
        say(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    return told(result, args, {key: table.to_dict("records") for key, table in tables.items()})


def _class_tables(
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


def _multilabel_tables(
    args: argparse.Namespace, task: MultilabelTask, encoder: ResNet, spec: InputSpec, settings: ProbeSettings
) -> dict[str, pd.DataFrame]:
    """By name: "curve" with ``--curve``."""
    from seco_lab.downstream.curves import features_to_compare, multilabel_curve

    if not args.curve:
        return {}
    features = features_to_compare(task, encoder, spec, settings)
    seeds = range(args.curve_seeds)
    return {"curve": multilabel_curve(features, task.labels, task.truth, seeds=seeds, device=args.device)}


def _draw(folder: Path, tables: Mapping[str, pd.DataFrame], result: Result) -> None:
    """Figures of what was measured, as PNG files."""
    from seco_lab.viz.figure import figure_png
    from seco_lab.viz.scores import k_curve_figure, label_curve_figure, results_figure, split_figure

    curve = partial(label_curve_figure, measure=result.metric)
    drawn = {"curve": curve, "by_k": k_curve_figure, "splits": split_figure}
    figures = {name: drawn[name](table) for name, table in tables.items()} | {
        "scores": results_figure([result])
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        (folder / f"{name}.png").write_bytes(figure_png(figure, dpi=150))
        say(str(folder / f"{name}.png"))
