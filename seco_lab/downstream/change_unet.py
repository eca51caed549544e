"""Maps of change from a decoder that is trained on labelled cities (SeCo's Siamese U-Net)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from seco_lab.batch import generator_for
from seco_lab.downstream.change_maps import CityAnswer
from seco_lab.downstream.descend import descend
from seco_lab.downstream.finetune import check_schedule, flip_and_turn
from seco_lab.downstream.pairs import PATCH_PX, Folds, cut_pairs, pixels_of, ungrid
from seco_lab.downstream.ranking import best_threshold
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import choose_device
from seco_lab.nn.inputs import network_input
from seco_lab.nn.segmentation import STRIDE, SiameseUNet
from seco_lab.sources.oscd import UNLABELLED

_HELD_OUT = 5


@dataclass(frozen=True)
class UNetProtocol:
    """A decoder over |f(before) - f(after)|, trained on labelled cities.

    Differs from the official code, unless ``UNetProtocol.official()`` is asked for: BatchNorm of the frozen
    encoder stays as it is; changed pixels weigh more; the threshold is chosen on every fifth training patch,
    which trains nothing, instead of 0.5; every test pixel counts.

    Attributes:
        epochs: Passes over the training patches; 100 in the paper.
        batch_size: Patches in a step; few patches want small batches, because a decoder of 120 steps had
            not yet learned to use what an encoder knows (docs/decisions/0175-a-decoder-wants-steps.md).
        lr: Learning rate of Adam; it is multiplied by 0.95 after each epoch.
        weight_decay: Of Adam.
        positive_weight: Weight of a changed pixel in the loss; None measures unchanged over changed pixels of
            the training patches and takes the square root, which keeps rare change from drowning the rest.
        size_px: Side of the patches, a multiple of 32.
        threshold: A fixed probability; None chooses it.
        train_encoder: Whether the encoder learns as well.
        batchnorm_drifts: Whether BatchNorm of a frozen encoder is in train mode, as in the official code.
        seed: Seed of weights, order, flips and dropout.
    """

    epochs: int = 100
    batch_size: int = 32
    lr: float = 1e-3
    weight_decay: float = 1e-4
    positive_weight: float | None = None
    size_px: int = PATCH_PX
    threshold: float | None = None
    train_encoder: bool = False
    batchnorm_drifts: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse schedules that train nothing.

        Raises:
            ValueError: A number is out of range.
        """
        check_schedule(self.epochs, self.batch_size, self.lr)
        if self.size_px < STRIDE or self.size_px % STRIDE:
            raise ValueError(f"size_px must be a multiple of {STRIDE}, got {self.size_px}")

    @classmethod
    def official(cls, *, epochs: int = 100, seed: int = 0) -> UNetProtocol:
        """The official script: no class weight, threshold 0.5, BatchNorm of the encoder drifts."""
        return cls(epochs=epochs, positive_weight=1.0, threshold=0.5, batchnorm_drifts=True, seed=seed)

    @property
    def kind(self) -> str:
        """How the result is marked: "official" with the quirks of the official code, else "sound"."""
        return "official" if self.batchnorm_drifts else "sound"

    def settings(self) -> dict[str, Any]:
        """As ``ChangeProtocol.settings``."""
        return {"protocol": "Siamese U-Net on the differences of five feature maps", **asdict(self)}

    def answer(
        self,
        encoder: nn.Module,
        spec: InputSpec,
        cities: Mapping[str, xr.Dataset],
        folds: Folds,
        *,
        device: str = "auto",
        progress: bool = False,
    ) -> dict[str, CityAnswer]:
        """As ``ChangeProtocol.answer``; one decoder a fold."""
        answers = {}
        for train, test in folds:
            where = choose_device(device)
            trainer = _Trainer.on([cities[name] for name in train], encoder, spec, self, where)
            trainer.train(progress)
            threshold = trainer.threshold()
            answers |= {name: CityAnswer(trainer.map_of(cities[name]), threshold) for name in test}
        return answers


@dataclass(frozen=True)
class _Trainer:
    """One decoder and the patches of its training cities."""

    config: UNetProtocol
    spec: InputSpec
    unit: str
    model: SiameseUNet
    images: Tensor  # (N, 2, C, S, S), counts
    masks: Tensor  # (N, S, S), 0, 1 or 255
    held: NDArray[np.bool_]
    device: torch.device

    @classmethod
    def on(
        cls,
        cities: Sequence[xr.Dataset],
        encoder: nn.Module,
        spec: InputSpec,
        config: UNetProtocol,
        device: torch.device,
    ) -> _Trainer:
        cube = cut_pairs(cities, size_px=config.size_px)
        images = _counts_of(cube, spec)
        masks = torch.as_tensor(cube["mask"].values)
        held = held_out(cube["mask"].values, wanted=config.threshold is None)
        model = SiameseUNet(encoder, seed=config.seed).to(device)
        model.encoder.requires_grad_(config.train_encoder)
        return cls(config, spec, str(cube.attrs["unit"]), model, images, masks, held, device)

    def train(self, progress: bool) -> None:
        config, rows = self.config, torch.as_tensor(np.flatnonzero(~self.held))
        learning = [p for p in self.model.parameters() if p.requires_grad]
        optimiser = torch.optim.Adam(learning, lr=config.lr, weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.95)
        weight = torch.tensor(self._positive_weight(), device=self.device)
        per_epoch = math.ceil(len(rows) / config.batch_size)
        for step in tqdm(range(per_epoch * config.epochs), unit="step", disable=not progress):
            epoch, place = divmod(step, per_epoch)
            order = torch.randperm(len(rows), generator=generator_for(config.seed, epoch, "order"))
            batch = rows[order[place * config.batch_size : (place + 1) * config.batch_size]]
            descend(self._loss(batch, step, weight), optimiser, step=step)
            if place == per_epoch - 1:
                schedule.step()

    def _positive_weight(self) -> float:
        if self.config.positive_weight is not None:
            return float(self.config.positive_weight)
        masks = self.masks[torch.as_tensor(~self.held)]
        changed, unchanged = int((masks == 1).sum()), int((masks == 0).sum())
        return math.sqrt(unchanged / changed)

    def _loss(self, batch: Tensor, step: int, weight: Tensor) -> Tensor:
        self.model.train()
        self.model.encoder.train(self.config.train_encoder or self.config.batchnorm_drifts)
        images, masks = self._turned(batch, step)
        # BatchNorm of the decoder's deepest maps needs more than one value: a last batch of one is doubled.
        if len(images) == 1:
            images, masks = images.repeat(2, 1, 1, 1, 1), masks.repeat(2, 1, 1)
        pixels = self._prepared(images)
        dropout = generator_for(self.config.seed, step, "dropout")
        logits = self.model(pixels[:, 0], pixels[:, 1], dropout)
        counted = masks.to(self.device) != UNLABELLED
        wanted = (masks.to(self.device) == 1).float()
        losses = F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=weight, reduction="none")
        return (losses * counted).sum() / counted.sum().clamp(min=1)

    def _turned(self, batch: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Both images and the mask, flipped and turned together."""
        images, masks = self.images[batch].float(), self.masks[batch].float()
        both = torch.cat([images.flatten(1, 2), masks[:, None]], dim=1)
        both = flip_and_turn(both, generator_for(self.config.seed, step, "flips"))
        return both[:, :-1].reshape(images.shape), both[:, -1]

    def _prepared(self, images: Tensor) -> Tensor:
        return network_input(images.float().to(self.device), self.spec, self.unit)

    @torch.inference_mode()
    def chances(self, images: Tensor) -> NDArray[np.float32]:
        """Probability of change (N, S, S) of patches (N, 2, C, S, S) in counts."""
        self.model.eval()
        parts = []
        for part in images.split(self.config.batch_size):
            pixels = self._prepared(part)
            parts.append(self.model(pixels[:, 0], pixels[:, 1]).sigmoid().cpu())
        found = torch.cat(parts).numpy()
        if not np.isfinite(found).all():
            raise ValueError("the decoder answers NaN: the encoder's weights are broken; look into their run")
        return found

    def threshold(self) -> float:
        """The fixed one, or the best F1 on the patches held out of the training."""
        if self.config.threshold is not None:
            return self.config.threshold
        chosen = torch.as_tensor(self.held if self.held.any() else ~self.held)
        masks, found = self.masks[chosen].numpy(), self.chances(self.images[chosen])
        counted = masks != UNLABELLED
        return best_threshold(found[counted], masks[counted] == 1)

    def map_of(self, city: xr.Dataset) -> NDArray[np.float32]:
        """Probability of change of each pixel of a scene, shape (H, W)."""
        found = self.chances(_counts_of(cut_pairs([city], size_px=self.config.size_px), self.spec))
        return ungrid(found, pixels_of(city).shape[-2:])


def _counts_of(cube: xr.Dataset, spec: InputSpec) -> Tensor:
    """Counts (N, 2, C, S, S) of all pairs, bands in the order of the contract."""
    order = list(spec.check_bands([str(name) for name in cube["band"].values]))
    return torch.as_tensor(cube["reflectance"].values[:, :, order])


def held_out(masks: NDArray[np.uint8], *, wanted: bool) -> NDArray[np.bool_]:
    """Every fifth of the patches with change and of those without, to choose a threshold on.

    Args:
        masks: Shape (N, S, S), 0, 1 or 255.
        wanted: Whether a threshold is to be chosen at all.

    Returns:
        Shape (N,); none where fewer than five patches show change: then the training patches must do.

    Raises:
        ValueError: No patch shows change.
    """
    changed = (masks == 1).any((1, 2))
    if not changed.any():
        raise ValueError(
            f"none of the {len(masks)} training patches shows change, so there is nothing to learn; "
            "take cities whose change map is not empty"
        )
    held = np.zeros(len(masks), bool)
    if wanted and changed.sum() >= _HELD_OUT:
        for rows in (np.flatnonzero(changed), np.flatnonzero(~changed)):
            held[rows[_HELD_OUT - 1 :: _HELD_OUT]] = True
    return held
