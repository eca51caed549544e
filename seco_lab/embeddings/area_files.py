"""Embeddings of an area on disk: one cloud-optimised GeoTIFF, a band for each number of a vector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seco_lab.cube import Grid, grid_of
from seco_lab.embeddings.area import EMBEDDED_DIMS
from seco_lab.store.cog import lazy_raster, write_cog

_TAG = "SECO_LAB"
# A tile holds all bands, and a program that shows three of them unpacks all.
_BLOCK_PX = 128


def save_area_embeddings(
    embeddings: xr.Dataset, path: str | Path, *, half: bool = False, overwrite: bool = False
) -> Path:
    """Write the embeddings of one season as a cloud-optimised GeoTIFF, NaN for no data.

    Args:
        embeddings: As ``embed_area`` returns, of one season; a lazy one is computed block by block.
        path: Target, ending in .tif.
        half: Keep 16 bits of each number: half the size, three significant digits.
        overwrite: Whether an old file may be replaced.

    Raises:
        ValueError: Not embeddings of an area, several seasons, or another ending.
        FileExistsError: The file is there and ``overwrite`` is not set.
        OSError: The disk is full; nothing is left behind.
    """
    check_area_embeddings(embeddings)
    if embeddings.sizes["season"] != 1:
        raise ValueError(
            f"a GeoTIFF holds one season, got {embeddings.sizes['season']}; choose one with isel(season=[0])"
        )
    vectors = embeddings["embedding"].data[0]
    time = [str(value) for value in embeddings["time"].values] if "time" in embeddings.coords else []
    about = {"attrs": embeddings.attrs, "time": time, "format_version": 1}
    return write_cog(
        path, vectors, grid_of(embeddings), names=[f"dim {i}" for i in range(len(vectors))], nodata=np.nan,
        half=half, block_px=_BLOCK_PX, tags={_TAG: json.dumps(about, default=str)}, overwrite=overwrite,
    )  # fmt: skip


def check_area_embeddings(embeddings: xr.Dataset) -> None:
    """Refuse what is not a Dataset of embeddings of an area.

    Raises:
        ValueError: Names the dimensions that were wanted and that came.
    """
    wanted = (
        f"wanted embeddings of an area, a Dataset with 'embedding' {EMBEDDED_DIMS} as embed_area makes it"
    )
    if not isinstance(embeddings, xr.Dataset) or "embedding" not in embeddings.data_vars:
        names = list(embeddings.data_vars) if isinstance(embeddings, xr.Dataset) else []
        raise ValueError(f"{wanted}, got {type(embeddings).__name__} {names}")
    if embeddings["embedding"].dims != EMBEDDED_DIMS:
        raise ValueError(f"{wanted}, got the dimensions {embeddings['embedding'].dims}")
    grid_of(embeddings)


def open_area_embeddings(path: str | Path) -> xr.Dataset:
    """Embeddings that ``save_area_embeddings`` wrote, lazily.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Not a GeoTIFF of embeddings.
    """
    import rasterio
    from rasterio.errors import RasterioError

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no embeddings at {path}")
    try:
        with rasterio.open(path) as source:
            grid, tags = Grid.of(source.crs, source.transform), source.tags()
            shape, count = source.shape, source.count
    except RasterioError as error:
        raise ValueError(f"{path} cannot be read as a GeoTIFF, it may be truncated ({error})") from error
    if _TAG not in tags:
        raise ValueError(f"wanted embeddings of an area, got a GeoTIFF without their description: {path}")
    about: dict[str, Any] = json.loads(tags[_TAG])
    coords = grid.coords(*shape)
    if about["time"]:
        coords["time"] = ("season", np.array(about["time"], "datetime64[ns]"))
    vectors = lazy_raster(path, range(count), "float32", chunk_px=4 * _BLOCK_PX)[None]
    return xr.Dataset({"embedding": (EMBEDDED_DIMS, vectors)}, coords, about["attrs"])
