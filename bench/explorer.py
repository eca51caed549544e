"""Places on a map in a real JupyterLab: first picture, bytes to the browser, panning, click to neighbours.

The explorer and our map on leafmap beside what else draws points in a notebook: leafmap's own markers,
lonboard and jupyter-scatter, where they are installed (``pip install lonboard jupyter-scatter``). The browser
has no graphics card and no network. ``first_picture_s`` runs from the start of the cell: for ours until the
points are drawn, for the others until their canvas or markers stand in the page. ``pan_frames_per_s`` and
``zoom_frames_per_s`` count the page's animation frames in which mouse or wheel went on; for ours only those
of them in which the picture followed.

Run ``python bench/explorer.py [--json FILE] [--counts 1000,10000] [--views EmbeddingExplorer]``; needs
Chromium and the ``lab`` and ``dev`` extras.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from lab import chromium, running_lab  # noqa: E402

DATA = """import time, numpy as np, xarray as xr
count = {count}
rng = np.random.default_rng(0)
kind = rng.integers(0, 12, count)
vectors = rng.normal(size=(12, 64)).astype('f4')[kind] + rng.normal(size=(count, 64)).astype('f4') * 0.4
lon, lat = rng.uniform(-170, 170, count), rng.uniform(-55, 70, count)
embeddings = xr.Dataset({{'embedding': (('patch', 'season', 'dim'), vectors[:, None])}},
    {{'lon': ('patch', lon), 'lat': ('patch', lat)}})
from seco_lab.viz.explorer import EmbeddingExplorer
from seco_lab.viz.embedding_map import embedding_map
from seco_lab.viz.basemap import largest_cities, packed_land
import leafmap, matplotlib
packed_land(), largest_cities()
{imports}
print('READY')"""
PATIENCE_MS = 90_000
PICTURE_MS = 30_000  # after which a view counts as failed; a full run stays near ten minutes
IMAGE = "document.querySelector('.leaflet-overlay-pane img, .leaflet-image-layer')"
TEXTS = "() => [...document.querySelectorAll('.jp-OutputArea-output')].map(o => o.textContent).join('\\n')"
# With every frame of the page the hand moves on by some pixels, there and back, or the wheel in and out.
# Events are made in the page, because a driver's own come slower than frames.
FRAMES = """async ([selector, seconds, x, y, wheel]) => {
  const pane = document.querySelector(selector), root = document.querySelector('.se-root');
  const target = document.elementFromPoint(x, y) ?? pane, started = performance.now();
  const shown = () => root?.explorer?.map.frames ?? null, before = shown();
  let moves = 0;
  while (performance.now() - started < 1000 * seconds) {
    await new Promise(requestAnimationFrame);
    const turn = Math.abs(((moves++ + 30) % 120) - 60) - 30;
    const at = {clientX: x + 6 * turn, clientY: y + 2 * turn, buttons: 1, pointerId: 1, isPrimary: true,
      pointerType: 'mouse', bubbles: true, cancelable: true, composed: true};
    if (wheel) target.dispatchEvent(new WheelEvent('wheel', {...at, clientX: x, clientY: y, buttons: 0,
      deltaY: moves % 60 < 30 ? -12 : 12}));
    else for (const [Kind, name] of [[PointerEvent, 'pointermove'], [MouseEvent, 'mousemove']])
      target.dispatchEvent(new Kind(name, at));
  }
  const seen = before === null ? moves : Math.min(moves, shown() - before);
  return seen / (performance.now() - started) * 1000;
}"""
HAND_S = 2.5


@dataclass(frozen=True)
class View:
    """One way to show places in a notebook.

    Attributes:
        name: For the table.
        code: Lines that end in the widget to show.
        drawn: JavaScript that is the time in ms once there is a picture, 0 or null before.
        pane: Where the mouse drags.
        most: Beyond so many places it is known to fail; a view that fails is not asked for more either.
        imports: Lines that run before the clock starts.
        needs: Package that must be installed.
    """

    name: str
    code: str
    drawn: str
    pane: str
    most: int = 1_000_000
    imports: str = ""
    needs: str = "leafmap"


def appears(selector: str) -> str:
    return f"document.querySelector('{selector}') ? Date.now() : 0"


OURS = View(
    "EmbeddingExplorer",
    "shown = EmbeddingExplorer(embeddings)\nshown",
    "Math.max(0, ...[...document.querySelectorAll('.se-pane')].map(p => Number(p.dataset.painted ?? 0)))",
    ".se-pane",
)
VIEWS = (
    OURS,
    View(
        "embedding_map (leafmap)",
        "shown = embedding_map(embeddings)\nshown",
        f"{IMAGE} && {IMAGE}.complete && {IMAGE}.naturalWidth > 0 ? Date.now() : 0",
        ".leaflet-container",
    ),
    View(
        "leafmap.add_circle_markers_from_xy",
        "import pandas as pd\nshown = leafmap.Map()\n"
        "shown.add_circle_markers_from_xy(pd.DataFrame({'x': lon, 'y': lat}), x='x', y='y')\nshown",
        appears(".leaflet-container path.leaflet-interactive, .leaflet-container canvas"),
        ".leaflet-container",
        most=1_000,
    ),
    View(
        "lonboard.ScatterplotLayer",
        "points = geopandas.points_from_xy(lon, lat)\n"
        "table = geopandas.GeoDataFrame({'k': kind}, geometry=points, crs=4326)\n"
        "shown = lonboard.Map(lonboard.ScatterplotLayer.from_geopandas(table))\nshown",
        appears(".jp-OutputArea-output canvas.maplibregl-canvas, .jp-OutputArea-output #deckgl-overlay"),
        ".jp-OutputArea-output canvas",
        imports="import lonboard, geopandas",
        needs="lonboard",
    ),
    View(
        "jscatter.Scatter",
        "shown = jscatter.Scatter(x=lon, y=lat, color_by=None)\nshown.show()",
        appears(".jp-OutputArea-output canvas"),
        ".jp-OutputArea-output canvas",
        imports="import jscatter",
        needs="jscatter",
    ),
)


def measure(lab, browser, view: View, count: int) -> dict[str, float | str]:
    """One row of the table."""
    row: dict[str, float | str] = {"view": view.name, "places": count}
    page, received = open_counted(lab, browser, count, view)
    try:
        lab.run_all(page)
        # Making the data is not part of anybody's time.
        page.wait_for_function(f"() => ({TEXTS})().includes('START ')", polling=100, timeout=PATIENCE_MS)
        moment = page.wait_for_function(f"() => {view.drawn}", polling=20, timeout=PICTURE_MS).json_value()
        row["first_picture_s"] = (moment - started(page)) / 1000
        page.wait_for_timeout(1500)
        row["to_browser_mb"] = received[0] / 1e6
        row |= hand_rates(page, view.pane)
        if view is OURS:
            row["click_ms"] = click_time(page)
    except Exception as error:  # a view that fails is a result, too
        row["note"] = f"failed: {str(error).splitlines()[0][:60]}"
    page.evaluate(
        "() => window.jupyterapp.serviceManager.sessions.shutdownAll()"
    )  # a million places are heavy
    page.close()
    return row


def open_counted(lab, browser, count: int, view: View):
    """A notebook page with an idle kernel, and a counter of bytes that come to it."""
    received = [0]

    def hear(socket) -> None:
        socket.on("framereceived", lambda frame: received.__setitem__(0, received[0] + len(frame)))

    name = f"bench{count}-{VIEWS.index(view)}.ipynb"
    cells = [DATA.format(count=count, imports=view.imports), f"print('START', time.time())\n{view.code}"]
    lab.write(name, cells)
    page = browser.new_page(viewport={"width": 1500, "height": 1100})
    page.on("websocket", hear)
    page.goto(f"{lab.url}/lab/tree/{name}?reset")
    page.wait_for_selector("#jp-main-statusbar >> text=Idle", timeout=PATIENCE_MS)
    page.wait_for_timeout(1500)
    return page, received


def started(page) -> float:
    """When the cell began, by the clock of this machine, in ms."""
    return 1000 * float(page.evaluate(TEXTS).split("START ")[1].split()[0])


def hand_rates(page, selector: str) -> dict[str, float]:
    """Frames a second in which the picture follows a dragging mouse, and a wheel."""
    pane = page.locator(selector).first
    pane.scroll_into_view_if_needed()
    box = pane.bounding_box()
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    rates = {}
    for name, wheel in (("pan_frames_per_s", False), ("zoom_frames_per_s", True)):
        page.mouse.move(*at)
        if not wheel:
            page.mouse.down()
        page.evaluate(FRAMES, [selector, 1, *at, wheel])  # lets a budget of points settle
        rates[name] = page.evaluate(FRAMES, [selector, HAND_S, *at, wheel])
        page.mouse.up()
        page.wait_for_timeout(1200)
    return rates


def click_time(page) -> float:
    """From the choice of a place to its neighbours in the page, in ms, median of five."""
    data = "() => { const d = document.querySelector('.se-root').dataset;"
    times = []
    page.locator(".se-pane").first.focus()
    for _ in range(5):
        page.keyboard.press(".")
        page.wait_for_function(f"{data} return Number(d.answered) >= Number(d.asked); }}", polling=20)
        times.append(page.evaluate(f"{data} return d.answered - d.asked; }}"))
    return sorted(times)[2]


def main() -> None:
    """Measure every view at every count and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="1000,10000,100000,1000000")
    parser.add_argument("--views", default=",".join(view.name for view in VIEWS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    views = [view for view in VIEWS if view.name in options.views.split(",") and find_spec(view.needs)]
    rows = []
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder)) as lab, chromium() as browser:
        for count in sorted(map(int, options.counts.split(","))):
            failed = {row["view"] for row in rows if "note" in row}  # with more places it would fail as well
            for view in views:
                if count <= view.most and view.name not in failed:
                    rows.append(measure(lab, browser, view, count))
                    show(rows[-1])
    if options.json:
        report = {
            "name": "Explorer: first picture, pan, click",
            "rows": rows,
            "command": "python bench/explorer.py",
        }
        options.json.write_text(json.dumps(report, indent=1))


def show(row: dict[str, float | str]) -> None:
    """A row as one line: a full run takes many minutes."""
    told = (
        f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
    )
    print("  ".join(told), flush=True)


if __name__ == "__main__":
    main()
