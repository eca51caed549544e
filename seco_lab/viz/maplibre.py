"""The second map backend: leafmap's MapLibre map, drawn on the graphics card, with land of our own below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seco_lab.places import land_polygons
from seco_lab.viz.maplibre_widget import map_class
from seco_lab.viz.maps import ClickReaction, metres_per_pixel, outline_shapes, zoom_for
from seco_lab.viz.point_pictures import PointPictures
from seco_lab.viz.raster import Bounds
from seco_lab.viz.thumbnails import data_uri

if TYPE_CHECKING:
    import geopandas as gpd

TILES = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
TILES_CREDIT = "© OpenStreetMap contributors"
_SEA, _LAND, _COAST = "#dde7ec", "#f4f2ec", "#b9b4a6"


class MapLibreBackend(PointPictures):
    """leafmap's MapLibre map: online tiles where there is a network, our own land below them where not.

    It turns, tilts and zooms between levels, which the ipyleaflet map does not; two pictures beside a
    divider it cannot show. Its zoom counts from a world of 512 pixels.
    """

    def __init__(self, bounds: Bounds | None = None, *, height_px: int = 480, tiles: str = TILES) -> None:
        """Make the map.

        Args:
            bounds: West, south, east, north in degrees; the world by default.
            height_px: Height of the map.
            tiles: Address of online tiles; "" for none.

        Raises:
            ImportError: leafmap or maplibre is not installed.
        """
        super().__init__()
        west, south, east, north = bounds or (-150.0, -50.0, 150.0, 70.0)
        # A style by name would be fetched by Python, and the sidebar fails with ipyvuetify 3.
        self._map = map_class()(
            center=((west + east) / 2, (south + north) / 2),
            zoom=zoom_for((west, south, east, north), height_px) - 1,
            style=offline_style(),
            height=f"{height_px}px",
            controls={"navigation": "top-left", "scale": "bottom-left"},
            add_sidebar=False,
        )
        self._shown: dict[str, tuple[list[str], list[str]]] = {}
        self._icons: set[str] = set()
        self._count = 0
        if tiles:
            # Not in the style: a map counts as loaded, and shows layers, only once its first tiles have come
            # or failed, and where there is no network that may take a minute.
            source = {"type": "raster", "tiles": [tiles], "tileSize": 256, "attribution": TILES_CREDIT}
            self._replace("tiles", source, [{"type": "raster"}])
        self._map.observe(lambda _change: self._redraw(), "view_state")

    @property
    def widget(self) -> Any:
        """The leafmap map; asking for it tells the browser of it."""
        self._map.tell()
        return self._map

    def add_marks(
        self, lon: Sequence[float], lat: Sequence[float], texts: Sequence[str], *, name: str
    ) -> None:
        """Show a few rings with short texts; see ``MapBackend``."""
        features = []
        for x, y, text in zip(lon, lat, texts, strict=True):
            point = {"type": "Point", "coordinates": [float(x), float(y)]}
            told = {"icon": self._icon(text) if text else ""}
            features.append({"type": "Feature", "geometry": point, "properties": told})
        ring = {"circle-radius": 10, "circle-opacity": 0}
        white = ring | {"circle-stroke-color": "white", "circle-stroke-width": 5}
        black = ring | {"circle-stroke-color": "black", "circle-stroke-width": 2}
        beside = {"icon-image": ["get", "icon"], "icon-offset": [20, 0], "icon-allow-overlap": True}
        layers = [
            {"type": "circle", "paint": white},
            {"type": "circle", "paint": black},
            {"type": "symbol", "layout": beside, "filter": ["!=", ["get", "icon"], ""]},
        ]
        self._replace(name, _collection(features), layers)

    def add_outlines(
        self, frame: gpd.GeoDataFrame, *, name: str, rgb: np.ndarray | None = None, texts: Sequence[str] = ()
    ) -> None:
        """Show the outlines of shapes; see ``MapBackend``."""
        shapes = outline_shapes(frame, rgb, texts)
        colour = ["get", "colour"]
        layers = [
            {"type": "fill", "paint": {"fill-color": colour, "fill-opacity": 0.05}},
            {"type": "line", "paint": {"line-color": colour, "line-width": 2}},
        ]
        self._replace(name, {"type": "geojson", "data": shapes}, layers)
        if texts:
            self._map.add_call("addPopup", self._shown[name][0][0], "text", None)

    def add_raster(self, picture: np.ndarray, bounds: Bounds, *, name: str, opacity: float = 1.0) -> None:
        """Show a picture; see ``MapBackend``."""
        west, south, east, north = bounds
        corners = [[west, north], [east, north], [east, south], [west, south]]
        url = data_uri(oblong(picture), kind="PNG")
        source = {"type": "image", "url": url, "coordinates": corners}
        paint = {"raster-opacity": opacity, "raster-fade-duration": 0, "raster-resampling": "nearest"}
        self._replace(name, source, [{"type": "raster", "paint": paint}])

    def on_click(self, react: ClickReaction) -> None:
        """Call ``react(lon, lat, metres_per_pixel)`` at each click."""

        def hear(change: dict[str, Any]) -> None:
            lon, lat = float(change["new"]["lng"]), float(change["new"]["lat"])
            react(lon, lat, metres_per_pixel(lat, self._zoom()))

        self._map.observe(hear, "clicked")

    def _replace(self, name: str, source: dict[str, Any], layers: list[dict[str, Any]]) -> None:
        """Put layers on the map in place of those of that name, at their height among the others."""
        # New ids each time: handlers of the old layers stay with the old ids.
        self._count += 1
        key = f"{name} {self._count}"
        layer_ids = [f"{key} {number}" for number in range(len(layers))]
        for layer in self._shown.get(name, ([], []))[0]:
            self._map.add_call("removeLayer", layer)
        for old in self._shown.get(name, ([], []))[1]:
            self._map.add_call("removeSource", old)
        self._shown[name] = (layer_ids, [key])
        above = list(self._shown)[list(self._shown).index(name) + 1 :]
        before = next((self._shown[other][0][0] for other in above), None)
        self._map.add_call("addSource", key, source)
        for layer_id, layer in zip(layer_ids, layers, strict=True):
            self._map.add_call("addLayer", {"id": layer_id, "source": key, **layer}, before)

    def _icon(self, text: str) -> str:
        """Name of a picture of a short text: MapLibre writes letters only with fonts from a network."""
        if text not in self._icons:
            self._icons.add(text)
            picture = text_picture(text)
            height, width, _ = picture.shape
            data = {"width": width, "height": height, "data": picture.ravel().tolist()}
            self._map.add_call("addImage", f"text {text}", data)
        return f"text {text}"

    def _zoom(self) -> float:
        return float(self._map.view_state.get("zoom", self._map.map_options.get("zoom", 1))) + 1

    def _view(self) -> Bounds | None:
        corners = self._map.view_state.get("bounds")
        if not corners:
            return None
        low, high = corners["_sw"], corners["_ne"]
        return low["lng"], low["lat"], high["lng"], high["lat"]


def offline_style() -> dict[str, Any]:
    """A MapLibre style of sea and land that needs no network."""
    land = {"type": "geojson", "data": {"type": "FeatureCollection", "features": land_polygons()}}
    layers = [
        {"id": "sea", "type": "background", "paint": {"background-color": _SEA}},
        {"id": "land", "type": "fill", "source": "land", "paint": {"fill-color": _LAND}},
        {"id": "coast", "type": "line", "source": "land", "paint": {"line-color": _COAST}},
    ]
    return {"version": 8, "sources": {"land": land}, "layers": layers}


def oblong(picture: np.ndarray) -> np.ndarray:
    """The picture; one row is doubled in a square whose side is a power of two.

    MapLibre asks for mipmaps of such squares, makes none for pictures, and shows them black. No row moves by
    more than its own height.
    """
    height, width = picture.shape[:2]
    if height != width or height & (height - 1):
        return picture
    return picture[np.arange(height + 1) * height // (height + 1)]


def text_picture(text: str) -> np.ndarray:
    """A short text, black with a white rim, as a picture (20, w, 4) uint8."""
    font = ImageFont.load_default(size=13)
    width = int(font.getlength(text)) + 8
    picture = Image.new("RGBA", (width, 20))
    place = {"font": font, "anchor": "mm", "stroke_width": 2, "stroke_fill": "white"}
    ImageDraw.Draw(picture).text((width / 2, 10), text, fill="black", **place)
    return np.asarray(picture)


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "geojson", "data": {"type": "FeatureCollection", "features": features}}
