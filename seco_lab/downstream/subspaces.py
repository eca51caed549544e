"""A quick look at the sub-spaces of a method in the middle of its training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from seco_lab.batch import generator_for
from seco_lab.data import split_cube
from seco_lab.downstream.leakage import SubspaceReport, read_space, spaces_of
from seco_lab.embeddings import Preparation
from seco_lab.embeddings.encode import frozen_copy, image_blocks
from seco_lab.input_spec import InputSpec, unit_factor
from seco_lab.nn.devices import choose_device
from seco_lab.seasons import SEASONS, season_labels
from seco_lab.views.geometry import Boxes
from seco_lab.views.recipes import Strength, Studio


class SubspaceMonitor:
    """Season and augmentation as they can be read from each space of a method; pixels are read once.

    A small network that learns to ignore the season should end with embeddings from which the season cannot
    be told. SeCo makes one space that ignores season and augmentation, one that ignores the season and one
    that ignores the augmentation; this tells whether they do::

        monitor = SubspaceMonitor(cube, spec)
        for log in run:
            dashboard.update(log, monitor(method).floats() if log.step % 50 == 0 else None)

    Each image is shown twice: as it is, and with colours, sharpness and direction changed as SeCo changes
    them. A linear probe is fitted on some places and asked about others, which lie in other blocks of the
    map. Method, encoder and heads run as frozen copies in eval mode: their modes, their BatchNorm statistics
    and the chance of the training stay as they are.

    A linear probe finds traces that hardly move an embedding, so beside what can be *read* stands how far
    embeddings *move* (``season_shift``, ``augmentation_shift``).

    Attributes:
        chances: What pure guessing reaches, for ``"season"`` and for ``"augmentation"``.
    """

    def __init__(
        self,
        cube: xr.Dataset,
        spec: InputSpec,
        *,
        strength: Strength = Strength(),  # noqa: B008 (frozen)
        phases: ArrayLike | None = None,
        folds: int = 4,
        images: int = 400,
        batch_size: int = 128,
        device: str | torch.device = "auto",
        seed: int = 0,
    ) -> None:
        """Read the pixels, change their looks and part the places.

        Args:
            cube: Of two or more seasons; places without data in one of them are left out.
            spec: Input contract of the encoders to come.
            strength: How strongly looks change, as in the training's views; colours change in every image.
            phases: Shape (P, T), whole numbers: what counts as the season of each image. None takes winter,
                spring, summer and autumn of the place's hemisphere by the date.
            folds: Parts of the places; each is answered by a probe fitted on all others.
            images: At most so many images, over all seasons; places are drawn to stay below.
            batch_size: Images in one forward pass.
            device: "auto", "cpu", "cuda" or "mps".
            seed: Seed of the places, of the parts and of the looks.

        Raises:
            ValueError: One season only, unknown dates without ``phases``, phases of another shape, images of
                one phase only, or too few places to part.
            LookupError: A band that the contract wants is missing.
        """
        preparation = Preparation.of(cube, spec)
        labels = _phases(cube, phases)
        rows = _drawn(cube, images, seed)
        cube, labels = cube.isel(patch=rows), labels[rows]
        self._seasons = _numbered(labels)
        self._parts = _parts(cube, folds, seed)
        self.chances = {"season": 1 / (int(self._seasons.max()) + 1), "augmentation": 0.5}
        counts = np.concatenate(list(image_blocks(cube, preparation.positions, 512)))
        factor = unit_factor(preparation.unit, spec.unit)
        self._pixels = _both_looks(torch.from_numpy(counts), factor, spec, strength, seed)
        self._device, self._batch_size = choose_device(device), batch_size

    def __call__(self, method: nn.Module) -> SubspaceReport:
        """What can be read from each space of a method as it is now.

        Args:
            method: Any method, or any module with an ``encoder``; see ``spaces_of``.
        """
        heads = spaces_of(method)
        spaces = self._embed(method.encoder, heads)
        readings = {
            name: read_space(vectors, self._seasons, self._parts, self.chances)
            for name, vectors in zip(heads, spaces, strict=True)
        }
        return SubspaceReport(readings, self.chances)

    @torch.no_grad()
    def _embed(self, encoder: nn.Module, heads: dict[str, nn.Module | None]) -> list[Tensor]:
        """Embeddings (2, P, T, D) on the CPU, float32, one tensor a space."""
        encoder = frozen_copy(encoder, self._device)
        frozen = [
            nn.Identity() if head is None else frozen_copy(head, self._device) for head in heads.values()
        ]
        parts: list[list[Tensor]] = [[] for _ in frozen]
        for pixels in self._pixels.split(self._batch_size):
            pixels = pixels.to(self._device).float().contiguous(memory_format=torch.channels_last)
            features = encoder(pixels)
            for part, head in zip(parts, frozen, strict=True):
                part.append(head(features).float().cpu())
        return [torch.cat(part).view(2, *self._seasons.shape, -1) for part in parts]


def _phases(cube: xr.Dataset, phases: ArrayLike | None) -> NDArray[np.int64]:
    """Shape (P, T): what counts as the season of each image."""
    shape = (cube.sizes["patch"], cube.sizes["season"])
    if shape[1] < 2:
        raise ValueError(
            f"the season can be read only where there are two or more, the cube has {shape[1]}; gather more"
        )
    if phases is not None:
        given = np.asarray(phases)
        if given.shape != shape or not np.issubdtype(given.dtype, np.integer):
            raise ValueError(
                f"phases must be whole numbers of shape {shape}, one for each image of the cube, "
                f"got {given.dtype} of shape {given.shape}"
            )
        return given.astype(np.int64)
    time = cube["time"].values
    missing = int(np.isnat(time).sum())
    if missing:
        raise ValueError(
            f"the season of an image is told by its date, and {missing} of {time.size} dates are unknown; "
            "give phases= instead"
        )
    names = season_labels(time, cube["lat"].values)
    return np.searchsorted(np.sort(SEASONS), names).astype(np.int64)


def _drawn(cube: xr.Dataset, images: int, seed: int) -> NDArray[np.int64]:
    """Rows of the places to look at: all seasons there, at most ``images`` images."""
    rows = np.arange(cube.sizes["patch"])
    if "nodata_share" in cube.variables:
        rows = rows[~(np.asarray(cube["nodata_share"].values, float) >= 1).any(1)]
    count = max(2, images // cube.sizes["season"])
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


def _numbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same classes, numbered from 0 without gaps."""
    found, numbers = np.unique(labels, return_inverse=True)
    if len(found) < 2:
        raise ValueError("all images are of one season; a probe needs two or more to tell apart")
    return numbers.reshape(labels.shape)


def _parts(cube: xr.Dataset, folds: int, seed: int) -> NDArray[np.int64]:
    """Shape (P,): part of each place; blocks of the map are never divided."""
    if folds < 2:
        raise ValueError(f"folds must be 2 or more, so that places are left to ask about; got {folds}")
    parts = np.empty(cube.sizes["patch"], np.int64)
    for number, rows in enumerate(split_cube(cube, shares=(1 / folds,) * folds, seed=seed)):
        parts[rows] = number
    return parts


def _both_looks(counts: Tensor, factor: float, spec: InputSpec, strength: Strength, seed: int) -> Tensor:
    """Whole images as they are, then with changed looks: shape (2 N, C, S, S), standardised, half precision.

    Both go through the same resize in the same number format, or that alone would tell them apart.
    """
    studio = Studio(
        spec, spec.size_px, replace(strength, p_jitter=1.0), dtype=torch.float16, arithmetic=torch.float32
    )
    count, (height, width) = len(counts), counts.shape[-2:]
    images = counts if factor == 1 else counts.float() * factor
    zero, every = torch.zeros(count, dtype=torch.int64), torch.arange(count)
    whole = Boxes(zero, zero, torch.full_like(zero, height), torch.full_like(zero, width))
    look = studio.draw_look(count, generator_for(seed, 0, "looks"))
    return torch.cat([studio.crop(images, every, whole), studio.change_then_crop(images, every, whole, look)])
