"""Embeddings of a large cube, part by part on disk, so that a killed process goes on where it stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import xarray as xr
from torch import nn
from tqdm.auto import tqdm

from seco_lab.alone import alone_in
from seco_lab.embeddings.encode import Embedder, description, embedding_dataset, image_blocks
from seco_lab.embeddings.identity import cube_hash
from seco_lab.embeddings.prepare import Preparation
from seco_lab.embeddings.table import write_parts
from seco_lab.input_spec import InputSpec
from seco_lab.whole import whole_file


def embed_to(
    encoder: nn.Module,
    cube: xr.Dataset,
    spec: InputSpec,
    path: str | Path,
    *,
    batch_size: int = 256,
    device: str | torch.device = "auto",
    head: nn.Module | None = None,
    precision: str = "float32",
    part_patches: int = 2048,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Embed a cube of any size into a GeoParquet table, resumable.

    Parts are kept in ``<path>.parts`` until the table is whole; called again with the same encoder, contract
    and cube, only the missing parts are computed. Memory holds one part.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        cube: In memory or lazy.
        spec: The encoder's input contract.
        path: Target, a Parquet file.
        batch_size: Images in one forward pass.
        device: "auto", "cpu", "cuda" or "mps".
        head: Applied to the representation.
        precision: "float32", "bf16" or "auto".
        part_patches: Patches in one part.
        overwrite: Whether an old table, or parts of another encoder or cube, may be replaced.
        progress: Whether to show a bar.

    Returns:
        The path of the table.

    Raises:
        FileExistsError: A table, or parts, of another encoder, contract or cube lie there, or another process
            makes that table.
        ValueError: Not a cube, an empty one, or no conversion of units is known.
        LookupError: A band is missing.
    """
    path, preparation = Path(path), Preparation.of(cube, spec)
    if not cube.sizes["patch"]:
        raise ValueError("the cube has no patches, so there is nothing to embed")
    if part_patches < 1:
        raise ValueError(f"wanted part_patches of 1 or more, got {part_patches}")
    attrs = description(encoder, cube, spec, head, precision)
    # Not all pixels of a large cube are read twice only to tell it apart from another.
    attrs["cube_hash"] = cube_hash(cube, pixels=False)
    if not overwrite and _is_finished(path, attrs):
        return path
    parts = path.with_name(f"{path.name}.parts")
    parts.mkdir(parents=True, exist_ok=True)
    with alone_in(parts):
        _claim(parts, {**attrs, "part_patches": part_patches}, overwrite)
        embedder = Embedder(
            encoder, preparation, batch_size=batch_size, device=device, head=head, precision=precision
        )
        _compute_parts(embedder, cube, preparation, parts, part_patches, batch_size, progress)
        write_parts(_read_parts(parts, cube, part_patches), path, attrs, overwrite=overwrite)
        shutil.rmtree(parts)
    return path


def _is_finished(path: Path, attrs: dict[str, str]) -> bool:
    """Whether the table is there already.

    Raises:
        FileExistsError: Another table is there.
    """
    if not path.exists():
        return False
    try:
        found = json.loads((pq.read_schema(path).metadata or {}).get(b"seco_lab", b"{}")).get("attrs", {})
    except (OSError, pa.ArrowInvalid):
        found = {}
    if "encoder_hash" not in found:
        raise FileExistsError(f"{path} is there and is no table of embeddings; name another file")
    _refuse_other(path, found, attrs)
    return True


def _claim(parts: Path, wanted: dict[str, Any], overwrite: bool) -> None:
    """Make sure that the parts in a folder belong to the same work, or there are none."""
    note = parts / "made_from.json"
    if note.exists():
        try:
            _refuse_other(parts, json.loads(note.read_text()), wanted)
        except FileExistsError:
            if not overwrite:
                raise
            note.unlink()
    if note.exists():
        return
    # Parts without a note are what is left of a removal that was killed: nobody knows whose they are.
    for left in parts.iterdir():
        left.unlink()
    with whole_file(note) as partial:
        partial.write_text(json.dumps(wanted))


# What a table was made from, as it is told where two of them differ.
_FIXED = {
    "encoder_hash": "another encoder",
    "head_hash": "another head",
    "input_spec": "another input contract",
    "precision": "another precision",
    "cube_hash": "another cube",
    "part_patches": "parts of another size",
}


def _refuse_other(place: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    differ = [words for key, words in _FIXED.items() if key in wanted and found.get(key) != wanted[key]]
    if differ:
        raise FileExistsError(
            f"{place} holds embeddings of {' and '.join(differ)}; name another file, or delete that one"
        )


def _starts(cube: xr.Dataset, part_patches: int) -> range:
    return range(0, cube.sizes["patch"], part_patches)


def _part_file(parts: Path, start: int) -> Path:
    return parts / f"{start:010d}.npy"


def _compute_parts(
    embedder: Embedder,
    cube: xr.Dataset,
    preparation: Preparation,
    parts: Path,
    part_patches: int,
    batch_size: int,
    progress: bool,
) -> None:
    seasons = cube.sizes["season"]
    with tqdm(total=cube.sizes["patch"] * seasons, unit="image", disable=not progress) as bar:
        for start in _starts(cube, part_patches):
            stop, file = min(start + part_patches, cube.sizes["patch"]), _part_file(parts, start)
            if not file.exists():
                blocks = image_blocks(cube, preparation.positions, batch_size, start=start, stop=stop)
                vectors = np.concatenate(list(embedder(blocks)))
                with whole_file(file) as partial:
                    np.save(partial, vectors.reshape(stop - start, seasons, -1))
            bar.update((stop - start) * seasons)


def _read_parts(parts: Path, cube: xr.Dataset, part_patches: int) -> Iterator[xr.Dataset]:
    described = cube.drop_vars([name for name in cube.data_vars])
    for start in _starts(cube, part_patches):
        vectors = np.load(_part_file(parts, start))
        yield embedding_dataset(vectors, described.isel(patch=slice(start, start + len(vectors))), {})
