"""Embeddings of a whole scene: windows slide over it, and each cell of a coarser grid gets a vector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn
from tqdm.auto import tqdm

from seco_lab.cube import as_area, check_area, grid_of
from seco_lab.embeddings.encode import Embedder, description
from seco_lab.embeddings.prepare import Preparation
from seco_lab.embeddings.windows import Span, Windows, spans
from seco_lab.input_spec import InputSpec

EMBEDDED_DIMS = ("season", "dim", "y", "x")


def embed_area(
    encoder: nn.Module,
    scene: xr.Dataset | xr.DataArray,
    spec: InputSpec,
    *,
    window_px: int = 64,
    stride_px: int = 32,
    max_nodata: float = 0.5,
    batch_size: int = 256,
    device: str | torch.device = "auto",
    head: nn.Module | None = None,
    precision: str = "float32",
    block_cells: int = 64,
    progress: bool = False,
) -> xr.Dataset:
    """An embedding for every cell of a scene.

    Windows of ``window_px`` start every ``stride_px`` pixels; a cell is a square of one stride. Each window
    is prepared and encoded as a patch would be (bands by name, units converted, size resized), and a cell
    gets the mean of the windows around it, weighted by how near its middle is to theirs. With a stride of a
    whole window nothing is blended: a cell is then the embedding of the patch that could be cut there.

    Memory holds the pixels and windows of one block at a time, beside the result. A scene whose pixels are a
    dask array gives a dask array: nothing is computed until it is asked for, and then in blocks. A rest of
    the scene below one stride, at the right and lower edge, is left out.

    Args:
        encoder: Maps (B, C, H, W) to (B, D); runs as a frozen copy in eval mode.
        scene: An area, a cube of one patch, or a picture, see ``seco_lab.cube.as_area``.
        spec: The encoder's input contract.
        window_px: Side of a window in pixels of the scene.
        stride_px: Step between windows, and side of a cell.
        max_nodata: Windows with a larger share of pixels without data (0 or NaN in all bands) are left out.
        batch_size: Windows in one forward pass.
        device: "auto", "cpu", "cuda" or "mps".
        head: Applied to the representation.
        precision: "float32", "bf16" or "auto".
        block_cells: Side of a block in cells. Windows that reach over the edge of a block are encoded for
            both sides.
        progress: Whether to show a bar; blocks of a lazy scene are not counted.

    Returns:
        ``embedding`` (season, dim, y, x) float32 with ``x`` and ``y`` of the cells' middles, ``time``,
        ``spatial_ref`` with the CRS, and attributes that tell encoder, contract and windows. A cell is NaN
        where the scene has no data in it, or where all windows around it were left out.

    Raises:
        ValueError: Gaps between windows, a scene smaller than a window, without CRS or without any data (a
            lazy scene is not asked), or no conversion of units is known.
        LookupError: A band is missing; the message names both sides.
    """
    area, windows = as_area(scene), Windows(window_px, stride_px)
    if not 0 <= max_nodata < 1 or block_cells < 1:
        raise ValueError(
            f"wanted 0 <= max_nodata < 1 and block_cells of 1 or more, got {max_nodata}, {block_cells}"
        )
    check_area(area)
    preparation = Preparation.fitting(area, spec)
    pixels = area["reflectance"][:, list(preparation.positions)]
    windows.check_fits(*pixels.shape[2:])
    embedder = Embedder(
        encoder, preparation, batch_size=batch_size, device=device, head=head, precision=precision
    )
    blocks = _Blocks(embedder, windows, max_nodata, batch_size, _width(embedder, spec))
    rows, columns = (spans(windows, length, block_cells) for length in pixels.shape[2:])
    lazy = pixels.chunks is not None
    vectors = (
        _lazy(blocks, pixels, rows, columns) if lazy else _loaded(blocks, pixels, rows, columns, progress)
    )
    used = {"window_px": window_px, "stride_px": stride_px, "max_nodata": max_nodata}
    attrs = description(encoder, area, spec, head, precision) | used
    return _embedded(vectors, area, stride_px, attrs)


def _width(embedder: Embedder, spec: InputSpec) -> int:
    """How many numbers an embedding has; one image without data is asked."""
    blank = np.zeros((1, len(spec.bands), spec.size_px, spec.size_px), np.uint8)
    return next(embedder([blank])).shape[1]


class _Blocks:
    """Vectors of blocks of cells from the pixels below them."""

    def __init__(
        self, embedder: Embedder, windows: Windows, max_nodata: float, batch_size: int, width: int
    ) -> None:
        from dask.utils import SerializableLock

        self.width = width
        self._embedder, self._windows = embedder, windows
        self._max_nodata, self._batch_size = max_nodata, batch_size
        # The encoder takes all cores by itself; blocks at the same time would only need more memory.
        self._lock = SerializableLock()

    def __call__(self, pixels: NDArray, rows: Span, columns: Span) -> NDArray[np.float32]:
        """Vectors (T, D, cells, cells) of a block from its pixels (T, C, H, W)."""
        with self._lock:
            return np.stack([self._season(one, rows, columns) for one in pixels])

    def _season(self, pixels: NDArray, rows: Span, columns: Span) -> NDArray[np.float32]:
        empty = ((pixels == 0) | (pixels != pixels)).all(0)
        vectors, known = self._encoded(pixels, empty, rows, columns)
        sums = np.einsum("ri,ijd,cj->drc", rows.weights, vectors, columns.weights, optimize=True)
        total = rows.weights @ known @ columns.weights.T
        blank = self._blank_cells(empty, rows, columns) | (total <= 0)
        return np.where(blank, np.nan, sums / np.where(blank, 1, total)).astype(np.float32)

    def _encoded(
        self, pixels: NDArray, empty: NDArray, rows: Span, columns: Span
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Vectors (rows, columns, D) of the windows, 0 where left out, and which are known."""
        share = _window_means(empty, self._windows.window_px)[np.ix_(rows.starts, columns.starts)]
        known = share <= self._max_nodata
        vectors = np.zeros((*known.shape, self.width))
        cut = self._cut(pixels, rows.starts, columns.starts, known)
        if known.any():
            vectors[known] = np.concatenate(list(self._embedder(cut)))
        return vectors, known

    def _cut(self, pixels: NDArray, top: NDArray, left: NDArray, known: NDArray) -> Iterator[NDArray]:
        """The windows that are known, in order, a batch at a time."""
        size = self._windows.window_px
        views = np.lib.stride_tricks.sliding_window_view(pixels, (size, size), (1, 2))
        row, column = np.nonzero(known)
        for first in range(0, len(row), self._batch_size):
            some = slice(first, first + self._batch_size)
            batch = views[:, top[row[some]], left[column[some]]]
            yield np.ascontiguousarray(batch.swapaxes(0, 1))

    def _blank_cells(self, empty: NDArray, rows: Span, columns: Span) -> NDArray[np.bool_]:
        """Which cells have no pixel with data, shape (cells, cells)."""
        step, parts = self._windows.stride_px, []
        for span in (rows, columns):
            first, after = span.cells
            parts.append(slice(first * step - span.pixels[0], after * step - span.pixels[0]))
        own = empty[parts[0], parts[1]]
        return own.reshape(own.shape[0] // step, step, own.shape[1] // step, step).all((1, 3))


def _window_means(mask: NDArray[np.bool_], size: int) -> NDArray[np.float64]:
    """Share of a mask in each window, by its first pixel, from running sums."""
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    sums[1:, 1:] = mask.cumsum(0, dtype=np.float64).cumsum(1)
    inside = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return inside / size**2


def _loaded(
    blocks: _Blocks, pixels: xr.DataArray, rows: list[Span], columns: list[Span], progress: bool
) -> NDArray[np.float32]:
    """All vectors in memory; pixels are read block by block.

    Raises:
        ValueError: No cell has an embedding.
    """
    shape = (pixels.shape[0], blocks.width, rows[-1].cells[1], columns[-1].cells[1])
    out = np.empty(shape, np.float32)
    with tqdm(total=len(rows) * len(columns), unit="block", disable=not progress) as bar:
        for row in rows:
            for column in columns:
                part = pixels[:, :, slice(*row.pixels), slice(*column.pixels)].values
                out[:, :, slice(*row.cells), slice(*column.cells)] = blocks(part, row, column)
                bar.update()
    if np.isnan(out[:, 0]).all():
        raise ValueError(
            "wanted a scene with data, got one whose windows all lack data in more pixels than max_nodata "
            "allows; check the file and its value for no data"
        )
    return out


def _lazy(blocks: _Blocks, pixels: xr.DataArray, rows: list[Span], columns: list[Span]) -> Any:
    """The same as a dask array, one chunk a block."""
    import dask
    import dask.array as da

    compute = dask.delayed(blocks, pure=False, traverse=False)
    data, seasons = pixels.data, pixels.shape[0]

    def chunk(row: Span, column: Span) -> Any:
        part = data[:, :, slice(*row.pixels), slice(*column.pixels)]
        shape = (seasons, blocks.width, row.cells[1] - row.cells[0], column.cells[1] - column.cells[0])
        return da.from_delayed(compute(part, row, column), shape, np.float32)

    return da.block([[chunk(row, column) for column in columns] for row in rows])


def _embedded(vectors: Any, area: xr.Dataset, stride_px: int, attrs: dict[str, Any]) -> xr.Dataset:
    """The Dataset of embeddings on the coarser grid."""
    coords = grid_of(area).coarser(stride_px).coords(*vectors.shape[2:])
    if "time" in area.coords:
        coords["time"] = ("season", area["time"].values)
    return xr.Dataset({"embedding": (EMBEDDED_DIMS, vectors)}, coords, attrs)
