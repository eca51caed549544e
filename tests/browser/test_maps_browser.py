"""A real JupyterLab without a network: the MapLibre map draws, answers a click, keeps late layers."""

from pathlib import Path

import pytest

pytest.importorskip("playwright")
pytest.importorskip("jupyterlab")
pytest.importorskip("leafmap")

from lab import CHROMIUM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]

CELLS = [
    "import numpy as np\n"
    "from seco_lab.viz.maplibre import MapLibreBackend\n"
    "world = MapLibreBackend((2.80, 42.333, 2.835, 42.347), height_px=200, tiles='')\n"
    "red = np.tile(np.array([255, 0, 0, 255], np.uint8), (64, 64, 1))\n"
    "world.add_raster(red, (2.81, 42.337, 2.815, 42.343), name='before')\n"
    "world.on_click(lambda lon, lat, metres: world.add_marks([lon], [lat], ['7'], name='clicked'))\n"
    "world.widget",
    # While this runs the browser draws, and its answer waits: what is added now must not be lost.
    "blue = red[..., ::-1].copy(); blue[..., 3] = 255; blue[..., 0] = 0; blue[..., 2] = 255\n"
    "import time; time.sleep(1)\n"
    "world.add_raster(blue, (2.82, 42.337, 2.825, 42.343), name='late')\n"
    "print('BUILT')",
]
# A page so busy that a widget's module is late: anywidget then drops all that the kernel says.
BUSY_PAGE = """() => {
  const real = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => real(ms === 2000 ? 0 : ms);
}"""
# How many pixels of the map are red, blue and black, on a screenshot of it.
TALLY = (255, 0, 0), (0, 0, 255), (0, 0, 0)


def tally(page):
    import io

    import numpy as np
    from PIL import Image

    shot = page.locator(".maplibregl-map").first.screenshot()
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)
    return [int((np.abs(pixels - colour).sum(-1) < 30).sum()) for colour in TALLY]


def wait_for(page, condition):
    for _ in range(120):
        counts = tally(page)
        if condition(counts):
            return counts
        page.wait_for_timeout(500)
    raise AssertionError(f"the map shows {dict(zip(('red', 'blue', 'black'), counts, strict=True))} pixels")


def test_maplibre_draws_offline_and_answers(lab, browser):
    page = lab.open(browser, "maps.ipynb", CELLS, width=900, height=700)
    page.evaluate(BUSY_PAGE)
    lab.run_all(page)
    lab.wait_for_text(page, "BUILT")
    red, blue, black = wait_for(page, lambda counts: min(counts[:2]) > 500)
    assert abs(red - blue) < 0.2 * red, "both pictures are of one size"
    box = page.locator(".maplibregl-canvas").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_for(page, lambda counts: counts[2] > black + 40)
    lab.reload(page, ".maplibregl-map")
    wait_for(page, lambda counts: min(counts[:2]) > 500 and counts[2] > black + 40)
    wrong = [text for text in page.console_errors if "ERR_NAME_NOT_RESOLVED" not in text]
    assert not [text for text in wrong if "style.json" in text], "no style is fetched"
    card = page.evaluate_handle("document.querySelector('.maplibregl-canvas').getContext('webgl2')")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs') && undefined")
    # A map that stays behind unseen: the sixteenth takes the graphics card from one that is seen.
    page.wait_for_function("card => card.isContextLost()", arg=card, polling=100)
