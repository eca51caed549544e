"""Fine-tuning: encoder and linear layer trained together on a short schedule."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from seco_lab.batch import generator_for, sent
from seco_lab.downstream.descend import descend
from seco_lab.downstream.heads import seeded_linear
from seco_lab.downstream.labels import check_learnable, class_names_of, labels_under
from seco_lab.embeddings import Preparation
from seco_lab.embeddings.encode import image_blocks
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import choose_device, choose_precision, memory_layout


def check_schedule(epochs: int, batch_size: int, lr: float) -> None:
    """Refuse schedules that train nothing.

    Raises:
        ValueError: A number is not positive.
    """
    if epochs < 1 or batch_size < 1 or lr <= 0:
        raise ValueError(f"epochs, batch_size and lr must be positive, got {epochs}, {batch_size} and {lr}")


@dataclass(frozen=True)
class FinetuneConfig:
    """A short schedule.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images in a step; the last, smaller batch of an epoch is used too.
        lr: Peak learning rate of AdamW; it rises over a tenth of the steps and falls as a cosine.
        weight_decay: Of AdamW.
        precision: "auto", "bf16" or "float32".
        seed: Seed of order, flips and the linear layer.
    """

    epochs: int = 5
    batch_size: int = 64
    lr: float = 5e-4
    weight_decay: float = 1e-4
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse schedules that train nothing.

        Raises:
            ValueError: A number is out of range.
        """
        check_schedule(self.epochs, self.batch_size, self.lr)


def flip_and_turn(images: Tensor, generator: torch.Generator) -> Tensor:
    """Square images (B, C, S, S), each turned or mirrored into one of its eight positions."""
    return turned(images, draw_turns(len(images), generator))


def draw_turns(count: int, generator: torch.Generator) -> Tensor:
    """For each of so many images whether it is mirrored across, mirrored down and transposed: (3, count)."""
    return torch.rand(3, count, 1, 1, 1, generator=generator).flatten(1) < 0.5


def turned(images: Tensor, turns: Tensor) -> Tensor:
    """Square images (B, C, S, S) in the positions that ``draw_turns`` drew, in this order."""
    across, down, turn = turns.to(images.device)[:, :, None, None, None]
    images = torch.where(across, images.flip(3), images)
    images = torch.where(down, images.flip(2), images)
    return torch.where(turn, images.transpose(2, 3), images)


def turned_boxes(boxes: Tensor, turns: Tensor, size_px: float) -> Tensor:
    """Boxes (N, 4) of one square image as they lie after ``turned``; turns has shape (3,)."""
    left, top, right, bottom = boxes.unbind(1)
    across, down, turn = turns.tolist()
    if across:
        left, right = size_px - right, size_px - left
    if down:
        top, bottom = size_px - bottom, size_px - top
    return torch.stack([top, left, bottom, right] if turn else [left, top, right, bottom], dim=1)


def finetune(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset,
    config: FinetuneConfig | None = None,
    *,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> NDArray[np.int64]:
    """Train a copy of the encoder with a linear layer on labels, and answer the test images.

    Args:
        encoder: Has ``num_features``; it is copied and stays as it is.
        spec: Its input contract.
        train_cube: Labelled; the first season is used.
        test_cube: Labelled, with classes of the training cube.
        config: The schedule.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Whether to show a bar.

    Returns:
        Class number of each test image, in the training cube's numbering.

    Raises:
        ValueError: The lists cannot be learnt from.
        LookupError: A test class is not known in training, or a band is missing.
        FloatingPointError: The loss is no longer finite.
    """
    names = class_names_of(train_cube)
    labels = labels_under(train_cube, names)
    check_learnable(labels, labels_under(test_cube, names), names)
    task = Supervision(torch.as_tensor(labels), len(names), F.cross_entropy)
    scores = finetuned_scores(
        encoder,
        spec,
        train_cube,
        test_cube,
        task,
        config or FinetuneConfig(),
        device=device,
        progress=progress,
    )
    return scores.argmax(1)


@dataclass(frozen=True)
class Supervision:
    """What is to be learned of the training images.

    Attributes:
        targets: One entry an image.
        outputs: Length of the layer on top of the encoder.
        objective: From scores (B, outputs) and targets of a batch to the mean loss.
    """

    targets: Tensor
    outputs: int
    objective: Callable[[Tensor, Tensor], Tensor]


def finetuned_scores(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset,
    task: Supervision,
    config: FinetuneConfig,
    *,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> NDArray[np.float32]:
    """Scores (M, outputs) of the test images, by a copy of the encoder trained with a linear layer.

    Args:
        encoder: Has ``num_features``; it is copied and stays as it is.
        spec: Its input contract.
        train_cube: The first season is used.
        test_cube: Likewise.
        task: What is to be learned.
        config: The schedule.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Whether to show a bar.

    Raises:
        LookupError: A band is missing.
        FloatingPointError: The loss is no longer finite.
    """
    where = choose_device(device)
    preparation = Preparation.of(train_cube, spec)
    images = first_season(train_cube, preparation)
    model = with_classifier(encoder, task.outputs, config.seed)
    model = model.to(where, memory_format=memory_layout(where))
    _train(model, preparation, images, task, config, where, progress)
    test_preparation = Preparation.of(test_cube, spec)
    return scores_by(model, test_preparation, first_season(test_cube, test_preparation), where)


def first_season(cube: xr.Dataset, preparation: Preparation) -> Tensor:
    """Counts (P, C, H, W) of the first season, bands in the order of the contract."""
    blocks = image_blocks(cube.isel(season=slice(0, 1)), preparation.positions, 1024)
    return torch.from_numpy(np.concatenate(list(blocks)))


def with_classifier(encoder: nn.Module, classes: int, seed: int) -> nn.Sequential:
    """A copy of the encoder and a linear layer on top, whose first weights depend on the seed alone."""
    layer = seeded_linear(encoder.num_features, classes, generator_for(seed, 0, "classifier"))
    return nn.Sequential(copy.deepcopy(encoder).requires_grad_(True), layer)


def _train(
    model: nn.Module,
    preparation: Preparation,
    images: Tensor,
    task: Supervision,
    config: FinetuneConfig,
    device: torch.device,
    progress: bool,
) -> None:
    model.train()
    per_epoch = math.ceil(len(images) / config.batch_size)
    steps = per_epoch * config.epochs
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rise_and_fall(step, steps))
    for step in tqdm(range(steps), unit="step", disable=not progress):
        epoch, place = divmod(step, per_epoch)
        order = torch.randperm(len(images), generator=generator_for(config.seed, epoch, "order"))
        rows = order[place * config.batch_size : (place + 1) * config.batch_size]
        chance = generator_for(config.seed, step, "flips")
        pixels = flip_and_turn(preparation(sent(images[rows], device)), chance)
        loss = _loss(model, pixels, task.targets[rows].to(device), task.objective, config)
        descend(loss, optimiser, step=step)
        schedule.step()


def rise_and_fall(step: int, steps: int) -> float:
    """Learning rate of a step as a part of its peak: up over a tenth of the steps, down as a cosine."""
    rise = max(1, steps // 10)
    return min((step + 1) / rise, 0.5 * (1 + math.cos(math.pi * step / steps)))


def _loss(
    model: nn.Module,
    pixels: Tensor,
    targets: Tensor,
    objective: Callable[[Tensor, Tensor], Tensor],
    config: FinetuneConfig,
) -> Tensor:
    # One image with 1 x 1 maps has no spread for BatchNorm to divide by: a last batch of one is doubled.
    if len(pixels) == 1:
        pixels, targets = torch.cat([pixels, pixels]), torch.cat([targets, targets])
    dtype = choose_precision(config.precision, pixels.device)
    with torch.autocast(pixels.device.type, dtype, enabled=dtype != torch.float32):
        scores = model(pixels.contiguous(memory_format=memory_layout(pixels.device)))
    return objective(scores.float(), targets)


@torch.no_grad()
def scores_by(
    model: nn.Module, preparation: Preparation, images: Tensor, device: torch.device
) -> NDArray[np.float32]:
    """Scores (M, outputs) of images (M, C, H, W) in counts, by a model in eval mode."""
    model.eval()
    parts = [model(preparation(sent(part, device))).float().cpu() for part in images.split(256)]
    return torch.cat(parts).numpy()
