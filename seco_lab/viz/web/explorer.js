// The explorer: map, plane and melt under one selection. Reads and writes a model (get, set, on, save_changes,
// send), which is the notebook's widget or the page's own; knows nothing else of Python.

import { mapCredit, mapPaper, planePaper, scaleBar } from "./basemap.js";
import { bitsOf, combined, countOf, has, viewOf, within } from "./bits.js";
import { BookmarkPanel } from "./bookmark_panel.js";
import { Questions, button, element, numbers, putBeside } from "./dom.js";
import { FilterPanel } from "./filter_panel.js";
import { latitude, longitude, whereText } from "./geo.js";
import { Header } from "./header.js";
import { History } from "./history.js";
import { LabelPanel } from "./label_panel.js";
import { legendContent } from "./legend.js";
import { INK, crosshair, diamond, lassoLine, ring, seasonPath, star } from "./marks.js";
import { Pane } from "./pane.js";
import { Patience } from "./patience.js";
import { PlacePanel } from "./place_panel.js";
import { SelectionPanel } from "./selection_panel.js";
import { Stage } from "./stage.js";

const TOOLS = [["pan", "✥", "Move"], ["box", "▭", "Select with a box"], ["lasso", "◌", "Select with a lasso"]];

export class Explorer {
  constructor(model, root) {
    Object.assign(this, { model, root, hovered: -1, notes: new Set(), tool: "pan" });
    root.classList.add("se-root");
    root.explorer = this; // for whoever scripts the page
    this.patience = new Patience((text, isShown) => this.note(text, isShown));
    this.questions = new Questions(model, this.patience);
    this.history = new History(model, () => this.refreshTools());
    this.build();
    this.watch();
    this.refreshAll();
  }
  get(name) { return this.model.get(name); }
  set(name, value) { this.model.set(name, value); this.model.save_changes(); }
  can(ability) { return (this.get("abilities") ?? []).includes(ability); }
  // A change that undo takes back.
  change(values) {
    this.history.remember();
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    this.model.save_changes();
  }
  toggleRow(name, i) {
    const rows = this.get(name) ?? [], other = { liked: "disliked", disliked: "liked" }[name];
    const values = { [name]: rows.includes(i) ? rows.filter((row) => row !== i) : [...rows, i] };
    if (other) values[other] = (this.get(other) ?? []).filter((row) => row !== i);
    this.change(values);
  }

  // ---- parts
  build() {
    const on = (pane) => ({
      hover: (i) => this.hover(i, pane()),
      click: (i, event) => this.click(i, event, pane),
      step: (by) => this.step(by),
      area: (polygon, way) => this.selectWithin(pane(), polygon, way),
      problem: (text) => this.note(text, true),
    });
    const marks = (c, p) => this.drawMarks(c, p);
    this.map = new Pane({ label: "Map of the places", paper: mapPaper(this.model, () => this.map.redraw()), marks, on: on(() => this.map) });
    this.plane = new Pane({ label: "Embedding plane", paper: planePaper, marks, on: on(() => this.plane) });
    this.rival = new Pane({ label: "Embedding plane of the other space", paper: planePaper, marks, on: on(() => this.rival) });
    this.stage = new Stage({ model: this.model, questions: this.questions, on: on(() => this.stage.pane), marked: () => this.marked() });
    this.panes = [this.map, this.plane, this.rival, this.stage.pane];
    this.labels = new LabelPanel(this);
    this.placePanel = new PlacePanel(this);
    this.header = new Header(this);
    this.tip = element("div", { class: "se-tip", hidden: true });
    this.legend = element("div", { class: "se-legend" });
    this.problems = element("ul", { class: "se-problems", role: "status" });
    this.titles = { map: element("span", {}, "Where the places are"), plane: element("span"), rival: element("span") };
    const caption = (name, pane) => element("figcaption", {}, this.titles[name], name === "map" && this.header.search.root, this.toolsOf(pane));
    const figure = (name, pane) => element("figure", { class: "se-figure", "data-pane": name }, caption(name, pane), pane.box);
    this.rivalFigure = figure("rival", this.rival);
    this.side = element("div", { class: "se-panes" }, figure("map", this.map), figure("plane", this.plane), this.rivalFigure);
    this.root.append(this.header.root, this.side, this.stage.root, this.legend, this.problems, this.tabs(), this.tip);
    this.root.style.setProperty("--se-height", `${this.get("height") ?? 400}px`);
    this.root.addEventListener("keydown", (e) => this.pressed(e));
  }
  toolsOf(pane) {
    const tools = TOOLS.map(([name, sign, title]) => button(sign, () => this.useTool(name), { class: "se-icon", title, "aria-label": title, "data-tool": name }));
    return element("span", { class: "se-tools" }, tools, button("⌂", () => pane.fit(), { class: "se-icon", title: "Show all (0)", "aria-label": "Show all" }));
  }
  tabs() {
    this.panels = { Place: this.placePanel, Selection: new SelectionPanel(this), Filter: new FilterPanel(this) };
    if (this.can("label")) this.panels["Label and learn"] = this.labels;
    this.panels.Bookmarks = new BookmarkPanel(this);
    this.tabButtons = Object.keys(this.panels).map((name) => button(name, () => this.openTab(name), { role: "tab", "data-tab": name }));
    this.undoButton = button("↶ Undo", () => this.history.undo(), { title: "Undo (Ctrl+Z)" });
    this.redoButton = button("↷", () => this.history.redo(), { class: "se-icon", title: "Redo (Ctrl+Shift+Z)", "aria-label": "Redo" });
    const bar = element("div", { class: "se-tabs", role: "tablist" }, this.tabButtons, this.patience.root, this.undoButton, this.redoButton, this.header.contrast);
    this.openTab("Place");
    return element("div", { class: "se-below" }, bar, Object.values(this.panels).map((panel) => panel.root));
  }
  openTab(name) {
    for (const [other, panel] of Object.entries(this.panels)) panel.root.hidden = other !== name;
    for (const tab of this.tabButtons) tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
    this.panels[name].refresh();
  }
  useTool(name) {
    this.tool = name;
    this.panes.forEach((pane) => { pane.tool = name; pane.box.dataset.tool = name; });
    this.refreshTools();
  }
  openPanes() {
    if (this.get("view") === "melt") return [this.stage.pane];
    return this.get("compare") ? [this.map, this.plane, this.rival] : [this.map, this.plane];
  }

  // ---- following the model
  watch() {
    const controls = () => this.refreshControls(), states = () => this.refreshStates(), place = () => this.refreshPlace();
    const labels = () => { this.labels.refresh(); this.refreshPlace(); };
    this.watched = {
      mercator: () => this.refreshMap(), plane: () => this.plane.setPositions(numbers(this.get("plane"), Uint16Array)),
      rival_plane: () => this.refreshRival(), colours: () => this.refreshColours(), season: () => { controls(); this.panels.Selection.showGallery(); }, colour_by: controls,
      space: () => { this.stage.frames.clear(); controls(); }, compare: controls, view: controls, clusters: controls, contrast: controls, space_note: controls,
      melt: () => this.stage.show(),
      legend: () => { this.legend.replaceChildren(...legendContent(this.get("legend"))); this.refreshWaiting(); }, problems: () => this.showProblems(),
      selected: place, detail: place, liked: place, disliked: place, pins: place, trails: () => this.drawAllMarks(),
      chosen: states, shown: states, filters: () => this.panels.Filter.refresh(), classes: labels, marks: labels, learned: labels,
      bookmarks: () => this.panels.Bookmarks.refresh(),
    };
    for (const [name, react] of Object.entries(this.watched)) this.model.on(`change:${name}`, react);
  }
  refreshAll() {
    this.refreshMap();
    this.watched.plane();
    this.refreshRival(); this.refreshColours(); this.refreshStates(); this.refreshControls(); this.watched.legend(); this.showProblems(); this.refreshPlace();
    this.refreshTools();
  }
  refreshMap() {
    const earth = numbers(this.get("mercator"), Float32Array);
    this.map.setPositions(earth);
    this.stage.setEarth(earth);
  }
  refreshRival() {
    const positions = numbers(this.get("rival_plane"), Uint16Array);
    if (positions.length) this.rival.setPositions(positions);
  }
  refreshColours() {
    const tint = numbers(this.get("colours"), Uint8Array);
    if (tint.length === 3 * this.get("count")) this.panes.forEach((pane) => pane.setColours(tint));
  }
  refreshStates() {
    this.chosen = bitsOf(this.get("chosen"));
    const shown = bitsOf(this.get("shown")), count = this.get("count");
    let states = null;
    if (this.chosen || shown) {
      states = new Uint8Array(count);
      for (let i = 0; i < count; i++) states[i] = shown && !has(shown, i) ? 2 : this.chosen && !has(this.chosen, i) ? 1 : 0;
    }
    this.shownBits = shown;
    this.panes.forEach((pane) => pane.setStates(states));
    this.panels.Selection.refresh();
    this.panels.Filter.refresh();
    const total = countOf(this.chosen);
    this.tabButtons.find((tab) => tab.dataset.tab === "Selection").textContent = total ? `Selection (${total.toLocaleString("en")})` : "Selection";
  }
  shownCount() { return this.shownBits ? countOf(this.shownBits) : this.get("count"); }
  refreshControls() {
    const melted = this.get("view") === "melt", compare = this.get("compare");
    this.header.refresh();
    this.root.classList.toggle("se-contrast", Boolean(this.get("contrast")));
    this.side.hidden = melted;
    this.rivalFigure.hidden = !compare;
    this.side.classList.toggle("se-three", Boolean(compare));
    const many = this.get("spaces").length > 1;
    this.titles.plane.textContent = compare ? this.get("space") : `Where the encoder puts them${many ? `: ${this.get("space")}` : ""}`;
    this.titles.plane.title = this.get("space_note") ?? "";
    this.titles.rival.textContent = compare;
    this.stage.open(melted);
    this.refreshWaiting();
    this.drawAllMarks();
  }
  // Whether an answer is to what is shown now, not to what was asked before it.
  isFresh(answer) { return Object.entries(answer?.of ?? { of: "nothing" }).every(([name, value]) => this.get(name) === value); }
  refreshWaiting() {
    const late = !this.isFresh(this.get("legend"));
    this.legend.classList.toggle("se-stale", late);
    this.patience.expect("colours", late);
    this.patience.expect("place", this.get("selected") >= 0 && !this.isFresh(this.get("detail")));
    this.placePanel.markSeason();
  }
  refreshTools() {
    for (const tool of this.side.querySelectorAll("[data-tool]")) if (tool.tagName === "BUTTON") tool.setAttribute("aria-pressed", String(tool.dataset.tool === this.tool));
    this.undoButton.disabled = !this.history.past.length;
    this.redoButton.disabled = !this.history.future.length;
  }
  refreshPlace() {
    this.placePanel.refresh();
    this.refreshWaiting();
    if (this.isFresh(this.get("detail"))) this.root.dataset.answered = Date.now();
    this.drawAllMarks();
  }
  note(text, isShown) {
    if (this.notes.has(text) !== isShown) { this.notes[isShown ? "add" : "delete"](text); this.showProblems(); }
  }
  showProblems() {
    const all = [...(this.get("problems") ?? []), ...this.notes];
    this.problems.replaceChildren(...all.map((text) => element("li", {}, text)));
  }

  // ---- what the user does
  // pane: where the pointer is; without one, as over a card, the first.
  hover(i, pane = this.openPanes()[0]) {
    if (i === this.hovered) return;
    this.hovered = i;
    this.drawAllMarks();
    this.tip.hidden = i < 0;
    if (i < 0) return;
    const at = this.map.position(i), name = (this.get("names") ?? [])[i];
    this.tip.textContent = `${name ?? `place ${i}`} · ${at ? whereText(longitude(at[0]), latitude(at[1])) : "position unknown"}`;
    putBeside(this.tip, this.root, pane, pane.pixelOf(i) ?? [0, 0]);
  }
  click(i, event, pane) {
    if (event.ctrlKey || event.metaKey) { this.toggleRow("pins", i); return; }
    if (pane() === this.stage.pane && !this.get("pins").includes(i)) this.toggleRow("pins", i);
    this.select(i);
  }
  select(i) {
    this.root.dataset.asked = Date.now();
    this.set("selected", i);
    this.labels.waits = false;
    this.openPanes().forEach((pane) => pane.goTo(i));
    this.openTab("Place");
  }
  step(by) {
    const count = this.get("count"), first = Math.max(this.get("selected"), by > 0 ? -1 : 0);
    this.select((first + by + count) % count);
  }
  selectWithin(pane, polygon, way) {
    const inside = within(pane.resting(), polygon, (i) => pane.usable(i));
    this.choose(combined(this.chosen, inside, way));
    this.openTab("Selection");
  }
  choose(bits, { remembered = false } = {}) {
    if (!remembered) this.history.remember();
    this.set("chosen", viewOf(bits));
    this.refreshStates();
  }
  pressed(event) {
    const key = event.key.toLowerCase(), typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if ((event.ctrlKey || event.metaKey) && key === "z") { if (event.shiftKey) this.history.redo(); else this.history.undo(); }
    else if (typing || event.ctrlKey || event.metaKey || event.altKey) { if (typing) event.stopPropagation(); return; }
    else if (key === "escape") { if (this.chosen) this.choose(null); }
    else if (key === "b" || key === "l") this.useTool(this.tool === "pan" ? { b: "box", l: "lasso" }[key] : "pan");
    else if (key === "n" && this.can("label")) this.labels.goNext();
    else if (/^[1-9]$/.test(key) && this.can("label") && this.get("selected") >= 0) this.labels.press(Number(key) - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- marks
  drawAllMarks() { this.openPanes().forEach((pane) => pane.drawMarks()); }
  // What stands out among the points, the same in every pane.
  marked() {
    const detail = this.get("detail") ?? {}, selected = this.get("selected"), fresh = selected >= 0 && this.isFresh(detail);
    const classes = this.get("classes") ?? [], marks = this.get("marks") ?? [];
    return {
      selected, fresh, hovered: this.hovered, pins: this.get("pins") ?? [], next: this.labels.proposed,
      labelled: marks.slice(0, 500).map(([index, k]) => ({ index, colour: classes[k]?.colour ?? INK })),
      neighbours: fresh ? detail.neighbours.map((n) => n.index) : [],
    };
  }
  drawMarks(c, pane) {
    const { selected, fresh, hovered, labelled, neighbours, next } = this.marked(), from = pane.pixelOf(selected);
    if (fresh && pane === this.map && from) {
      c.lineWidth = 1; c.strokeStyle = "rgba(17,17,17,.45)"; c.setLineDash([4, 4]); c.beginPath();
      for (const i of neighbours) { const to = pane.pixelOf(i); if (to) { c.moveTo(...from); c.lineTo(...to); } }
      c.stroke(); c.setLineDash([]);
    }
    const season = this.get("season"), path = (stops) => seasonPath(c, stops.map((at) => at && pane.toPixel(...at)), season);
    if (pane === this.plane) {
      for (const trail of this.get("trails") ?? []) path(trail.path);
      if (fresh) path(this.get("detail").path);
    }
    if (pane !== this.plane) for (const i of this.get("pins") ?? []) ring(c, pane.pixelOf(i), 7);
    for (const { index, colour } of labelled) diamond(c, pane.pixelOf(index), colour);
    for (const [name, sign] of [["liked", "+"], ["disliked", "−"]]) for (const i of this.get(name) ?? []) ring(c, pane.pixelOf(i), 5, sign);
    neighbours.forEach((i, rank) => ring(c, pane.pixelOf(i), 6, String(rank + 1)));
    if (next >= 0 && labelled.length) star(c, pane.pixelOf(next));
    if (pane === this.map && this.target) ring(c, pane.toPixel(...this.target), 4, "");
    if (hovered >= 0) ring(c, pane.pixelOf(hovered), 8);
    if (selected >= 0) ring(c, from, 10);
    if (pane === this.map) scaleBar(c, pane, mapCredit(this.model));
    if (pane.crosshair) crosshair(c, pane);
    if (pane.drawing) lassoLine(c, pane.drawing);
  }
  dispose() {
    this.patience.dispose();
    this.header.dispose();
    this.stage.dispose();
    this.questions.dispose();
    for (const [name, react] of Object.entries(this.watched)) this.model.off(`change:${name}`, react);
    this.panes.forEach((pane) => pane.dispose());
  }
}
