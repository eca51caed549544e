"""Training a decoder, and the encoder below it, on tiles that are cut from scenes at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor, nn
from tqdm.auto import tqdm

from seco_lab.batch import generator_for, sent
from seco_lab.downstream.descend import descend
from seco_lab.downstream.finetune import check_schedule, draw_turns, rise_and_fall, turned
from seco_lab.downstream.tiles import Corner, random_tile, read_tile, size_of
from seco_lab.embeddings import recalibrated_by
from seco_lab.input_spec import InputSpec
from seco_lab.nn.inputs import network_input
from seco_lab.nn.segmentation import STRIDE

_MEASURED = 128  # tiles that BatchNorm statistics are measured on


@dataclass(frozen=True)
class TileProtocol:
    """A schedule on tiles.

    BatchNorm of the encoder gets its statistics from training tiles. An encoder that learns is normalised by
    each batch, since its numbers would grow without bound under statistics of the past, and is measured again
    at the end (docs/decisions/0144-a-detector-that-detects.md).

    Attributes:
        epochs: Passes over the scenes.
        tiles_per_scene: Random tiles of each scene in a pass.
        batch_size: Tiles in a step.
        lr: Peak learning rate of Adam; it rises over a tenth of the steps and falls as a cosine.
        tile_px: Side of a tile in pixels of the scene; times ``enlarge`` a multiple of 32.
        overlap_px: Pixels that neighbouring tiles share when a whole scene is looked at.
        enlarge: Tiles are enlarged so many times (bilinear) before the network sees them, for small objects.
        train_encoder: Whether the encoder learns as well; otherwise only what stands on it.
        fixed_statistics: Whether an encoder that learns keeps the first statistics all the same, as most
            detectors do; wants a small learning rate.
        seed: Seed of weights, order, tiles and turns.
    """

    epochs: int = 10
    tiles_per_scene: int = 16
    batch_size: int = 8
    lr: float = 5e-4
    tile_px: int = 416
    overlap_px: int = 96
    enlarge: int = 1
    train_encoder: bool = True
    fixed_statistics: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse schedules that train nothing.

        Raises:
            ValueError: A number is out of range.
        """
        check_schedule(self.epochs, self.batch_size, self.lr)
        if self.tiles_per_scene < 1 or self.enlarge < 1:
            raise ValueError(
                "tiles_per_scene and enlarge must be 1 or more, "
                f"got {self.tiles_per_scene} and {self.enlarge}"
            )
        if self.tile_px < 1 or self.tile_px * self.enlarge % STRIDE:
            raise ValueError(
                f"tile_px times enlarge must be a multiple of {STRIDE}, got {self.tile_px} x {self.enlarge}"
            )
        if not 0 <= self.overlap_px < self.tile_px:
            raise ValueError(
                f"overlap_px must be less than tile_px, got {self.overlap_px} and {self.tile_px}"
            )

    def corner_in(self, name: str, shape: tuple[int, int], number: int, generator: torch.Generator) -> Corner:
        """Where the tile of that number lies in a scene (height, width)."""
        return random_tile(shape, self.tile_px, generator)

    def settings(self) -> dict[str, Any]:
        """Everything fixed or chosen, for the protocol of the result."""
        return asdict(self)


@dataclass(frozen=True)
class TileBatch:
    """Tiles of one step.

    Attributes:
        images: Shape (B, C, S, S), network input, turned and enlarged.
        seen: Shape (B, tile_px, tile_px), which pixels hold data; not turned.
        places: Scene and corner of each.
        turns: Shape (3, B), as ``draw_turns`` drew them.
    """

    images: Tensor
    seen: Tensor
    places: tuple[tuple[str, Corner], ...]
    turns: Tensor


def train_on_tiles(
    model: nn.Module,
    scenes: Mapping[str, xr.Dataset],
    spec: InputSpec,
    protocol: TileProtocol,
    loss_of: Callable[[TileBatch], Tensor],
    *,
    device: torch.device,
    progress: bool = False,
) -> None:
    """Train a model in place; its ``encoder`` learns only where the protocol says so.

    Args:
        model: Has an ``encoder``; on the device.
        scenes: To train on.
        spec: Input contract of the encoder.
        protocol: The schedule.
        loss_of: Loss of a batch.
        device: Where the model is.
        progress: Whether to show a bar.

    Raises:
        FloatingPointError: The loss is no longer finite.
        LookupError: A band is missing.
    """
    model.encoder = measured_encoder(model.encoder, scenes, spec, protocol, device)
    model.encoder.requires_grad_(protocol.train_encoder)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learning, lr=protocol.lr)
    batches = tile_batches(scenes, spec, protocol, device)
    steps = steps_of(len(scenes), protocol)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rise_and_fall(step, steps))
    moving = protocol.train_encoder and not protocol.fixed_statistics
    model.train()
    for step, batch in enumerate(tqdm(batches, total=steps, unit="step", disable=not progress)):
        model.encoder.train(moving and len(batch.images) > 1)
        descend(loss_of(batch), optimiser, step=step)
        schedule.step()
    if moving:
        model.encoder = measured_encoder(model.encoder, scenes, spec, protocol, device)
    model.eval()


def steps_of(scenes: int, protocol: TileProtocol) -> int:
    """How many steps a schedule makes."""
    return protocol.epochs * math.ceil(scenes * protocol.tiles_per_scene / protocol.batch_size)


def measured_encoder(
    encoder: nn.Module,
    scenes: Mapping[str, xr.Dataset],
    spec: InputSpec,
    protocol: TileProtocol,
    device: torch.device,
) -> nn.Module:
    """A copy of the encoder with BatchNorm statistics of training tiles."""
    count = max(1, min(_MEASURED, len(scenes) * protocol.tiles_per_scene) // protocol.batch_size)
    first = islice(tile_batches(scenes, spec, protocol, device), count)
    batches = (batch.images for batch in first)
    doubled = (images if len(images) > 1 else images.repeat(2, 1, 1, 1) for images in batches)
    return recalibrated_by(encoder, doubled, device=device).to(device)


def tile_batches(
    scenes: Mapping[str, xr.Dataset], spec: InputSpec, protocol: TileProtocol, device: torch.device
) -> Iterator[TileBatch]:
    """The batches of a schedule, one after the other; each depends on (seed, step) alone."""
    names = list(scenes) * protocol.tiles_per_scene
    step = 0
    for epoch in range(protocol.epochs):
        order = torch.randperm(len(names), generator=generator_for(protocol.seed, epoch, "order"))
        for rows in order.split(protocol.batch_size):
            chance = generator_for(protocol.seed, step, "tiles")
            chosen = [names[row] for row in rows.tolist()]
            corners = [
                protocol.corner_in(name, size_of(scenes[name]), row // len(scenes), chance)
                for name, row in zip(chosen, rows.tolist(), strict=True)
            ]
            places = list(zip(chosen, corners, strict=True))
            turns = draw_turns(len(places), chance)
            tiles = [(scenes[name], corner) for name, corner in places]
            counts, images = tiles_as_input(tiles, spec, protocol, device)
            yield TileBatch(turned(images, turns), (counts != 0).any(1), tuple(places), turns)
            step += 1


def tiles_as_input(
    tiles: Sequence[tuple[xr.Dataset, Corner]], spec: InputSpec, protocol: TileProtocol, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Counts (B, C, tile_px, tile_px) of tiles of scenes, and the network's input (B, C, S, S), enlarged."""
    counts = torch.stack([read_tile(scene, corner, protocol.tile_px, spec) for scene, corner in tiles])
    pixels = network_input(sent(counts, device), spec, str(tiles[0][0].attrs["unit"]))
    if protocol.enlarge > 1:
        pixels = F.interpolate(pixels, scale_factor=protocol.enlarge, mode="bilinear", align_corners=False)
    return counts, pixels


def tiles_of_scene(
    scene: xr.Dataset,
    corners: Sequence[Corner],
    spec: InputSpec,
    protocol: TileProtocol,
    device: torch.device,
) -> Iterator[tuple[Sequence[Corner], Tensor]]:
    """Corners and network input of the tiles of a scene, batch by batch."""
    for start in range(0, len(corners), protocol.batch_size):
        some = corners[start : start + protocol.batch_size]
        yield some, tiles_as_input([(scene, corner) for corner in some], spec, protocol, device)[1]
