"""A catalogue as a source of imagery like any other: places and dates in, a cube in memory out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seco_lab.catalogs import Catalog, find_scenes
from seco_lab.catalogs.settle import Snap
from seco_lab.fetch.cubes import cube_of
from seco_lab.fetch.jobs import jobs_of
from seco_lab.fetch.local import LocalReading, Pace
from seco_lab.fetch.outcome import FAILED, FETCHED
from seco_lab.fetch.run import MAX_CLOUD, MAX_NODATA_SHARE, wanted_of
from seco_lab.places import Place, plan_of
from seco_lab.remote import UnreachableError
from seco_lab.sensors import SENTINEL2_L2A


class ArchiveSource:
    """Pixels of an archive of Sentinel-2 scenes, for a few places at a time; ``fetch`` is made for many.

    Args:
        catalog: Which scenes there are.
        folder: Where answers of the catalogue are kept for the next call; None forgets them.
        max_cloud: Per cent of a patch that cloud and its shadow may cover.
        max_nodata_share: Share of a patch, 0 to 1, that may lack data.
        snap: "grid", or "block" to shift patches into one internal tile of the files.
        pace: How much is done at a time.
    """

    sensor = SENTINEL2_L2A

    def __init__(
        self,
        catalog: Catalog,
        *,
        folder: str | Path | None = None,
        max_cloud: float = MAX_CLOUD,
        max_nodata_share: float = MAX_NODATA_SHARE,
        snap: Snap = "grid",
        pace: Pace | None = None,
    ) -> None:
        self.catalog = catalog
        self._folder = folder
        self._limits = (max_cloud, max_nodata_share)
        self._snap: Snap = snap
        self._pace = pace or Pace()

    def load(
        self,
        places: Sequence[Place],
        dates: NDArray[np.datetime64],
        size_px: int,
        bands: str | Sequence[str] = "all",
    ) -> xr.Dataset:
        """A cube of these places, in their order; of each date the nearest scene that is clear enough.

        Args:
            places: Centres; patches lie on the 60 m lattice of their tile.
            dates: Wanted days, shape (P, T).
            size_px: Side of the patches.
            bands: "all", "rgb" or names.

        Raises:
            LookupError: A place has no scene that will do; the message names the place and the reason.
            UnreachableError: A scene could not be read now.
            CatalogError: The catalogue gives no usable answer.
        """
        with self._kept() as folder:
            how = {"size_px": size_px, "bands": bands, "snap": self._snap, "progress": False}
            tasks = find_scenes(plan_of(places), dates, self.catalog, folder=folder, **how)
            if len(tasks.rejected):
                row = tasks.rejected.iloc[0]
                raise LookupError(f"place {row['name']!r}: {row['why']}")
            wanted = wanted_of(tasks, *self._limits)
            with LocalReading(jobs_of(tasks), wanted, self.catalog, self._pace) as outcomes:
                found = {outcome.patch: outcome for outcome in outcomes}
        for outcome in found.values():
            if outcome.state == FAILED:
                raise UnreachableError(f"place {outcome.patch!r}: {outcome.detail}")
            if outcome.state != FETCHED:
                raise LookupError(f"place {outcome.patch!r}: {outcome.detail}")
        ordered = [found[place.name] for place in places]
        pixels = np.stack([outcome.pixels for outcome in ordered])
        rows = [outcome.provenance for outcome in ordered]
        return cube_of(pixels, rows, wanted, source=self.catalog.name)

    def _kept(self) -> AbstractContextManager[str | Path]:
        """The folder of answers; one that is gone afterwards where they are not to be kept."""
        return TemporaryDirectory() if self._folder is None else nullcontext(self._folder)
