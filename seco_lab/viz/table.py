"""Embeddings made ready for maps and planes: checked, of unit length, matched with their cube."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import xarray as xr

from seco_lab.explore.vectors import UnitVectors
from seco_lab.viz.packing import finite_rows

NAMES_SHOWN = 3


@dataclass(frozen=True)
class EmbeddingTable:
    """What every view of embeddings reads. P places, T seasons, D numbers per embedding.

    Attributes:
        names: Patch ids (P,), strings; plain numbers where there are none.
        lonlat: Shape (P, 2), degrees; NaN where unknown.
        times: Shape (P, T), datetime64; NaT where unknown.
        spaces: Name of an embedding space -> its directions, (P, T, D).
        columns: Name -> (P,) values to colour by.
        cube_rows: Row of each place in the cube (P,), -1 where the cube has none.
        problems: One sentence per thing that is wrong or missing; shown under the widget.
    """

    names: np.ndarray
    lonlat: np.ndarray
    times: np.ndarray
    spaces: Mapping[str, UnitVectors]
    columns: Mapping[str, np.ndarray]
    cube_rows: np.ndarray
    problems: tuple[str, ...] = field(default=())

    @property
    def count(self) -> int:
        """Number of places P."""
        return len(self.names)

    @property
    def seasons(self) -> int:
        """Number of seasons T."""
        return self.times.shape[1]

    @cached_property
    def patch_hash(self) -> str:
        """A short hash of the patch names in their order: numbers of places mean the same where it agrees."""
        return hashlib.sha256("\n".join(map(str, self.names.tolist())).encode()).hexdigest()[:16]

    def season_labels(self) -> list[str]:
        """One label per season: its number and, where dates are known, the month most of them fall into."""
        return [_season_label(i, self.times[:, i]) for i in range(self.seasons)]


def embedding_table(
    embeddings: xr.Dataset | xr.DataArray, cube: xr.Dataset | None = None, *, columns: Mapping | None = None
) -> EmbeddingTable:
    """An ``EmbeddingTable`` out of a dataset of embeddings.

    Args:
        embeddings: ``embedding`` with dims (patch, season, dim) or (patch, dim); further variables of such
            shape become further spaces (sub-spaces, other models), those with dim (patch,) columns.
        cube: Where the pictures come from, matched by ``patch``; may lack some or all patches.
        columns: Name -> (P,) further values to colour by.

    Raises:
        ValueError: No embeddings at all, no places, or a column of another length.
    """
    dataset = embeddings.to_dataset(name="embedding") if isinstance(embeddings, xr.DataArray) else embeddings
    raw = {str(name): _with_season(value) for name, value in dataset.data_vars.items() if _is_space(value)}
    if not raw:
        raise ValueError(
            "embeddings need a variable with dims (patch, season, dim), "
            f"got {_shapes(dataset) or 'no variables'}"
        )
    first = next(iter(raw.values()))
    if not first.sizes["patch"]:
        raise ValueError("there are no places in these embeddings: embed at least one patch")
    names = _names(dataset, first.sizes["patch"])
    spaces, bad = _unit_spaces(raw)
    lonlat = _lonlat(dataset, len(names))
    rows = _cube_rows(names, cube)
    table_columns = _columns(dataset, cube, rows, len(names), columns or {})
    times = _times(dataset, len(names), first.sizes["season"])
    problems = [*bad, *_place_problems(lonlat), *_cube_problems(rows, names, cube)]
    problems += _season_problems(times, cube)
    return EmbeddingTable(names, lonlat, times, spaces, table_columns, rows, tuple(problems))


def _is_space(value: xr.DataArray) -> bool:
    """Whether a variable is one embedding per patch, or per patch and season."""
    dims = value.dims
    return (
        "patch" in dims and value.dtype.kind == "f" and len(dims) - ("season" in dims) == 2 and len(dims) <= 3
    )


def _with_season(value: xr.DataArray) -> xr.DataArray:
    """The same with dims (patch, season, dim)."""
    value = value if "season" in value.dims else value.expand_dims(season=1, axis=1)
    return value.transpose("patch", "season", ...)


def _shapes(dataset: xr.Dataset) -> str:
    """Names and dims of the variables, for messages."""
    return ", ".join(
        f"{name} ({', '.join(map(str, value.dims))})" for name, value in dataset.data_vars.items()
    )


def _names(dataset: xr.Dataset, count: int) -> np.ndarray:
    """Patch ids as strings; numbers where there are none, as text of a million costs a second."""
    return dataset["patch"].to_numpy().astype(str) if "patch" in dataset.coords else np.arange(count)


def _unit_spaces(raw: Mapping[str, xr.DataArray]) -> tuple[dict[str, UnitVectors], list[str]]:
    """Spaces as directions and what is wrong with them."""
    spaces, problems = {}, []
    for name, value in raw.items():
        spaces[name] = UnitVectors.of(value.to_numpy())
        lost = int((~spaces[name].usable.any(1)).sum())
        if lost:
            problems.append(
                f"{lost} of {value.shape[0]} places have no usable vector in {name!r} (NaN or zero): they "
                "are grey and nobody's neighbour"
            )
    return spaces, problems


def _lonlat(dataset: xr.Dataset, count: int) -> np.ndarray:
    """Coordinates (P, 2) in degrees, NaN where absent or impossible."""
    if not {"lon", "lat"} <= set(dataset.variables):
        return np.full((count, 2), np.nan)
    lon, lat = (dataset[name].to_numpy() for name in ("lon", "lat"))
    pair = np.stack([lon, lat], 1).astype(np.float64)
    pair[~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))] = np.nan
    return pair


def _place_problems(lonlat: np.ndarray) -> list[str]:
    """Sentences about missing coordinates and lone places."""
    lost = len(lonlat) - int(finite_rows(lonlat).sum())
    problems = []
    if lost == len(lonlat):
        problems.append(
            "the embeddings carry no lon and lat: the map stays empty, the plane shows all places"
        )
    elif lost:
        problems.append(
            f"{lost} of {len(lonlat)} places have no valid lon and lat: they are missing on the map"
        )
    if len(lonlat) == 1:
        problems.append("there is only one place: it has no neighbours and its colour means nothing")
    return problems


def _cube_rows(names: np.ndarray, cube: xr.Dataset | None) -> np.ndarray:
    """Row of each place in the cube, -1 where it is missing."""
    if cube is None:
        return np.full(len(names), -1)
    have = _names(cube, cube.sizes["patch"])
    row_of = {name: row for row, name in enumerate(have.tolist())}
    return np.array([row_of.get(name, -1) for name in names.tolist()])


def _cube_problems(rows: np.ndarray, names: np.ndarray, cube: xr.Dataset | None) -> list[str]:
    """Sentences about places that have no picture."""
    if cube is None or (rows >= 0).all():
        return []
    if (rows < 0).all():
        shown = ", ".join(map(str, names[:NAMES_SHOWN]))
        return [
            f"the cube has none of these patches ({shown}, ...): it is not the one they were embedded from"
        ]
    lost = np.flatnonzero(rows < 0)
    shown = ", ".join(map(str, names[lost[:NAMES_SHOWN]]))
    return [f"the cube lacks {len(lost)} of {len(rows)} places ({shown}, ...): these have no pictures"]


def _season_problems(times: np.ndarray, cube: xr.Dataset | None) -> list[str]:
    """A sentence about a cube that shows other seasons than were embedded."""
    wanted = times.shape[1]
    if cube is None or cube.sizes["season"] == wanted:
        return []
    have, dated = cube.sizes["season"], "time" in cube.variables and not np.isnat(times).all()
    shown = "those taken on the same day" if dated else f"the first {min(have, wanted)}"
    return [f"the cube has {have} seasons, the embeddings have {wanted}: pictures are shown of {shown}"]


def _columns(
    dataset: xr.Dataset, cube: xr.Dataset | None, rows: np.ndarray, count: int, more: Mapping
) -> dict[str, np.ndarray]:
    """Values to colour by: of the embeddings, of the cube (its label), and those given."""
    skip = {"lon", "lat", "patch", "epsg", "x0", "y0"}  # where a place is, the map says better
    found = {
        str(n): v.to_numpy() for n, v in dataset.variables.items() if v.dims == ("patch",) and n not in skip
    }
    if cube is not None and "label" in cube.variables and (rows >= 0).all():
        found.setdefault("label", cube["label"].to_numpy()[rows])
    for name, values in more.items():
        if len(values) != count:
            raise ValueError(f"column {name!r} needs {count} values, one per place, got {len(values)}")
        found[str(name)] = np.asarray(values)
    return found


def _times(dataset: xr.Dataset, count: int, seasons: int) -> np.ndarray:
    """Dates (P, T); NaT where the embeddings carry none."""
    if "time" in dataset.variables and set(dataset["time"].dims) <= {"patch", "season"}:
        # Named dims broadcast a date per season, or per patch, to both.
        like = xr.DataArray(np.zeros((count, seasons), bool), dims=("patch", "season"))
        times = xr.broadcast(_bare(dataset["time"]), like)[0]
        return times.transpose("patch", "season").to_numpy().astype("datetime64[D]")
    return np.full((count, seasons), np.datetime64("NaT"), "datetime64[D]")


def _bare(value: xr.DataArray) -> xr.DataArray:
    """The array without coordinates, so that broadcasting aligns by position."""
    return xr.DataArray(value.to_numpy(), dims=value.dims)


def _season_label(index: int, dates: np.ndarray) -> str:
    """``"2 · Apr 2021"``, or the number alone where dates are unknown."""
    known = dates[~np.isnat(dates)]
    if not len(known):
        return f"season {index + 1}"
    middle = np.sort(known)[len(known) // 2]
    return f"{index + 1} · {middle.astype(object):%b %Y}"
