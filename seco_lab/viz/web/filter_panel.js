// Hides what is not wanted: a range of a number, some of the classes of a column.

import { DAY_MS, button, element } from "./dom.js";
import { numberText } from "./legend.js";

const REST_MS = 60; // a filter follows the hand once it rests so long

export class FilterPanel {
  constructor(explorer) {
    this.explorer = explorer;
    this.state = element("span", { class: "se-note" });
    this.cards = element("div", { class: "se-filters" });
    this.root = element("section", { class: "se-panel" }, element("div", { class: "se-actions" }, button("Show all", () => explorer.change({ filters: {} })), this.state), this.cards);
    this.build();
  }
  build() {
    const columns = this.explorer.get("column_info") ?? [];
    this.parts = columns.map((column) => (column.names ? this.classes(column) : this.range(column)));
    const none = element("p", { class: "se-hint" }, "There are no columns to filter by: give the embeddings variables along patch, or pass columns={...}.");
    this.cards.replaceChildren(...(columns.length ? this.parts.map((part) => part.root) : [none]));
  }
  set(name, wanted) {
    const filters = { ...this.explorer.get("filters") };
    if (wanted) filters[name] = wanted; else delete filters[name];
    this.explorer.change({ filters });
  }
  range({ name, low, high, bars, dates }) {
    const peak = Math.max(...bars, 1), step = (high - low) / 200 || 1;
    const drawn = bars.map((count) => element("i", { style: `height:${Math.max(count ? 4 : 0, (100 * count) / peak)}%` }));
    const handles = [low, high].map((value, k) => element("input", { type: "range", min: low, max: high, step, value, "aria-label": `${name}, ${k ? "highest" : "lowest"} value`,
      oninput: () => this.rangeMoved(name, handles, low, high) }));
    const said = element("small"), told = (v) => (dates ? new Date(v * DAY_MS).toISOString().slice(0, 10) : numberText(v));
    const show = (wanted) => {
      const [a, b] = wanted?.range ?? [low, high];
      handles[0].value = a; handles[1].value = b;
      drawn.forEach((bar, k) => { const middle = low + ((k + 0.5) * (high - low)) / bars.length; bar.classList.toggle("se-out", middle < a || middle > b); });
      said.textContent = wanted ? `${told(a)} to ${told(b)}` : "all";
    };
    return { name, show, root: element("div", { class: "se-filter" }, element("h4", {}, name, " ", said),
      element("div", { class: "se-bars" }, drawn), element("div", { class: "se-handles" }, handles)) };
  }
  rangeMoved(name, handles, low, high) {
    const [a, b] = handles.map((h) => Number(h.value)).sort((p, q) => p - q);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.set(name, a <= low && b >= high ? null : { range: [a, b] }), REST_MS);
  }
  classes({ name, names, counts }) {
    const boxes = names.map((text) => element("input", { type: "checkbox", checked: true, value: text, onchange: () => {
      const kept = boxes.filter((box) => box.checked).map((box) => box.value);
      this.set(name, kept.length === names.length ? null : { names: kept });
    } }));
    const show = (wanted) => boxes.forEach((box) => { box.checked = !wanted || wanted.names.includes(box.value); });
    const lines = boxes.map((box, k) => element("label", {}, box, ` ${names[k]} `, element("small", {}, counts[k].toLocaleString("en"))));
    return { name, show, root: element("div", { class: "se-filter" }, element("h4", {}, name), element("div", { class: "se-checks" }, lines)) };
  }
  refresh() {
    const filters = this.explorer.get("filters") ?? {}, shown = this.explorer.shownCount();
    this.parts.forEach((part) => part.show(filters[part.name]));
    const count = this.explorer.get("count");
    this.state.textContent = shown === count ? `all ${count.toLocaleString("en")} places are shown` : `${shown.toLocaleString("en")} of ${count.toLocaleString("en")} places are shown`;
  }
}
