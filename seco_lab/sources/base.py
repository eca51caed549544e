"""What sources have in common: the seam for imagery, a patch as it is read, a file that is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.places import Place
from seco_lab.sensors import Sensor

OnBad = Literal["skip", "raise"]


class ImagerySource(Protocol):
    """Gives pixels of places at dates; simulated, from a folder, or from an archive."""

    sensor: Sensor

    def load(
        self, places: Sequence[Place], dates: NDArray, size_px: int, bands: str | Sequence[str] = "all"
    ) -> xr.Dataset:
        """A cube of these places, in their order; ``dates`` has shape (P, T).

        Raises:
            LookupError: Nothing is known about a place; the message names it.
        """
        ...


class BadFileError(ValueError):
    """A file that must not be read; its text is the reason."""


@dataclass(frozen=True)
class Refused:
    """A file or folder that was left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class PatchRecord:
    """One patch as a reader gives it.

    Attributes:
        patch: Stable id.
        pixels: Shape (T, C, H, W).
        time: Shape (T,), datetime64; NaT where unknown.
        lon: Centre in degrees WGS 84; NaN where unknown.
        lat: Centre in degrees WGS 84; NaN where unknown.
        grid: (epsg, x0, y0) of the UTM grid; None derives it from the centre.
        label: Class number.
        labels: Shape (classes,), 0 or 1 for each class.
        split: Such as "train".
        cloud_cover: Shape (T,), percent.
        item_id: Shape (T,), name of each acquisition.
    """

    patch: str
    pixels: NDArray
    time: NDArray
    lon: float = np.nan
    lat: float = np.nan
    grid: tuple[int, float, float] | None = None
    label: int | None = None
    labels: NDArray | None = None
    split: str | None = None
    cloud_cover: NDArray | None = None
    item_id: Sequence[str] | None = None


@dataclass(frozen=True)
class Reading:
    """What a reader found: how to read patch after patch, and what holds for all of them.

    Attributes:
        root: What was read, for messages.
        sensor: Sensor of the pixels.
        bands: Names, in the order of the pixels.
        unit: Key of ``seco_lab.input_spec.UNITS``.
        pixel_size_m: Ground size of a pixel.
        jobs: One entry per patch, whatever ``read`` wants.
        read: Gives the patch of a job; raises ``BadFileError`` with the reason to leave it out.
        names: Path of a job, for the list of refused files.
        attrs: Attributes of the cube.
        refused: Files that were refused while looking around.
        class_names: Names of the labels.
    """

    root: str
    sensor: Sensor
    bands: tuple[str, ...]
    unit: str
    pixel_size_m: float
    jobs: Sequence[Any]
    read: Callable[[Any], PatchRecord]
    names: Callable[[Any], str] = str
    attrs: dict[str, Any] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()
    class_names: tuple[str, ...] | None = None


class _Split(Protocol):
    """A job of a reader that knows which list it belongs to."""

    @property
    def split(self) -> str | None: ...


Job = TypeVar("Job", bound=_Split)
SPLITS = ("train", "val", "test")  # names that folders of lists have
NO_SPLIT = "none"  # of a patch that no list has, where there are lists


def of_split(jobs: Sequence[Job], split: str | None, root: object) -> Sequence[Job]:
    """The jobs of one list; all where none is asked for.

    Raises:
        ValueError: There is no such list at ``root``.
    """
    if split is None:
        return jobs
    known = sorted({job.split for job in jobs if job.split not in (None, "", NO_SPLIT)})
    if split not in known:
        raise ValueError(f"no split {split!r} in {root}: there are {', '.join(known) or 'none'}")
    return [job for job in jobs if job.split == split]
