"""Open a cube: coordinates at once, pixels when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from seco_lab.cube import CUBE_DIMS, check_cube
from seco_lab.store.mapped import MappedCube
from seco_lab.store.shards import PIXELS, array_metadata, mapped_layout, root_metadata


def open_cube(path: str | Path) -> xr.Dataset:
    """A cube on disk, lazily: pixels are read when they are computed with.

    Raw shards, as ``save_cube`` writes them, are read through a memory map; any other Zarr store that holds a
    cube, such as a compressed one, is read by Zarr.

    Raises:
        FileNotFoundError: No such folder.
        ValueError: Not a Zarr store, or what it holds is not a cube.
    """
    # Pixels are read later, wherever the working folder is by then.
    path = Path(path).absolute()
    if not path.exists():
        raise FileNotFoundError(f"no cube at {path}")
    if not any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata")):
        raise ValueError(f"{path} is not a Zarr store: it has no zarr.json")
    try:
        cube = xr.open_zarr(path, chunks=None, consolidated=_is_consolidated(path))
    except KeyError as error:
        raise ValueError(f"{path} is a Zarr store, but no cube: {error.args[0]}") from error
    except RuntimeError as error:  # names are read at once
        raise _damaged(path, "patch", error) from error
    if PIXELS in cube and _is_mapped(path):
        pixels = indexing.LazilyIndexedArray(_MappedPixels(path, cube.sizes["patch"]))
        cube[PIXELS] = xr.Variable(CUBE_DIMS, pixels, cube[PIXELS].attrs)
    cube = _described(cube, path)
    check_cube(cube)
    return cube


def _is_consolidated(path: Path) -> bool:
    """Whether one file states all metadata; asked first, as xarray warns where it looks in vain."""
    if not (path / "zarr.json").exists():
        return (path / ".zmetadata").exists()
    return bool(root_metadata(path).get("consolidated_metadata"))


def _is_mapped(path: Path) -> bool:
    """Whether the pixels are raw patches; Zarr v2 stores and compressed ones are not."""
    if not (path / "zarr.json").exists():
        return False
    return mapped_layout(array_metadata(path, root_metadata(path))) is not None


def _damaged(path: Path, name: str, error: object) -> ValueError:
    return ValueError(f"{path / name} is damaged ({error}); was the cube copied whole?")


def _described(cube: xr.Dataset, path: Path) -> xr.Dataset:
    """The cube with its coordinates in memory, text as Python strings.

    Zarr versions differ in which of numpy's three string types they give.
    """
    for name in cube.coords:
        try:
            variable = cube.variables[name].load()
        except RuntimeError as error:  # whatever decompresses
            raise _damaged(path, str(name), error) from error
        values = variable.values
        if values.dtype.kind in "UT":
            cube = cube.assign_coords({name: (variable.dims, values.astype(object), variable.attrs)})
    if "patch" in cube.coords and (cube["patch"].values == "").any():
        raise _damaged(path, "patch", "patches without a name")
    return cube


class _MappedPixels(BackendArray):
    """Lets xarray index a ``MappedCube`` lazily, one patch after the other."""

    def __init__(self, path: Path, patches: int) -> None:
        self._mapped = MappedCube(path)
        # The coordinates were read first; a writer may have appended patches since.
        self.shape = (patches, *self._mapped.shape[1:])
        self.dtype = self._mapped.dtype.newbyteorder("=")

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray:
        """Pixels of an outer index: each entry an integer, a slice or positions along its axis."""
        rows = np.arange(self.shape[0])[key[0]]
        if rows.ndim == 0:
            return _select(self._mapped.patch(int(rows)), key[1:])
        first = [_select(self._mapped.patch(int(row)), key[1:]) for row in rows[:1]]
        shape = first[0].shape if first else _select(np.empty(self.shape[1:], np.bool_), key[1:]).shape
        out = np.empty((len(rows), *shape), self.dtype)
        for place, row in enumerate(rows.tolist()):
            out[place] = _select(self._mapped.patch(row), key[1:])
        return out


def _select(patch: NDArray, keys: tuple[Any, ...]) -> NDArray:
    """Outer selection of one patch; slices are views, positions copy."""
    picked = patch[tuple(key if isinstance(key, slice) else slice(None) for key in keys)]
    for axis in reversed(range(len(keys))):  # from the last axis, as an integer removes its own
        if not isinstance(keys[axis], slice):
            picked = np.take(picked, keys[axis], axis=axis)
    return picked
