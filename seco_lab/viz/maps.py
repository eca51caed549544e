"""Geographic maps behind one small protocol, with land below the tiles so that a map is never grey."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seco_lab.viz.basemap import country_rings
from seco_lab.viz.colours import hex_of
from seco_lab.viz.point_pictures import PointPictures
from seco_lab.viz.raster import Bounds
from seco_lab.viz.thumbnails import data_uri

if TYPE_CHECKING:
    import geopandas as gpd

EQUATOR_M = 40_075_017.0
OUTLINE = "#0072b2"
_WORLD = ((-85.0, -540.0), (85.0, 540.0))
ClickReaction = Callable[[float, float, float], None]


class MapBackend(Protocol):
    """What the toolkit asks of a map; layers are known by name, adding a name again replaces it."""

    @property
    def widget(self) -> Any:
        """What a notebook displays."""

    def add_points(self, lon: np.ndarray, lat: np.ndarray, rgb: np.ndarray, *, name: str) -> None:
        """Show points (P,) in degrees with colours (P, 3) uint8; any number of them."""

    def add_marks(
        self, lon: Sequence[float], lat: Sequence[float], texts: Sequence[str], *, name: str
    ) -> None:
        """Show a few rings with short texts."""

    def add_outlines(
        self, frame: gpd.GeoDataFrame, *, name: str, rgb: np.ndarray | None = None, texts: Sequence[str] = ()
    ) -> None:
        """Show the outlines of shapes (N), such as footprints.

        Args:
            frame: Geometries with their CRS; rows without one are passed over.
            name: Name of the layer.
            rgb: Shape (N, 3), uint8; all blue by default.
            texts: N short texts, shown at a click on the outline.
        """

    def add_raster(self, picture: np.ndarray, bounds: Bounds, *, name: str, opacity: float = 1.0) -> None:
        """Show a picture (h, w, 4) uint8 whose rows are even in Web Mercator, between bounds in degrees."""

    def on_click(self, react: ClickReaction) -> None:
        """Call ``react(lon, lat, metres_per_pixel)`` at each click."""


class LeafmapBackend(PointPictures):
    """leafmap's ipyleaflet map: online tiles where there is a network, our own land below them where not.

    Points are drawn as one picture and drawn again after each move.
    """

    def __init__(self, bounds: Bounds | None = None, *, height_px: int = 480) -> None:
        """Make the map.

        Args:
            bounds: West, south, east, north in degrees; the world by default.
            height_px: Height of the map.

        Raises:
            ImportError: leafmap is not installed.
        """
        super().__init__()
        self._map = offline_map(bounds, height_px=height_px)
        self._layers: dict[str, Any] = {}
        self._map.observe(lambda _change: self._redraw(), "bounds")

    @property
    def widget(self) -> Any:
        """The leafmap map."""
        return self._map

    def add_marks(
        self, lon: Sequence[float], lat: Sequence[float], texts: Sequence[str], *, name: str
    ) -> None:
        """Show a few rings with short texts; see ``MapBackend``."""
        import ipyleaflet

        marks: list[Any] = []
        for x, y, text in zip(lon, lat, texts, strict=True):
            ring = {"location": (y, x), "radius": 10, "fill_opacity": 0.0}
            marks.append(ipyleaflet.CircleMarker(**ring, color="white", weight=5))
            marks.append(ipyleaflet.CircleMarker(**ring, color="black", weight=2))
            if text:
                marks.append(_text_mark(y, x, text))
        self._replace(name, ipyleaflet.LayerGroup(layers=tuple(marks), name=name))

    def add_outlines(
        self, frame: gpd.GeoDataFrame, *, name: str, rgb: np.ndarray | None = None, texts: Sequence[str] = ()
    ) -> None:
        """Show the outlines of shapes; see ``MapBackend``."""
        import ipyleaflet
        import ipywidgets

        shapes = outline_shapes(frame, rgb, texts)
        look = {"weight": 2, "fillOpacity": 0.05}
        if not texts:
            layer = ipyleaflet.GeoJSON(
                data=shapes, style=look, style_callback=lambda shape: {"color": shape["properties"]["colour"]}
            )
            self._replace(name, ipyleaflet.LayerGroup(layers=(layer,), name=name))
            return
        layers = []
        for shape in shapes["features"]:
            told = shape["properties"]
            one = ipyleaflet.GeoJSON(data=shape, style={**look, "color": told["colour"]})
            one.popup = ipywidgets.HTML(escape(told["text"]))
            layers.append(one)
        self._replace(name, ipyleaflet.LayerGroup(layers=tuple(layers), name=name))

    def add_raster(self, picture: np.ndarray, bounds: Bounds, *, name: str, opacity: float = 1.0) -> None:
        """Show a picture; see ``MapBackend``."""
        import ipyleaflet

        west, south, east, north = bounds
        shown = {
            "url": data_uri(picture, kind="PNG"),
            "bounds": ((south, west), (north, east)),
            "opacity": opacity,
        }
        layer = self._layers.get(name)
        if layer is None:
            self._replace(name, ipyleaflet.ImageOverlay(name=name, **shown))
            return
        with layer.hold_sync():
            layer.url, layer.bounds, layer.opacity = shown.values()

    def on_click(self, react: ClickReaction) -> None:
        """Call ``react(lon, lat, metres_per_pixel)`` at each click."""

        def hear(**event: Any) -> None:
            if event.get("type") == "click":
                lat, lon = event["coordinates"]
                react(float(lon), float(lat), metres_per_pixel(float(lat), float(self._map.zoom)))

        self._map.on_interaction(hear)

    def _replace(self, name: str, layer: Any) -> None:
        """Put a layer on the map in place of the one of that name."""
        before = self._layers.get(name)
        self._layers[name] = layer
        if before is not None and before in self._map.layers:
            self._map.substitute(before, layer)
        else:
            self._map.add(layer)

    def _zoom(self) -> float:
        return float(self._map.zoom)

    def _view(self) -> Bounds | None:
        """What the browser shows; None before it has answered."""
        if len(self._map.bounds) != 2:
            return None
        (south, west), (north, east) = self._map.bounds
        return west, south, east, north

    def add_split(
        self, left: np.ndarray, right: np.ndarray, bounds: Bounds, *, names: tuple[str, str]
    ) -> None:
        """Show two pictures of the same bounds on either side of a divider that can be dragged.

        Args:
            left: Shape (h, w, 4), uint8, rows even in Web Mercator.
            right: The same for the other side.
            bounds: West, south, east, north in degrees.
            names: Names of both layers; a split of before goes.
        """
        import ipyleaflet

        west, south, east, north = bounds
        # The control clips whole panes: each picture needs one of its own.
        panes = {f"split {side}": {"zIndex": 410} for side in ("left", "right")}
        self._map.panes = {**self._map.panes, **panes}
        for control in [c for c in self._map.controls if isinstance(c, ipyleaflet.SplitMapControl)]:
            self._map.remove(control)
        layers = []
        for picture, pane, name in zip((left, right), panes, names, strict=True):
            corners = ((south, west), (north, east))
            url = data_uri(picture, kind="PNG")
            layers.append(ipyleaflet.ImageOverlay(url=url, bounds=corners, pane=pane, name=name))
            self._replace(name, layers[-1])
        self._map.add(ipyleaflet.SplitMapControl(left_layer=layers[0], right_layer=layers[1]))


def offline_map(bounds: Bounds | None = None, *, height_px: int = 480) -> Any:
    """A leafmap map with the package's land below its online tiles.

    Without a network the tiles stay away and the land shows; with one they cover it. No branch, no waiting.

    Args:
        bounds: West, south, east, north in degrees; the world by default.
        height_px: Height of the map.

    Raises:
        ImportError: leafmap is not installed.
    """
    try:
        import ipyleaflet
        import leafmap  # seconds to import, therefore here and not at the top
    except ImportError as error:
        raise ImportError("maps need leafmap: pip install 'seco-lab[lab]'") from error
    west, south, east, north = bounds or (-150.0, -50.0, 150.0, 70.0)
    with warnings.catch_warnings():
        # leafmap hands its own options on to ipyleaflet, which warns of each.
        warnings.simplefilter("ignore", DeprecationWarning)
        world = leafmap.Map(
            center=[(south + north) / 2, (west + east) / 2],
            zoom=zoom_for((west, south, east, north), height_px),
            toolbar_control=False,
            draw_control=False,
            height=f"{height_px}px",
        )
    # Leaflet draws tiles at 200 and overlays at 400. A GeoJSON layer would ignore its pane and hide both.
    world.panes = {"offline": {"zIndex": 150}}
    rings = [[[[float(lat), float(lon)] for lon, lat in ring]] for ring in country_rings()]
    paint = {"pane": "offline", "weight": 1, "fill_opacity": 1.0}
    world.add(ipyleaflet.Rectangle(bounds=_WORLD, color="#dde7ec", fill_color="#dde7ec", name="sea", **paint))
    world.add(
        ipyleaflet.Polygon(locations=rings, color="#b9b4a6", fill_color="#f4f2ec", name="land", **paint)
    )
    return world


def outline_shapes(frame: gpd.GeoDataFrame, rgb: np.ndarray | None, texts: Sequence[str]) -> dict[str, Any]:
    """Geometries as GeoJSON in degrees, each with ``colour`` and ``text`` among its properties.

    Raises:
        ValueError: The frame has no CRS, or colours or texts are not one a row.
    """
    if frame.crs is None:
        raise ValueError("outlines need a coordinate system, got a table without; set it with set_crs")
    for given, what in ((rgb, "colours"), (texts or None, "texts")):
        if given is not None and len(given) != len(frame):
            raise ValueError(f"wanted one of {what} a row, got {len(given)} for {len(frame)} outlines")
    colours = [OUTLINE] * len(frame) if rgb is None else [hex_of(colour) for colour in rgb]
    plain = frame[[frame.geometry.name]].to_crs(4326)
    plain = plain.assign(colour=colours, text=[str(text) for text in texts] or "")
    there = plain.geometry.notna() & ~plain.geometry.is_empty
    return json.loads(plain[there].to_json())


def metres_per_pixel(lat: float, zoom: float) -> float:
    """Ground size of a screen pixel in metres."""
    return EQUATOR_M * float(np.cos(np.radians(lat))) / (256 * 2.0**zoom)


def zoom_for(bounds: Bounds, height_px: int) -> int:
    """The largest whole zoom at which bounds fit into a map of that height, between 1 and 17."""
    west, south, east, north = bounds
    share = max((east - west) / 360 * 0.6, (north - south) / 170, 1e-6)
    return int(np.clip(np.floor(np.log2(height_px / 256 / share)), 1, 17))


def _text_mark(lat: float, lon: float, text: str) -> Any:
    """A short text beside a ring."""
    import ipyleaflet

    label = f'<b style="font:bold 11px/14px system-ui;display:block;text-align:center">{escape(text)}</b>'
    icon = ipyleaflet.DivIcon(html=label, icon_size=[16, 16], icon_anchor=[-10, 8])
    return ipyleaflet.Marker(location=(lat, lon), icon=icon, draggable=False)
