"""Is a place found again in another season? Asked with random crops, so that layout alone does not answer."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.batch import generator_for
from seco_lab.embeddings import embed
from seco_lab.input_spec import InputSpec
from seco_lab.neighbours import nearest


def season_retrieval(
    encoder: nn.Module,
    spec: InputSpec,
    cube: xr.Dataset,
    *,
    crop_px: int,
    rounds: int = 8,
    device: str = "auto",
    seed: int = 0,
) -> NDArray[np.float64]:
    """How often the nearest crop of another season is of the same place; 1 / P by chance.

    Two crops of each patch and season are cut independently. Aligned patches of one place are found again by
    the layout of their fields, even by raw pixels; crops that differ ask for what kind of land it is.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        spec: Its input contract; crops are resized to its size.
        cube: At least two places and two seasons.
        crop_px: Side of the crops in pixels of the cube, smaller than the patches.
        rounds: Pairs of crops of each image.
        device: "auto", "cpu", "cuda" or "mps".
        seed: Seed of the crops.

    Returns:
        Shape (P,), share of hits of each place over pairs of seasons and rounds.

    Raises:
        ValueError: Fewer than two places or seasons, or a crop as large as the patches.
    """
    places, seasons = cube.sizes["patch"], cube.sizes["season"]
    side = min(cube.sizes["y"], cube.sizes["x"])
    if places < 2 or seasons < 2 or not 1 <= crop_px < side:
        raise ValueError(
            "season retrieval needs two places, two seasons and crops smaller than the patches, got "
            f"{places}, {seasons} and {crop_px} px of {side} px; gather more or cut smaller crops"
        )

    def vectors(number: int) -> NDArray[np.float32]:
        crops = random_crops(cube, crop_px, seed=seed, number=number)
        return embed(encoder, crops, spec, device=device)["embedding"].values

    pairs = [(a, b) for a in range(seasons) for b in range(seasons) if a != b]
    hits = np.zeros(places)
    for number in range(rounds):
        asked, answers = vectors(2 * number), vectors(2 * number + 1)
        for a, b in pairs:
            hits += nearest(asked[:, a], answers[:, b], k=1)[0][:, 0] == np.arange(places)
    return hits / (rounds * len(pairs))


def random_crops(cube: xr.Dataset, crop_px: int, *, seed: int = 0, number: int = 0) -> xr.Dataset:
    """The cube with each patch and season cut to a square of its own.

    Args:
        cube: In memory or lazy.
        crop_px: Side of the squares in pixels.
        seed: Seed of the corners.
        number: Another number gives other corners.
    """
    import torch

    images = cube["reflectance"].values
    generator = generator_for(seed, number, "crops")
    free = [images.shape[axis] - crop_px + 1 for axis in (-2, -1)]
    corners = [torch.randint(n, images.shape[:2], generator=generator).numpy() for n in free]
    windows = np.lib.stride_tricks.sliding_window_view(images, (crop_px, crop_px), axis=(-2, -1))
    patch, season = np.indices(images.shape[:2])
    crops = windows[patch, season, :, corners[0], corners[1]]
    small = cube.isel(y=slice(crop_px), x=slice(crop_px))
    return small.assign(reflectance=(small["reflectance"].dims, crops, small["reflectance"].attrs))
