"""xView: finding 60 kinds of objects in pictures of 0.3 m (Lam et al. 2018, arXiv:1802.07856)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import xarray as xr
from torch import nn

from seco_lab.downstream.detection import DetectionProtocol, evaluate_detection
from seco_lab.downstream.result import Result
from seco_lab.input_spec import InputSpec
from seco_lab.sources.scenes import Scenes
from seco_lab.sources.xview import find_xview

# 146 of 846 scenes are GASSL's test.
TEST_SHARE = 146 / 846


def load_xview(root: str | Path, *, labels: str | Path | None = None, limit: int | None = None) -> Scenes:
    """Scenes of xView; pixels are read tile by tile when they are needed.

    Args:
        root: Folder with ``train_images`` and ``xView_train.geojson``.
        labels: The GeoJSON, where it lies elsewhere.
        limit: Only so many scenes.

    Returns:
        By name: cubes with reflectance (1, 1, 3, H, W) uint8 and boxes (1, N, 5): class, left, top, right,
        bottom. ``notes`` tells what was left out.

    Raises:
        FileNotFoundError: No folder or no GeoJSON.
        LookupError: No picture of the list is there.
        ValueError: The GeoJSON cannot be read or lacks a field.
    """
    return find_xview(root, labels=labels, limit=limit)


def evaluate_xview(
    encoder: nn.Module,
    spec: InputSpec,
    scenes: Mapping[str, xr.Dataset],
    test: Mapping[str, xr.Dataset] | None = None,
    protocol: DetectionProtocol | None = None,
    *,
    name: str = "encoder",
    baselines: bool = True,
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> Result:
    """AP50 and AP on xView; as ``evaluate_detection``, with GASSL's share of test scenes."""
    return evaluate_detection(
        encoder, spec, scenes, test, protocol, task="xview", name=name, baselines=baselines,
        test_share=TEST_SHARE, seed=seed, device=device, progress=progress,
    )  # fmt: skip
