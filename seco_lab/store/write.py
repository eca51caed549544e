"""Write cubes: whole ones under another name first, further patches behind the end, one rename to commit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.cube import check_cube
from seco_lab.store.files import locked, put_in_place, space_in_words
from seco_lab.store.frame import (
    commit,
    consolidated,
    cut_back,
    encoded_rows,
    lengthened,
    small_array,
    update_arrays,
    write_frame,
    write_pixels,
    write_rows,
)
from seco_lab.store.read import open_cube
from seco_lab.store.shards import (
    PIXELS,
    ShardLayout,
    array_metadata,
    index_location,
    mapped_layout,
    root_metadata,
    shard_path,
)
from seco_lab.whole import hidden, remove_leftovers


def save_cube(cube: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a cube as one Zarr v3 store, whole or not at all.

    The store is written beside its place under a hidden name and then renamed. A lazy cube is streamed.

    Args:
        cube: Passes ``check_cube``; may be the one that lies at ``path``.
        path: Folder to make; by custom its name ends in ``.zarr``.
        overwrite: Replace what is there.

    Returns:
        The folder.

    Raises:
        FileExistsError: Something is there and ``overwrite`` is not set.
        ValueError: Not a cube.
        OSError: No space left, or the place cannot be written to; nothing is left behind.
    """
    path = Path(path)
    check_cube(cube)
    remove_leftovers(path)
    if os.path.lexists(path) and not overwrite:  # a link to nothing is there, too
        raise FileExistsError(f"{path} exists; choose another name, or pass overwrite=True to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = hidden(path, "partial")
    try:
        with space_in_words(path, cube[PIXELS].nbytes):
            layout = write_frame(cube, partial)
            write_pixels(partial, layout, cube[PIXELS], 0)
            commit(partial, consolidated(partial))
        put_in_place(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return path


def append(path: str | Path, cube: xr.Dataset) -> int:
    """Add the patches of ``cube`` to the end of a cube on disk.

    Pixels go behind the end of the shards, then one rename of the root metadata makes them exist. Killed at
    any moment, the store has its old or its new length.

    Returns:
        The new number of patches.

    Raises:
        FileNotFoundError: No such cube.
        ValueError: The two differ in bands, sizes, unit or variables, or share a patch id.
        OSError: No space left; the store keeps its old length.
    """
    path = Path(path)
    check_cube(cube)
    with locked(path):
        root, rows = root_metadata(path), encoded_rows(cube)
        layout = _own_layout(path, root)
        _check_fits(path, root, cube)
        _check_rows(path, root, rows)
        old = array_metadata(path, root)["shape"][0]
        new = old + cube.sizes["patch"]
        try:
            with space_in_words(path, cube[PIXELS].nbytes):
                write_pixels(path, layout, cube[PIXELS], old)
                write_rows(path, root, rows, old)
                commit(path, lengthened(root, new))
        except BaseException:
            cut_back(path, layout, root_metadata(path))
            raise
        update_arrays(path)
    return new


def set_attributes(path: str | Path, attrs: Mapping[str, Any]) -> None:
    """State attributes of a cube on disk anew; killed at any moment, it has the old ones or the new ones.

    Args:
        path: The cube.
        attrs: Values that JSON knows; attributes that are not named stay as they are.

    Raises:
        FileNotFoundError: No such cube.
    """
    path = Path(path)
    with locked(path):
        root = root_metadata(path)
        commit(path, root | {"attributes": root["attributes"] | dict(attrs)})


def repack(path: str | Path, new_path: str | Path, *, overwrite: bool = False) -> Path:
    """Write any cube that opens, such as a compressed one, in the layout that can be mapped into memory.

    Raises:
        FileExistsError: Something is at ``new_path`` and ``overwrite`` is not set.
        OSError: No space left.
    """
    return save_cube(open_cube(path), new_path, overwrite=overwrite)


def _own_layout(path: Path, root: dict[str, Any]) -> ShardLayout:
    """Layout of a store that ``save_cube`` wrote.

    Raises:
        ValueError: Another tool wrote it, or rewrote its last shard.
    """
    meta = array_metadata(path, root)
    layout = mapped_layout(meta)
    if layout is not None and index_location(meta) == "start" and root.get("consolidated_metadata"):
        shard, used = divmod(meta["shape"][0], layout.slots)
        if used == 0:
            return layout
        with shard_path(path, shard).open("rb") as stream:
            if stream.read(layout.start) == layout.header():
                return layout
    raise ValueError(
        f"{path} was written by another tool and cannot grow; write it anew with "
        "seco_lab.store.repack(path, new_path) and append to that"
    )


def _check_fits(path: Path, root: dict[str, Any], cube: xr.Dataset) -> None:
    """Refuse to mix cubes that mean different things."""
    for name in ("sensor", "unit", "pixel_size_m"):
        stored = root["attributes"][name]
        if stored != cube.attrs[name]:
            raise ValueError(f"{path} has {name} {stored!r}, the new patches {cube.attrs[name]!r}")
    arrays = root["consolidated_metadata"]["metadata"]
    if arrays.keys() != set(map(str, cube.variables)):
        odd = sorted(arrays.keys() ^ set(map(str, cube.variables)))
        raise ValueError(
            f"{path} and the new patches differ in what they hold: only one has {', '.join(odd)}"
        )
    ours, theirs = small_array(path, root, "band")[...].tolist(), cube["band"].values.tolist()
    if ours != theirs:
        raise ValueError(f"{path} has the bands {', '.join(ours)}, the new patches {', '.join(theirs)}")
    for name, variable in cube.variables.items():
        shape = tuple(arrays[name]["shape"][1:])
        if shape != variable.shape[1:]:
            raise ValueError(
                f"{path} has {name} of shape {shape} per patch, the new patches {variable.shape[1:]}"
            )
    dtype = arrays[PIXELS]["data_type"]
    if dtype != cube[PIXELS].dtype.name:
        raise ValueError(f"{path} stores {dtype}, the new patches are {cube[PIXELS].dtype}")


def _check_rows(path: Path, root: dict[str, Any], rows: dict[str, NDArray]) -> None:
    """Refuse values that would be cut, and patches that are there; of what is there only names are read."""
    for name, values in rows.items():
        dtype = small_array(path, root, name).dtype
        if values.dtype.kind == dtype.kind == "f":
            continue
        with np.errstate(invalid="ignore"):
            cut = values.astype(dtype).astype(values.dtype) != values
        if cut.any():
            raise ValueError(f"{path} keeps {name} as {dtype}, which cannot hold {values[cut][0]}")
    twice = set(small_array(path, root, "patch")[...].tolist()) & set(rows["patch"].tolist())
    if twice:
        raise ValueError(f"{path} already has patch {sorted(twice)[0]!r} ({len(twice)} shared in all)")
