"""What every map backend must do, told by what the browser would show."""

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

pytest.importorskip("leafmap")

from seco_lab.viz.maplibre import MapLibreBackend, oblong, offline_style, text_picture
from seco_lab.viz.maplibre_widget import patient_module, still_needed
from seco_lab.viz.maps import LeafmapBackend


class OnLeaflet:
    """The ipyleaflet map and its layers from below, as the browser has them."""

    def __init__(self):
        self.backend = LeafmapBackend((2, 41, 3, 42), height_px=300)
        self.below = len(self.backend.widget.layers)

    def layers(self):
        return [layer.name for layer in self.backend.widget.layers[self.below :]]

    def picture(self, name):
        layer = next(layer for layer in self.backend.widget.layers if layer.name == name)
        (south, west), (north, east) = layer.bounds
        return layer.url, (west, south, east, north), layer.opacity

    def outlines(self, name):
        group = next(layer for layer in self.backend.widget.layers if layer.name == name)
        shapes = [one.data.get("features", [one.data]) for one in group.layers]
        return [shape for some in shapes for shape in some]

    def click(self, lon, lat):
        for react in self.backend.widget._interaction_callbacks.callbacks:
            react(type="click", coordinates=[lat, lon])

    def look(self, west, south, east, north):
        self.backend.widget.set_trait("bounds", ((south, west), (north, east)))


class OnMapLibre:
    """The MapLibre map; its calls are carried out on a plain list, as the browser would."""

    def __init__(self):
        self.backend = MapLibreBackend((2, 41, 3, 42), height_px=300)

    def state(self):
        sources, layers, popups = {}, [], set()
        for method, arguments in self.backend.widget.calls:
            if method == "addSource":
                assert arguments[0] not in sources
                sources[arguments[0]] = arguments[1]
            elif method == "removeSource":
                assert all(layer["source"] != arguments[0] for layer in layers), "still in use"
                del sources[arguments[0]]
            elif method == "addLayer":
                layer, before = arguments
                assert layer["source"] in sources
                names = [one["id"] for one in layers]
                layers.insert(names.index(before) if before else len(layers), layer)
            elif method == "removeLayer":
                layers = [layer for layer in layers if layer["id"] != arguments[0]]
            elif method == "addPopup":
                popups.add(arguments[0])
        return sources, layers, popups

    def layers(self):
        names = [layer["source"].rpartition(" ")[0] for layer in self.state()[1]]
        return [name for name in dict.fromkeys(names) if name != "tiles"]

    def source(self, name):
        (key,) = [key for key in self.state()[0] if key.rpartition(" ")[0] == name]
        return self.state()[0][key]

    def picture(self, name):
        source = self.source(name)
        (west, north), _, (east, south), _ = source["coordinates"]
        (layer,) = [one for one in self.state()[1] if one["source"].rpartition(" ")[0] == name]
        return source["url"], (west, south, east, north), layer["paint"]["raster-opacity"]

    def outlines(self, name):
        return self.source(name)["data"]["features"]

    def click(self, lon, lat):
        self.backend.widget.clicked = {"lng": lon, "lat": lat}

    def look(self, west, south, east, north):
        corners = {"_sw": {"lng": west, "lat": south}, "_ne": {"lng": east, "lat": north}}
        self.backend.widget.view_state = {"bounds": corners, "zoom": 7.5}


@pytest.fixture(params=[OnLeaflet, OnMapLibre])
def shown(request):
    return request.param()


def test_a_name_is_a_layer_and_the_same_name_takes_its_place(shown):
    where, few = (np.array([2.2, 2.8]), np.array([41.5, 41.6])), np.zeros((2, 3), np.uint8)
    for _ in range(2):
        shown.backend.add_points(*where, few, name="places")
        shown.backend.add_raster(np.zeros((2, 2, 4), np.uint8), (2, 41, 3, 42), name="area")
        shown.backend.add_marks([2.2], [41.5], ["1"], name="marks")
    assert shown.layers() == ["places", "area", "marks"]
    before = shown.picture("places")
    shown.backend.add_points(*where, few + 200, name="places")
    assert shown.layers() == ["places", "area", "marks"], "a layer keeps its height"
    assert shown.picture("places") != before
    shown.backend.add_marks([], [], [], name="marks")


def test_a_raster_lies_between_its_bounds(shown):
    picture = np.random.default_rng(0).integers(0, 255, (5, 7, 4)).astype(np.uint8)
    shown.backend.add_raster(picture, (2.1, 41.2, 2.6, 41.9), name="area", opacity=0.4)
    url, bounds, opacity = shown.picture("area")
    assert url.startswith("data:image/png;base64,")
    assert bounds == (2.1, 41.2, 2.6, 41.9)
    assert opacity == 0.4


def test_points_are_drawn_again_for_what_is_in_sight(shown):
    shown.backend.add_points(np.array([2.5]), np.array([41.5]), np.zeros((1, 3), np.uint8), name="places")
    shown.look(2.4, 41.4, 2.6, 41.6)
    west, south, east, north = shown.picture("places")[1]
    assert west < 2.4 < 2.6 < east
    assert south < 41.4 < 41.6 < north
    assert east - west < 0.5


def test_a_click_tells_lon_lat_and_the_size_of_a_pixel(shown):
    heard = []
    shown.backend.on_click(lambda *event: heard.append(event))
    shown.click(2.25, 41.5)
    ((lon, lat, metres),) = heard
    assert (lon, lat) == (2.25, 41.5)
    assert 50 < metres < 1500, "a map of one degree on 300 pixels"


def test_outlines_come_in_degrees_with_colours_and_texts(shown):
    frame = gpd.GeoDataFrame(geometry=[box(2.1, 41.1, 2.2, 41.2), None, box(2.3, 41.1, 2.4, 41.2)], crs=4326)
    rgb = np.array([[255, 0, 0], [0, 0, 0], [0, 0, 255]], np.uint8)
    for _ in range(2):
        shown.backend.add_outlines(frame.to_crs(32631), name="prints", rgb=rgb, texts=["a", "b", "<c>"])
    assert shown.layers() == ["prints"]
    one, two = shown.outlines("prints")
    assert one["properties"]["colour"], two["properties"]["colour"] == ("#ff0000", "#0000ff")
    assert two["properties"]["text"] == "<c>"
    corners = np.array(two["geometry"]["coordinates"][0])
    assert corners[:, 0].max() == pytest.approx(2.4, abs=1e-6)
    shown.backend.add_outlines(frame, name="prints")
    assert {shape["properties"]["colour"] for shape in shown.outlines("prints")} == {"#0072b2"}


def test_outlines_without_crs_or_with_too_few_colours_are_refused(shown):
    frame = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)])
    with pytest.raises(ValueError, match="set_crs"):
        shown.backend.add_outlines(frame, name="prints")
    with pytest.raises(ValueError, match="got 2 for 1"):
        shown.backend.add_outlines(frame.set_crs(4326), name="prints", texts=["a", "b"])


def test_maplibre_starts_without_a_network():
    style = offline_style()
    assert "http" not in str(style)
    assert "glyphs" not in style
    assert [layer["id"] for layer in style["layers"]] == ["sea", "land", "coast"]
    first = OnMapLibre().state()[1][0]
    assert first["source"].startswith("tiles"), "below all other layers"
    assert MapLibreBackend(tiles="").widget.calls == OnMapLibre().backend.widget.calls[:2]


def test_maplibre_opens_whole_and_once():
    """Its first message to the browser must hold the style and all layers."""
    backend = MapLibreBackend((2, 41, 3, 42))
    assert backend._map.comm is None
    backend.add_raster(np.zeros((2, 2, 4), np.uint8), (2, 41, 3, 42), name="area")
    comm = backend.widget.comm
    assert comm is not None
    assert backend.widget.comm is comm


def test_maplibre_tells_the_news_and_answers_with_what_a_fresh_page_needs(monkeypatch):
    shown = OnMapLibre()
    widget, sent, listed = shown.backend.widget, [], []
    monkeypatch.setattr(widget, "send", sent.append)
    monkeypatch.setattr(widget, "send_state", lambda key=None: listed.append(key))
    for _ in range(3):
        shown.backend.add_raster(np.zeros((2, 2, 4), np.uint8), (2, 41, 3, 42), name="area")
    news = [call[0] for content in sent for call in content["calls"]]
    assert news == ["addSource", "addLayer", *["removeLayer", "removeSource", "addSource", "addLayer"] * 2]
    assert "calls" not in listed, "the pictures do not go the same way twice"
    widget._handle_custom_msg({"ask": "calls"}, [])
    area = [call for call in sent[-1]["whole"] if "area" in str(call)]
    assert [call[0] for call in area] == ["addSource", "addLayer"], "what was removed is not listed"
    assert area[0] == sent[-3]["calls"][0]
    assert shown.layers() == ["area"]


def test_a_list_for_a_fresh_page_keeps_the_order_of_layers():
    calls = [["addImage", ["7", {}]], ["addSource", ["s", {}]]]
    for name, before in [("a", None), ("b", None), ("c", "b"), ("d", "a")]:
        calls.append(["addLayer", [{"id": name}, before]])
    calls += [["addPopup", ["c", "text", None]], ["addPopup", ["b", "text", None]]]
    calls += [["removeLayer", ["b"]], ["removeLayer", ["not there"]]]
    kept = still_needed(calls)
    assert [call[1][0] for call in kept] == ["7", "s", {"id": "d"}, {"id": "a"}, {"id": "c"}, "c"]


def test_a_maplibre_module_of_an_unknown_form_is_refused():
    assert "const DrawnMap = Znt;" in patient_module("var Znt={};export{Znt as default};// end")
    with pytest.raises(ImportError, match="constraints"):
        patient_module("export default {};")


def test_maplibre_writes_texts_as_pictures_once():
    shown = OnMapLibre()
    for _ in range(2):
        shown.backend.add_marks([2.2, 2.4, 2.5], [41.5] * 3, ["", "7", "7"], name="marks")
    images = [arguments for method, arguments in shown.backend.widget.calls if method == "addImage"]
    assert [name for name, _ in images] == ["text 7"]
    assert len(images[0][1]["data"]) == images[0][1]["width"] * images[0][1]["height"] * 4
    icons = [shape["properties"]["icon"] for shape in shown.source("marks")["data"]["features"]]
    assert icons == ["", "text 7", "text 7"]
    picture = text_picture("7")
    assert (picture[..., 3] > 0).any()
    assert (picture[..., 3] == 0).any()


def test_maplibre_opens_a_popup_of_the_layer_that_is_there():
    shown = OnMapLibre()
    frame = gpd.GeoDataFrame(geometry=[box(2, 41, 3, 42)], crs=4326)
    for _ in range(2):
        shown.backend.add_outlines(frame, name="items", texts=["one"])
    _, layers, popups = shown.state()
    assert len(popups & {layer["id"] for layer in layers}) == 1


@pytest.mark.parametrize(
    ("shape", "wanted"), [((64, 64), (65, 64)), ((64, 32), (64, 32)), ((96, 96), (96, 96))]
)
def test_maplibre_gets_no_square_of_a_power_of_two(shape, wanted):
    picture = np.arange(shape[0] * shape[1]).reshape(*shape, 1).repeat(4, -1)
    shown = oblong(picture)
    assert shown.shape[:2] == wanted
    assert (shown[0] == picture[0]).all()
    assert (shown[-1] == picture[-1]).all()
    assert len(np.unique(shown[..., 0])) == picture[..., 0].size
