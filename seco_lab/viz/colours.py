"""Colours for points: PCA as RGB, classes and scales; those that mean something are colour-blind-safe."""

from __future__ import annotations

from typing import Any

import numpy as np

from seco_lab.explore.vectors import FIT_ROWS, principal_axes
from seco_lab.viz.packing import finite_rows

# Okabe and Ito's palette (jfly.uni-koeln.de/color), black last because it also marks selections.
OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#4d4d4d")
MISSING_RGB = (170, 170, 170)


def stretch(values: np.ndarray, low_percent: float = 2, high_percent: float = 98) -> np.ndarray:
    """Columns of (N, C) scaled so that these percentiles become 0 and 1, clipped; constant ones 0.5."""
    sample = values[:: max(1, len(values) // FIT_ROWS)]
    sample = sample[finite_rows(sample)]
    if not len(sample):
        return np.full(values.shape, np.nan, np.float32)
    low, high = np.percentile(sample, [low_percent, high_percent], axis=0).astype(np.float32)
    flat = high - low < 1e-9
    scaled = ((values - low) / np.where(flat, 1, high - low)).astype(np.float32)
    for axis in np.flatnonzero(flat):
        scaled[np.isfinite(scaled[:, axis]), axis] = 0.5
    return np.clip(scaled, 0, 1, out=scaled)


def unit_to_rgb(unit: np.ndarray) -> np.ndarray:
    """Values (N, 3) in [0, 1] as uint8 colours, none near black or white; NaN rows are grey."""
    lost = ~finite_rows(unit)
    shades = 40 + 200 * unit
    shades[lost] = MISSING_RGB
    return shades.astype(np.uint8)


def pca_rgb(rows: np.ndarray) -> np.ndarray:
    """Colours (N, 3) uint8 of rows (N, D): the first three principal components as red, green and blue."""
    sample = rows[:: max(1, len(rows) // FIT_ROWS)]
    mean, axes = principal_axes(sample[np.isfinite(sample).all(-1)], 3)
    return unit_to_rgb(stretch(rows.astype(np.float32) @ axes - mean @ axes))


def colour_map(name: str = "cividis") -> np.ndarray:
    """A colour table (256, 3) uint8 of matplotlib's, perceptually even and readable by the colour-blind."""
    from matplotlib import colormaps

    return (colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255 + 0.5).astype(np.uint8)


def scale_colours(
    values: np.ndarray, *, name: str = "cividis", limits: tuple[float, float] | None = None
) -> tuple[np.ndarray, dict[str, Any]]:
    """Numbers (N,) as colours (N, 3) uint8 with a legend.

    Args:
        values: Shape (N,); NaN is grey.
        name: Colour map of matplotlib's.
        limits: What the ends of the scale stand for; the 2nd and 98th percentile by default.

    Returns:
        Colours, and ``{"kind": "scale", "low": .., "high": .., "colours": [hex, ...]}``.
    """
    numbers = np.asarray(values, dtype=np.float64)
    good = np.isfinite(numbers)
    table = colour_map(name)
    rgb = np.full((len(numbers), 3), MISSING_RGB, np.uint8)
    between = np.percentile(numbers[good], [2, 98]) if good.any() else (0.0, 1.0)
    low, high = between if limits is None else limits
    position = np.clip((numbers[good] - low) / max(high - low, 1e-12), 0, 1)
    rgb[good] = table[(position * 255).astype(np.uint8)]
    hexes = [hex_of(table[i]) for i in range(0, 256, 15)]
    return rgb, {"kind": "scale", "low": float(low), "high": float(high), "colours": hexes}


def class_colours(values: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Classes (N,) as colours (N, 3) uint8 with a legend; up to 8 classes take Okabe and Ito's palette.

    Returns:
        Colours, and ``{"kind": "classes", "names": [...], "colours": [hex, ...]}``.
    """
    names, codes = np.unique(np.asarray(values).astype(str), return_inverse=True)
    palette = np.array([rgb_of(colour) for colour in class_palette(len(names))], np.uint8)
    legend = {
        "kind": "classes",
        "names": names.tolist(),
        "colours": [hex_of(c) for c in palette[: len(names)]],
    }
    return palette[codes % len(palette)], legend


def class_palette(count: int) -> list[str]:
    """Hex colours for ``count`` classes; beyond 20 they repeat."""
    if count <= len(OKABE_ITO):
        return list(OKABE_ITO[: max(count, 1)])
    from matplotlib import colormaps

    return [hex_of(np.array(colour) * 255) for colour in colormaps["tab20"].colors]


def colours_of(values: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Colours and legend of any column (N,): numbers as a scale, everything else as classes."""
    array = np.asarray(values)
    if array.dtype.kind == "M":
        days = array.astype("datetime64[D]").astype(np.float64)
        return scale_colours(np.where(np.isnat(array), np.nan, days))
    if array.dtype.kind == "f" or (array.dtype.kind in "iu" and len(np.unique(array)) > 20):
        return scale_colours(array)
    return class_colours(array)


def hex_of(rgb: np.ndarray | tuple[int, int, int]) -> str:
    """Three numbers in 0..255 as ``#rrggbb``."""
    return "#" + "".join(f"{round(float(value)):02x}" for value in rgb)


def rgb_of(colour: str) -> tuple[int, int, int]:
    """``#rrggbb`` as three numbers in 0..255."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
