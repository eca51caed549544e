"""Finding objects: a RetinaNet on an encoder, trained on tiles and asked over whole scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
import xarray as xr
from torch import Tensor, nn
from tqdm.auto import tqdm

from seco_lab.batch import generator_for
from seco_lab.downstream.detection_scores import Judged, average_precisions, detection_scores, without_small
from seco_lab.downstream.finding import find_objects, found_in_tiles
from seco_lab.downstream.finetune import turned_boxes
from seco_lab.downstream.result import Result
from seco_lab.downstream.scene_results import ENCODER, baseline_scores, beside_untrained, by_class
from seco_lab.downstream.scene_splits import TEST_SHARE, scene_protocol, split_scenes
from seco_lab.downstream.tile_training import TileBatch, TileProtocol, train_on_tiles
from seco_lab.downstream.tiles import (
    Corner,
    boxes_in_tile,
    boxes_of,
    check_classes,
    check_scenes,
    random_crops,
    random_tile,
    size_of,
    smaller_than,
    without_class_if_small,
)
from seco_lab.input_spec import InputSpec
from seco_lab.nn.anchors import Anchors
from seco_lab.nn.detection import RetinaNet
from seco_lab.nn.devices import choose_device


@dataclass(frozen=True)
class DetectionProtocol(TileProtocol):
    """How an encoder is asked for objects.

    Differs from GASSL's protocol, unless ``DetectionProtocol.official()`` is asked for: whole scenes are
    searched and scored, not 100 random crops of each.

    Attributes:
        anchors: Where objects are looked for.
        least_side_px: Objects with a shorter side are neither wanted nor wrong: they teach nothing, and who
            finds them is not punished, as outside the area ranges of COCO.
        crops_per_scene: Train and test on so many crops of each scene, drawn once; None takes whole scenes.
    """

    batch_size: int = 4
    lr: float = 1e-4
    anchors: Anchors = field(default_factory=Anchors)
    least_side_px: float = 0.0
    crops_per_scene: int | None = None

    @classmethod
    def official(cls, *, epochs: int = 10, seed: int = 0) -> DetectionProtocol:
        """GASSL's: 100 crops of 416 px a scene that share less than a quarter, Adam at 1e-5, batches of 4.

        The number of epochs is not told; neither is which scenes are tested (700 and 146).
        """
        return cls(
            epochs=epochs,
            tiles_per_scene=100,
            batch_size=4,
            lr=1e-5,
            tile_px=416,
            crops_per_scene=100,
            fixed_statistics=True,
            seed=seed,
        )

    @property
    def kind(self) -> str:
        """How the result is marked."""
        return "sound" if self.crops_per_scene is None else "official"

    def corner_in(self, name: str, shape: tuple[int, int], number: int, generator: torch.Generator) -> Corner:
        """As in ``TileProtocol``; one of the crops that were drawn once, where there are such."""
        if self.crops_per_scene is None:
            return random_tile(shape, self.tile_px, generator)
        crops = crops_of(name, shape, self.tile_px, self.crops_per_scene, self.seed)
        return crops[number % len(crops)]


def train_detector(
    encoder: nn.Module,
    spec: InputSpec,
    scenes: Mapping[str, xr.Dataset],
    protocol: DetectionProtocol | None = None,
    *,
    classes: int = 1,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> RetinaNet:
    """A detector on a copy of an encoder, trained on scenes with boxes.

    Args:
        encoder: Gives ``feature_maps``; it stays as it is.
        spec: Its input contract.
        scenes: By name; each a cube of one patch with ``boxes``.
        protocol: The schedule.
        classes: How many there are.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Whether to show a bar.

    Raises:
        ValueError: No scene, no object in any, a class beyond ``classes``, or an encoder without maps.
        FloatingPointError: The loss is no longer finite.
    """
    protocol, where = protocol or DetectionProtocol(), choose_device(device)
    check_scenes(scenes, "boxes", spec)
    boxes = wanted_boxes(scenes, classes, protocol.least_side_px, "training")
    model = RetinaNet(encoder, classes, anchors=protocol.anchors, seed=protocol.seed).to(where)

    def loss_of(batch: TileBatch) -> Tensor:
        wanted = [boxes_in_tile(boxes[name], corner, protocol.tile_px) for name, corner in batch.places]
        corners = [
            turned_boxes(found[:, 1:] * protocol.enlarge, turns, batch.images.shape[-1]).to(where)
            for found, turns in zip(wanted, batch.turns.T, strict=True)
        ]
        return model.loss(batch.images, corners, [found[:, 0].long().to(where) for found in wanted])

    train_on_tiles(model, scenes, spec, protocol, loss_of, device=where, progress=progress)
    return model


def wanted_boxes(
    scenes: Mapping[str, xr.Dataset], classes: int, least_side_px: float, what: str
) -> dict[str, Tensor]:
    """Boxes (N, 5) by scene, with -1 as the class of those that are too small.

    Raises:
        ValueError: A class beyond the classes, or nothing to find in any scene.
    """
    boxes = {name: without_class_if_small(boxes_of(scene), least_side_px) for name, scene in scenes.items()}
    for name, found in boxes.items():
        check_classes(found[:, 0], classes, name)
    if not any((found[:, 0] >= 0).any() for found in boxes.values()):
        raise ValueError(
            f"none of the {len(scenes)} {what} scenes holds an object of {least_side_px:g} px or more, so "
            "nothing can be learned or tested"
        )
    return boxes


def evaluate_detection(
    encoder: nn.Module,
    spec: InputSpec,
    scenes: Mapping[str, xr.Dataset],
    test: Mapping[str, xr.Dataset] | None = None,
    protocol: DetectionProtocol | None = None,
    *,
    class_names: Sequence[str] | None = None,
    task: str = "detection",
    name: str = "encoder",
    baselines: bool = True,
    test_share: float = TEST_SHARE,
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> Result:
    """AP50 and AP of a detector on an encoder, beside the same detector on untrained weights.

    Args:
        encoder: Gives ``feature_maps``; it stays as it is.
        spec: Its input contract.
        scenes: By name; each a cube of one patch with ``boxes``, such as ``load_xview`` gives; for a labelled
            cube ``scenes_of(cube)``.
        test: Scenes to test on; otherwise see ``split_scenes``.
        protocol: ``DetectionProtocol(...)`` or ``DetectionProtocol.official()``.
        class_names: Names of the classes, in the order of their numbers; those of the scenes if left out.
        task: Name of the task, for the protocol.
        name: Whose result it is.
        baselines: Whether to train on untrained weights, too.
        test_share: Share of the scenes that are tested where nothing else says which.
        seed: Seed of the split and of the resampling.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Whether to show bars.

    Returns:
        Scores "ap50" (the main one) and "ap", means over the classes that the test scenes hold, intervals
        over scenes. Baselines "untrained_ap50" and "untrained_ap". Per class: AP50.
        ``protocol.settings["above"]`` says how far the encoder's AP50 lies above the baseline's, on the same
        resampled scenes.

    Raises:
        ValueError: No scene, no object, a class without a name, NaN in answers, an encoder without maps.
        LookupError: A band is missing.
        FloatingPointError: The loss is no longer finite.
    """
    protocol = protocol or DetectionProtocol()
    check_scenes(scenes, "boxes", spec)
    split = split_scenes(scenes, test, share=test_share, seed=seed)
    check_scenes(split.test, "boxes", spec)
    names = tuple(class_names or getattr(scenes, "class_names", ("object",)))
    wanted_boxes(split.test, len(names), protocol.least_side_px, "test")

    def judged_on(one: nn.Module) -> Judged:
        options = {"classes": len(names), "progress": progress}
        model = train_detector(one, spec, split.train, protocol, device=device, **options)
        return judge(model, spec, split.test, protocol, **options)

    judged = beside_untrained(encoder, judged_on, baselines=baselines, seed=seed)
    scores, above = detection_scores(judged, seed=seed)
    own = judged[ENCODER]
    settings = protocol.settings() | {"above": above, "objects": _counted(own, names)}
    told = scene_protocol(
        encoder, spec, scenes, split, task=task, kind=protocol.kind, labels="boxes", classes=names,
        settings=settings, seed=seed,
    )  # fmt: skip
    per_class = by_class(names, average_precisions(own)[0])
    return Result(name, "ap50", scores[ENCODER], baseline_scores(scores), per_class, told)


def judge(
    model: RetinaNet,
    spec: InputSpec,
    scenes: Mapping[str, xr.Dataset],
    protocol: DetectionProtocol,
    *,
    classes: int,
    progress: bool = False,
) -> Judged:
    """What a detector finds in scenes, or in crops of them, compared with the truth."""
    found, truth, least_px = [], [], protocol.least_side_px
    for name, scene in tqdm(scenes.items(), unit="scene", disable=not progress):
        boxes = boxes_of(scene)
        check_classes(boxes[:, 0], classes, name)
        if protocol.crops_per_scene is None:
            found.append(find_objects(model, scene, spec, protocol))
            truth.append(boxes)
            continue
        crops = crops_of(name, size_of(scene), protocol.tile_px, protocol.crops_per_scene, protocol.seed)
        for corner, one in zip(crops, found_in_tiles(model, scene, crops, spec, protocol), strict=True):
            inside = boxes_in_tile(boxes, corner, protocol.tile_px)
            found.append(one)
            truth.append(inside + inside.new_tensor([0, corner[1], corner[0], corner[1], corner[0]]))
    found = [without_small(*pair, least_px) for pair in zip(found, truth, strict=True)]
    truth = [boxes[~smaller_than(boxes[:, 1:], least_px)] for boxes in truth]
    return Judged.of(found, truth, classes)


@lru_cache(maxsize=4096)
def crops_of(name: str, shape: tuple[int, int], size_px: int, count: int, seed: int) -> list[Corner]:
    """The official crops of a scene (height, width): no two share more than a quarter of their area."""
    chance = generator_for(seed, 0, f"crops of {name}")
    return random_crops(shape, size_px, count=count, most_overlap=0.25, generator=chance)


def _counted(judged: Judged, names: Sequence[str]) -> dict[str, int]:
    counts = judged.wanted.sum(0)
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}
