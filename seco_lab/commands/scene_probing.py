"""``probe`` on scenes: objects of xView and buildings of SpaceNet."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from seco_lab.commands.probing import contract_on, told
from seco_lab.commands.say import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr
    from torch import nn

    from seco_lab.downstream.detection import DetectionProtocol
    from seco_lab.downstream.result import Result
    from seco_lab.downstream.tile_training import TileProtocol
    from seco_lab.input_spec import InputSpec
    from seco_lab.sources.scenes import Scenes


def xview(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on xView."""
    from seco_lab.downstream.xview import TEST_SHARE, evaluate_xview, load_xview

    protocol = _detection_protocol(args)
    scenes = load_xview(args.data, labels=args.labels, limit=args.limit)
    return _judged(args, scenes, evaluate_xview, protocol, TEST_SHARE)


def spacenet(args: argparse.Namespace) -> dict[str, Any]:
    """Judge an encoder on SpaceNet."""
    from seco_lab.downstream.scene_splits import TEST_SHARE
    from seco_lab.downstream.segmentation import SegmentationProtocol
    from seco_lab.downstream.spacenet import evaluate_spacenet, load_spacenet

    protocol = SegmentationProtocol(**_schedule(args))
    scenes = load_spacenet(args.data, variant=args.variant, limit=args.limit)
    return _judged(args, scenes, evaluate_spacenet, protocol, TEST_SHARE)


def _judged(
    args: argparse.Namespace,
    scenes: Scenes,
    evaluate: Callable[..., Result],
    protocol: TileProtocol,
    test_share: float,
) -> dict[str, Any]:
    from seco_lab.downstream.scene_splits import split_scenes

    if scenes.notes:
        say("left out: " + "; ".join(scenes.notes))
    encoder, spec = _encoder(args, split_scenes(scenes, share=test_share, seed=args.seed).train)
    result = evaluate(
        encoder, spec, scenes, protocol=protocol, name=str(args.weights), seed=args.seed, device=args.device,
        progress=True,
    )  # fmt: skip
    return told(result, args)


def _detection_protocol(args: argparse.Namespace) -> DetectionProtocol:
    from seco_lab.downstream.detection import DetectionProtocol

    if args.protocol == "official":
        return DetectionProtocol.official(epochs=args.epochs, seed=args.seed)
    return DetectionProtocol(**_schedule(args))


def _schedule(args: argparse.Namespace) -> dict[str, Any]:
    # A quarter of a tile is enough for most objects to lie whole in one of two neighbours.
    return {
        "epochs": args.epochs,
        "tiles_per_scene": args.tiles_per_scene,
        "tile_px": args.tile_px,
        "overlap_px": args.tile_px // 4,
        "lr": args.lr,
        "train_encoder": not args.frozen,
        "seed": args.seed,
    }


def _encoder(args: argparse.Namespace, train: Mapping[str, xr.Dataset]) -> tuple[nn.Module, InputSpec]:
    """The encoder that is judged and its contract, measured on the training scenes where asked for."""
    from seco_lab.commands.weights import encoder_of
    from seco_lab.downstream.scene_input import measured_on_scenes, random_weights_for

    if args.weights == "random":
        return random_weights_for(train, seed=args.seed)
    encoder, spec = encoder_of(args)

    def measured(bands: Sequence[str]) -> InputSpec:
        return measured_on_scenes(train, bands=bands, size_px=spec.size_px, seed=args.seed)

    return encoder, contract_on(args, spec, next(iter(train.values())), measured)
