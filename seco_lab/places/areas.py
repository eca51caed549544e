"""The user's own points and polygons, from GeoParquet, GeoJSON or any file that geopandas reads."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.places.draw import uniforms
from seco_lab.places.land import is_land
from seco_lab.places.point import Place, wrap_lon
from seco_lab.places.samplers import Candidates

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from shapely import Polygon

_AXES = ("lon", "lat")
_EDGE_DEGREES = 0.5  # edges are straight in longitude and latitude; finer pieces keep them so


def _checked_table(table: GeoDataFrame, kind: str) -> GeoDataFrame:
    """The table in degrees, without empty rows or other kinds of geometry."""
    if len(table) == 0:
        raise ValueError(f"no places: the table of {kind}s is empty")
    if table.crs is None:
        raise ValueError(
            f"the {kind}s have no coordinate reference system; set it, for example table.set_crs(4326)"
        )
    wrong = table.geometry.isna() | table.geometry.is_empty | ~table.geom_type.isin([kind, f"Multi{kind}"])
    if wrong.any():
        found = sorted(set(table.geom_type[wrong].fillna("nothing")))
        raise ValueError(f"wanted {kind} geometries, row {wrong.index[wrong][0]} holds {', '.join(found)}")
    table = table.to_crs(4326)
    low, high = table.total_bounds[1], table.total_bounds[3]
    if not (low >= -90 and high <= 90):
        raise ValueError(
            f"latitudes must lie in -90 to 90, the {kind}s reach from {low:g} to {high:g}; "
            "are lon and lat swapped?"
        )
    return table


class AtPoints:
    """The user's own points, in their order; none is moved.

    Points at sea are kept unless `on_land` is set, but a warning counts them.

    Args:
        places: At least one place, each with a name of its own.
        on_land: Refuse points at sea.
    """

    name = "points"
    strata = None

    def __init__(self, places: list[Place], *, on_land: bool = False) -> None:
        if not places:
            raise ValueError("no places: the list of points is empty")
        self._names = tuple(place.name for place in places)
        if len(set(self._names)) < len(self._names):
            twice = next(name for name in self._names if self._names.count(name) > 1)
            raise ValueError(f"names of places must differ, {twice!r} occurs more than once")
        self._lon = np.array([place.lon for place in places], float)
        self._lat = np.array([place.lat for place in places], float)
        self.on_land = on_land
        _warn_of_sea(self._lon, self._lat)

    @classmethod
    def from_table(cls, table: GeoDataFrame, *, on_land: bool = False) -> AtPoints:
        """From a table of points with a CRS; names from its column `name` or `id`, else numbers.

        Raises:
            ValueError: No rows, no CRS, other geometries, or latitudes that cannot be.
        """
        table = _checked_table(table, "Point").explode(index_parts=False, ignore_index=True)
        column = next((c for c in ("name", "id") if c in table and table[c].is_unique), None)
        names = table[column].astype(str) if column else [f"point-{i:06d}" for i in range(len(table))]
        lon, lat = wrap_lon(table.geometry.x), table.geometry.y
        return cls([Place(*row) for row in zip(names, lon, lat, strict=True)], on_land=on_land)

    def candidates(self, seed: int, start: int, stop: int) -> Candidates:
        """Points start to stop; the seed plays no part."""
        part = slice(start, stop)
        return Candidates.of(self._lon[part], self._lat[part], name=self._names[part])

    def arguments(self) -> dict[str, Any]:
        """How many points, and whether the sea was refused."""
        return {"points": len(self._names), "on_land": self.on_land}


def _warn_of_sea(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> None:
    sea = int((~is_land(lon, lat)).sum())
    if not sea:
        return
    could_swap = np.abs(lon) <= 90
    swapped_sea = int((~is_land(lat[could_swap], lon[could_swap])).sum() + (~could_swap).sum())
    hint = "; swapped they would lie on land: is it lon, lat?" if swapped_sea < sea / 2 else ""
    warnings.warn(f"{sea} of {len(lon)} points lie in the sea{hint}", UserWarning, stacklevel=3)


class InPolygons:
    """Uniform by area inside the user's polygons, holes left out.

    A polygon that crosses the antimeridian may be cut there (as RFC 7946 asks), run on beyond 180 degrees, or
    simply jump from 179 to -179.

    Args:
        table: Polygons with a CRS.
        on_land: Refuse points at sea.

    Raises:
        ValueError: No rows, no CRS, other geometries, latitudes that cannot be, or a ring around a pole.
    """

    name = "polygons"
    strata = None

    def __init__(self, table: GeoDataFrame, *, on_land: bool = True) -> None:
        import shapely

        table = _checked_table(table, "Polygon")
        polygons = [unwrapped(p) for p in shapely.get_parts(table.geometry.to_numpy())]
        self._triangles = np.concatenate([_equal_area_triangles(p) for p in polygons])
        edges = self._triangles[:, 1:] - self._triangles[:, :1]
        self._area = np.cumsum(np.abs(np.linalg.det(edges)))
        if not self._area[-1] > 0:
            raise ValueError("the polygons have no area")
        self.on_land = on_land
        self._count = len(table)

    def candidates(self, seed: int, start: int, stop: int) -> Candidates:
        """Candidates start to stop."""
        draws = uniforms(seed, self.name, start, stop)
        i = np.searchsorted(self._area, draws[:, 0] * self._area[-1], side="right")
        u, v = draws[:, 1], draws[:, 2]
        fold = u + v > 1
        u, v = np.where(fold, 1 - u, u), np.where(fold, 1 - v, v)
        a, b, c = (self._triangles[i, corner] for corner in range(3))
        xy = a + u[:, None] * (b - a) + v[:, None] * (c - a)
        return Candidates.of(wrap_lon(xy[:, 0]), np.degrees(np.arcsin(np.clip(xy[:, 1], -1, 1))))

    def arguments(self) -> dict[str, Any]:
        """How many polygons, their area in square degrees of the equator, and whether the sea was refused."""
        area = float(np.degrees(self._area[-1]) / 2)
        return {"polygons": self._count, "area": round(area, 6), "on_land": self.on_land}


def _equal_area_triangles(polygon: Polygon) -> NDArray[np.float64]:
    """Triangles that fill a polygon in (longitude in degrees, sine of latitude), shape (N, 3, 2)."""
    import shapely

    fine = shapely.segmentize(polygon, _EDGE_DEGREES)
    flat = shapely.transform(fine, lambda xy: np.column_stack([xy[:, 0], np.sin(np.radians(xy[:, 1]))]))
    if not shapely.is_valid(flat):
        flat = shapely.make_valid(flat, method="structure")
    parts = shapely.get_parts(shapely.constrained_delaunay_triangles(shapely.get_parts(flat)))
    parts = shapely.get_parts(parts)
    if not len(parts):
        return np.empty((0, 3, 2))
    return np.stack([shapely.get_coordinates(part)[:3] for part in parts])


def _unwrapped_ring(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """A ring whose longitudes run on beyond 180 degrees where they jumped."""
    step = np.diff(ring[:, 0])
    turns = np.where((np.abs(step) > 180) & (np.abs(step) < 360), -np.sign(step), 0)
    out = ring.copy()
    out[1:, 0] += 360 * np.cumsum(turns)
    if abs(out[-1, 0] - out[0, 0]) > 1e-9:
        raise ValueError("a polygon encloses a pole; draw its edge along 180 degrees to the pole and back")
    return out


def unwrapped(polygon: Polygon) -> Polygon:
    """The polygon with continuous longitudes, some beyond 180 where it crosses the antimeridian.

    An edge longer than 180 degrees is read as the short way round, with a warning.
    """
    import shapely

    shell = shapely.get_coordinates(polygon.exterior)
    out = _unwrapped_ring(shell)
    if np.array_equal(out, shell):
        return polygon
    warnings.warn(
        "a polygon has an edge of more than 180 degrees of longitude and is read as crossing the "
        "antimeridian; add vertices on that edge if the long way round is meant",
        UserWarning,
        stacklevel=3,
    )
    middle = (out[:, 0].min() + out[:, 0].max()) / 2
    holes = [_unwrapped_ring(shapely.get_coordinates(ring)) for ring in polygon.interiors]
    for hole in holes:
        hole[:, 0] += 360 * np.round((middle - hole[:, 0].mean()) / 360)
    return shapely.Polygon(out, holes)


def read_areas(path: str | Path) -> GeoDataFrame:
    """A table of points or polygons from GeoParquet (.parquet), GeoJSON, GeoPackage or a shapefile.

    A .csv with the columns lon and lat (or longitude and latitude) is a table of points in degrees.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read as a table of geometries.
    """
    import geopandas as gpd

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no file of points or polygons at {path}")
    if path.suffix.lower() == ".csv":
        return _points_in_csv(path)
    try:
        table = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)
    except (ValueError, OSError, RuntimeError) as error:
        raise ValueError(f"{path} is no table of geometries that geopandas reads: {error}") from error
    if not isinstance(table, gpd.GeoDataFrame):
        raise ValueError(f"{path} holds a table without geometries; its columns are {', '.join(table)}")
    return table


def _points_in_csv(path: Path) -> GeoDataFrame:
    """Points of a table in text, whichever separator it has."""
    import geopandas as gpd
    import pandas as pd

    try:
        table = pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig")
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path} is no table in text: {error}") from error
    names = {str(column).strip().lower(): column for column in table}
    lon, lat = (next((names[n] for n in (a, f"{a}gitude", f"{a}itude") if n in names), None) for a in _AXES)
    if lon is None or lat is None:
        raise ValueError(f"{path} needs the columns lon and lat, it has {', '.join(map(str, table))}")
    lacking = table[[lon, lat]].isna().any(axis=1)
    if not len(table):
        raise ValueError(f"no places: {path} holds no row")
    if lacking.any():
        raise ValueError(f"row {lacking.argmax() + 2} of {path} lacks {lon} or {lat}")
    try:
        points = gpd.points_from_xy(table[lon].astype(float), table[lat].astype(float))
    except ValueError as error:
        raise ValueError(f"{path}: {lon} and {lat} must be degrees such as 13.40, got {error}") from error
    return gpd.GeoDataFrame(table, geometry=points, crs=4326)


def sampler_from_file(path: str | Path, *, on_land: bool | None = None) -> AtPoints | InPolygons:
    """The user's own points (each a place) or polygons (to draw places in), by what the file holds.

    Args:
        path: GeoParquet, GeoJSON, GeoPackage, shapefile, or a .csv of points.
        on_land: Refuse the sea. None: for polygons yes, for points no.
    """
    table = read_areas(path)
    if len(table) and table.geom_type.isin(["Point", "MultiPoint"]).all():
        return AtPoints.from_table(table, on_land=bool(on_land))
    return InPolygons(table, on_land=on_land is not False)
