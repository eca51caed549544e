"""Features of a labelled cube, computed once for each encoder and data set."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from seco_lab.downstream.keeping import kept
from seco_lab.downstream.splits import SplitCubes
from seco_lab.embeddings import cube_hash, embed, module_hash
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import choose_device, choose_precision


@dataclass(frozen=True)
class FeatureOptions:
    """How features are computed; see ``extract``."""

    batch_size: int = 256
    device: str = "auto"
    precision: str = "float32"
    cache: str | Path | None = None
    progress: bool = False


def extract_both(
    encoder: nn.Module, cubes: SplitCubes, spec: InputSpec, options: FeatureOptions
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features of the first season of the training (N, D) and of the test images (M, D)."""
    train, test = (extract(encoder, cube, spec, **asdict(options)) for cube in (cubes.train, cubes.test))
    return train, test


def encoder_entry(encoder: nn.Module) -> dict[str, str]:
    """Name and hash of an encoder, for the protocol of a result."""
    return {"name": str(getattr(encoder, "name", type(encoder).__name__)), "hash": module_hash(encoder)}


def extract(
    encoder: nn.Module,
    cube: xr.Dataset,
    spec: InputSpec,
    *,
    season: int = 0,
    batch_size: int = 256,
    device: str | torch.device = "auto",
    precision: str = "float32",
    cache: str | Path | None = None,
    progress: bool = False,
) -> NDArray[np.float32]:
    """Features of one season of each patch, encoder in eval mode.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        cube: In memory or lazy.
        spec: The encoder's input contract.
        season: Which season.
        batch_size: Images in one forward pass.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "float32", "bf16" or "auto".
        cache: Folder that keeps features by hash of encoder, contract, precision and every pixel; the same
            question is answered from there.
        progress: Whether to show a bar.

    Returns:
        Shape (P, D); rows of NaN for images without data.

    Raises:
        ValueError: Not a cube, no conversion of units is known, or there is no such season.
        LookupError: A band is missing.
    """
    if not 0 <= season < cube.sizes["season"]:
        raise ValueError(
            f"season must lie between 0 and {cube.sizes['season'] - 1}, got {season}; "
            "a cube needs a season to be evaluated"
        )
    cube = cube.isel(season=slice(season, season + 1))

    def features() -> NDArray[np.float32]:
        found = embed(
            encoder, cube, spec, batch_size=batch_size, device=device, precision=precision, progress=progress
        )
        return found["embedding"].values[:, 0]

    if cache is None:
        return features()
    # "auto" is another precision on another device, and both may share a folder.
    dtype = choose_precision(precision, choose_device(device))
    return kept(cache, features_key(encoder, cube, spec, dtype), features)


def features_key(encoder: nn.Module, cube: xr.Dataset, spec: InputSpec, dtype: torch.dtype) -> list[str]:
    """What features depend on: any weight, pixel or setting."""
    return [module_hash(encoder), cube_hash(cube), json.dumps(spec.to_dict(), sort_keys=True), str(dtype)]
