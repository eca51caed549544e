"""Where ``pretrain`` starts: random weights under a contract measured on the cube, or weights that exist."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from seco_lab.commands.refusing import refuse

if TYPE_CHECKING:
    from seco_lab.commands.training import Data
    from seco_lab.input_spec import InputSpec
    from seco_lab.nn.encoders import Encoder

MEASURED = "cube"  # in the place of a contract's name: measure it on the cube


def start_of(args: argparse.Namespace, data: Data, size_px: int) -> tuple[Encoder, InputSpec]:
    """The encoder before the first step, and what it is fed.

    Raises:
        ValueError: Options that mean nothing here; weights that cannot be read, or tell no contract.
        LookupError: Unknown encoder, contract or bands, or bands that the data lack.
    """
    if args.weights is None:
        return _random(args, data, size_px)
    from seco_lab.checkpoints import contract_from, read_weights

    refuse(args, "the weights tell the encoder", "encoder")
    if args.spec == MEASURED:
        spec = _measured(args, data, size_px)
    else:
        refuse(args, f"the weights tell the bands, or --spec {MEASURED} takes those of the cube", "bands")
        spec = None if args.spec is None else contract_from(args.spec)
    weights = read_weights(args.weights, spec=spec)
    try:
        weights.spec.check_bands(data.cube["band"].values.tolist())
    except LookupError as error:
        raise LookupError(f"{error}; --spec {MEASURED} measures on the data what they are fed") from error
    return weights.encoder, replace(weights.spec, size_px=size_px)


def _random(args: argparse.Namespace, data: Data, size_px: int) -> tuple[Encoder, InputSpec]:
    from seco_lab.nn.encoders import encoder_named

    refuse(args, "without --weights the contract is measured on the cube", "spec")
    spec = _measured(args, data, size_px)
    return encoder_named(args.encoder or "resnet18", len(spec.bands), seed=args.seed), spec


def _measured(args: argparse.Namespace, data: Data, size_px: int) -> InputSpec:
    from seco_lab.data import input_spec_for

    bands = args.bands or "rgb"
    return input_spec_for(data.cube, bands=bands, size_px=size_px, rows=data.rows, seed=args.seed)
