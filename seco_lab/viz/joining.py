"""What comes before a table of places: models of the same places put together, too many places thinned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

MOST_PLACES = 2_000_000  # 30 MB reach the browser; beyond, memory of the page ends before its patience


def thinned(
    embeddings: xr.Dataset | xr.DataArray, columns: Mapping[str, Sequence] | None, *, most: int = MOST_PLACES
) -> tuple[xr.Dataset | xr.DataArray, dict[str, Any], list[str]]:
    """Every n-th place where there are more than a browser can hold.

    Returns:
        Embeddings, columns, and a sentence that says so; no sentence where all are kept.
    """
    count = embeddings.sizes.get("patch", 0)
    kept = dict(columns or {})
    if count <= most:
        return embeddings, kept, []
    step = -(-count // most)
    kept = {name: np.asarray(values)[::step] for name, values in kept.items()}
    said = (
        f"{count:,} places are more than a browser can hold: one of every {step} is shown "
        f"({-(-count // step):,}); give a part, such as embeddings.isel(patch=...), to see all of it"
    )
    return embeddings.isel(patch=slice(None, None, step)), kept, [said]


def with_models(
    embeddings: xr.Dataset | xr.DataArray, models: Mapping[str, xr.Dataset]
) -> tuple[xr.Dataset | xr.DataArray, list[str]]:
    """Embeddings with those of other models as further spaces, matched by ``patch``.

    A model that misses places leaves NaN there; one of other places altogether is left out.

    Returns:
        The Dataset and a sentence for each model that does not know all places.

    Raises:
        ValueError: A model without ``embedding`` and ``patch``, or with another number of seasons.
    """
    if not models:
        return embeddings, []
    dataset = embeddings.to_dataset(name="embedding") if isinstance(embeddings, xr.DataArray) else embeddings
    said: list[str] = []
    for name, model in models.items():
        _check_model(name, model, dataset)
        rows = _rows_by_name(dataset["patch"].values, model["patch"].values)
        lost = int((rows < 0).sum())
        if lost:
            what = "none" if lost == len(rows) else f"{len(rows) - lost} of {len(rows)}"
            said.append(f"the model {name!r} knows {what} of these places by the name of their patch")
        if lost < len(rows):
            dataset = dataset.assign({name: _matched(model["embedding"], rows, name)})
    return dataset, said


def _check_model(name: str, model: xr.Dataset, dataset: xr.Dataset) -> None:
    if "embedding" not in model or "patch" not in model.coords or "patch" not in dataset.coords:
        raise ValueError(
            f"the model {name!r} needs a variable embedding, and both sides the coordinate patch"
        )
    seasons, wanted = model.sizes.get("season", 1), dataset.sizes.get("season", 1)
    if seasons != wanted:
        raise ValueError(f"the model {name!r} has {seasons} seasons, the first one {wanted}: choose the same")
    if name in dataset.variables:
        raise ValueError(f"the name {name!r} is taken in these embeddings: call the model otherwise")


def _rows_by_name(wanted: np.ndarray, have: np.ndarray) -> np.ndarray:
    """Row in ``have`` of each name wanted, -1 where it is missing."""
    row_of = {str(name): row for row, name in enumerate(have.tolist())}
    return np.array([row_of.get(str(name), -1) for name in wanted.tolist()])


def _matched(values: xr.DataArray, rows: np.ndarray, name: str) -> xr.DataArray:
    """Vectors in the order of the places, NaN where the model has none."""
    values = values if "season" in values.dims else values.expand_dims(season=1, axis=1)
    found = values.transpose("patch", "season", ...).to_numpy()[np.maximum(rows, 0)].astype(np.float32)
    found[rows < 0] = np.nan
    return xr.DataArray(found, dims=("patch", "season", f"dim_{name}"))
