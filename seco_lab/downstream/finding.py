"""Objects of whole scenes, searched tile by tile; each is taken from the tile that sees most round it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import xarray as xr

from seco_lab.downstream.tile_training import TileProtocol, tiles_of_scene
from seco_lab.downstream.tiles import Corner, cores_of, size_of
from seco_lab.input_spec import InputSpec
from seco_lab.nn.boxes import suppress_by_class
from seco_lab.nn.detection import Found, RetinaNet

_OVERLAP = 0.5  # that two found objects of one class may have


def find_objects(model: RetinaNet, scene: xr.Dataset, spec: InputSpec, protocol: TileProtocol) -> Found:
    """Objects of a whole scene, in its pixels, on the CPU.

    Tiles overlap; an object is taken from the tile that sees most round its centre.

    Args:
        model: Trained.
        scene: A cube of one patch; a lazy one is read tile by tile.
        spec: Input contract of the encoder.
        protocol: Size and overlap of the tiles.
    """
    cores = cores_of(size_of(scene), protocol.tile_px, protocol.overlap_px)
    found = found_in_tiles(model, scene, list(cores), spec, protocol)
    parts = [_within(one, core) for one, core in zip(found, cores.values(), strict=True)]
    boxes, scores, classes = (
        torch.cat([getattr(p, n) for p in parts]) for n in ("boxes", "scores", "classes")
    )
    kept = suppress_by_class(boxes, scores, classes, iou=_OVERLAP)
    return Found(boxes[kept], scores[kept], classes[kept])


def found_in_tiles(
    model: RetinaNet,
    scene: xr.Dataset,
    corners: Sequence[Corner],
    spec: InputSpec,
    protocol: TileProtocol,
) -> list[Found]:
    """Objects of each tile, in pixels of the scene."""
    device, found = next(model.parameters()).device, []
    for some, images in tiles_of_scene(scene, corners, spec, protocol, device):
        found += [_moved(one, *pair, protocol) for one, *pair in zip(model.find(images), some, strict=True)]
    return found


def _moved(found: Found, corner: Corner, protocol: TileProtocol) -> Found:
    """From pixels of an enlarged tile to pixels of the scene."""
    shift = torch.tensor([corner[1], corner[0]] * 2)
    return Found(found.boxes.cpu() / protocol.enlarge + shift, found.scores.cpu(), found.classes.cpu())


def _within(found: Found, core: tuple[int, int, int, int]) -> Found:
    """Objects whose centre lies in a part of the scene."""
    middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    top, left, bottom, right = core
    inside = (middle >= torch.tensor([left, top])) & (middle < torch.tensor([right, bottom]))
    kept = inside.all(1)
    return Found(found.boxes[kept], found.scores[kept], found.classes[kept])
