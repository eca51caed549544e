"""The explorer by hand: in a real JupyterLab, and as a page without kernel or network."""

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anywidget")

from lab import CHROMIUM
from made_up import made_up

from seco_lab.explore import Labeller
from seco_lab.explore.vectors import UnitVectors
from seco_lab.viz.explorer import EmbeddingExplorer
from seco_lab.viz.selecting import rows_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]

CELLS = [
    "from made_up import made_up\n"
    "from seco_lab.viz.explorer import EmbeddingExplorer\n"
    "embeddings, cube = made_up()\n"
    "embeddings['other'] = embeddings['embedding'] ** 2\n"
    "explorer = EmbeddingExplorer(embeddings, cube, state_file='work.json')\n"
    "explorer",
    "print('BUILT')",
]
MAP, PLANE, STAGE = 0, 1, 3
PIXEL = """([root, pane, place]) => {
  const shown = root.explorer.panes[pane], at = shown.pixelOf(place);
  shown.box.scrollIntoView({block: 'center'});
  const r = shown.box.getBoundingClientRect();
  return {x: r.left + at[0], y: r.top + at[1]};
}"""
# Corners of the box around every place of a pane, in page coordinates.
SPAN = """([root, pane]) => {
  const shown = root.explorer.panes[pane];
  shown.box.scrollIntoView({block: 'center'});
  const r = shown.box.getBoundingClientRect();
  const all = Array.from({length: shown.count}, (_, i) => shown.pixelOf(i)).filter(Boolean);
  const [xs, ys] = [0, 1].map(axis => all.map(at => at[axis]));
  const [low, high] = [Math.min, Math.max].map(end => [r.left + end(...xs), r.top + end(...ys)]);
  return [...low, ...high];
}"""


class Hand:
    """A user at the explorer of a page."""

    def __init__(self, page):
        self.page = page
        page.wait_for_selector(".se-pane")
        page.wait_for_function(
            "() => document.querySelector('.se-pane').dataset.painted", polling=100, timeout=60_000
        )
        self.root = page.query_selector(".se-root")

    def at(self, pane, place):
        spot = self.page.evaluate(PIXEL, [self.root, pane, place])
        return spot["x"], spot["y"]

    def click(self, pane, place):
        self.page.mouse.click(*self.at(pane, place))

    def lasso(self, pane, share):
        """Draw around the left part of all places of a pane."""
        x0, y0, x1, y1 = self.page.evaluate(SPAN, [self.root, pane])
        x1 = x0 + share * (x1 - x0)
        self.page.mouse.move(x0 - 6, y0 - 6)
        self.page.mouse.down()
        for corner in ((x1, y0 - 6), (x1, y1 + 6), (x0 - 6, y1 + 6)):
            self.page.mouse.move(*corner, steps=3)
        self.page.mouse.up()

    def tab(self, name):
        self.page.click(f"[role=tab][data-tab='{name}']")

    def wait_text(self, selector, text):
        self.page.locator(selector, has_text=text).first.wait_for(timeout=20_000)


def selected_count(page):
    text = page.locator("[data-tab=Selection]").inner_text()
    return int(text.split("(")[1].rstrip(")")) if "(" in text else 0


def test_everything_by_hand_in_jupyterlab(lab, browser):
    page = lab.open(browser, "explore.ipynb", CELLS)
    lab.run_all(page)
    lab.wait_for_text(page, "BUILT")
    hand = Hand(page)

    page.mouse.move(*hand.at(MAP, 17))
    hand.wait_text(".se-tip", "place-")
    hand.click(MAP, 17)
    page.wait_for_selector(".se-near", timeout=20_000)
    assert page.locator(".se-near").count() == 6
    assert page.locator(".se-shot").count() == 4

    page.locator(".se-seasons input").fill("2")
    page.wait_for_selector(".se-shot.se-now[data-season='2']")
    page.locator("[aria-label=Colour]").select_option("kind")
    hand.wait_text(".se-chip", "forest")

    page.keyboard.press("Escape")
    page.click("[data-pane=plane] [data-tool=lasso]")
    hand.lasso(PLANE, 0.5)
    page.wait_for_selector(".se-gallery .se-shot", timeout=20_000)
    chosen = selected_count(page)
    assert 0 < chosen < 120
    with page.expect_download() as download:
        page.click("[data-format=csv]")
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == chosen
    work = lab.folder / "work.json"
    assert len(rows_of_state(work)) == chosen

    page.click("[data-tool=pan] >> nth=0")
    label(page, hand)
    kept = save_labels(page, hand, lab.folder / "labels.json")
    for _ in range(2):
        page.click(".se-class .se-icon >> nth=0")
    page.wait_for_function("r => !r.explorer.get('classes').length", arg=hand.root, polling=100)
    assert load_labels(page, hand, lab.folder / "labels.json") == kept
    page.click("text=↶ Undo")
    assert page.evaluate("r => r.explorer.get('classes').length", hand.root) == 0
    page.click("[aria-label=Redo]")
    hand.wait_text(".se-chip", "wet:")
    quick_hands(page, hand)
    assert saved_in_haste(page, hand.root) == {"place-0017": "wet", "place-0020": "wet"}
    melt(page, hand)
    reload(lab, page, chosen)
    assert not page.console_errors
    page.close()


def rows_of_state(path):
    import base64

    return rows_of(base64.b64decode(json.loads(path.read_text())["state"]["chosen"]["base64"]), 120)


def label(page, hand):
    """Two classes, one place each: the map answers, and the star shows where to go next."""
    hand.tab("Label and learn")
    for name in ("wet", "dry"):
        page.fill("[placeholder^='Name of a class']", name)
        page.keyboard.press("Enter")
        hand.wait_text(".se-class", name)
    for place, key in ((17, "1"), (20, "2")):
        hand.click(PLANE, place)
        hand.wait_text(".se-card h3", f"place-{place:04d}")
        page.locator(".se-pane").nth(PLANE).focus()
        page.keyboard.press(key)
    hand.wait_text(".se-chip", "wet:")
    page.keyboard.press("n")
    page.wait_for_function("r => ![17, 20].includes(r.explorer.get('selected'))", arg=hand.root, polling=100)


LABELLED = """root => {
  const get = (name) => root.explorer.get(name), colours = get("colours");
  return { classes: get("classes"), marks: get("marks").slice().sort(),
    colours: [...new Uint8Array(colours.buffer, colours.byteOffset, colours.byteLength)] };
}"""


# Clicks faster than the kernel answers: the page holds changes back, but not the question after them.
IN_HASTE = """async root => {
  const { explorer } = root, before = explorer.get("marks");
  for (const k of [1, 0, 1, 0]) explorer.change({ marks: [[17, k], [20, k]] });
  const answer = await explorer.questions.ask("save_labels");
  const { labels } = JSON.parse(new TextDecoder().decode(answer.buffers[0]));
  explorer.change({ marks: before });
  return labels;
}"""


# What quick hands do before a slow kernel has answered, and what they see.
QUICK = """async root => {
  const { explorer } = root, { labels, patience, header: { search } } = explorer, seen = {};
  const isSilent = () => root.querySelector(".se-problems").textContent.includes("No answer");
  const isPale = (name) => root.querySelector(name).classList.contains("se-stale");
  const season = explorer.get("season");
  seen.fresh = [isPale(".se-detail"), isPale(".se-legend")];
  explorer.set("season", (season + 1) % 4);
  seen.other_season = [isPale(".se-detail"), isPale(".se-legend")];
  explorer.set("season", season);
  search.input.value = "Berlin";
  search.suggest();
  search.go(search.options[0]);
  search.input.value = "Potsdam";
  const far = explorer.target[0];
  search.suggest();
  search.key(new KeyboardEvent("keydown", { key: "Enter" }));
  await explorer.questions.ask("find", { text: "Rome" });
  seen.search = [search.list.hidden, explorer.target[0] < far];
  const next = labels.proposed, before = explorer.get("marks");
  explorer.select(next);
  labels.press(0);
  labels.goNext();
  labels.press(1);
  seen.haste = [explorer.get("selected") === next, explorer.get("marks").find(([row]) => row === next)[1]];
  patience.giveUp();
  seen.silent = isSilent();
  while (labels.waits || patience.missing.size) await new Promise((done) => setTimeout(done, 30));
  seen.then = [explorer.get("selected") !== next, isSilent()];
  explorer.change({ marks: before });
  return seen;
}"""


def quick_hands(page, hand):
    page.wait_for_function("r => !r.explorer.patience.missing.size", arg=hand.root, polling=100)
    seen = page.evaluate(QUICK, hand.root)
    assert seen["fresh"] == [False, False]
    assert seen["other_season"] == [True, True], "neighbours and colours of another season are pale"
    assert seen["search"] == [True, True], "Enter before the answer is meant for it, and no list comes back"
    assert seen["haste"] == [True, 0], "a key on the way to the next place labels none"
    assert seen["silent"]
    assert seen["then"] == [True, False]
    hand.tab("Label and learn")


def saved_in_haste(page, root):
    return page.evaluate(IN_HASTE, root)


def save_labels(page, hand, path):
    """Take the labels away as a file; what they were, and the colours of all places."""
    hand.tab("Label and learn")
    with page.expect_download() as download:
        page.click("text=Save labels")
    download.value.save_as(path)
    return page.evaluate(LABELLED, hand.root)


def load_labels(page, hand, path):
    """Load the labels of a file; what they are now, and the colours of all places."""
    hand.tab("Label and learn")
    page.set_input_files(".se-panel input[type=file]", path)
    hand.wait_text(".se-class", "dry 1")
    hand.wait_text(".se-chip", "wet:")
    page.wait_for_timeout(300)
    return page.evaluate(LABELLED, hand.root)


def same_as_python(page):
    """The page's own classifier, on rounded vectors, says of all places what Python's says."""
    embeddings, _ = made_up()
    classes, best, doubt = page.evaluate(
        "() => ['classes', 'best', 'doubt'].map(name => [...explorerModel.learned[name]])"
    )
    places = UnitVectors.of(embeddings["embedding"].to_numpy()).season(0)
    learned = Labeller(places).learn({17: "wet", 20: "dry"})
    assert tuple(classes) == learned.classes
    assert np.mean(learned.best() == best) > 0.97
    assert np.abs(learned.uncertainty - doubt).max() < 0.1


def melt(page, hand):
    """Halfway between Earth and plane a click pins a place; in the last season its way is known."""
    page.click("[data-view=melt]")
    page.locator(".se-track input").fill("0.5")
    page.wait_for_function(
        "r => r.explorer.stage.pane.box.dataset.painted && r.explorer.stage.pane.after?.small",
        arg=hand.root,
        polling=100,
    )
    halfway = hand.at(STAGE, 30)
    page.locator(".se-track input").fill("4")
    page.wait_for_function("r => r.explorer.get('season') === 3", arg=hand.root, polling=100)
    page.wait_for_timeout(300)
    assert np.hypot(*np.subtract(hand.at(STAGE, 30), halfway)) > 5
    hand.click(STAGE, 30)
    page.wait_for_function("r => r.explorer.get('trails').length === 1", arg=hand.root, polling=100)
    note = page.locator(".se-stage-note").inner_text()
    page.locator("[aria-label=Space]").select_option("other")
    page.wait_for_function(
        "t => document.querySelector('.se-stage-note').innerText !== t", arg=note, polling=100
    )


def reload(lab, page, chosen):
    """After a reload of the page everything is as it was."""
    lab.reload(page, ".se-stage")
    page.wait_for_function(
        "() => document.querySelector('.se-stage').dataset.painted", polling=100, timeout=60_000
    )
    assert selected_count(page) == chosen
    assert page.locator("[aria-label=Space]").input_value() == "other"


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    embeddings, cube = made_up()
    embeddings["other"] = embeddings["embedding"] ** 2
    return EmbeddingExplorer(embeddings, cube).to_html(tmp_path_factory.mktemp("page") / "map.html")


def open_alone(context, sheet):
    """The page without a network, its hand, what it asked for, and what it complained about."""
    page, left, errors = context.new_page(), [], []
    page.on(
        "request", lambda r: left.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None
    )
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(sheet.as_uri())
    return page, Hand(page), left, errors


# Seasons chosen while points still fly to the one before, a gallery that follows, answers to somebody else.
SEASONS = """async root => {
  const { explorer } = root, { plane, questions } = explorer, progress = [];
  const tile = () => root.querySelector(".se-gallery .se-tile").style.backgroundPosition, tiles = [tile()];
  const frame = () => new Promise(requestAnimationFrame);
  explorer.set("season", 1);
  for (let k = 0; k < 4; k++) await frame();
  explorer.set("season", 2);
  while (progress.at(-1) !== 1) { await frame(); progress.push(plane.progress); }
  tiles.push(tile());
  const asked = questions.ask("places", { rows: [3] });
  questions.hear({ asker: "another page", answers: questions.last }, []);
  const answer = Object.keys(await asked).sort();
  explorer.set("season", 0);
  return { progress, tiles, answer };
}"""


def test_the_page_alone_keeps_lasso_melt_and_neighbours(browser, sheet, tmp_path):
    context = browser.new_context(viewport={"width": 1200, "height": 1000}, offline=True)
    page, hand, left, errors = open_alone(context, sheet)
    hand.click(MAP, 17)
    hand.wait_text(".se-card h3", "place-0017")
    assert page.locator(".se-near [role=img]").count() == 24
    page.click("text=More like this")
    hand.wait_text(".se-legend", "0.")
    page.keyboard.press("l")
    hand.lasso(PLANE, 0.5)
    chosen = selected_count(page)
    states = page.evaluate("r => r.explorer.map.states.reduce((n, s) => n + (s === 1), 0)", hand.root)
    assert states == 120 - chosen > 0, "the map dims what the lasso in the plane left out"
    with page.expect_download() as download:
        page.click("[data-format=geojson]")
    assert len(json.loads(Path(download.value.path()).read_text())["features"]) == chosen
    seen = page.evaluate(SEASONS, hand.root)
    assert all(a <= b for a, b in pairwise(seen["progress"])), "a later flight takes over from the one before"
    assert seen["tiles"][0] != seen["tiles"][1]
    assert seen["answer"] == ["answers", "asker", "buffers", "places"], "not what another page was told"
    page.click("text=↶ Undo")
    assert selected_count(page) == 0
    label(page, hand)
    same_as_python(page)
    kept = save_labels(page, hand, tmp_path / "labels.json")
    fresh, its_hand, *_ = open_alone(context, sheet)
    assert load_labels(fresh, its_hand, tmp_path / "labels.json") == kept
    fresh.close()
    page.locator("[aria-label=Colour]").select_option("clusters")
    page.wait_for_function("r => r.explorer.legend.querySelectorAll('.se-chip').length === 8", arg=hand.root)
    hand.tab("Filter")
    page.locator(".se-checks input").first.uncheck()
    page.wait_for_function("r => r.explorer.map.states?.includes(2)", arg=hand.root, polling=100)
    page.click("[data-view=melt]")
    page.locator(".se-track input").fill("2.5")
    page.wait_for_function(
        "r => r.explorer.stage.pane.before?.small && r.explorer.stage.pane.progress === 0.5",
        arg=hand.root,
        polling=100,
    )
    assert left == []
    assert errors == []
    context.close()
