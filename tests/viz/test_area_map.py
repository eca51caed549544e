"""An area on the map: in the right place, in stable colours, and answering a click."""

import numpy as np
import pytest
import rasterio
import xarray as xr
from pyproj import Transformer

from seco_lab.cube import Grid, make_area
from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.viz.area_colours import (
    PcaColours,
    area_picture,
    fit_area_colours,
    save_area_picture,
)
from seco_lab.viz.area_figure import area_figure
from seco_lab.viz.area_scene import PCA, SIMILARITY, TRUE_COLOUR, AreaScene
from seco_lab.viz.basemap import from_mercator, to_mercator
from seco_lab.viz.warp import Overlay, cell_of, lonlat_of

UTM = Grid.of(32631, (160.0, 0, 480_000.0, 0, -160.0, 4_690_000.0))


def embedded(rows=24, columns=30, dims=8, seasons=1, seed=0, grid=UTM):
    """Three kinds of land in stripes, with a hole without data."""
    chance = np.random.default_rng(seed)
    kind = (np.arange(columns) * 3 // columns)[None].repeat(rows, 0)
    centres = chance.normal(size=(3, dims))
    vectors = centres[kind] + chance.normal(size=(seasons, rows, columns, dims)) * 0.1
    vectors[:, 3:5, 7:9] = np.nan
    attrs = {"window_px": 32, "stride_px": 16}
    data = np.moveaxis(vectors, -1, 1).astype(np.float32)
    found = xr.Dataset({"embedding": (("season", "dim", "y", "x"), data)}, grid.coords(rows, columns), attrs)
    return found, kind


def scene_below(rows=24, columns=30):
    """Pixels of ten metres below the cells of ``embedded``, each counting up."""
    pixels = np.full((1, 3, rows * 16, columns * 16), 1200, np.uint16)
    pixels[..., columns * 8 :] = 400
    place = {"crs": 32631, "transform": (10.0, 0, 480_000.0, 0, -10.0, 4_690_000.0)}
    return make_area(pixels, bands=("B04", "B03", "B02"), sensor=SENTINEL2_L2A, **place)


@pytest.mark.parametrize(
    "grid",
    [
        UTM,
        Grid.of(32733, (320.0, 0, 700_000.0, 0, -320.0, 6_240_000.0)),
        Grid.of(32660, (320.0, 0, 740_000.0, 0, -320.0, 7_340_000.0)),
        Grid.of(4326, (0.004, 0, 2.79, 0, -0.003, 42.36)),
    ],
    ids=["north", "south", "date line", "degrees"],
)
def test_the_overlay_lies_right_to_half_a_pixel(grid):
    height, width = 40, 30
    overlay = Overlay.of(grid, height, width)
    west, south, east, north = overlay.bounds
    # Every pixel of the picture, found again on the grid by PROJ's own Web Mercator.
    rows, columns = overlay.cells.shape
    (x0, y1), (x1, y0) = to_mercator(np.array([west, east]), np.array([south, north]))
    at = np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5), -1)
    mercator = np.array([x0, y0]) + at * [(x1 - x0) / columns, (y1 - y0) / rows]
    world = 2 * np.pi * 6_378_137.0
    easting, northing = (mercator[..., 0] - 0.5) * world, (0.5 - mercator[..., 1]) * world
    x, y = Transformer.from_crs(3857, grid.crs, always_xy=True).transform(easting, northing)
    row, column = np.divmod(overlay.cells, width)
    off_x = (x - (grid.x0 + (column + 0.5) * grid.dx)) / grid.dx
    off_y = ((grid.y0 - (row + 0.5) * grid.dy) - y) / grid.dy
    seen = overlay.cells >= 0
    assert np.abs(off_x[seen]).max() <= 0.501
    assert np.abs(off_y[seen]).max() <= 0.501
    assert len(np.unique(overlay.cells[seen])) == height * width, "every cell is seen"
    corner = lonlat_of(grid, np.array([-0.5, height - 0.5]), np.array([-0.5, width - 0.5]))
    assert west - 1e-9 <= corner[0][0]
    assert south - 1e-9 <= corner[1][1]


def test_a_click_finds_the_cell_and_back():
    row, column = np.meshgrid(np.arange(24), np.arange(30), indexing="ij")
    lon, lat = lonlat_of(UTM, row, column)
    found = cell_of(UTM, lon + 360, lat)
    np.testing.assert_array_equal(found, (row, column))
    scene = AreaScene(embedded()[0])
    assert scene.cell_at(float(lon[5, 7]), float(lat[5, 7])) == (5, 7)
    assert scene.cell_at(0.0, 0.0) is None


def test_a_picture_is_see_through_where_nothing_is_known():
    found, _ = embedded()
    picture, overlay, legend = AreaScene(found).layer(PCA, 0, None)
    assert picture.dtype == np.uint8
    assert legend == {"kind": "pca"}
    row, column = np.divmod(overlay.cells, 30)
    hole = (overlay.cells < 0) | ((row >= 3) & (row < 5) & (column >= 7) & (column < 9))
    np.testing.assert_array_equal(picture[..., 3] == 0, hole)


def test_colours_do_not_depend_on_the_order_of_the_cells():
    vectors = np.random.default_rng(0).normal(size=(500, 8)) * np.arange(1, 9)
    one, other = PcaColours.fit(vectors), PcaColours.fit(vectors[::-1])
    np.testing.assert_allclose(one.axes, other.axes, atol=1e-5)
    assert (one.axes[np.abs(one.axes).argmax(0), range(3)] > 0).all()
    picture = vectors.T.reshape(8, 20, 25)
    np.testing.assert_array_equal(one(picture), one(picture[:, ::-1])[:, ::-1])


def test_colours_are_components_in_order_of_their_variance():
    chance = np.random.default_rng(0)
    vectors = 10 + np.zeros((1000, 6))
    for dim, spread in ((2, 3.0), (4, 2.0), (0, 1.0)):
        vectors[:, dim] += chance.normal(size=1000) * spread
    assert np.abs(PcaColours.fit(vectors).axes).argmax(0).tolist()[:2] == [2, 4]


def test_colours_of_one_area_serve_another():
    one, _ = embedded(seed=0)
    paint = fit_area_colours(one)
    half = one.isel(x=slice(0, 10))
    np.testing.assert_array_equal(area_picture(half, paint), area_picture(one, paint)[..., :10])
    assert (area_picture(half) != area_picture(one)[..., :10]).any()
    lazy = area_picture(one.chunk({"y": 7, "x": 7}))
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy, area_picture(one))


def test_a_picture_file_comes_back(tmp_path):
    picture = area_picture(embedded()[0])
    path = save_area_picture(picture, tmp_path / "rgb.tif")
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), picture.values[0])
        assert file.nodata == 0
        assert [c.name for c in file.colorinterp] == ["red", "green", "blue"]
        assert file.crs.to_epsg() == 32631
        assert tuple(file.transform)[:6] == UTM.transform
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    with pytest.raises(FileExistsError):
        save_area_picture(picture, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rgb.tif"]


def test_similarity_agrees_with_a_plain_loop():
    found, kind = embedded()
    scene = AreaScene(found)
    cosine = scene.similarities(0, 10, 20)
    vectors = found["embedding"].values[0]
    asked = vectors[:, 10, 20]
    for row, column in ((0, 0), (10, 20), (23, 29)):
        other = vectors[:, row, column]
        wanted = asked @ other / np.linalg.norm(asked) / np.linalg.norm(other)
        assert cosine[row, column] == pytest.approx(wanted, abs=1e-5)
    assert np.isnan(cosine[3:5, 7:9]).all()
    nearest = scene.similar(0, 10, 20, 4)
    assert [(f.row, f.column) for f in nearest[:1]] == [(10, 20)]
    assert len(nearest) == 5
    assert {int(kind[f.row, f.column]) for f in nearest} == {2}
    for i, one in enumerate(nearest):
        for other in nearest[:i]:
            assert max(abs(one.row - other.row), abs(one.column - other.column)) >= 2
    assert scene.similar(0, 3, 7, 4) == []


def test_bad_embeddings_are_refused():
    with pytest.raises(ValueError, match="wanted embeddings of an area"):
        AreaScene(xr.Dataset())
    empty, _ = embedded()
    with pytest.raises(ValueError, match="all vectors hold NaN"):
        AreaScene(empty * np.nan)
    with pytest.raises(LookupError, match="known are"):
        AreaScene(embedded()[0]).rgb("mood", 0, None)


def test_the_figure_shows_each_panel():
    found, _ = embedded(seasons=2)
    figure = area_figure(found, scene_below(), cell=(10, 20))
    assert [axis.get_title(loc="left").split(" (")[0] for axis in figure.axes] == [
        TRUE_COLOUR, PCA, "cosine to the ring",
    ]  # fmt: skip
    assert figure.axes[0].images[0].get_extent() == [480_000, 484_800, 4_686_160, 4_690_000]
    assert figure.axes[1].images[0].get_extent() == [480_000, 484_800, 4_686_160, 4_690_000]
    assert len(area_figure(found).axes) == 1


class TestMap:
    @pytest.fixture
    def view(self):
        pytest.importorskip("ipywidgets")
        from test_maps import RecordingBackend

        from seco_lab.viz.area_map import area_map

        found, _ = embedded(seasons=2)
        scene = scene_below()
        scene = xr.concat([scene, scene], "season", data_vars="minimal", coords="minimal")
        return area_map(found, scene, backend=RecordingBackend())

    def rasters(self, view):
        return [call for call in view.backend.calls if call[0] == "raster"]

    def test_a_click_recolours_and_marks_what_is_similar(self, view):
        lon, lat = lonlat_of(UTM, np.array(10), np.array(20))
        view.backend.react(float(lon), float(lat), 10.0)
        assert view.cell == (10, 20)
        assert view.colour.value == SIMILARITY
        first, last = self.rasters(view)[0], self.rasters(view)[-1]
        assert (first[2] != last[2]).any()
        assert first[3] == last[3]
        assert view.panel.value.count("seco-similar") == 6
        assert view.panel.value.count("<img") == 6
        assert view.backend.calls[-1] == ("marks", "selected cells", ["", "1", "2", "3", "4", "5"])
        before = last[2]
        view.backend.react(float(lon) - 0.03, float(lat), 10.0)
        assert (self.rasters(view)[-1][2] != before).any()
        assert view.problems.value == ""

    def test_a_click_beside_the_area_changes_nothing(self, view):
        count = len(view.backend.calls)
        view.backend.react(0.0, 0.0, 10.0)
        assert view.cell is None
        assert len(view.backend.calls) == count

    def test_a_place_without_data_says_so(self, view):
        view.select(3, 7)
        assert "no data here" in view.panel.value

    def test_season_colour_and_opacity_redraw(self, view):
        for change in (
            lambda: view.season.set_trait("value", 1),
            lambda: view.opacity.set_trait("value", 0.3),
        ):
            count = len(self.rasters(view))
            change()
            assert len(self.rasters(view)) == count + 1
        assert self.rasters(view)[-1][4] == 0.3
        view.colour.value = TRUE_COLOUR
        assert self.rasters(view)[-1][2].shape != self.rasters(view)[0][2].shape
        with pytest.raises(ValueError, match="wanted a cell in 24 rows"):
            view.select(24, 0)

    def test_a_failure_is_shown_beside_the_map(self, view, monkeypatch):
        monkeypatch.setattr(view.backend, "add_raster", lambda *a, **k: 1 / 0)
        view.opacity.value = 0.1
        assert "ZeroDivisionError" in view.problems.value

    def test_a_picture_travels_with_the_widget(self, view):
        data, _ = view._repr_mimebundle_()
        assert data["image/png"].startswith("iVBOR")
        assert "application/vnd.jupyter.widget-view+json" in data


def test_leafmap_lays_the_picture_over_the_right_place():
    pytest.importorskip("leafmap")
    from seco_lab.viz.area_map import area_map

    view = area_map(embedded()[0], height_px=300)
    layer = next(one for one in view.backend.widget.layers if one.name == "area")
    west, south, east, north = Overlay.of(UTM, 24, 30).bounds
    assert [tuple(corner) for corner in layer.bounds] == [(south, west), (north, east)]
    assert layer.url.startswith("data:image/png")
    before, count = layer.url, len(view.backend.widget.layers)
    view.select(10, 20)
    assert layer.url != before
    assert len(view.backend.widget.layers) == count + 1, "the marks are one layer, the picture is the same"
    lon, lat = from_mercator(to_mercator(np.array([west]), np.array([north])))
    assert (lon[0], lat[0]) == pytest.approx((west, north))
