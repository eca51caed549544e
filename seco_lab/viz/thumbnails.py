"""Small true-colour pictures of a cube's patches, as arrays and as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import xarray as xr
from PIL import Image

from seco_lab.input_spec import UNITS
from seco_lab.sensors import sensor_named

# Reflectance shown as white: bare soil and roofs stay below it, cloud and snow above.
WHITE_REFLECTANCE = 0.3
# Brightens dark surfaces (forest, water) without touching black and white.
GAMMA = 0.8
NO_DATA_GREY = 205
EIGHT_BIT_UNITS = ("eurosat_jpeg", "seco_8bit", "uint8")


def rgb_bands(cube: xr.Dataset) -> tuple[str, str, str]:
    """Names of the red, green and blue band of a cube.

    Raises:
        LookupError: The cube lacks one of them; the message lists what it has.
    """
    have = [str(name) for name in cube["band"].values]
    try:
        wanted = [sensor_named(str(cube.attrs.get("sensor", ""))).rgb]
    except LookupError:
        wanted = [("B04", "B03", "B02"), ("R", "G", "B")]
    for names in wanted:
        if set(names) <= set(have):
            return names
    raise LookupError(
        f"a true-colour picture needs bands {', '.join(wanted[0])}; the cube has {', '.join(have)}"
    )


def white_count(unit: str) -> float:
    """The count of a unit that is shown as white.

    Reflectance 0.3 where the unit stands for reflectance, 255 for pictures, 2047 for 16-bit counts, of which
    commercial satellites use 11 bits. An 8-bit unit never exceeds 255.

    Raises:
        LookupError: Unknown unit.
    """
    if unit not in UNITS:
        raise LookupError(f"unknown unit {unit!r}; known are {', '.join(UNITS)}")
    per_count = UNITS[unit]
    if per_count is None:
        return 2047.0 if unit == "uint16" else 255.0
    white = WHITE_REFLECTANCE / per_count
    return min(white, 255.0) if unit in EIGHT_BIT_UNITS else white


def to_picture(counts: np.ndarray, unit: str, *, gamma: float | None = None) -> np.ndarray:
    """Counts of three bands as 8-bit colours.

    Args:
        counts: Shape (3, H, W), red, green, blue, in ``unit``.
        unit: A key of ``seco_lab.input_spec.UNITS``.
        gamma: Exponent applied to the values in [0, 1]; ``None`` takes 0.8, or 1 for plain pictures.

    Returns:
        Shape (H, W, 3), uint8. Pixels without data (0 in all bands, or NaN) are grey.
    """
    plain = unit in ("uint8", "eurosat_jpeg")
    exponent = gamma if gamma is not None else (1.0 if plain else GAMMA)
    values = np.moveaxis(np.asarray(counts, dtype=np.float32), 0, -1)
    empty = ~np.isfinite(values).all(-1) if plain else ((values == 0) | ~np.isfinite(values)).all(-1)
    unit_range = np.clip(np.nan_to_num(values) / white_count(unit), 0, 1) ** exponent
    picture = (unit_range * 255 + 0.5).astype(np.uint8)
    picture[empty] = NO_DATA_GREY
    return picture


def false_colour_bands(cube: xr.Dataset) -> tuple[str, str, str] | None:
    """Near infrared, red and green, shown as red, green and blue; None where the cube lacks one of them.

    In such pictures living plants are red, bare soil is grey-green, water black.
    """
    have = {str(name) for name in cube["band"].values}
    for names in (("B08", "B04", "B03"), ("NIR", "R", "G"), ("N", "R", "G")):
        if set(names) <= have:
            return names
    return None


def season_pictures(
    cube: xr.Dataset, patch: int, *, gamma: float | None = None, bands: tuple[str, str, str] | None = None
) -> np.ndarray:
    """Pictures of one patch in all its seasons.

    Args:
        cube: A cube (``seco_lab.cube``).
        patch: Row of the patch.
        gamma: See ``to_picture``.
        bands: What is shown as red, green and blue; true colour by default.

    Returns:
        Shape (T, H, W, 3), uint8.

    Raises:
        LookupError: The cube has no red, green and blue band.
    """
    counts = cube["reflectance"].isel(patch=patch).sel(band=list(bands or rgb_bands(cube)))
    counts = counts.transpose("season", "band", "y", "x").to_numpy()
    unit = str(cube.attrs.get("unit", "dn"))
    return np.stack([to_picture(season, unit, gamma=gamma) for season in counts])


def shrink(picture: np.ndarray, size_px: int) -> np.ndarray:
    """A picture of shape (H, W, 3) resized to ``size_px`` on each side; averages where it shrinks."""
    if picture.shape[:2] == (size_px, size_px):
        return picture
    smaller = picture.shape[0] >= size_px
    method = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize((size_px, size_px), method))


def data_uri(picture: np.ndarray, *, kind: str = "JPEG", quality: int = 78) -> str:
    """A picture as a ``data:`` address for ``<img src>``.

    Args:
        picture: Shape (H, W, 3) or (H, W, 4), uint8; four channels need PNG.
        kind: ``"JPEG"`` or ``"PNG"``.
        quality: Of the JPEG, 1 to 95.

    Raises:
        ValueError: Another kind.
    """
    if kind not in ("JPEG", "PNG"):
        raise ValueError(f"kind must be 'JPEG' or 'PNG', got {kind!r}")
    buffer = io.BytesIO()
    options = {"quality": quality, "optimize": True} if kind == "JPEG" else {"compress_level": 3}
    Image.fromarray(picture).save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def season_strip(
    cube: xr.Dataset,
    patch: int,
    *,
    size_px: int = 64,
    quality: int = 78,
    bands: tuple[str, str, str] | None = None,
    seasons: Sequence[int] | None = None,
) -> str:
    """Seasons of a patch side by side in one JPEG, as a data URI; all, or those given, grey for -1.

    One file per patch instead of one per season: a JPEG of 64 px spends a third of its bytes on its header.

    Raises:
        LookupError: The cube has no red, green and blue band.
    """
    tiles = [shrink(picture, size_px) for picture in season_pictures(cube, patch, bands=bands)]
    tiles.append(np.full((size_px, size_px, 3), NO_DATA_GREY, np.uint8))
    shown = range(len(tiles) - 1) if seasons is None else seasons
    return data_uri(np.concatenate([tiles[season] for season in shown], axis=1), quality=quality)


def seasons_on(cube: xr.Dataset, patch: int, days: np.ndarray) -> list[int]:
    """For each day (T,) the season of a patch taken then, -1 for none; by their place where dates lack."""
    have = cube["time"].values[patch].astype("datetime64[D]") if "time" in cube.variables else days[:0]
    seasons = range(cube.sizes["season"])
    if np.isnat(have).all() or np.isnat(days).all():
        return [place if place in seasons else -1 for place in range(len(days))]
    number = dict(zip(have.tolist(), seasons, strict=True))
    return [-1 if day is None else number.get(day, -1) for day in days.tolist()]
