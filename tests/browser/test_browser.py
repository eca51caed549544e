"""A real browser: leafmap map in JupyterLab, Stop in a running cell, the report offline."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("playwright")
pytest.importorskip("jupyterlab")
pytest.importorskip("anywidget")

from lab import CHROMIUM
from made_up import made_up

from seco_lab.viz.charts import ScoreRow
from seco_lab.viz.report import write_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]

MAP_CELLS = [
    "from made_up import made_up\n"
    "from seco_lab.viz.embedding_map import embedding_map\n"
    "world = embedding_map(*made_up())\n"
    "world",
]
AREA_CELLS = [
    "from made_up import made_up_area\n"
    "from seco_lab.viz.area_map import area_map\n"
    "view = area_map(*made_up_area())\n"
    "view",
]
STOP_CELLS = [
    "import time\n"
    "from types import SimpleNamespace\n"
    "from seco_lab.viz.dashboard import TrainingDashboard\n"
    "class Run:\n"
    "    step, steps = 0, 100_000\n"
    "    def __iter__(self): return self\n"
    "    def __next__(self):\n"
    "        time.sleep(0.02); self.step += 1\n"
    "        return SimpleNamespace(step=self.step, loss=5 / self.step, metrics={'top1_z0': 0.5}, lr=0.1)\n"
    "run = Run()",
    "with TrainingDashboard(run) as dashboard:\n"
    "    for log in run:\n"
    "        dashboard.update(log)\n"
    "print('STOPPED', 0 < run.step < run.steps)",
    "first = run.step\nnext(iter(run))\nprint('CONTINUES', run.step == first + 1)",
]


def test_stop_map_and_area_in_jupyterlab(lab, browser):
    """One notebook: the training is stopped by hand, and then the cells below it have run."""
    page = lab.open(browser, "all.ipynb", [*STOP_CELLS, *MAP_CELLS, *AREA_CELLS, "print('BUILT')"])
    lab.run_all(page)
    stop_training(lab, page)
    lab.wait_for_text(page, "BUILT")
    click_leafmap(page)
    click_area(page)
    assert not [text for text in page.console_errors if "ERR_NAME_NOT_RESOLVED" not in text]
    page.close()


def stop_training(lab, page) -> None:
    """Stop ends a running cell, and the run goes on where it was."""
    stop = page.wait_for_selector(".sd-stop:visible", timeout=60_000)
    page.wait_for_function("() => document.querySelectorAll('.sd-panels canvas').length >= 2", polling=200)
    stop.click()
    lab.wait_for_text(page, "STOPPED True")
    lab.wait_for_text(page, "CONTINUES True")
    assert "run the cell again" in page.locator(".sd-status").inner_text()


def click_leafmap(page) -> None:
    """Land is there although no tile came; a click on a point shows its patches; the slider moves on."""
    world = page.locator(".leaflet-container").first
    world.scroll_into_view_if_needed()
    page.wait_for_selector(".leaflet-offline-pane path", state="attached")
    overlay = page.wait_for_selector(".leaflet-overlay-pane img, .leaflet-image-layer", state="attached")
    spot = overlay.evaluate(FIND_POINT)
    page.mouse.click(spot["x"], spot["y"])
    page.wait_for_selector(".seco-neighbour [role=img]", timeout=20_000)
    assert page.locator(".seco-neighbour").count() == 6
    before = page.locator(".seco-panel").inner_text()
    handle = page.locator(
        ".widget-slider .noUi-handle, .jupyter-widgets.widget-selectionslider [role=slider]"
    ).first
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "t => document.querySelector('.seco-panel').innerText !== t", arg=before, polling=200
    )


# The middle of some opaque pixels of the points' picture, in page coordinates.
FIND_POINT = """async image => {
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const c = canvas.getContext('2d');
  c.drawImage(image, 0, 0);
  const alpha = c.getImageData(0, 0, canvas.width, canvas.height).data, r = image.getBoundingClientRect();
  const solid = (x, y) => alpha[4 * (Math.round(y) * canvas.width + Math.round(x)) + 3] > 0;
  const map = image.closest('.leaflet-container').getBoundingClientRect();
  for (let y = 8; y < canvas.height - 8; y += 3) for (let x = 8; x < canvas.width - 8; x += 3) {
    const at = {x: r.left + x * r.width / canvas.width, y: r.top + y * r.height / canvas.height};
    const wide = at.x > map.left + 90 && at.x < map.right - 40;
    const inside = wide && at.y > map.top + 40 && at.y < map.bottom - 60;
    const full = [[0,0],[4,0],[-4,0],[0,4],[0,-4]].every(([a, b]) => solid(x + a, y + b));
    if (inside && at.y < innerHeight - 60 && full) return at;
  }
  throw new Error('no point in sight');
}"""


AREA_IMAGE = ".leaflet-overlay-pane img, .leaflet-image-layer"


def click_area(page) -> None:
    """A click on a picture of an area shows what is like that cell and colours the others by it."""
    world = page.locator(".leaflet-container").nth(1)
    world.scroll_into_view_if_needed()
    image, box = world.locator(AREA_IMAGE).first, world.element_handle()
    shown = (
        "([box, s, old]) => { const i = box.querySelector(s); return i.naturalWidth > 0 && i.src !== old; }"
    )
    page.wait_for_function(shown, arg=[box, AREA_IMAGE, ""], polling=200)
    before = image.get_attribute("src")
    assert abs(float(image.evaluate("i => i.style.opacity || getComputedStyle(i).opacity")) - 0.85) < 0.01
    picture = image.bounding_box()
    page.mouse.click(picture["x"] + 0.1 * picture["width"], picture["y"] + 0.5 * picture["height"])
    page.wait_for_selector(".seco-area .seco-similar img", timeout=20_000)
    assert page.locator(".seco-similar").count() == 6
    page.wait_for_function(shown, arg=[box, AREA_IMAGE, before], polling=200)
    # The click lay in the first of the stripes: a tenth of the way across, half-way down.
    where = page.locator(".seco-area").inner_text()
    row, column = (int(where.split(word)[1].split(end)[0]) for word, end in (("row ", ","), ("column ", ")")))
    assert abs(row - 20) <= 1
    assert abs(column - 5) <= 1


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    embeddings, cube = made_up()
    steps = np.arange(1, 60)
    return write_report(
        tmp_path_factory.mktemp("report") / "report.html",
        embeddings=embeddings,
        cube=cube,
        results=[
            ScoreRow("linear probe", "SeCo", 0.8, 0.78, 0.82),
            ScoreRow("linear probe", "raw", 0.7, role="floor"),
        ],
        curves={"step": steps, "loss": 5 / steps},
        meta={"title": "Test", "seed": 0},
    )


def open_report(browser, path, script=""):
    """A page with the report and no network, what it asked for, and what it complained about."""
    page = browser.new_context(viewport={"width": 1200, "height": 1000}, offline=True).new_page()
    page.add_init_script(script)
    left, errors = [], []
    page.on("request", lambda r: left.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(".se-pane")
    return page, left, errors


def test_report_works_alone(browser, report):
    page, left, errors = open_report(browser, report)
    page.wait_for_timeout(300)
    index = 17
    spot = page.evaluate(
        "i => { const b = document.querySelectorAll('.se-pane')[0]; b.scrollIntoView({block: 'center'});"
        "const at = window.explorerPixel(0, i), r = b.getBoundingClientRect();"
        "return {x: r.left + at[0], y: r.top + at[1]}; }",
        index,
    )
    page.mouse.click(spot["x"], spot["y"])
    page.wait_for_selector(".se-near")
    chosen = page.evaluate("explorerModel.get('selected')")
    embeddings, _ = made_up()
    assert page.locator(".se-card h3").first.inner_text().startswith(str(embeddings["patch"].values[chosen]))
    assert page.locator(".se-near").count() == 6
    page.locator(".se-seasons input").fill("3")
    assert page.locator(".se-shot.se-now").get_attribute("data-season") == "3"
    page.locator(".se-bar select").first.select_option("similarity to the selected place")
    page.wait_for_selector(".se-ramp")
    assert left == []
    assert errors == []
    page.close()


NO_WEBGL = """const real = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "webgl2" ? null : real.call(this, kind, ...rest);
};"""


# A graphics card, by the word of the browser.
A_CARD = """const real = WebGL2RenderingContext.prototype.getParameter;
WebGL2RenderingContext.prototype.getParameter = function (name) {
  return name === 0x9246 ? "A card" : real.call(this, name);
};"""


def test_many_points_by_card_or_processor(browser, report):
    """An emulated card is passed by, a real one draws what the processor draws, none at all is told."""
    by, said = many_places(browser, report)
    assert (by, said) == ("PlainPoints", [])
    by, said = many_places(browser, report, NO_WEBGL)
    assert by == "PlainPoints"
    assert "without WebGL2" in said[0]
    by, said = many_places(browser, report, A_CARD, sizes_px=(3, 9))
    assert (by, said) == ("GlPoints", [])


def many_places(browser, report, script="", sizes_px=()):
    """What draws many places in a page of its own, and what it says; in some sizes beside the processor."""
    page, _, errors = open_report(browser, report, script)
    page.add_script_tag(path=Path(__file__).parent / "points.js")
    many = page.evaluate("manyPlaces()")
    assert many["drawn"]
    for size_px in sizes_px:
        alike = page.evaluate("drawnAlike", size_px)
        assert alike["covered"] > 60 * size_px
        assert alike["differ"] < 0.1, size_px  # a card rounds positions to a sixteenth of a pixel
    assert errors == []
    page.close()
    return many["by"], many["said"]
