"""``probe``: what frozen features are worth on a labelled task, beside what has learnt nothing."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from seco_lab.commands.say import say

if TYPE_CHECKING:
    from seco_lab.downstream.change_maps import ChangeProtocol
    from seco_lab.downstream.result import Result

# What each task can be told beyond weights, data, device, seed and out.
_OPTIONS = {
    "eurosat": {"test", "size_px", "measure_input"},
    "oscd": {"protocol", "epochs"},
    "bigearthnet": {"test", "size_px", "share"},
}
_ALL = set.union(*_OPTIONS.values())


def probe(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on a task, and what needs no training beside it."""
    odd = sorted(name for name in _ALL - _OPTIONS[args.task] if getattr(args, name) is not None)
    if odd:
        known = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(_OPTIONS[args.task]))
        raise ValueError(f"{args.task} has no option --{odd[0].replace('_', '-')}; its own are {known}")
    result = {"eurosat": _eurosat, "oscd": _oscd, "bigearthnet": _bigearthnet}[args.task](args)
    say(_lines(result))
    if args.out:
        from seco_lab.whole import whole_file

        with whole_file(args.out) as partial:
            partial.write_text(json.dumps(result.to_dict(), indent=1))
    return result.to_dict()


def _eurosat(args: argparse.Namespace) -> Result:
    from seco_lab.commands.weights import encoder_of
    from seco_lab.downstream.eurosat import (
        PROBE_PX,
        evaluate_eurosat,
        load_eurosat,
        measured_spec,
        random_weights,
    )

    train = load_eurosat(args.data)
    test = None if args.test is None else load_eurosat(args.test)
    if args.weights == "random":
        encoder, spec = random_weights(train, size_px=args.size_px or PROBE_PX, seed=args.seed)
    else:
        encoder, spec = encoder_of(args)
        if args.measure_input:
            spec = measured_spec(train, bands=spec.bands, size_px=spec.size_px, seed=args.seed)
    return evaluate_eurosat(
        encoder,
        spec,
        train,
        test,
        name=str(args.weights),
        size_px=args.size_px or max(spec.size_px, PROBE_PX),
        device=args.device,
        seed=args.seed,
        progress=True,
    )


def _oscd(args: argparse.Namespace) -> Result:
    from seco_lab.commands.weights import encoder_of
    from seco_lab.downstream.oscd import evaluate_oscd, load_oscd, random_weights

    protocol = _change_protocol(args)
    encoder, spec = random_weights(seed=args.seed) if args.weights == "random" else encoder_of(args)
    return evaluate_oscd(
        encoder,
        spec,
        load_oscd(args.data),
        protocol,
        name=str(args.weights),
        seed=args.seed,
        device=args.device,
        progress=True,
    )


def _bigearthnet(args: argparse.Namespace) -> Result:
    from seco_lab.commands.weights import encoder_of
    from seco_lab.downstream.bigearthnet import (
        PROBE_PX,
        evaluate_bigearthnet,
        load_bigearthnet,
        random_weights,
    )

    encoder, spec = random_weights(seed=args.seed) if args.weights == "random" else encoder_of(args)
    bands = ",".join(spec.bands)
    return evaluate_bigearthnet(
        encoder,
        spec,
        load_bigearthnet(args.data, bands=bands),
        None if args.test is None else load_bigearthnet(args.test, bands=bands),
        share=1.0 if args.share is None else args.share,
        name=str(args.weights),
        size_px=args.size_px or max(spec.size_px, PROBE_PX),
        device=args.device,
        seed=args.seed,
        progress=True,
    )


def _change_protocol(args: argparse.Namespace) -> ChangeProtocol:
    from seco_lab.downstream.change_maps import FeatureDistance
    from seco_lab.downstream.change_unet import UNetProtocol

    if args.protocol in (None, "distance"):
        if args.epochs is not None:
            raise ValueError("--epochs belongs to --protocol unet or official; distance trains nothing")
        return FeatureDistance()
    epochs = 100 if args.epochs is None else args.epochs
    if args.protocol == "official":
        return UNetProtocol.official(epochs=epochs, seed=args.seed)
    return UNetProtocol(epochs=epochs, seed=args.seed)


def _lines(result: Result) -> str:
    rows = {**result.scores, **result.baselines}
    width = max(16, *map(len, rows))
    return "\n".join(f"{name:>{width}}  {score} %" for name, score in rows.items())
