"""Pictures with one class each: what the readers of all such data sets share."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.sensors import RGB8
from seco_lab.sources.base import BadFileError, PatchRecord, Reading, Refused

_NO_TIME = np.datetime64("NaT", "ns")


@dataclass(frozen=True)
class Picture:
    """One picture: where it lies and what is known of it.

    Attributes:
        file: JPEG or PNG.
        patch: Id of the patch.
        class_name: Its class.
        split: Such as "train".
        lon: Centre in degrees WGS 84; NaN where unknown.
        lat: Centre in degrees WGS 84; NaN where unknown.
        time: Acquisition, UTC.
        box: Left, top, width and height in pixels of the part that shows the class; None for the whole.
    """

    file: Path
    patch: str
    class_name: str
    split: str | None = None
    lon: float = np.nan
    lat: float = np.nan
    time: np.datetime64 = field(default=_NO_TIME)
    box: tuple[float, float, float, float] | None = None


def picture_reading(
    root: Path,
    pictures: Sequence[Picture],
    *,
    classes: Sequence[str],
    fit: Callable[[NDArray], NDArray],
    complete: Callable[[Picture], Picture] = lambda picture: picture,
    attrs: dict[str, Any],
    refused: Sequence[Refused] = (),
) -> Reading:
    """The reading of pictures: one season of red, green and blue, 8 bits, with a label.

    Args:
        root: What was named.
        pictures: In the order of the cube.
        classes: Names of all classes; a picture of another class is refused.
        fit: From the part of a picture that counts, (3, H, W), to the size of the cube.
        complete: Adds what is read file by file only: place, time, box.
        attrs: Attributes of the cube.
        refused: Files that were refused while looking around.
    """
    numbers = {name: number for number, name in enumerate(classes)}

    def read(picture: Picture) -> PatchRecord:
        if picture.class_name not in numbers:
            raise BadFileError(
                f"has class {picture.class_name!r}, which is not among the {len(numbers)} classes"
            )
        picture = complete(picture)
        pixels = fit(part_of(decoded(picture.file.read_bytes()), picture.box))
        return PatchRecord(
            patch=picture.patch,
            pixels=pixels[None],
            time=np.array([picture.time], "datetime64[ns]"),
            lon=picture.lon,
            lat=picture.lat,
            label=numbers[picture.class_name],
            split=picture.split,
        )

    return Reading(
        root=str(root), sensor=RGB8, bands=RGB8.rgb, unit="uint8", pixel_size_m=1.0, jobs=list(pictures),
        read=read, names=lambda picture: relative(picture.file, root), attrs=attrs, refused=tuple(refused),
        class_names=tuple(classes),
    )  # fmt: skip


def relative(file: Path, root: Path) -> str:
    """Path of a file below a root, or its whole path where it lies elsewhere."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)


def decoded(content: bytes) -> NDArray[np.uint8]:
    """A colour picture, shape (3, H, W).

    Raises:
        BadFileError: Truncated, no picture, or not of three colours.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.mode != "RGB":
                raise BadFileError(f"is a picture of mode {picture.mode}, wanted RGB")
            return np.asarray(picture).transpose(2, 0, 1)
    except (OSError, SyntaxError) as error:
        raise BadFileError(f"cannot be decoded, it may be truncated ({error})") from error


def part_of(pixels: NDArray, box: tuple[float, float, float, float] | None) -> NDArray:
    """The part of a picture (3, H, W) within a box, cut off at the borders.

    Raises:
        BadFileError: The box lies outside the picture.
    """
    if box is None:
        return pixels
    left, top, width, height = box
    columns, rows = (slice(max(0, int(low)), max(0, int(np.ceil(low + size)))) for low, size in
                     ((left, width), (top, height)))  # fmt: skip
    part = pixels[:, rows, columns]
    if 0 in part.shape:
        sides = f"{pixels.shape[2]} x {pixels.shape[1]} px"
        raise BadFileError(f"has a box {box} outside of its {sides}")
    return part


def scaled(size_px: int) -> Callable[[NDArray], NDArray]:
    """Pictures of any size as squares: the short side becomes ``size_px``, the middle is kept."""

    def fit(pixels: NDArray) -> NDArray:
        from PIL import Image

        height, width = pixels.shape[1:]
        side = min(height, width)
        left, top = (width - side) / 2, (height - side) / 2
        picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        box = (left, top, left + side, top + side)
        small = picture.resize((size_px, size_px), Image.Resampling.BILINEAR, box=box)
        return np.asarray(small).transpose(2, 0, 1)

    return fit


def exactly(size_px: int, data_set: str) -> Callable[[NDArray], NDArray]:
    """Pictures of one size only."""

    def fit(pixels: NDArray) -> NDArray:
        height, width = pixels.shape[1:]
        if (height, width) != (size_px, size_px):
            raise BadFileError(
                f"is {width} x {height} px, {data_set} has {size_px} x {size_px}; "
                f"size_px={size_px} (--picture-px {size_px}) scales them all"
            )
        return pixels

    return fit
