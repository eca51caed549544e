"""BigEarthNet: several kinds of land cover a patch (Sumbul et al. 2019, arXiv:1902.06148)."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from torch import nn

from seco_lab.downstream.classification import ProbeSettings
from seco_lab.downstream.multilabel import multilabels_of
from seco_lab.downstream.multilabel_task import MultilabelTask, evaluate_multilabels
from seco_lab.downstream.reading import read_labelled
from seco_lab.downstream.result import Result
from seco_lab.input_spec import InputSpec


def load_bigearthnet(
    root: str | Path,
    *,
    bands: str | None = None,
    classes: int | None = None,
    cloudy: bool = False,
    split: str | None = None,
    limit: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """BigEarthNet as a cube of one season with ``labels(patch, class)``.

    Args:
        root: Folder of v1 or v2, or a Zarr cube with labels (for more patches than fit into memory:
            ``seco_lab.sources.import_cube``).
        bands: "rgb", "all" or names; all if left out.
        classes: How many classes are told apart: 19 if left out, or the 43 of v1.
        cloudy: Keep patches that the lists of snow and cloud name.
        split: Only that split: "train", "val" or "test".
        limit: Only so many patches, spread over the list.
        progress: Show a bar where reading takes long.

    Raises:
        FileNotFoundError: Nothing is there.
        LookupError: Another layout, or no such band.
        ValueError: No readable patch, 43 classes of v2, or a cube without labels.
    """
    asked = {"bands": bands, "classes": classes, "cloudy": cloudy or None, "split": split, "limit": limit}
    cube = read_labelled(root, ("bigearthnet",), label="labels", **asked, progress=progress)
    multilabels_of(cube)
    return cube


def bigearthnet_task(
    train_cube: xr.Dataset, test_cube: xr.Dataset | None = None, *, share: float = 1.0, seed: int = 0
) -> MultilabelTask:
    """BigEarthNet for ``evaluate_multilabels``; see ``MultilabelTask.of``."""
    return MultilabelTask.of("bigearthnet", train_cube, test_cube, share=share, seed=seed)


def evaluate_bigearthnet(
    encoder: nn.Module,
    spec: InputSpec,
    train_cube: xr.Dataset,
    test_cube: xr.Dataset | None = None,
    settings: ProbeSettings | None = None,
    *,
    share: float = 1.0,
    mlp_epochs: int = 0,
    name: str = "encoder",
) -> Result:
    """Average precision over the kinds of land cover; any cube with ``labels`` will do.

    See ``MultilabelTask.of`` for the lists, ``evaluate_multilabels`` for scores and errors;
    ``bigearthnet_input.official_spec()`` is SeCo's own input contract.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        spec: Its input contract.
        train_cube: Cube with labels; its first season is used.
        test_cube: Test patches; without them the split of ``train_cube`` or a held-out fifth.
        settings: How the encoder is asked.
        share: Part of the training patches whose labels are used: 0.01, 0.1 and 1 in the papers.
        mlp_epochs: Train a layer of 1024 hidden units on the features as well, for at most so many epochs.
        name: Whose result it is.
    """
    settings = settings or ProbeSettings()
    task = bigearthnet_task(train_cube, test_cube, share=share, seed=settings.seed)
    return evaluate_multilabels(task, encoder, spec, settings, mlp_epochs=mlp_epochs, name=name)
