"""BatchNorm statistics measured anew on a cube."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from tqdm.auto import tqdm

from seco_lab.batch import generator_for, sent
from seco_lab.embeddings.prepare import Preparation, check_network_input, missing_images
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import choose_device


@torch.no_grad()
def recalibrated(
    encoder: nn.Module,
    cube: xr.Dataset,
    spec: InputSpec,
    *,
    images: int = 2048,
    batch_size: int = 64,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> nn.Module:
    """A copy of an encoder whose BatchNorm statistics are those of a cube; its weights stay as they are.

    Images are drawn over all places and seasons without repetition, and every statistic is the plain mean
    over batches, so that old values leave no trace.

    Args:
        encoder: Any module with BatchNorm layers; it is not changed.
        cube: In memory or lazy.
        spec: The encoder's input contract.
        images: How many images to draw, or all where the cube has fewer; images without data are left out.
        batch_size: Images in one forward pass; an incomplete last batch is left out: all weigh the same.
        seed: Seed of the draw.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Whether to show a bar.

    Returns:
        The copy, in eval mode, on the CPU.

    Raises:
        ValueError: Not a cube, no conversion of units is known, no BatchNorm in the encoder, or fewer than
            two images with data.
        LookupError: A band is missing.

    Warns:
        EmbeddingInputWarning: The first batch does not look like what the contract says.
    """
    preparation, where = Preparation.of(cube, spec), choose_device(device)
    draws = tqdm(_draw(cube, images, batch_size, seed), unit="batch", disable=not progress)
    return recalibrated_by(encoder, _inputs(cube, draws, preparation, spec, where), device=where)


def _inputs(
    cube: xr.Dataset,
    draws: Iterable[np.ndarray],
    preparation: Preparation,
    spec: InputSpec,
    where: torch.device,
) -> Iterator[Tensor]:
    """Network inputs of the images with data, batch by batch; the first is compared with the contract."""
    first = True
    for rows in draws:
        pixels = torch.as_tensor(_read(cube, rows, preparation.positions))
        pixels = pixels[~missing_images(pixels)]
        if len(pixels) < 2:
            continue
        pixels = preparation(sent(pixels, where))
        if first:
            check_network_input(pixels, spec)
        first = False
        yield pixels


@torch.no_grad()
def recalibrated_by(
    encoder: nn.Module, batches: Iterable[Tensor], *, device: str | torch.device = "auto"
) -> nn.Module:
    """As ``recalibrated``, from batches of network inputs (B, C, H, W), two images or more in each.

    Raises:
        ValueError: No BatchNorm in the encoder, or no batch.
    """
    where = choose_device(device)
    copied = copy.deepcopy(encoder).to(where)
    layers = [part for part in copied.modules() if isinstance(part, _BatchNorm)]
    if not layers:
        raise ValueError(
            f"{type(encoder).__name__} has no BatchNorm layers, so there is nothing to recalibrate"
        )
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # plain mean over batches
    copied.train()
    done = 0
    for pixels in batches:
        copied(pixels.to(where))
        done += len(pixels)
    if not done:
        raise ValueError("the cube has fewer than two images with data, too few for BatchNorm statistics")
    for layer, old in zip(layers, (m for m in encoder.modules() if isinstance(m, _BatchNorm)), strict=True):
        layer.momentum = old.momentum
    return copied.eval().cpu()


def _draw(cube: xr.Dataset, images: int, batch_size: int, seed: int) -> list[np.ndarray]:
    """Numbers of images, patch by patch and season by season, in batches of equal size."""
    total = cube.sizes["patch"] * cube.sizes["season"]
    size = min(batch_size, total)
    order = torch.randperm(total, generator=generator_for(seed, 0, "recalibrate")).numpy()
    count = min(images, total) // max(size, 1) * size or size
    return [np.sort(part) for part in order[:count].reshape(-1, size)] if total > 1 else []


def _read(cube: xr.Dataset, rows: np.ndarray, positions: tuple[int, ...]) -> np.ndarray:
    """Images (n, C, H, W) by their numbers, bands as wanted."""
    patches, seasons = np.divmod(rows, cube.sizes["season"])
    pick = {"patch": xr.DataArray(patches, dims="image"), "season": xr.DataArray(seasons, dims="image")}
    values = cube["reflectance"].isel(pick).transpose("image", "band", "y", "x").values
    return np.ascontiguousarray(values[:, list(positions)])
