"""What a store is made of: shards of raw pixels, small arrays, and the metadata that rules them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore, MemoryStore, StorePath

from seco_lab.cube import CUBE_DIMS
from seco_lab.store.shards import (
    PIXELS,
    ShardLayout,
    array_metadata,
    root_metadata,
    shard_path,
    slots_per_shard,
)
from seco_lab.whole import whole_file

_BLOCK_BYTES = 64 * 2**20  # pixels that are in memory at once while a lazy cube is written
_NO_TIME = np.iinfo(np.int64).min


def write_frame(cube: xr.Dataset, folder: Path) -> ShardLayout:
    """Everything but pixels: metadata of all arrays, and the values of the small ones."""
    pixels = cube[PIXELS]
    layout = _new_layout(pixels)
    frame = _without_pixels(cube)
    # Zeros are written too, as an append writes them: the bytes tell nothing of how a cube came about.
    how = {"consolidated": False, "write_empty_chunks": True}
    frame.to_zarr(folder, mode="w", zarr_format=3, encoding=_encodings(frame), **how)
    zarr.open_group(folder, mode="r+").create_array(
        PIXELS,
        shape=pixels.shape,
        dtype=pixels.dtype,
        chunks=(1, *layout.patch_shape),
        shards={"shape": (layout.slots, *layout.patch_shape), "index_location": "start"},
        compressors=None,
        filters=None,
        fill_value=0,
        dimension_names=CUBE_DIMS,
        attributes=dict(pixels.attrs),
    )
    return layout


def _without_pixels(cube: xr.Dataset) -> xr.Dataset:
    """The small variables, in memory, without encodings that another file gave them; times to the second.

    Fractions would make xarray take another unit than that of the rows before or behind.
    """
    frame = cube.drop_vars(PIXELS).load().drop_encoding()
    for name, variable in frame.variables.items():
        # Of an empty object array nobody could tell that it holds text; of numpy's texts all have one length.
        if variable.dtype.kind in "OU":
            frame[name] = (variable.dims, variable.values.astype(np.dtypes.StringDType()), variable.attrs)
        if variable.dtype.kind == "M":
            seconds = variable.values.astype("datetime64[s]").astype(variable.dtype)
            frame[name] = (variable.dims, seconds, variable.attrs)
    return frame


def _new_layout(pixels: xr.DataArray) -> ShardLayout:
    patch_bytes = int(np.prod(pixels.shape[1:])) * pixels.dtype.itemsize
    return ShardLayout(pixels.shape[1:], pixels.dtype.newbyteorder("<"), slots_per_shard(patch_bytes))


def _encodings(frame: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Chunks of a bounded size along patches, so that appending rewrites one small chunk per variable."""
    encodings: dict[str, dict[str, Any]] = {}
    for name, variable in frame.variables.items():
        encoding: dict[str, Any] = {}
        if variable.dims[:1] == ("patch",):
            row_bytes = max(int(np.prod(variable.shape[1:])) * 8, 1)
            rows = int(np.clip(4 * 2**20 // row_bytes, 1, 1024))
            encoding["chunks"] = (rows, *(max(size, 1) for size in variable.shape[1:]))
        if variable.dtype.kind == "M":
            encoding |= {"units": "seconds since 1970-01-01", "dtype": "int64", "_FillValue": _NO_TIME}
        encodings[str(name)] = encoding
    return encodings


def write_pixels(folder: Path, layout: ShardLayout, pixels: xr.DataArray, first: int) -> None:
    """Pixels of a cube into the slots from ``first`` on, shard by shard."""
    done, step = 0, max(_BLOCK_BYTES // layout.patch_bytes, 1)
    while done < pixels.shape[0]:
        shard, slot = divmod(first + done, layout.slots)
        count = min(step, layout.slots - slot, pixels.shape[0] - done)
        block = pixels[done : done + count].values.astype(layout.dtype, copy=False)
        _write_slots(shard_path(folder, shard), layout, slot, np.ascontiguousarray(block))
        done += count


def _write_slots(file: Path, layout: ShardLayout, slot: int, block: NDArray) -> None:
    """One run of patches into a shard file; the file is made with its index where slot 0 is among them."""
    if slot == 0:
        file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb" if slot == 0 else "r+b") as stream:
        if slot == 0:
            stream.write(layout.header())
        stream.seek(layout.file_bytes(slot))
        stream.write(memoryview(block).cast("B"))
        stream.flush()
        os.fsync(stream.fileno())


def encoded_rows(cube: xr.Dataset) -> dict[str, NDArray]:
    """Values of all small variables along patches, encoded as on disk."""
    frame, memory = _without_pixels(cube), MemoryStore()
    frame.to_zarr(memory, mode="w", zarr_format=3, consolidated=False, encoding=_encodings(frame))
    group = zarr.open_group(memory, mode="r")
    names = [str(name) for name, v in frame.variables.items() if v.dims[:1] == ("patch",)]
    return {name: np.asarray(group[name][...]) for name in names}


def small_array(path: Path, root: dict[str, Any], name: str) -> zarr.Array:
    """A small variable of a store, as long as the root metadata says."""
    return zarr.Array.from_dict(StorePath(LocalStore(path), name), array_metadata(path, root, name))


def write_rows(path: Path, root: dict[str, Any], rows: dict[str, NDArray], old: int) -> None:
    """Rewrite the last chunk of each small variable and add the chunks behind it.

    Rows behind the committed length do no harm: readers of the old length never look at them.
    """
    for name, values in rows.items():
        meta = array_metadata(path, root, name)
        step = meta["chunk_grid"]["configuration"]["chunk_shape"][0]
        begin = old // step * step
        before = np.asarray(small_array(path, root, name)[begin:old])
        tail = np.concatenate([before, values.astype(before.dtype)])
        for key, content in _encode_chunks(meta, tail).items():
            number, *rest = key.split("/")
            target = path / name / "c" / "/".join([str(int(number) + begin // step), *rest])
            _write(target, content)


def _write(file: Path, content: bytes) -> None:
    with whole_file(file) as partial:
        partial.write_bytes(content)


def _encode_chunks(meta: dict[str, Any], values: NDArray) -> dict[str, bytes]:
    """Chunk files of ``values``, key (without the leading "c/") to bytes, encoded as ``meta`` says."""
    files: dict[str, Any] = {}
    whole = meta | {"shape": list(values.shape)}
    array = zarr.Array.from_dict(StorePath(MemoryStore(files), "a"), whole).with_config(
        {"write_empty_chunks": True}
    )
    array[...] = values
    return {key.removeprefix("a/c/"): buffer.to_bytes() for key, buffer in files.items()}


def consolidated(folder: Path) -> dict[str, Any]:
    """Root metadata that states every array, so that one file says how long the cube is."""
    root = json.loads((folder / "zarr.json").read_text())
    arrays = {f.parent.name: json.loads(f.read_text()) for f in sorted(folder.glob("*/zarr.json"))}
    root["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": arrays}
    return root


def commit(path: Path, root: dict[str, Any]) -> None:
    """Make a state of the store the one that readers see."""
    _write(path / "zarr.json", json.dumps(root, indent=1).encode())


def update_arrays(path: Path) -> None:
    """Bring each array's own metadata in line with the root, for readers that ignore the root's copy."""
    for name, meta in root_metadata(path)["consolidated_metadata"]["metadata"].items():
        content = json.dumps(meta, indent=2).encode()
        if (path / name / "zarr.json").read_bytes() != content:
            _write(path / name / "zarr.json", content)


def lengthened(root: dict[str, Any], patches: int) -> dict[str, Any]:
    """Root metadata for a cube of ``patches`` patches."""
    root = json.loads(json.dumps(root))
    for meta in root["consolidated_metadata"]["metadata"].values():
        if meta.get("dimension_names") and meta["dimension_names"][0] == "patch":
            meta["shape"][0] = patches
    return root


def cut_back(path: Path, layout: ShardLayout, root: dict[str, Any]) -> None:
    """Give back the space of patches that were written but not committed."""
    shard, used = divmod(array_metadata(path, root)["shape"][0], layout.slots)
    if used:
        os.truncate(shard_path(path, shard), layout.file_bytes(used))
        shard += 1
    while shard_path(path, shard).exists():
        shutil.rmtree(path / PIXELS / "c" / str(shard), ignore_errors=True)
        shard += 1
