"""Real and simulated pixels as cubes: name a path, the layout is recognised."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import xarray as xr

    from seco_lab.sources.base import PatchRecord, Reading, Refused

__all__ = ["LAYOUTS", "SimulatedSource", "import_cube", "layout_of", "read_cube"]


def __getattr__(name: str) -> Any:
    """``SimulatedSource``, loaded when asked for: readers of files do without the simulated world."""
    if name == "SimulatedSource":
        from seco_lab.sources.simulated import SimulatedSource

        return SimulatedSource
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# Layouts in the order in which they are tried, in words for messages.
LAYOUTS = {
    "zarr": "a Zarr cube",
    "netcdf": "a NetCDF series (variables B02, ... along dates), or a folder of them",
    "index": "a folder of GeoTIFF patches with index.csv (file, lat, lon)",
    "ssl4eo": "SSL4EO-S12 v1 (s2a or s2c / location / acquisition / B2.tif, ...)",
    "ssl4eo-zarr": "SSL4EO-S12 v1.1 (zips of Zarr with 64 locations each)",
    "major-tom": "Major TOM Core (Parquet tables of grid cells)",
    "seco": "the official SeCo folder (location / acquisition / B2.tif, ...)",
    "bigearthnet": "BigEarthNet (a folder a patch; v2 with metadata.parquet)",
    "fmow": "fMoW (pictures airport_0_3_rgb.jpg or their crops, with JSON or tables)",
    "geoimagenet": "GeoImageNet (folders of classes and metadata.csv with id, lat, lon)",
    "naip": "NAIP tiles with labels.csv (filename, class), or numbered arrays with y.npy",
    "naip-scenes": "NAIP scenes beside labels.tif or CDL_....tif, a raster of class numbers",
    "eurosat": "EuroSAT (folders of classes, zip, or CSV with filename and class)",
    "geotiffs": "a folder of multi-band GeoTIFFs of one area with dates in their names",
}


def _is_zarr(path: Path) -> bool:
    return path.is_dir() and any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata"))


def _finder(layout: str) -> tuple[Callable[[Path], bool], Callable[..., Reading]]:
    """The recogniser and the reader of a layout; imported when asked for, as each needs other libraries."""
    if layout == "netcdf":
        from seco_lab.sources.netcdf import find_netcdf, is_netcdf

        return is_netcdf, find_netcdf
    if layout == "index":
        from seco_lab.sources.geotiff_index import find_indexed, is_indexed_folder

        return is_indexed_folder, find_indexed
    if layout == "ssl4eo":
        from seco_lab.sources.ssl4eo import find_ssl4eo, is_ssl4eo

        return is_ssl4eo, find_ssl4eo
    if layout == "ssl4eo-zarr":
        from seco_lab.sources.ssl4eo_zarr import find_ssl4eo_zarr, is_ssl4eo_zarr

        return is_ssl4eo_zarr, find_ssl4eo_zarr
    if layout == "major-tom":
        from seco_lab.sources.major_tom import find_major_tom, is_major_tom

        return is_major_tom, find_major_tom
    if layout == "seco":
        from seco_lab.sources.seco_folder import find_seco, is_seco_folder

        return is_seco_folder, find_seco
    if layout == "bigearthnet":
        from seco_lab.sources.bigearthnet import find_bigearthnet, is_bigearthnet

        return is_bigearthnet, find_bigearthnet
    if layout == "fmow":
        from seco_lab.sources.fmow import find_fmow, is_fmow

        return is_fmow, find_fmow
    if layout == "geoimagenet":
        from seco_lab.sources.geoimagenet import find_geoimagenet, is_geoimagenet

        return is_geoimagenet, find_geoimagenet
    if layout == "naip":
        from seco_lab.sources.naip import find_naip, is_naip

        return is_naip, find_naip
    if layout == "naip-scenes":
        from seco_lab.sources.naip_scenes import find_naip_scenes, is_naip_scenes

        return is_naip_scenes, find_naip_scenes
    if layout == "eurosat":
        from seco_lab.sources.eurosat import find_eurosat, is_eurosat

        return is_eurosat, find_eurosat
    from seco_lab.sources.geotiff_series import find_geotiff_series, is_geotiff_series

    return is_geotiff_series, find_geotiff_series


def layout_of(path: str | Path) -> str:
    """Which of ``LAYOUTS`` lies at a path.

    Raises:
        FileNotFoundError: Nothing is there.
        LookupError: None of them; the message lists those known.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"nothing at {path}")
    for layout in LAYOUTS:
        if _is_zarr(path) if layout == "zarr" else _finder(layout)[0](path):
            return layout
    raise LookupError(f"{path} is no layout that is known; known are: {'; '.join(LAYOUTS.values())}")


def read_cube(
    path: str | Path,
    *,
    layout: str | None = None,
    bands: str | Sequence[str] | None = None,
    seasons: int | None = None,
    size_px: int | None = None,
    dates: Sequence[str] | None = None,
    min_clear: float | None = None,
    file_bands: Sequence[str] | None = None,
    sensor: str | None = None,
    csv: str | Path | None = None,
    split: str | None = None,
    offset: str | None = None,
    classes: int | None = None,
    cloudy: bool | None = None,
    limit: int | None = None,
    on_bad: Literal["skip", "raise"] = "skip",
    progress: bool = True,
) -> xr.Dataset:
    """A cube from whatever lies at ``path``.

    A Zarr cube is opened lazily, anything else is read into memory. Files that are truncated, have the wrong
    bands, no CRS or no data are never read: the cube's attribute ``refused`` lists them with the reason.

    Args:
        path: A file or folder in one of ``LAYOUTS``.
        layout: Key of ``LAYOUTS``, where recognition is not wanted.
        bands: Names, "rgb" or "all"; all if left out.
        seasons: Dates per patch (SeCo, SSL4EO, series).
        size_px: Side of a patch (SeCo, SSL4EO, Major TOM, series, fMoW, GeoImageNet, NAIP scenes).
        dates: Days to take for all patches (series).
        min_clear: Share of a patch that must be clear (series).
        file_bands: Band names in the files' order, where the files give none (GeoTIFFs).
        sensor: Name of the sensor, where the bands leave it open (GeoTIFFs) or two are there (SSL4EO).
        csv: The table of images, where it does not lie beside them (EuroSAT, fMoW).
        split: Only that split (EuroSAT, BigEarthNet, fMoW, GeoImageNet, NAIP).
        offset: "auto", "remove" or "keep" for the +1000 of baseline 04.00 (indexed GeoTIFFs, SSL4EO).
        classes: How many classes are told apart, 19 or 43 (BigEarthNet).
        cloudy: Keep patches that the lists of snow and cloud name (BigEarthNet).
        limit: Only so many patches, spread over the list.
        on_bad: "skip" lists bad files and goes on, "raise" refuses the whole.
        progress: Show a bar where reading takes more than two seconds.

    Raises:
        FileNotFoundError: Nothing is there.
        LookupError: No known layout, band or sensor; the message lists those known.
        ValueError: An option that this layout does not have, a bad file with ``on_bad="raise"``, no readable
            file, or more pixels than fit into memory.
    """
    layout = layout or layout_of(path)
    options = {
        "seasons": seasons, "size_px": size_px, "dates": dates, "min_clear": min_clear, "sensor": sensor,
        "file_bands": file_bands, "csv": csv, "split": split, "offset": offset, "classes": classes,
        "cloudy": cloudy,
    }  # fmt: skip
    if layout == "zarr":
        return _opened(path, bands, limit, options)
    from seco_lab.sources.assemble import read_all

    reading = find(path, layout, bands=bands, limit=limit, **options)
    return read_all(reading, on_bad=on_bad, progress=progress)


def import_cube(
    path: str | Path,
    new_path: str | Path,
    *,
    layout: str | None = None,
    bands: str | Sequence[str] | None = None,
    seasons: int | None = None,
    size_px: int | None = None,
    csv: str | Path | None = None,
    split: str | None = None,
    classes: int | None = None,
    cloudy: bool | None = None,
    limit: int | None = None,
    on_bad: Literal["skip", "raise"] = "skip",
    overwrite: bool = False,
    progress: bool = True,
) -> list[Refused]:
    """Write what ``read_cube`` would give to a Zarr cube, block by block, for folders larger than memory.

    Returns:
        Files that were left out, with the reason.

    Raises:
        FileExistsError: Something is at ``new_path`` and ``overwrite`` is not set.
        FileNotFoundError: Nothing is at ``path``.
        LookupError: No known layout or band.
        ValueError: As in ``read_cube``.
    """
    from seco_lab.sources.assemble import import_all

    options = {
        "seasons": seasons, "size_px": size_px, "csv": csv, "split": split, "classes": classes,
        "cloudy": cloudy,
    }  # fmt: skip
    reading = find(path, layout or layout_of(path), bands=bands, limit=limit, **options)
    return import_all(reading, new_path, on_bad=on_bad, overwrite=overwrite, progress=progress)


def find(
    path: str | Path, layout: str, *, bands: str | Sequence[str] | None, limit: int | None, **options: Any
) -> Reading:
    """The reading of a layout, with those options that were given.

    Raises:
        LookupError: No such layout or band.
        ValueError: An option that the layout does not have.
    """
    if layout == "zarr":
        raise LookupError(
            f"{path} is a Zarr store already: use it as it is, or write it anew with seco_lab.store.repack"
        )
    if layout not in LAYOUTS:
        raise LookupError(
            f"no reader for {layout!r}; there are {', '.join(k for k in LAYOUTS if k != 'zarr')}"
        )
    reader = _finder(layout)[1]
    known = set(inspect.signature(reader).parameters) - {"path"}
    given = {name: value for name, value in options.items() if value is not None}
    _refuse_unknown(layout, set(given), known - {"bands", "limit"})
    if bands is not None and "bands" in known:
        given["bands"] = bands
    reading = reader(Path(path), **given)
    if limit is not None:
        reading = replace(reading, jobs=_spread(reading.jobs, limit))
    return reading if bands is None or "bands" in known else _with_bands(reading, bands)


def _refuse_unknown(layout: str, given: set[str], known: set[str]) -> None:
    odd = sorted(given - known)
    if odd:
        has = ", ".join(sorted(known)) or "none"
        raise ValueError(
            f"{LAYOUTS[layout]} has no option {odd[0]!r}; its options are {has}, bands and limit"
        )


def _spread(jobs: Sequence[Any], limit: int) -> list[Any]:
    """So many jobs, evenly over the list: the first ones alone would often be all of one class."""
    count = min(limit, len(jobs))
    return [jobs[i * len(jobs) // count] for i in range(count)]


def _with_bands(reading: Reading, bands: str | Sequence[str]) -> Reading:
    """A reading that keeps only some bands, in the order asked for."""
    names = reading.bands if bands == "all" else reading.sensor.subset(bands)
    missing = [name for name in names if name not in reading.bands]
    if missing:
        raise LookupError(f"{reading.root} lacks band {missing[0]}; it has {', '.join(reading.bands)}")
    order, read = [reading.bands.index(name) for name in names], reading.read

    def selected(job: Any) -> PatchRecord:
        record = read(job)
        return replace(record, pixels=record.pixels[:, order])

    return replace(reading, bands=tuple(names), read=selected)


def _opened(
    path: str | Path, bands: str | Sequence[str] | None, limit: int | None, options: dict[str, Any]
) -> xr.Dataset:
    """A Zarr cube, some of its bands and patches."""
    from seco_lab.sensors import sensor_named
    from seco_lab.store import open_cube

    _refuse_unknown("zarr", {name for name, value in options.items() if value is not None}, set())
    cube = open_cube(path)
    if bands is not None and bands != "all":
        names, held = sensor_named(cube.attrs["sensor"]).subset(bands), cube["band"].values.tolist()
        missing = [name for name in names if name not in held]
        if missing:
            raise LookupError(f"{path} lacks band {missing[0]}; it has {', '.join(held)}")
        cube = cube.isel(band=[held.index(name) for name in names])
    return cube if limit is None else cube.isel(patch=_spread(range(cube.sizes["patch"]), limit))
