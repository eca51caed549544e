"""A quick look at the sub-spaces of a method in the middle of its training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from seco_lab.batch import sent
from seco_lab.data import split_cube
from seco_lab.downstream.leakage import SpaceReading, SubspaceReport, read_space, spaces_of
from seco_lab.embeddings import Preparation
from seco_lab.embeddings.encode import frozen_copy, image_blocks
from seco_lab.input_spec import InputSpec, unit_factor
from seco_lab.nn.devices import choose_device, memory_layout
from seco_lab.seasons import SEASONS, season_labels
from seco_lab.views.colour import Jitter
from seco_lab.views.geometry import Boxes
from seco_lab.views.recipes import Look, Strength, Studio

LOOKS = ("as it is", "darker", "brighter", "grey", "blurred")


class SubspaceMonitor:
    """Season and augmentation as they can be read from each space of a method; pixels are read once.

    SeCo has a sub-space that is to ignore season and augmentation, one that is to ignore the season and keep
    the augmentation, and one that is to ignore the augmentation and keep the season (arXiv:2103.16607,
    sec. 3.2). This tells whether they do, while they learn it::

        monitor = SubspaceMonitor(cube, spec)
        for log in run:
            dashboard.update(log, monitor(method).floats() if log.step % 50 == 0 else None)

    Two linear probes are fitted on some places and asked about others, which lie in other blocks of the map.
    One names the season of each image. The other names the look of one image of each place that is shown as
    it is, darker, brighter, grey and blurred. Method, encoder and heads run as frozen copies in eval mode:
    their modes, their BatchNorm statistics and the chance of the training stay as they are.

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
            strength: How strongly looks change; give that of the training's views.
            phases: Shape (P, T), whole numbers: what counts as the season of each image. None takes winter,
                spring, summer and autumn of the place's hemisphere by the date.
            folds: Parts of the places; each is answered by a probe fitted on all others.
            images: At most so many images, over all seasons; places are drawn to stay below.
            batch_size: Images in one forward pass.
            device: "auto", "cpu", "cuda" or "mps".
            seed: Seed of the places and of the parts.

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
        self.chances = {"season": 1 / (int(self._seasons.max()) + 1), "augmentation": 1 / len(LOOKS)}
        counts = torch.from_numpy(np.concatenate(list(image_blocks(cube, preparation.positions, 512))))
        factor = unit_factor(preparation.unit, spec.unit)
        counts = (counts if factor == 1 else counts.float() * factor).unflatten(0, self._seasons.shape)
        self._pixels = _pixels(counts, spec, strength)
        self._device, self._batch_size = choose_device(device), batch_size

    def __call__(self, method: nn.Module) -> SubspaceReport:
        """What can be read from each space of a method as it is now.

        Args:
            method: Any method, or any module with an ``encoder``; see ``spaces_of``.
        """
        heads = spaces_of(method)
        vectors = self._embed(method.encoder, heads)
        readings = {name: self._read(rows) for name, rows in zip(heads, vectors, strict=True)}
        return SubspaceReport(readings, self.chances)

    def _read(self, vectors: Tensor) -> SpaceReading:
        places, times = self._seasons.shape
        seasonal = vectors[: places * times].unflatten(0, (places, times))
        one = seasonal[torch.arange(places), torch.arange(places) % times]
        changed = vectors[places * times :].unflatten(0, (-1, places))
        return read_space(seasonal, torch.cat([one[None], changed]), self._seasons, self._parts)

    @torch.no_grad()
    def _embed(self, encoder: nn.Module, heads: dict[str, nn.Module | None]) -> list[Tensor]:
        """Embeddings of ``_pixels``, shape (N, D), on the CPU, float32, one tensor a space."""
        encoder = frozen_copy(encoder, self._device)
        frozen = [
            nn.Identity() if head is None else frozen_copy(head, self._device) for head in heads.values()
        ]
        parts: list[list[Tensor]] = [[] for _ in frozen]
        for pixels in self._pixels.split(self._batch_size):
            pixels = sent(pixels, self._device).float().contiguous(memory_format=memory_layout(self._device))
            features = encoder(pixels)
            for part, head in zip(parts, frozen, strict=True):
                part.append(head(features).float().cpu())
        return [torch.cat(part) for part in parts]


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


def changed_looks(count: int, strength: Strength, shifts: int) -> dict[str, Look]:
    """The looks that a probe has to name beside the unchanged one, each the same for all images.

    Args:
        count: Number of images N.
        strength: How dark, how bright, how blurred.
        shifts: Columns of the jitter's ``shift``: 1 for pictures, the number of bands for other bands.
    """
    ones, nowhere = torch.ones(count, 3), torch.zeros(count, dtype=torch.bool)
    none = Jitter(nowhere, torch.arange(4).repeat(count, 1), ones, torch.zeros(count, shifts))
    plain = Look(none, nowhere, nowhere, torch.full((count,), strength.sigma_px[1]), nowhere)

    def brightness(factor: float) -> Look:
        factors = torch.cat([ones[:, :1] * factor, ones[:, 1:]], dim=1)
        return replace(plain, jitter=replace(none, on=~nowhere, factor=factors))

    return {
        "darker": brightness(1 - strength.jitter),
        "brighter": brightness(1 + strength.jitter),
        "grey": replace(plain, gray=~nowhere),
        "blurred": replace(plain, blur=~nowhere),
    }


def _pixels(counts: Tensor, spec: InputSpec, strength: Strength) -> Tensor:
    """All images as they are, then one season of each place in each changed look.

    All go through the same resize in the same number format, or that alone would tell them apart.

    Args:
        counts: Shape (P, T, C, H, W), in the unit of the contract.
        spec: The contract.
        strength: Of the changes.

    Returns:
        Shape (P T + P x looks, C, S, S), standardised, half precision.
    """
    studio = Studio(spec, spec.size_px, strength, dtype=torch.float16, arithmetic=torch.float32)
    places, times, bands, height, width = counts.shape
    every, zero = torch.arange(places * times), torch.zeros(places * times, dtype=torch.int64)
    whole = Boxes(zero, zero, torch.full_like(zero, height), torch.full_like(zero, width))
    shown = studio.crop(counts.flatten(0, 1), every, whole)
    one = counts[torch.arange(places), torch.arange(places) % times]
    looks = changed_looks(places, strength, 1 if studio.rgb else bands)
    changed = [studio.change_then_crop(one, every[:places], whole[:places], look) for look in looks.values()]
    return torch.cat([shown, *changed])
