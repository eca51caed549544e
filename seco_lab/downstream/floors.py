"""What a trained encoder must beat: colour statistics, random convolutional features, untrained weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn

from seco_lab.batch import generator_for
from seco_lab.downstream.features import FeatureOptions, extract_both
from seco_lab.downstream.keeping import kept
from seco_lab.downstream.splits import SplitCubes
from seco_lab.embeddings import Preparation, cube_hash
from seco_lab.embeddings.encode import image_blocks
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import ResNet, encoder_from_settings
from seco_lab.places.point import EARTH_RADIUS_KM, unit_vectors

_PERCENTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_ORIENTATIONS = 8
_BLOCK = 512
_AT_A_TIME = 4


def colour_statistics(images: Tensor) -> Tensor:
    """A few hand-made numbers for each image: no learning, no filters.

    For each band mean, standard deviation and five percentiles, and for the brightness a histogram of
    gradient orientations, sorted, since nothing is upright when seen from above.

    Args:
        images: Shape (B, C, H, W), counts; at least 3 x 3 pixels.

    Returns:
        Shape (B, 7 C + 8).
    """
    pixels = images.float().flatten(2)
    percentiles = torch.quantile(pixels, torch.tensor(_PERCENTILES), dim=2).permute(1, 0, 2).flatten(1)
    histogram = gradient_histogram(images.float().mean(1)).sort(1).values
    moments = [pixels.mean(2), pixels.std(2, correction=0)]
    return torch.cat([*moments, percentiles, histogram], dim=1)


def gradient_histogram(brightness: Tensor) -> Tensor:
    """Histogram of gradient orientations, weighted by the gradient: brightness (B, H, W) to (B, 8)."""
    across = brightness[:, 1:-1, 2:] - brightness[:, 1:-1, :-2]
    down = brightness[:, 2:, 1:-1] - brightness[:, :-2, 1:-1]
    strength = torch.hypot(across, down).flatten(1)
    angle = torch.atan2(down, across).flatten(1).remainder(torch.pi)
    place = (angle / torch.pi * _ORIENTATIONS).long().clamp(max=_ORIENTATIONS - 1)
    histogram = torch.zeros(len(brightness), _ORIENTATIONS).scatter_add_(1, place, strength)
    return histogram / strength.shape[1]


class RandomConvolutions(nn.Module):
    """Random convolutional features: filters drawn once, never trained (after MOSAIKS, Rolf et al. 2021).

    Each filter gives two numbers: the mean over the image of what lies above its threshold, and below it.

    Attributes:
        num_features: Length of the representation.
    """

    def __init__(
        self, in_channels: int, *, num_features: int = 512, kernel_px: int = 3, seed: int = 0
    ) -> None:
        """Draw the filters.

        Args:
            in_channels: Number of bands.
            num_features: Length of the representation, even.
            kernel_px: Side of the filters.
            seed: Seed of the filters.
        """
        super().__init__()
        if num_features < 2 or num_features % 2:
            raise ValueError(f"num_features must be even and 2 or more, got {num_features}")
        chance = generator_for(seed, 0, "random convolutions")
        shape = (num_features // 2, in_channels, kernel_px, kernel_px)
        filters = torch.randn(shape, generator=chance) / (in_channels * kernel_px**2) ** 0.5
        self.register_buffer("filters", filters)
        self.register_buffer("threshold", torch.randn(num_features // 2, generator=chance))
        self.num_features = num_features

    def forward(self, images: Tensor) -> Tensor:
        """Standardised images (B, C, H, W) to (B, num_features)."""
        # Maps of 256 images of 64 px would fill a gigabyte; a few at a time stay in the processor's cache.
        return torch.cat([self._features(part) for part in images.split(_AT_A_TIME)])

    def _features(self, images: Tensor) -> Tensor:
        response = F.conv2d(images, self.filters, self.threshold)
        above = response.relu().mean((2, 3))
        # relu(r) - relu(-r) = r saves the second pass over the maps.
        return torch.cat([above, above - response.mean((2, 3))], dim=1)


def statistics_of(
    cube: xr.Dataset,
    spec: InputSpec,
    measure: Callable[[Tensor], Tensor] = colour_statistics,
    *,
    cache: str | Path | None = None,
) -> NDArray[np.float32]:
    """Statistics of the first season of each patch, at the size that the images have.

    Args:
        cube: In memory or lazy.
        spec: Names the bands to look at.
        measure: From counts (B, C, H, W) to (B, F).
        cache: Folder that keeps the answer.

    Returns:
        Shape (P, F).
    """
    positions, first = Preparation.of(cube, spec).positions, cube.isel(season=slice(0, 1))

    def measured() -> NDArray[np.float32]:
        # Unsigned 16-bit tensors lack arithmetic; float32 holds every count exactly.
        blocks = (block.astype(np.float32) for block in image_blocks(first, positions, _BLOCK))
        return np.concatenate([measure(torch.as_tensor(block)).numpy() for block in blocks])

    if cache is None:
        return measured()
    return kept(cache, [measure.__qualname__, cube_hash(first), ",".join(spec.bands)], measured)


def statistics_of_both(
    cubes: SplitCubes, spec: InputSpec, *, cache: str | Path | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colour statistics of the training (N, F) and of the test images (M, F)."""
    return statistics_of(cubes.train, spec, cache=cache), statistics_of(cubes.test, spec, cache=cache)


def untrained_like(encoder: nn.Module, *, seed: int = 0) -> nn.Module:
    """The same architecture with fresh weights, BatchNorm statistics as at the start.

    The global generator stays where it was.

    Args:
        encoder: Any encoder; the toolkit's own are built anew, others get their layers reset.
        seed: Seed of the weights.
    """
    if isinstance(encoder, ResNet):
        return encoder_from_settings(encoder.settings(), seed=seed).eval()
    fresh = copy.deepcopy(encoder).cpu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for part in fresh.modules():
            reset = getattr(part, "reset_parameters", None)
            if callable(reset):
                reset()
    return fresh.eval()


def nearest_km(cubes: SplitCubes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row of the nearest training image of each test image on the map, and how far it is, both (M,).

    The places of all images must be known.
    """
    from scipy.spatial import cKDTree

    train, test = (unit_vectors(c["lon"].values, c["lat"].values) for c in (cubes.train, cubes.test))
    chord, rows = cKDTree(train).query(test)
    return rows, 2 * EARTH_RADIUS_KM * np.arcsin(chord / 2)


def nearest_by_coordinates(cubes: SplitCubes, labels: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """What the nearest training image shows, answered without a look at any pixel.

    Args:
        cubes: Training and test images.
        labels: Shape (N,), of the training images.

    Returns:
        Class number of each test image, shape (M,); None where the place of an image is not known.
    """
    both = (cubes.train, cubes.test)
    if not all(np.isfinite(cube["lon"].values + cube["lat"].values).all() for cube in both):
        return None
    return labels[nearest_km(cubes)[0]]


def unlearnt_features(
    encoder: nn.Module, cubes: SplitCubes, spec: InputSpec, options: FeatureOptions, *, seed: int = 0
) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Features of training and test images by what has learnt nothing from images.

    Args:
        encoder: The encoder that is judged.
        cubes: Training and test images.
        spec: The encoder's input contract.
        options: How features are computed.
        seed: Seed of the weights.

    Returns:
        "floor" (colour statistics), "untrained" (same architecture and contract) and "random_features"
        (random convolutions, at the size that the images have), each of both lists.
    """
    native = replace(spec, size_px=int(cubes.train.sizes["x"]))
    convolutions = RandomConvolutions(len(spec.bands), seed=seed)
    return {
        "floor": statistics_of_both(cubes, spec, cache=options.cache),
        "untrained": extract_both(untrained_like(encoder, seed=seed), cubes, spec, options),
        "random_features": extract_both(convolutions, cubes, native, options),
    }
