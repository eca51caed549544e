"""``weights``: list, get, inspect, export and examine files of weights."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.commands.refusing import refuse_own_input
from seco_lab.commands.say import say

if TYPE_CHECKING:
    from seco_lab.checkpoints import BatchNormReport, PublishedFile, Weights
    from seco_lab.input_spec import InputSpec
    from seco_lab.nn.encoders import ResNet


def encoder_of(args: argparse.Namespace) -> tuple[ResNet, InputSpec]:
    """The encoder and contract that ``--weights``, ``--spec`` and ``--side`` name."""
    weights = _read(args, args.weights)
    return weights.encoder, weights.spec


def _read(args: argparse.Namespace, source: str) -> Weights:
    from seco_lab.checkpoints import contract_from, read_weights

    spec = None if args.spec is None else contract_from(args.spec)
    return read_weights(source, spec=spec, side=args.side)


def list_weights(args: argparse.Namespace) -> dict[str, Any]:
    """Architectures, published files and named input contracts."""
    from seco_lab.checkpoints import CONTRACTS, PUBLISHED
    from seco_lab.nn.encoders import ENCODER_NAMES

    say("encoders:  " + ", ".join(ENCODER_NAMES))
    say("contracts: " + ", ".join(CONTRACTS) + " (for --spec)")
    say("published files (seco-lab weights get NAME):")
    for entry in PUBLISHED:
        say(_line(entry))
    return {
        "encoders": list(ENCODER_NAMES),
        "contracts": {name: spec.to_dict() for name, spec in CONTRACTS.items()},
        "published": [entry.to_dict() for entry in PUBLISHED],
    }


def _line(entry: PublishedFile) -> str:
    size = f"{entry.size_mb:g} MB" if entry.size_mb else "size unknown"
    checked = (
        f"md5 {entry.md5}" if entry.md5 else f"sha256 {entry.sha256}..." if entry.sha256 else "no known sum"
    )
    return f"  {entry.name}\n    {entry.trained}; {entry.encoder}, {size}, {checked}\n    {entry.url}"


def get(args: argparse.Namespace) -> dict[str, Any]:
    """Download a published file, or import a copy of it, and check it."""
    from tqdm.auto import tqdm

    from seco_lab.checkpoints import CONTRACTS, get_weights, published_named, read_weights, sums_of

    entry = published_named(args.name)
    with tqdm(unit="B", unit_scale=True, desc=entry.file, disable=args.source is not None) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = get_weights(entry, args.out, source=args.source, progress=progress)
    report = read_weights(path, spec=CONTRACTS[entry.contract]).report
    verified = bool(entry.md5 or entry.sha256)
    sums = sums_of(path)
    say(
        f"{path}: {report.encoder['name']}, md5 {sums.md5}"
        + ("" if verified else ", which no source confirms")
    )
    return {"out": str(path), "md5": sums.md5, "sha256": sums.sha256, "verified": verified, "url": entry.url}


def inspect(args: argparse.Namespace) -> dict[str, Any]:
    """Say what a file holds: layout, architecture, contract, entries taken and left."""
    from seco_lab.nn.encoders import parameter_count

    weights = _read(args, args.file)
    report, spec = weights.report, weights.spec
    name, bands = report.encoder["name"], report.encoder["in_channels"]
    loaded, missing, extra = (len(names) for names in (report.loaded, report.missing, report.extra))
    say(f"{report.path}: {name}, {bands} bands, layout {report.layout}, {report.side} encoder")
    say(f"  entries    {loaded} taken, {missing} missing, {extra} left aside")
    say(f"  not opened {', '.join(report.shells) or 'nothing'}")
    say(f"  contract   {report.contract}")
    say(f"  input      {spec.sensor}, {', '.join(spec.bands)} in {spec.unit}, {spec.size_px} px")
    say(f"  limits     low {_row(spec.low)}; high {_row(spec.high)}")
    say(f"  scaled     mean {_row(spec.mean)}; std {_row(spec.std)}")
    return {
        **report.to_dict(),
        "features": weights.encoder.num_features,
        "parameters": parameter_count(weights.encoder),
        "input": spec.to_dict(),
    }


def _row(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers)


def export(args: argparse.Namespace) -> dict[str, Any]:
    """Write an encoder for other programs, checked by reading it back."""
    from seco_lab.checkpoints import CHECKPOINT_NAME, EXPORT_FORMATS, export_weights

    out = args.out or args.out_file
    if out is None:
        raise ValueError(f"weights export needs --out FILE, ending in {', '.join(EXPORT_FORMATS.values())}")
    refuse_own_input(out, args.file, Path(args.file) / CHECKPOINT_NAME)
    weights = _read(args, args.file)
    path, difference = export_weights(weights.encoder, weights.spec, out, format=args.format)
    size = path.stat().st_size
    checked = (
        "not run: onnxruntime is not installed"
        if difference is None
        else f"read back, differs by {difference:.0e}"
    )
    say(f"{path} ({size / 1e6:.1f} MB; {checked})")
    return {"out": str(path), "bytes": size, "difference": difference}


def doctor(args: argparse.Namespace) -> dict[str, Any]:
    """Examine the BatchNorm statistics, and measure them anew on a cube where one is given."""
    from seco_lab.checkpoints import CHECKPOINT_NAME, batchnorm_report

    if (args.data is None) != (args.out is None):
        raise ValueError(
            "weights doctor --data CUBE needs --out FILE for the recalibrated encoder, and --out --data"
        )
    if args.out is not None:
        refuse_own_input(args.out, args.file, Path(args.file) / CHECKPOINT_NAME)
    report = batchnorm_report(args.file, side=args.side)
    _tell(report)
    result = report.to_dict()
    return result if args.data is None else {**result, "recalibrated": _recalibrate(args)}


def _tell(report: BatchNormReport) -> None:
    say(f"{report.verdict}: {report.reason}")
    say(f"{'layer':>24}  {'running mean':>20}  {'running variance':>22}  from key encoder (std)")
    for layer in report.layers:
        mean, var = (f"{low:.3g} to {high:.3g}" for low, high in (layer.mean, layer.var))
        away = "-" if layer.from_key is None else f"{layer.from_key:.3f}"
        say(f"{layer.name:>24}  {mean:>20}  {var:>22}  {away}")


def _recalibrate(args: argparse.Namespace) -> str:
    from seco_lab.checkpoints import save_encoder
    from seco_lab.embeddings import recalibrated
    from seco_lab.sources import read_cube

    weights = _read(args, args.file)
    cube = read_cube(args.data)
    encoder = recalibrated(
        weights.encoder, cube, weights.spec, images=args.images, device=args.device, progress=True
    )
    save_encoder(args.out, encoder, weights.spec)
    say(f"{args.out}: the same weights, BatchNorm statistics of {args.data}")
    return args.out
