"""A quick look at an encoder in the middle of its training: kNN accuracy on a small labelled cube."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.downstream.knn import knn_predict
from seco_lab.downstream.labels import check_learnable, class_names_of, holdout, labels_of
from seco_lab.embeddings import Embedder, Preparation
from seco_lab.embeddings.encode import image_blocks
from seco_lab.embeddings.prepare import missing_images
from seco_lab.input_spec import InputSpec


class KnnMonitor:
    """kNN accuracy of whatever encoder it is called with; pixels are read once.

    The encoder runs as a frozen copy in eval mode: its mode, its BatchNorm statistics and the chance of the
    training stay as they are.
    """

    def __init__(
        self,
        cube: xr.Dataset,
        spec: InputSpec,
        *,
        neighbours: int = 10,
        test_share: float = 0.3,
        limit: int = 1000,
        batch_size: int = 128,
        device: str | torch.device = "auto",
        precision: str = "float32",
        seed: int = 0,
    ) -> None:
        """Read the pixels and part bank from test rows.

        Args:
            cube: Labelled; its first season is used.
            spec: Input contract of the encoders to come.
            neighbours: Number of voters.
            test_share: Share of each class that is asked, the rest answers.
            limit: At most so many patches, drawn evenly over the classes.
            batch_size: Images in one forward pass.
            device: "auto", "cpu", "cuda" or "mps".
            precision: "float32", "bf16" or "auto".
            seed: Seed of both draws.

        Raises:
            ValueError: No labels, one class only, too few patches to part, or images without data.
        """
        labels = labels_of(cube)
        if len(labels) > limit:
            rows = np.flatnonzero(holdout(labels, limit / len(labels), seed=seed))
            cube, labels = cube.isel(patch=rows), labels[rows]
        self._test = holdout(labels, test_share, seed=seed)
        check_learnable(labels[~self._test], labels[self._test], class_names_of(cube))
        self._labels, self._neighbours = labels, neighbours
        self._preparation = Preparation.of(cube, spec)
        first = cube.isel(season=slice(0, 1))
        self._images = np.concatenate(list(image_blocks(first, self._preparation.positions, 512)))
        self._refuse_missing(cube["patch"].values)
        self._options = {"batch_size": batch_size, "device": device, "precision": precision}

    def _refuse_missing(self, names: NDArray) -> None:
        """They have no features, and a training that runs for hours should not learn so at its first look."""
        missing = names[missing_images(torch.as_tensor(self._images)).numpy()]
        if missing.size:
            raise ValueError(
                f"{missing.size} of {len(names)} labelled images hold no data in the first season, such as "
                f"{', '.join(map(str, missing[:3]))}; leave them out (cube.isel(patch=...))"
            )

    def __call__(self, encoder: nn.Module) -> float:
        """Share of test patches whose neighbours vote for the right class."""
        embedder = Embedder(encoder, self._preparation, **self._options)
        features = next(iter(embedder([self._images])))
        bank, test = ~self._test, self._test
        found = knn_predict(features[bank], self._labels[bank], features[test], [self._neighbours])
        return float((next(iter(found.values())) == self._labels[test]).mean())
