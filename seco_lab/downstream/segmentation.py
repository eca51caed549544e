"""Telling the class of each pixel: a pyramid decoder trained on tiles and asked over whole scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from seco_lab.downstream.finetune import turned
from seco_lab.downstream.result import Result
from seco_lab.downstream.scene_results import ENCODER, baseline_scores, beside_untrained, by_class
from seco_lab.downstream.scene_splits import TEST_SHARE, scene_protocol, split_scenes
from seco_lab.downstream.segmentation_scores import SceneCounts, iou_of, nothing_told, segmentation_scores
from seco_lab.downstream.tile_training import TileBatch, TileProtocol, tiles_of_scene, train_on_tiles
from seco_lab.downstream.tiles import check_classes, check_scenes, cores_of, mask_in_tile, size_of
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import choose_device
from seco_lab.nn.segmentation import PyramidSegmenter
from seco_lab.sources.oscd import UNLABELLED

_MEASURED = 256  # masks that class weights are measured on


@dataclass(frozen=True)
class SegmentationProtocol(TileProtocol):
    """How an encoder is asked for the class of each pixel; see ``TileProtocol``.

    Differs from GASSL's protocol: a pyramid decoder in place of PSANet
    (docs/decisions/0151-pyramid-in-place-of-psanet.md), and rare classes weigh more.

    Attributes:
        class_weights: Weight of each class in the loss; None measures the share of each class in the training
            masks and takes the root of its inverse, which keeps a rare class from drowning.
    """

    class_weights: tuple[float, ...] | None = None
    tiles_per_scene: int = 4
    tile_px: int = 256
    overlap_px: int = 64


def train_segmenter(
    encoder: nn.Module,
    spec: InputSpec,
    scenes: Mapping[str, xr.Dataset],
    protocol: SegmentationProtocol | None = None,
    *,
    classes: int = 2,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> PyramidSegmenter:
    """A segmenter on a copy of an encoder, trained on scenes with masks.

    Args:
        encoder: Gives ``feature_maps``; it stays as it is.
        spec: Its input contract.
        scenes: By name; each a cube of one patch with ``mask``; 255 and pixels without data do not count.
        protocol: The schedule.
        classes: How many there are, background included.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Whether to show a bar.

    Raises:
        ValueError: No scene, no class but the first in all masks, a class beyond ``classes``, or an encoder
            without maps.
        FloatingPointError: The loss is no longer finite.
    """
    protocol, where = protocol or SegmentationProtocol(), choose_device(device)
    check_scenes(scenes, "mask", spec)
    check_masks(scenes, classes, "training")
    weights = torch.tensor(protocol.class_weights or measured_weights(scenes, classes), device=where)
    if len(weights) != classes:
        raise ValueError(f"wanted a weight for each of {classes} classes, got {len(weights)}")
    model = PyramidSegmenter(encoder, classes, seed=protocol.seed).to(where)

    def loss_of(batch: TileBatch) -> Tensor:
        masks = [mask_in_tile(scenes[name], corner, protocol.tile_px) for name, corner in batch.places]
        wanted = torch.where(batch.seen, torch.as_tensor(np.stack(masks)), UNLABELLED)
        wanted = turned(wanted[:, None], batch.turns)[:, 0].to(where)
        logits = _logits(model, batch.images, protocol)
        losses = F.cross_entropy(logits, wanted.long(), weights, ignore_index=UNLABELLED, reduction="sum")
        return losses / (wanted != UNLABELLED).sum().clamp(min=1)

    train_on_tiles(model, scenes, spec, protocol, loss_of, device=where, progress=progress)
    return model


def check_masks(scenes: Mapping[str, xr.Dataset], classes: int, what: str) -> None:
    """Refuse masks that cannot be learned or tested, before hours of training.

    Raises:
        ValueError: A class beyond the classes, or no class but the first in all masks.
    """
    for name, scene in scenes.items():
        _check_mask(scene["mask"].values, classes, name)
    if not any(np.isin(scene["mask"].values, range(1, classes)).any() for scene in scenes.values()):
        raise ValueError(
            f"the masks of all {len(scenes)} {what} scenes are empty, so nothing can be learned or tested; "
            "take scenes with labels"
        )


def _check_mask(mask: NDArray, classes: int, name: str) -> None:
    check_classes(mask[mask != UNLABELLED], classes, name)


def _logits(model: PyramidSegmenter, images: Tensor, protocol: SegmentationProtocol) -> Tensor:
    """Logits (B, classes, tile_px, tile_px) of tiles, at the pixels of the scene."""
    return F.interpolate(model(images), protocol.tile_px, mode="bilinear", align_corners=False)


def measured_weights(scenes: Mapping[str, xr.Dataset], classes: int) -> tuple[float, ...]:
    """A weight for each class: the root of the inverse of its share in at most 256 masks; their mean is 1."""
    names = list(scenes)
    chosen = names[:: max(1, len(names) // _MEASURED)]
    counts = sum(
        np.bincount(mask[mask < classes], minlength=classes)
        for mask in (scenes[name]["mask"].values.ravel() for name in chosen)
    )
    weights = np.sqrt(counts.sum() / np.maximum(counts, 1)) * (counts > 0)
    return tuple((weights / weights[counts > 0].mean()).tolist())


@torch.inference_mode()
def class_chances(
    model: PyramidSegmenter, scene: xr.Dataset, spec: InputSpec, protocol: SegmentationProtocol
) -> NDArray[np.float32]:
    """Probability of each class at each pixel of a whole scene, shape (classes, H, W).

    Tiles overlap; a pixel is taken from the tile that sees most round it.

    Args:
        model: Trained.
        scene: A cube of one patch; a lazy one is read tile by tile.
        spec: Input contract of the encoder.
        protocol: Size and overlap of the tiles.

    Raises:
        ValueError: NaN in the answers: broken weights.
    """
    shape, device, found = size_of(scene), next(model.parameters()).device, None
    cores = cores_of(shape, protocol.tile_px, protocol.overlap_px)
    for some, images in tiles_of_scene(scene, list(cores), spec, protocol, device):
        chances = _logits(model, images, protocol).softmax(1).cpu().numpy()
        if not np.isfinite(chances).all():
            raise ValueError("the decoder answers NaN: the encoder's weights are broken; look into their run")
        found = np.zeros((chances.shape[1], *shape), np.float32) if found is None else found
        for tile, (row, column) in zip(chances, some, strict=True):
            top, left, bottom, right = cores[row, column]
            inside = tile[:, top - row : bottom - row, left - column : right - column]
            found[:, top:bottom, left:right] = inside
    return found


def evaluate_segmentation(
    encoder: nn.Module,
    spec: InputSpec,
    scenes: Mapping[str, xr.Dataset],
    test: Mapping[str, xr.Dataset] | None = None,
    protocol: SegmentationProtocol | None = None,
    *,
    class_names: Sequence[str] | None = None,
    task: str = "segmentation",
    name: str = "encoder",
    baselines: bool = True,
    test_share: float = TEST_SHARE,
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> Result:
    """Mean IoU of a segmenter on an encoder, beside the same segmenter on untrained weights.

    Args:
        encoder: Gives ``feature_maps``; it stays as it is.
        spec: Its input contract.
        scenes: By name; each a cube of one patch with ``mask``, such as ``load_spacenet`` gives; for a
            labelled cube ``scenes_of(cube)``.
        test: Scenes to test on; otherwise see ``split_scenes``.
        protocol: The schedule.
        class_names: Names of the classes, in the order of their numbers; those of the scenes if left out.
        task: Name of the task, for the protocol.
        name: Whose result it is.
        baselines: Whether to train on untrained weights, too.
        test_share: Share of the scenes that are tested where nothing else says which.
        seed: Seed of the split and of the resampling.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Whether to show bars.

    Returns:
        Scores "miou" (the main one), "iou" (of class 1) and "footprint_f1", see ``segmentation_scores``.
        Baselines: the same of "untrained", and "background" for the answer that nothing is anywhere.
        Per class: IoU. ``protocol.settings["above"]`` says how far the mIoU lies above the baselines', and
        ``["miou_per_scene"]`` is the mean of each scene's own mIoU.

    Raises:
        ValueError: No scene, empty masks in training or test, a class without a name, NaN in answers, an
            encoder without maps.
        LookupError: A band is missing.
        FloatingPointError: The loss is no longer finite.
    """
    protocol = protocol or SegmentationProtocol()
    check_scenes(scenes, "mask", spec)
    split = split_scenes(scenes, test, share=test_share, seed=seed)
    check_scenes(split.test, "mask", spec)
    names = tuple(class_names or getattr(scenes, "class_names", ("background", "building")))
    check_masks(split.test, len(names), "test")

    def counted_on(one: nn.Module) -> SceneCounts:
        options = {"classes": len(names), "progress": progress}
        model = train_segmenter(one, spec, split.train, protocol, device=device, **options)
        return count_scenes(model, spec, split.test, protocol, **options)

    counts = beside_untrained(encoder, counted_on, baselines=baselines, seed=seed)
    if baselines:
        counts["background"] = nothing_told(counts[ENCODER])
    scores, above = segmentation_scores(counts, seed=seed)
    confusion = counts[ENCODER].confusion
    per_scene = float(np.nanmean(np.nanmean(iou_of(confusion), axis=1)))
    settings = protocol.settings() | {"above": above, "miou_per_scene": per_scene}
    told = scene_protocol(
        encoder, spec, scenes, split, task=task, kind="sound", labels="mask", classes=names,
        settings=settings, seed=seed,
    )  # fmt: skip
    per_class = by_class(names, iou_of(confusion.sum(0)))
    return Result(name, "miou", scores[ENCODER], baseline_scores(scores), per_class, told)


def count_scenes(
    model: PyramidSegmenter,
    spec: InputSpec,
    scenes: Mapping[str, xr.Dataset],
    protocol: SegmentationProtocol,
    *,
    classes: int,
    progress: bool = False,
) -> SceneCounts:
    """What a segmenter tells of scenes, compared with their masks."""
    told, truth = [], []
    for name, scene in tqdm(scenes.items(), unit="scene", disable=not progress):
        told.append(class_chances(model, scene, spec, protocol).argmax(0))
        seen = (scene["reflectance"][0, 0] != 0).any("band").values
        mask = np.where(seen, scene["mask"].values[0], UNLABELLED).astype(np.uint8)
        _check_mask(mask, classes, name)
        truth.append(mask)
    return SceneCounts.of(told, truth, classes)
