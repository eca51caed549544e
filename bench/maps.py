"""The explorer and the leafmap map in a real JupyterLab: first picture, bytes, panning, click to neighbours.

Run ``python bench/maps.py [--json FILE] [--counts 1000,10000]``; needs Chromium and the ``lab`` and ``dev``
extras.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from lab import chromium, running_lab  # noqa: E402

DATA = """import time, numpy as np, xarray as xr
count = {count}
rng = np.random.default_rng(0)
kind = rng.integers(0, 12, count)
vectors = rng.normal(size=(12, 64)).astype('f4')[kind] + rng.normal(size=(count, 64)).astype('f4') * 0.4
embeddings = xr.Dataset({{'embedding': (('patch', 'season', 'dim'), vectors[:, None])}},
    {{'lon': ('patch', rng.uniform(-170, 170, count)), 'lat': ('patch', rng.uniform(-55, 70, count))}})
from seco_lab.viz.explorer import EmbeddingExplorer
from seco_lab.viz.embedding_map import embedding_map
from seco_lab.viz.basemap import largest_cities, packed_land
import leafmap, matplotlib
packed_land(), largest_cities()
print('READY')"""
EXPLORER = "start = time.time()\nexplorer = EmbeddingExplorer(embeddings)\nprint('START', start)\nexplorer"
LEAFMAP = "start = time.time()\nworld = embedding_map(embeddings)\nprint('START', start)\nworld"
PAINTED = "() => Math.max(...[...document.querySelectorAll('.se-pane')].map(p => Number(p.dataset.painted)))"
DATASET = "() => { const d = document.querySelector('.se-root').dataset;"
TEXTS = "() => [...document.querySelectorAll('.jp-OutputArea-output')].map(o => o.textContent).join('\\n')"


def open_counted(lab, browser, count: int, cell: str):
    """A notebook page whose data cell has run, and a counter of bytes to the browser."""
    received = [0]

    def hear(socket) -> None:
        socket.on("framereceived", lambda frame: received.__setitem__(0, received[0] + len(frame)))

    page = lab.open(browser, f"bench{count}-{abs(hash(cell)) % 999}.ipynb", [DATA.format(count=count), cell])
    page.close()
    page = browser.new_page(viewport={"width": 1500, "height": 1100})
    page.on("websocket", hear)
    page.goto(f"{lab.url}/lab/tree/bench{count}-{abs(hash(cell)) % 999}.ipynb?reset")
    page.wait_for_selector("#jp-main-statusbar >> text=Idle", timeout=90_000)
    page.wait_for_timeout(1500)
    return page, received


def started(page) -> float:
    """When the cell began, by the clock of this machine, in ms."""
    return 1000 * float(page.evaluate(TEXTS).split("START ")[1].split()[0])


def measure_explorer(lab, browser, count: int) -> dict[str, float | str]:
    page, received = open_counted(lab, browser, count, EXPLORER)
    lab.run_all(page)
    page.wait_for_function(
        f"() => document.querySelectorAll('.se-pane').length && ({PAINTED})() > 0",
        polling=20,
        timeout=120_000,
    )
    first = page.evaluate(PAINTED) - started(page)
    sent = received[0] / 1e6
    page.wait_for_timeout(1500)
    row = {
        "view": "EmbeddingExplorer",
        "places": count,
        "first_picture_s": first / 1000,
        "to_browser_mb": sent,
    }
    row["pan_frames_per_s"] = pan_rate(page)
    row["click_ms"] = click_time(page)
    page.close()
    return row


def pan_rate(page) -> float:
    """Pictures a second while the mouse drags the map, after one drag that lets the point budget settle."""
    pane = page.locator(".se-pane").first
    pane.scroll_into_view_if_needed()
    box = pane.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    rate = 0.0
    for _ in range(2):
        page.mouse.move(x, y)
        page.mouse.down()
        before, start = int(pane.get_attribute("data-paints")), time.perf_counter()
        for k in range(60):
            page.mouse.move(x + k, y + (k % 20))
        rate = (int(pane.get_attribute("data-paints")) - before) / (time.perf_counter() - start)
        page.mouse.up()
        page.wait_for_timeout(1200)
    return rate


def click_time(page) -> float:
    """From the choice of a place to its neighbours in the page, in ms, median of five."""
    times = []
    page.locator(".se-pane").first.focus()
    for _ in range(5):
        page.keyboard.press(".")
        page.wait_for_function(
            f"{DATASET} return Number(d.answered) >= Number(d.asked); }}",
            polling=20,
        )
        times.append(page.evaluate(f"{DATASET} return d.answered - d.asked; }}"))
    return sorted(times)[2]


def measure_leafmap(lab, browser, count: int) -> dict[str, float | str]:
    page, received = open_counted(lab, browser, count, LEAFMAP)
    lab.run_all(page)
    drawn = (
        "() => { const i = document.querySelector('.leaflet-overlay-pane img, .leaflet-image-layer');"
        "return i && i.complete && i.naturalWidth > 0 ? Date.now() : 0; }"
    )
    moment = page.wait_for_function(drawn, polling=20, timeout=120_000).json_value()
    row = {
        "view": "leafmap embedding_map",
        "places": count,
        "first_picture_s": (moment - started(page)) / 1000,
    }
    row["to_browser_mb"] = received[0] / 1e6
    page.close()
    return row


def main() -> None:
    """Measure every count and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="1000,10000,100000,1000000")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder)) as lab, chromium() as browser:
        for count in map(int, options.counts.split(",")):
            rows += [measure_explorer(lab, browser, count), measure_leafmap(lab, browser, count)]
    names = ("view", "places", "first_picture_s", "to_browser_mb", "pan_frames_per_s", "click_ms")
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for row in rows:
        cells = [row.get(name, "") for name in names]
        print("| " + " | ".join(f"{c:.2f}" if isinstance(c, float) else str(c) for c in cells) + " |")
    if options.json:
        report = {"name": "maps", "rows": rows, "ratio": None, "command": "python bench/maps.py"}
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
