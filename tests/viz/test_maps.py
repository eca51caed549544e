import numpy as np
import pytest
from test_map_scene import cube_of, embeddings

pytest.importorskip("ipywidgets")

from seco_lab.viz.embedding_map import EmbeddingMap, nearest_place
from seco_lab.viz.maps import LeafmapBackend, metres_per_pixel, zoom_for
from seco_lab.viz.scene import SIMILARITY, scene_of


class RecordingBackend:
    """A map that shows nothing and remembers what it was asked for."""

    def __init__(self):
        import ipywidgets

        self.widget, self.calls, self.react = ipywidgets.HTML(), [], None

    def add_points(self, lon, lat, rgb, *, name):
        self.calls.append(("points", name, rgb.copy()))

    def add_marks(self, lon, lat, texts, *, name):
        self.calls.append(("marks", name, list(texts)))

    def add_outlines(self, frame, *, name, rgb=None, texts=()):
        self.calls.append(("outlines", name, len(frame), rgb, list(texts)))

    def add_raster(self, picture, bounds, *, name, opacity=1.0):
        self.calls.append(("raster", name, picture.copy(), bounds, opacity))

    def on_click(self, react):
        self.react = react


@pytest.fixture
def world():
    data = embeddings()
    return EmbeddingMap(scene_of(data, cube_of(data)), RecordingBackend()), data


def test_a_click_near_a_place_selects_it(world):
    view, data = world
    view.backend.react(float(data["lon"][4]) + 0.01, float(data["lat"][4]), 500.0)
    assert view.place.value == 4
    assert "p4" in view.panel.value
    assert view.panel.value.count("seco-neighbour") == 6
    assert view.backend.calls[-1] == ("marks", "selected", ["", "1", "2", "3", "4", "5", "6"])


def test_a_click_into_the_void_changes_nothing(world):
    view, _ = world
    view.backend.react(0.0, 89.0, 1.0)
    assert view.place.value == -1


def test_the_slider_changes_colours_and_neighbours(world):
    view, _ = world
    view.place.value = 2
    before, panel = view.backend.calls[0][2], view.panel.value
    view.season.value = 1
    points = [call for call in view.backend.calls if call[0] == "points"]
    assert (points[-1][2] != before).any()
    assert view.panel.value != panel


def test_similarity_colours_follow_the_place(world):
    view, _ = world
    view.colour.value = SIMILARITY
    view.place.value = 2
    points = [call[2] for call in view.backend.calls if call[0] == "points"]
    assert (points[-1] != points[-2]).any()


def test_a_failure_is_shown_beside_the_map(world, monkeypatch):
    view, _ = world
    monkeypatch.setattr(view.backend, "add_marks", lambda *a, **k: 1 / 0)
    view.place.value = 3
    assert "ZeroDivisionError" in view.problems.value
    monkeypatch.undo()
    view.place.value = 4
    assert "ZeroDivisionError" not in view.problems.value
    data, _ = view._repr_mimebundle_()
    assert data["image/png"].startswith("iVBOR"), "seen without a kernel"


def test_names_cannot_smuggle_markup_into_the_panel():
    data = embeddings().assign_coords(patch=[f"<script>{i}" for i in range(30)])
    view = EmbeddingMap(scene_of(data), RecordingBackend())
    view.place.value = 0
    assert "<script>" not in view.panel.value


def test_nearest_place_across_the_date_line():
    lonlat = np.array([[179.9, 0.0], [np.nan, 0.0], [0.0, 0.0]])
    assert nearest_place(lonlat, -179.9, 0.0, reach_km=50) == 0
    assert nearest_place(lonlat, 180.1, 0.0, reach_km=50) == 0
    assert nearest_place(lonlat, 90.0, 0.0, reach_km=50) == -1


def test_scales():
    assert metres_per_pixel(0, 0) == pytest.approx(156_543, rel=1e-4)
    assert metres_per_pixel(60, 0) == pytest.approx(156_543 / 2, rel=1e-4)
    assert zoom_for((-180, -80, 180, 80), 480) <= 2
    assert zoom_for((2.0, 41.0, 2.1, 41.1), 480) >= 9
    assert zoom_for((2.0, 41.0, 2.006, 41.006), 480) == 15, "a patch of 600 m fills more than a stamp"


def test_leafmap_draws_land_below_the_tiles_and_points_as_one_picture():
    pytest.importorskip("leafmap")
    backend = LeafmapBackend(height_px=300)
    layers = {layer.name: layer for layer in backend.widget.layers}
    assert layers["land"].pane == "offline"
    assert backend.widget.panes["offline"]["zIndex"] < 200
    count = len(backend.widget.layers)
    lon, lat = np.linspace(-50, 50, 5000), np.linspace(-50, 50, 5000)
    for shade in (0, 200):
        backend.add_points(lon, lat, np.full((5000, 3), shade, np.uint8), name="places")
    backend.add_marks([1.0], [2.0], ["1"], name="marks")
    backend.add_marks([], [], [], name="marks")
    assert len(backend.widget.layers) == count + 2
    overlay = next(layer for layer in backend.widget.layers if layer.name == "places")
    assert overlay.url.startswith("data:image/png")


def test_leafmap_redraws_what_is_in_sight():
    pytest.importorskip("leafmap")
    backend = LeafmapBackend(height_px=300)
    backend.add_points(np.array([10.0]), np.array([50.0]), np.zeros((1, 3), np.uint8), name="places")
    overlay = next(layer for layer in backend.widget.layers if layer.name == "places")
    before = overlay.bounds
    backend.widget.set_trait("bounds", ((48.0, 8.0), (52.0, 12.0)))
    assert overlay.bounds != before
    (south, west), (north, east) = overlay.bounds
    assert south < 48 < 52 < north
    assert west < 8 < 12 < east


def test_leafmap_click_reports_lon_lat_and_scale():
    pytest.importorskip("leafmap")
    backend, heard = LeafmapBackend(height_px=300), []
    backend.on_click(lambda *event: heard.append(event))
    for react in backend.widget._interaction_callbacks.callbacks:
        react(type="click", coordinates=[50.0, 10.0])
        react(type="mousemove", coordinates=[0.0, 0.0])
    assert [event[:2] for event in heard] == [(10.0, 50.0)]


def test_leafmap_shows_outlines_and_replaces_them():
    pytest.importorskip("leafmap")
    geopandas = pytest.importorskip("geopandas")
    from shapely.geometry import box

    backend = LeafmapBackend(height_px=300)
    count = len(backend.widget.layers)
    for east in (4.0, 5.0):
        frame = geopandas.GeoDataFrame(geometry=[box(2, 41, east, 42)], crs=4326).to_crs(32631)
        backend.add_outlines(frame, name="footprints")
    assert len(backend.widget.layers) == count + 1
    corners = np.array(backend.widget.layers[-1].layers[0].data["features"][0]["geometry"]["coordinates"][0])
    assert corners[:, 0].max() == pytest.approx(5.0, abs=1e-6)


def test_leafmap_splits_two_pictures_in_panes_of_their_own():
    ipyleaflet = pytest.importorskip("ipyleaflet")
    backend = LeafmapBackend(height_px=300)
    count = len(backend.widget.layers)
    for shade in (0, 200):
        picture = np.full((4, 4, 4), shade, np.uint8)
        backend.add_split(picture, picture, (2.0, 41.0, 3.0, 42.0), names=("winter", "summer"))
    controls = [c for c in backend.widget.controls if isinstance(c, ipyleaflet.SplitMapControl)]
    assert len(controls) == 1, "a new split takes the place of the old"
    assert (controls[0].left_layer.name, controls[0].right_layer.name) == ("winter", "summer")
    assert {controls[0].left_layer.pane, controls[0].right_layer.pane} == {"split left", "split right"}
    assert backend.widget.panes["split left"]["zIndex"] > 400
    assert len(backend.widget.layers) == count + 2
