"""Pixels of the simulated world: the source that is always there, offline, with the truth beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from seco_lab.cube import make_cube, utm_corner
from seco_lab.places import Place
from seco_lab.sensors import SENTINEL2_L1C, SENTINEL2_L2A, Sensor
from seco_lab.sources.simulated_truth import labels_of, truth_dataset
from seco_lab.world.acquisition import clearest
from seco_lab.world.climate import days_of
from seco_lab.world.events import CHANGES, EventWindow
from seco_lab.world.frame import Frame, canvas
from seco_lab.world.render import View, render
from seco_lab.world.scene import build_scene
from seco_lab.world.truth import change_between, truth_on

MAX_LAT = 84.0  # UTM ends here
_GRID_M = 20.0  # corners lie on the lattice of the 20 m bands
_FIRST_DATE, _LAST_DATE = np.datetime64("1678-01-01"), np.datetime64("2261-12-31")
_QUIET = 200  # a progress bar appears from this many patches on


@dataclass(frozen=True)
class _Site:
    """Where a patch lies: its canvas and its window in it."""

    frame: Frame
    window: tuple[int, int, int]
    x0: float
    y0: float


class SimulatedSource:
    """Believable Sentinel-2 patches of anywhere on Earth on any day, a pure function of seed, place and day.

    Coordinates, climates, coasts, sun and calendar are those of the Earth; what stands on the ground is
    invented. Patches that touch or overlap agree on the ground, and neither the order nor the grouping of
    calls matters. Light, haze, amount of cloud, registration and passes are those of the square of 20 to
    100 km that the middle of a patch lies in: across the border of such squares, overlapping patches differ
    as two scenes do.

    Args:
        seed: Which world, 0 or more.
        sensor: SENTINEL2_L2A (surface reflectance) or SENTINEL2_L1C (top of atmosphere).
        clouds: Whether there are clouds and their shadows.
        max_cloud: Percent of cloud that a gatherer would accept: for each date the nearest pass of the
            satellite whose sky is clearer is taken, or the clearest. None takes dates exactly as asked.
        within_days: How far from the wanted date a pass may lie.
        change: Two dates between which the ground changes (construction, clear-cut, flood), or None.
        change_share: How many of the sites change, 0 to 1.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        sensor: Sensor = SENTINEL2_L2A,
        clouds: bool = True,
        max_cloud: float | None = 20.0,
        within_days: int = 12,
        change: tuple[ArrayLike, ArrayLike] | None = None,
        change_share: float = 0.6,
    ) -> None:
        if seed < 0 or seed % 1 != 0:
            raise ValueError(f"seed must be 0 or more, a whole number, got {seed}")
        if sensor not in (SENTINEL2_L2A, SENTINEL2_L1C):
            raise ValueError(f"the world is seen by sentinel2-l2a or sentinel2-l1c, got {sensor.name}")
        if max_cloud is not None and not 0 <= max_cloud <= 100:
            raise ValueError(f"max_cloud is a percentage from 0 to 100 or None, got {max_cloud}")
        if within_days < 0 or not 0 <= change_share <= 1:
            raise ValueError(
                f"want within_days >= 0 and 0 <= change_share <= 1, got {within_days}, {change_share}"
            )
        self.seed = int(seed)
        self.sensor = sensor
        self.clouds = clouds
        self.max_cloud = max_cloud
        self.within_days = within_days
        self.change_window = None if change is None else _window(change, change_share)

    def load(
        self, places: Sequence[Place], dates: ArrayLike, size_px: int, bands: str | Sequence[str] = "all"
    ) -> xr.Dataset:
        """A cube of these places, in their order, without labels.

        Args:
            places: Centres; corners lie on multiples of 20 m, so a centre moves by 14 m at most.
            dates: Wanted days, datetime64, shape (P, T), or (T,) for all places alike.
            size_px: Side of the patches.
            bands: ``"all"``, ``"rgb"`` or names.

        Raises:
            ValueError: Dates that are not datetime64, lie before 1678 or after 2261 or do not fit the places,
                a place beyond 84 degrees, a size that is no whole number from 1 on.
            LookupError: A band that the sensor does not have.
        """
        return self._cube(places, dates, size_px, bands, labelled=False)

    def labelled(
        self, places: Sequence[Place], dates: ArrayLike, size_px: int, bands: str | Sequence[str] = "all"
    ) -> xr.Dataset:
        """The cube of :meth:`load` with the truth of the first date.

        It adds ``label`` (the class that names the patch) and ``labels`` (all that cover 4 %), both in
        EuroSAT's ten classes, ``mask`` (codes of LAND_COVER for each pixel) and ``boxes`` of buildings.
        """
        return self._cube(places, dates, size_px, bands, labelled=True)

    def truth(self, places: Sequence[Place], dates: ArrayLike, size_px: int) -> xr.Dataset:
        """What is really there.

        Args:
            places: Centres.
            dates: As for :meth:`load`.
            size_px: Side of the patches.

        Returns:
            ``land_cover`` (patch, season, y, x), codes of the attribute ``land_cover_names``; ``buildings``
            (patch, season, y, x); of the first date ``dominant`` (patch,), ``purity`` (patch,), ``labels``
            (patch, class) and ``boxes`` (patch, box, field): class, left, top, right, bottom, -1 where a
            patch has fewer.
        """
        days, sites = self._sites(places, dates, size_px)
        rows = []
        for site, wanted in self._each(sites, days):
            scene = build_scene(site.frame, self.change_window)
            rows.append([truth_on(scene, int(day), site.window) for day in wanted])
        return truth_dataset(places, rows)

    def change(
        self, places: Sequence[Place], before: ArrayLike, after: ArrayLike, size_px: int
    ) -> xr.Dataset:
        """Where and how the ground differs between two dates; the source must have been made with ``change``.

        Args:
            places: Centres.
            before: One date.
            after: A later date.
            size_px: Side of the patches.

        Returns:
            ``change`` (patch, y, x): 0 none, 1 construction, 2 clear-cut, 3 flood.

        Raises:
            ValueError: The source knows no change, or more than a date was given.
        """
        if self.change_window is None:
            raise ValueError(
                "this world does not change; make the source with change=(first date, last date)"
            )
        pair = np.array([_one_date(before), _one_date(after)])
        days, sites = self._sites(places, pair, size_px)
        masks = [
            change_between(build_scene(site.frame, self.change_window), int(d[0]), int(d[1]), site.window)
            for site, d in self._each(sites, days)
        ]
        coords = {"patch": [place.name for place in places]}
        attrs = {"change_names": list(CHANGES), "before": str(pair[0]), "after": str(pair[1])}
        return xr.Dataset({"change": (("patch", "y", "x"), np.stack(masks))}, coords, attrs)

    def _sites(
        self, places: Sequence[Place], dates: ArrayLike, size_px: int
    ) -> tuple[NDArray[np.int64], list[_Site]]:
        """Days of the passes taken, shape (P, T), and where the patches lie."""
        days = _checked_days(places, dates, size_px)
        lon, lat = (np.array([getattr(place, name) for place in places]) for name in ("lon", "lat"))
        epsg, x0, y0 = utm_corner(lon, lat, size_px=int(size_px), pixel_size_m=10.0)
        x0, y0 = np.rint(x0 / _GRID_M) * _GRID_M, np.rint(y0 / _GRID_M) * _GRID_M
        sites = []
        for code, x, y in zip(epsg, x0, y0, strict=True):
            frame, top, left = canvas(self.seed, int(code), float(x), float(y), int(size_px))
            sites.append(_Site(frame, (top, left, int(size_px)), float(x), float(y)))
        if self.clouds and self.max_cloud is not None:
            for site, row in zip(sites, days, strict=True):
                row[:] = [clearest(site.frame, int(d), self.max_cloud, self.within_days) for d in row]
        return days, sites

    def _each(self, sites: list[_Site], days: NDArray[np.int64]) -> Iterator[tuple[_Site, NDArray[np.int64]]]:
        pairs = zip(sites, days, strict=True)
        return iter(tqdm(pairs, total=len(sites), desc="simulating", disable=len(sites) < _QUIET or None))

    def _cube(
        self,
        places: Sequence[Place],
        dates: ArrayLike,
        size_px: int,
        bands: str | Sequence[str],
        *,
        labelled: bool,
    ) -> xr.Dataset:
        names = self.sensor.subset(bands)
        days, sites = self._sites(places, dates, size_px)
        size_px = int(size_px)
        pixels = np.empty((*days.shape, len(names), size_px, size_px), np.uint16)
        cloud, truths = np.zeros(days.shape, np.float32), []
        windows = {site.window for site in sites}  # a view prepares its bands once, and few windows differ
        views = {window: View(self.sensor, names, window, self.clouds) for window in windows}
        for row, (site, wanted) in enumerate(self._each(sites, days)):
            scene = build_scene(site.frame, self.change_window)
            pixels[row], cloud[row] = render(scene, wanted, views[site.window])
            if labelled:
                truths.append(truth_on(scene, int(wanted[0]), site.window))
        return make_cube(
            pixels,
            patch=[place.name for place in places],
            time=(days.astype("datetime64[D]") + np.timedelta64(10 * 60 + 30, "m")).astype("datetime64[ns]"),
            lon=[place.lon for place in places],
            lat=[place.lat for place in places],
            sensor=self.sensor,
            bands=names,
            epsg=[site.frame.epsg for site in sites],
            x0=[site.x0 for site in sites],
            y0=[site.y0 for site in sites],
            attrs=self._attrs(),
            cloud_cover=cloud,
            nodata_share=np.zeros(days.shape, np.float32),
            item_id=self._item_ids(sites, days),
            **(labels_of(truths) if labelled else {}),
        )

    def _attrs(self) -> dict[str, str | int]:
        licence = "Apache-2.0 (simulated; no measurement)"
        return {
            "source": "simulated",
            "seed": self.seed,
            "licence": licence,
            "attribution": "seco_lab simulated world",
        }

    def _item_ids(self, sites: list[_Site], days: NDArray[np.int64]) -> NDArray[np.object_]:
        stamps = np.datetime_as_string(days.astype("datetime64[D]"))
        zones = np.array([site.frame.epsg for site in sites])[:, None]
        make = np.frompyfunc(lambda zone, stamp: f"SIM{self.seed}_{zone}_{stamp.replace('-', '')}", 2, 1)
        return make(zones, stamps)


def _dates(dates: ArrayLike) -> NDArray[np.datetime64]:
    """Dates as days.

    Raises:
        ValueError: They are not datetime64, or one is missing.
    """
    array = np.asarray(dates)
    if not np.issubdtype(array.dtype, np.datetime64):
        raise ValueError(f"dates must be datetime64, such as np.datetime64('2024-06-01'), got {array.dtype}")
    if np.isnat(array).any():
        raise ValueError("a date is missing (NaT); every place needs a day for each season")
    return array.astype("datetime64[D]")


def _one_date(date: ArrayLike) -> np.datetime64:
    days = _dates(date)
    if days.ndim:
        raise ValueError(f"one date is wanted, got an array of shape {days.shape}")
    return days[()]


def _window(change: tuple[ArrayLike, ArrayLike], share: float) -> EventWindow:
    try:
        first, last = change
    except (TypeError, ValueError) as error:
        raise ValueError(f"change wants two dates, the first and the last, got {change!r}") from error
    first, last = (int(days_of(_one_date(date))) for date in (first, last))
    if first >= last:
        raise ValueError(f"change wants an earlier and a later date, got {change[0]} and {change[1]}")
    return EventWindow(first, last, share)


def _checked_days(places: Sequence[Place], dates: ArrayLike, size_px: int) -> NDArray[np.int64]:
    """Wanted days, shape (P, T); refuses what cannot be drawn."""
    whole = isinstance(size_px, (int, float, np.number)) and not isinstance(size_px, bool)
    if not whole or size_px % 1 != 0 or size_px < 1:
        raise ValueError(f"size_px is a number of pixels from 1 on, got {size_px!r}")
    if len(places) == 0:
        raise ValueError("no places: a cube needs at least one")
    far = [place for place in places if abs(place.lat) > MAX_LAT]
    if far:
        raise ValueError(f"place {far[0].name!r} lies at latitude {far[0].lat:g}; UTM ends at 84 degrees")
    wanted = _dates(dates)
    if wanted.size and (wanted.min() < _FIRST_DATE or wanted.max() > _LAST_DATE):
        raise ValueError(
            f"dates lie between {_FIRST_DATE} and {_LAST_DATE}, as the times of a cube are counted in "
            f"nanoseconds; got {wanted.min()} to {wanted.max()}"
        )
    days = days_of(wanted)
    days = np.broadcast_to(days, (len(places), days.size)) if days.ndim == 1 else days
    if days.ndim != 2 or len(days) != len(places) or days.shape[1] == 0:
        raise ValueError(f"dates need the shape ({len(places)}, seasons), one row a place, got {days.shape}")
    return days.copy()
