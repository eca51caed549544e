"""Places that were read, as a cube."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.cube import make_cube
from seco_lab.cube.grid import centres_of
from seco_lab.fetch.grid import PIXEL_M
from seco_lab.fetch.jobs import Wanted
from seco_lab.fetch.outcome import Provenance
from seco_lab.sensors import SENTINEL2_L2A


def cube_of(
    pixels: NDArray[np.uint16],
    rows: Sequence[Sequence[Provenance]],
    wanted: Wanted,
    *,
    source: str,
) -> xr.Dataset:
    """A cube of places.

    Args:
        pixels: Shape (P, T, C, H, W), of P places.
        rows: Where the T images of each place come from.
        wanted: What was wanted of all of them.
        source: Name of the catalogue.

    Returns:
        ``cloud_cover`` is the percentage of each patch under cloud or its shadow.
    """
    first = [images[0] for images in rows]
    grid = {name: [getattr(image, name) for image in first] for name in ("epsg", "x0", "y0")}
    lon, lat = centres_of(**grid, side_m=wanted.size_px * PIXEL_M)
    covered = [[100 * np.nansum([row.cloud_share, row.shadow_share]) for row in images] for images in rows]
    return make_cube(
        pixels,
        patch=[image.patch for image in first],
        time=np.array([[row.time for row in images] for images in rows], "datetime64[ns]"),
        lon=lon,
        lat=lat,
        **grid,
        sensor=SENTINEL2_L2A,
        bands=wanted.bands,
        cloud_cover=np.array(covered, np.float32),
        nodata_share=np.array([[row.nodata_share for row in images] for images in rows], np.float32),
        item_id=[[row.item_id for row in images] for images in rows],
        attrs={
            "source": source,
            "licence": "Copernicus Sentinel data: free, full and open",
            "attribution": "contains modified Copernicus Sentinel data",
        },
    )
