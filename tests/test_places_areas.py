import warnings

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Point, Polygon, box

from seco_lab.places import AtPoints, InPolygons, Place, plan_places, read_areas, sampler_from_file


def table(*shapes, crs=4326, **columns):
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)


def draw(sampler, n=4000):
    found = sampler.candidates(0, 0, n)
    return found.lon, found.lat


def test_points_fill_a_polygon_evenly_and_leave_its_hole():
    ring = Polygon(box(0, 40, 20, 70).exterior.coords, [box(5, 50, 10, 60).exterior.coords])
    lon, lat = draw(InPolygons(table(ring)), 20_000)
    assert shapely.contains_xy(ring, lon, lat).all()
    sin = np.sin(np.radians([40, 50, 60, 70]))
    area = np.array([20 * (sin[1] - sin[0]), 15 * (sin[2] - sin[1]), 20 * (sin[3] - sin[2])])
    share = np.histogram(lat, [40, 50, 60, 70])[0] / len(lat)
    assert np.allclose(share, area / area.sum(), atol=0.012)


def test_the_edge_of_a_large_polygon_is_straight_in_degrees():
    triangle = Polygon([(0, 0), (80, 0), (0, 80)])
    lon, lat = draw(InPolygons(table(triangle)), 20_000)
    assert (lon + lat).max() < 80.05
    assert ((lon + lat) > 78).sum() > 100


FIJI = [
    box(176, -20, 184, -15),
    MultiPolygon([box(176, -20, 180, -15), box(-180, -20, -176, -15)]),
    Polygon([(176, -20), (-176, -20), (-176, -15), (176, -15)]),
]


@pytest.mark.parametrize("shape", FIJI, ids=["beyond 180", "cut", "jumping"])
def test_across_the_antimeridian(shape):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        lon, lat = draw(InPolygons(table(shape)))
    assert (np.abs(lon) >= 176).all()
    assert (lon > 0).mean() == pytest.approx(0.5, abs=0.04)
    assert ((lat > -20) & (lat < -15)).all()
    assert ["crossing the antimeridian" in str(w.message) for w in seen] == [True] * (shape is FIJI[2])


def test_a_jumping_polygon_keeps_its_hole():
    hole = [(-179, -18), (-178, -18), (-178, -17), (-179, -17)]
    shape = Polygon(FIJI[2].exterior.coords, [hole])
    with pytest.warns(UserWarning, match="antimeridian"):
        lon, lat = draw(InPolygons(table(shape)))
    assert not ((lon > -179) & (lon < -178) & (lat > -18) & (lat < -17)).any()


def test_the_whole_world_is_no_crossing():
    lon, _ = draw(InPolygons(table(box(-180, -60, 180, 80))))
    assert np.histogram(lon, 4, (-180, 180))[0].min() > 800


def test_a_ring_around_the_pole():
    ring = Polygon([(-120, 70), (0, 70), (120, 70), (-120, 70)])
    with pytest.raises(ValueError, match="encloses a pole"):
        InPolygons(table(ring))


def test_polygons_in_metres_and_self_crossing_ones():
    lon, lat = draw(InPolygons(table(box(4e5, 5e6, 5e5, 5.1e6), crs=32632)))
    assert ((lon > 7) & (lon < 9.1) & (lat > 45) & (lat < 46.1)).all()
    bow = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    lon, lat = draw(InPolygons(table(bow)))
    assert ((lon >= 0) & (lon <= 10)).all()


def test_polygons_reject_the_sea_unless_told():
    sampler = InPolygons(table(box(-10, 36, 0, 44)))
    plan = plan_places(200, sampler)
    assert "sea" in set(plan.rejected["why"])
    sea = InPolygons(table(box(-40, 20, -30, 30)), on_land=False)
    assert len(plan_places(10, sea)) == 10


def test_own_points_keep_names_and_order(tmp_path):
    points = table(Point(2.3, 48.8), Point(149.1, -35.3), name=["paris", "canberra"])
    points.to_file(tmp_path / "p.geojson")
    points.to_parquet(tmp_path / "p.parquet")
    for name in ("p.geojson", "p.parquet"):
        plan = plan_places(None, sampler_from_file(tmp_path / name))
        assert plan.place_list() == [Place("paris", 2.3, 48.8), Place("canberra", 149.1, -35.3)]
    with pytest.raises(ValueError, match="only 2 of 3 places"):
        plan_places(3, sampler_from_file(tmp_path / "p.parquet"))


def test_points_without_names_are_numbered():
    plan = plan_places(None, AtPoints.from_table(table(Point(2, 48), Point(3, 47))))
    assert plan.places["name"].tolist() == ["point-000000", "point-000001"]


def test_polygon_files(tmp_path):
    table(box(0, 45, 2, 47)).to_file(tmp_path / "area.geojson")
    sampler = sampler_from_file(tmp_path / "area.geojson")
    assert isinstance(sampler, InPolygons)
    assert len(plan_places(20, sampler)) == 20


def test_swapped_coordinates_are_suspected():
    right = [(2.35, 48.86), (13.4, 52.5), (-3.7, 40.4), (19.0, 47.5)]
    swapped = [Place(str(i), lat, lon) for i, (lon, lat) in enumerate(right)]
    with pytest.warns(UserWarning, match=r"[34] of 4 points lie in the sea; swapped they would lie on land"):
        AtPoints(swapped)
    with pytest.warns(UserWarning, match=r"1 of 1 points lie in the sea$"):
        AtPoints([Place("sea", -30, 35)])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: InPolygons(table(box(0, 0, 1, 1), crs=None)), "no coordinate reference system"),
        (lambda: InPolygons(table(Point(0, 0))), "wanted Polygon geometries, row 0 holds Point"),
        (lambda: AtPoints.from_table(table(Point(0, 10), None)), "row 1 holds nothing"),
        (lambda: InPolygons(table(Polygon())), "row 0 holds Polygon"),
        (lambda: InPolygons(table()), "no places"),
        (lambda: InPolygons(table(box(0, 80, 1, 95))), "latitudes must lie in -90 to 90"),
        (lambda: AtPoints.from_table(table(Point(10, 100))), "lon and lat swapped"),
        (lambda: AtPoints([]), "no places"),
        (lambda: AtPoints([Place("a", 2, 48), Place("a", 3, 47)]), "'a' occurs more than once"),
    ],
)
def test_bad_tables_are_one_sentence(make, words):
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of points"):
        read_areas(tmp_path / "none.geojson")
    (tmp_path / "bad.geojson").write_text("{")
    with pytest.raises(ValueError, match="no table of geometries"):
        read_areas(tmp_path / "bad.geojson")


def test_points_of_a_spreadsheet(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeffname;Longitude;Latitude\nBerlin;13.4;52.52\nParis;2.35;48.85\n")
    plan = plan_places(None, sampler_from_file(tmp_path / "a.csv"))
    assert plan.places["name"].tolist() == ["Berlin", "Paris"]
    assert plan.places["lon"].tolist() == [13.4, 2.35]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,x,y\na,1,2\n", "needs the columns lon and lat, it has name, x, y"),
        ("lon,lat\n10,95\n", r"the Points reach from 95 to 95; are lon and lat swapped\?"),
        ("lon,lat\n10 E,50\n", "must be degrees such as 13.40"),
        ("lon,lat\n", "holds no row"),
        ("lon,lat\n10,\n", "row 2 of .* lacks lon or lat"),
    ],
)
def test_spreadsheets_that_are_no_points(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        sampler_from_file(tmp_path / "a.csv")


def test_swapped_columns_land_in_the_sea(tmp_path):
    (tmp_path / "a.csv").write_text("lon,lat\n52.5,13.4\n48.8,2.3\n40.4,-3.7\n52.4,4.9\n")
    with pytest.warns(UserWarning, match="of 4 points lie in the sea; swapped they would lie on land"):
        sampler_from_file(tmp_path / "a.csv")
