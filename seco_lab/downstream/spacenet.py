"""SpaceNet: which pixels are buildings (Van Etten et al. 2018, arXiv:1807.01232)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr
from torch import nn

from seco_lab.downstream.result import Result
from seco_lab.downstream.segmentation import SegmentationProtocol, evaluate_segmentation
from seco_lab.input_spec import InputSpec
from seco_lab.sources.scenes import Scenes
from seco_lab.sources.spacenet import find_spacenet


def load_spacenet(
    root: str | Path, *, variant: str = "rgb", bands: str | Sequence[str] = "all", limit: int | None = None
) -> Scenes:
    """Chips of SpaceNet with masks of their buildings; pixels and footprints are read when needed.

    Args:
        root: Folder of one or more areas, as they were downloaded.
        variant: "rgb", "8band" or "pan": which folder of images is read.
        bands: Names of the bands wanted; all of the files if left out.
        limit: Only so many chips.

    Returns:
        By name: cubes with reflectance (1, 1, C, H, W) uint8 or uint16 and mask (1, H, W): 0 background,
        1 building. ``notes`` tells what was left out.

    Raises:
        FileNotFoundError: No folder.
        LookupError: No chip, an unknown variant or a band that the files lack.
    """
    return find_spacenet(root, variant=variant, bands=bands, limit=limit)


def evaluate_spacenet(
    encoder: nn.Module,
    spec: InputSpec,
    scenes: Mapping[str, xr.Dataset],
    test: Mapping[str, xr.Dataset] | None = None,
    protocol: SegmentationProtocol | None = None,
    *,
    name: str = "encoder",
    baselines: bool = True,
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> Result:
    """Mean IoU on SpaceNet; as ``evaluate_segmentation``."""
    return evaluate_segmentation(
        encoder, spec, scenes, test, protocol, task="spacenet", name=name, baselines=baselines, seed=seed,
        device=device, progress=progress,
    )  # fmt: skip
