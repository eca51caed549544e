"""Map grids: where the pixels of a picture lie, as GDAL and rioxarray write it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

_DEGREE_M = 111_195.0


@dataclass(frozen=True)
class Grid:
    """A north-up map grid.

    Attributes:
        crs: Coordinate system as WKT.
        x0: Left edge of the first column, in units of the CRS.
        y0: Upper edge of the first row.
        dx: Width of a pixel, positive.
        dy: Height of a pixel, positive; y falls from row to row.
    """

    crs: str
    x0: float
    y0: float
    dx: float
    dy: float

    @classmethod
    def of(cls, crs: Any, transform: Sequence[float]) -> Grid:
        """The grid of a CRS and a transform (a, b, c, d, e, f).

        Raises:
            ValueError: No CRS, one that is not known, or a grid that is rotated or not north-up.
        """
        a, b, c, d, e, f = (float(number) for number in tuple(transform)[:6])
        if b or d or a <= 0 or e >= 0:
            raise ValueError(
                f"wanted a north-up grid, got the transform {(a, b, c, d, e, f)}; warp the picture first, "
                "for example with gdalwarp"
            )
        return cls(_wkt(crs), c, f, a, -e)

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """(a, b, c, d, e, f): x = a column + b row + c, y = d column + e row + f."""
        return (self.dx, 0.0, self.x0, 0.0, -self.dy, self.y0)

    def coarser(self, factor: int) -> Grid:
        """The grid of pixels ``factor`` times as wide and high, with the same corner."""
        return Grid(self.crs, self.x0, self.y0, self.dx * factor, self.dy * factor)

    def coords(self, height: int, width: int) -> dict[str, Any]:
        """Coordinates of a picture: ``x`` and ``y`` of the pixel centres, and ``spatial_ref``."""
        a, b, c, d, e, f = self.transform
        about = {"crs_wkt": self.crs, "spatial_ref": self.crs, "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}
        return {
            "y": ("y", self.y0 - (np.arange(height) + 0.5) * self.dy),
            "x": ("x", self.x0 + (np.arange(width) + 0.5) * self.dx),
            "spatial_ref": ((), 0, about),
        }

    def pixel_size_m(self, height: int) -> float:
        """Ground size of a pixel in metres, the mean of both axes; degrees at the latitude of the middle."""
        from pyproj import CRS

        if not CRS.from_wkt(self.crs).is_geographic:
            return (self.dx + self.dy) / 2
        lat = self.y0 - height / 2 * self.dy
        return float(_DEGREE_M * (self.dx * np.cos(np.radians(lat)) + self.dy) / 2)


def _wkt(crs: Any) -> str:
    """Any way to write a coordinate system as WKT."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if crs is None or crs == "" or (not isinstance(crs, str | int) and not crs):
        raise ValueError(
            "wanted a scene with a coordinate system, got one without; set it, for example with "
            "gdal_edit.py -a_srs EPSG:32631"
        )
    text = crs.to_wkt() if hasattr(crs, "to_wkt") else crs
    try:
        known = CRS.from_user_input(text)
    except CRSError as error:
        raise ValueError(f"wanted a known coordinate system, got {str(text)[:60]!r}") from error
    # Files write the same system in several ways: one that has a code is written as the code says.
    code = known.to_epsg(min_confidence=90)
    return CRS.from_epsg(code).to_wkt() if code else known.to_wkt()


def grid_of(data: xr.Dataset | xr.DataArray) -> Grid:
    """The grid of an area, of its embedding, or of what rioxarray opens.

    Raises:
        ValueError: No CRS, no coordinates, or uneven ones.
    """
    reference = data.coords["spatial_ref"].attrs if "spatial_ref" in data.coords else {}
    wkt = reference.get("crs_wkt") or reference.get("spatial_ref")
    missing = [name for name in ("x", "y") if name not in data.coords]
    if missing:
        raise ValueError(f"wanted coordinates x and y of the pixel centres, got none for {missing[0]}")
    numbers = str(reference.get("GeoTransform", "")).split()
    stored = (float(numbers[1]), float(numbers[5])) if len(numbers) == 6 else (np.nan, np.nan)
    x, dx = _first_and_step(data["x"].values, stored[0], "x")
    y, dy = _first_and_step(data["y"].values, stored[1], "y")
    return Grid.of(wkt, (dx, 0, x - dx / 2, 0, dy, y - dy / 2))


def _first_and_step(values: NDArray, stored: float, name: str) -> tuple[float, float]:
    """The first centre along an axis and the even step between centres."""
    if len(values) == 1:
        if not np.isfinite(stored):
            raise ValueError(f"wanted a pixel size, got one value along {name} and no GeoTransform")
        return float(values[0]), stored
    step = (float(values[-1]) - float(values[0])) / (len(values) - 1)
    if not np.allclose(np.diff(values), step, rtol=1e-3):
        raise ValueError(f"wanted evenly spaced {name}, got steps from {np.diff(values).min():g} to "
                         f"{np.diff(values).max():g}; resample the picture first")  # fmt: skip
    return float(values[0]), step
