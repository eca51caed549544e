"""``probe``: what frozen features are worth on a labelled task, beside what has learnt nothing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from seco_lab.commands.refusing import refuse
from seco_lab.commands.say import say
from seco_lab.whole import whole_file

if TYPE_CHECKING:
    import xarray as xr

    from seco_lab.downstream.change_maps import ChangeProtocol
    from seco_lab.downstream.result import Result
    from seco_lab.input_spec import InputSpec

TRAINED = "weights that were trained bring a network and bands of their own"


def oscd(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on OSCD."""
    from seco_lab.commands.weights import encoder_of
    from seco_lab.downstream.oscd import evaluate_oscd, load_oscd, random_weights

    protocol = _change_protocol(args)
    if args.weights == "random":
        encoder, spec = random_weights(args.encoder or "resnet18", seed=args.seed)
    else:
        refuse(args, TRAINED, "encoder")
        encoder, spec = encoder_of(args)
    result = evaluate_oscd(
        encoder,
        spec,
        load_oscd(args.data, rectified=args.rectified, limit=args.limit),
        protocol,
        name=str(args.weights),
        groups=args.groups,
        seed=args.seed,
        device=args.device,
        progress=True,
    )
    return told(result, args)


def _change_protocol(args: argparse.Namespace) -> ChangeProtocol:
    from seco_lab.downstream.change_maps import FeatureDistance
    from seco_lab.downstream.change_unet import UNetProtocol

    if args.protocol == "distance":
        refuse(args, "--protocol distance trains nothing", "epochs", "train_encoder")
        return FeatureDistance()
    epochs = 100 if args.epochs is None else args.epochs
    if args.protocol == "official":
        refuse(args, "--protocol official keeps the encoder frozen", "train_encoder")
        return UNetProtocol.official(epochs=epochs, seed=args.seed)
    return UNetProtocol(epochs=epochs, train_encoder=args.train_encoder, seed=args.seed)


def contract_on(
    args: argparse.Namespace,
    spec: InputSpec,
    data: xr.Dataset,
    measured: Callable[[Sequence[str]], InputSpec],
) -> InputSpec:
    """The contract that an encoder is asked under: its own, or with ``--measure-input`` a measured one.

    Raises:
        LookupError: The data lack bands that the encoder sees.
    """
    from seco_lab.downstream.untrained import bands_like

    near = bands_like(spec, data)
    if args.measure_input:
        return measured(near)
    if near != spec.bands:
        raise LookupError(
            f"the encoder expects {', '.join(spec.bands)} of {spec.sensor}, the data are from "
            f"{data.attrs['sensor']}; --measure-input shows it {', '.join(near)}, with limits and statistics "
            "of these pictures"
        )
    return spec


def told(result: Result, args: argparse.Namespace, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """Say a result, write it where asked, and give it to machines; ``more`` stands beside its own keys."""
    say(_lines(result))
    say(_lists(result))
    if args.out:
        with whole_file(args.out) as partial:
            partial.write_text(json.dumps(result.to_dict(items=True) | (more or {}), indent=1))
    return result.to_dict() | (more or {})


def _lists(result: Result) -> str:
    """What was trained and tested on, and what a reader of the numbers should know."""
    told, sizes = result.protocol, result.protocol.sizes
    lists = f"{sizes['train']} to train on, {sizes['test']} to be judged on: {told.split}"
    return "\n".join([lists, *told.notes])


def _lines(result: Result) -> str:
    rows = {**result.scores, **result.baselines}
    width = max(16, *map(len, rows))
    return "\n".join(f"{name:>{width}}  {score} %" for name, score in rows.items())
