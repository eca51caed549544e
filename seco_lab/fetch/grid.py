"""From a file's own pixels to the 10 m grid of the cube (``docs/decisions/0020``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.remote import CorruptError, UnsupportedError
from seco_lab.remote.tiff import TiffHeader
from seco_lab.sources.rasters import to_grid

PIXEL_M = 10.0


@dataclass(frozen=True)
class Window:
    """The pixels of a file that cover a patch.

    Attributes:
        top: First row in the file.
        left: First column in the file.
        height: Rows.
        width: Columns.
        factor: Pixels of the cube to one pixel of the file.
        down: Rows of the cube between the upper edges of window and patch.
        right: Columns between the left edges.
    """

    top: int
    left: int
    height: int
    width: int
    factor: int
    down: int
    right: int


def window_on(header: TiffHeader, x0: float, y0: float, size_px: int) -> Window:
    """Where a patch lies in a file.

    Args:
        header: Of the file.
        x0: Left edge of the patch in metres.
        y0: Upper edge.
        size_px: Side of the patch in pixels of 10 m.

    Raises:
        UnsupportedError: The file's pixels do not lie on the 10 m lattice of the patch, or nowhere near it.
    """
    a, left, e, top = header.transform
    factor, down, right = a / PIXEL_M, (top - y0) / PIXEL_M, (x0 - left) / PIXEL_M
    if a != -e or not all(float(number).is_integer() for number in (factor, down, right)) or factor < 1:
        raise UnsupportedError(
            f"{header.source} has pixels of {a:g} m from x {left:g}, y {top:g} on, which do not lie on the "
            f"grid of 10 m that begins at x {x0:g}, y {y0:g}"
        )
    factor, down, right = int(factor), int(down), int(right)
    first_row, first_column = down // factor, right // factor
    height = -(-(down + size_px) // factor) - first_row
    width = -(-(right + size_px) // factor) - first_column
    _, rows, columns = header.shape
    if first_row >= rows or first_column >= columns or first_row + height <= 0 or first_column + width <= 0:
        raise UnsupportedError(f"{header.source} does not reach to x {x0:g}, y {y0:g}")
    rest = down - first_row * factor, right - first_column * factor
    return Window(first_row, first_column, height, width, factor, *rest)


def on_the_grid(pixels: NDArray, window: Window, size_px: int) -> NDArray:
    """Pixels (h, w) of a window as those of the patch, (size_px, size_px): each repeated, edges cut."""
    size = (window.height * window.factor, window.width * window.factor)
    rows = slice(window.down, window.down + size_px)
    columns = slice(window.right, window.right + size_px)
    return to_grid(pixels, size)[rows, columns]


def check_alike(headers: dict[str, TiffHeader], epsg: int) -> None:
    """All files of a scene lie on one tile; a header that says otherwise was damaged on the way.

    Raises:
        CorruptError: Corners or extents differ.
        UnsupportedError: The scene lies in another zone than its catalogue says.
    """
    where = {name: (h.transform[1], h.transform[3], h.epsg, _extent_m(h)) for name, h in headers.items()}
    if len(set(where.values())) > 1:
        raise CorruptError(f"files of one scene lie on different tiles: {where}")
    other = next((h for h in headers.values() if h.epsg not in (0, epsg)), None)
    if other is not None:
        raise UnsupportedError(f"{other.source} lies in EPSG:{other.epsg}, its catalogue says EPSG:{epsg}")


def _extent_m(header: TiffHeader) -> tuple[float, float]:
    return tuple(np.round([header.shape[2] * header.transform[0], -header.shape[1] * header.transform[2]], 3))
