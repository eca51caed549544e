"""SeCo's own EuroSAT protocol, quirks included, for comparison with the published number.

What differs from a sound probe: the encoder runs in train mode, so that its features depend on the rest of
the batch and its BatchNorm statistics drift; the pixels are only scaled to 0 to 1; the score is the mean over
batches, and the last, incomplete batch does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import nn
from tqdm.auto import tqdm

from seco_lab.batch import generator_for, sent
from seco_lab.downstream.finetune import first_season, scores_by, with_classifier
from seco_lab.downstream.labels import check_learnable, class_names_of, labels_under
from seco_lab.embeddings import Preparation
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import choose_device


@dataclass(frozen=True)
class OfficialOutcome:
    """What the official protocol gives.

    Attributes:
        scores: Shape (M, C), of every test image, none left out.
        official_accuracy: Mean over whole batches of the accuracy in the batch, as the official code reports.
        counted: How many test images that number covers.
    """

    scores: NDArray[np.float32]
    official_accuracy: float
    counted: int

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Answers, shape (M,)."""
        return self.scores.argmax(1)


def official_input(spec: InputSpec, unit: str) -> InputSpec:
    """The contract of the official protocol: 8-bit counts to 0 to 1, no standardisation, the same bands.

    Raises:
        ValueError: Counts that nobody knows as 8-bit.
    """
    highs = {"eurosat_jpeg": 255.0, "uint8": 255.0, "seco_8bit": 255.0, "dn": 2750.0, "reflectance": 0.275}
    if unit not in highs:
        raise ValueError(f"the official protocol is for images in {', '.join(highs)}, got {unit}")
    bands, high = len(spec.bands), highs[unit]
    return InputSpec(
        spec.sensor, spec.bands, unit, (0.0,) * bands, (high,) * bands, (0.0,) * bands, (1.0,) * bands,
        spec.pixel_size_m, 64,
    )  # fmt: skip


def official_probe(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset,
    *,
    epochs: int = 100,
    milestones: Sequence[int] = (60, 80),
    batch_size: int = 32,
    lr: float = 1e-3,
    train_mode: bool = True,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> OfficialOutcome:
    """A linear layer trained by Adam on a backbone without gradients (the official EuroSAT script).

    Differs from the official code: order and first weights follow from the seed, and every test image gets an
    answer beside the batch mean; a test list shorter than a batch counts as one batch.

    Args:
        encoder: Has ``num_features``; it is copied, so its BatchNorm statistics do not drift here.
        spec: Its input contract; only bands and sensor are used, see ``official_input``.
        train_cube: Labelled.
        test_cube: Labelled.
        epochs: Passes over the training images.
        milestones: Epochs at which the learning rate falls to a tenth.
        batch_size: Images in a step.
        lr: Learning rate of Adam.
        train_mode: Whether the backbone is in train mode while the layer is trained, as the official one is.
        seed: Seed of order and layer.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Whether to show a bar.

    Raises:
        ValueError: The lists cannot be learnt from.
        LookupError: A test class is not known in training, or a band is missing.
    """
    where, names = choose_device(device), class_names_of(train_cube)
    labels, truth = labels_under(train_cube, names), labels_under(test_cube, names)
    check_learnable(labels, truth, names)
    parts = [Preparation.of(c, official_input(spec, c.attrs["unit"])) for c in (train_cube, test_cube)]
    images, tests = (first_season(c, p) for c, p in zip((train_cube, test_cube), parts, strict=True))
    model = with_classifier(encoder, len(names), seed).to(where)
    backbone, layer = model[0].requires_grad_(False), model[1]
    optimiser = torch.optim.Adam(layer.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, list(milestones))
    target = torch.as_tensor(labels)
    for epoch in tqdm(range(epochs), unit="epoch", disable=not progress):
        backbone.train(train_mode)
        order = torch.randperm(len(images), generator=generator_for(seed, epoch, "order"))
        for rows in order.split(batch_size):
            with torch.no_grad():
                features = backbone(parts[0](sent(images[rows], where)))
            loss = F.cross_entropy(layer(features), target[rows].to(where))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    scores = scores_by(model, parts[1], tests, where)
    return OfficialOutcome(scores, *batch_mean(scores.argmax(1) == truth, batch_size))


def batch_mean(right: NDArray[np.bool_], batch_size: int) -> tuple[float, int]:
    """Mean accuracy over whole batches, the last incomplete one left out, and how many items that covers."""
    counted = len(right) // batch_size * batch_size or len(right)
    return float(right[:counted].mean()), counted
