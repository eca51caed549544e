// What lasso and box have gathered: how many, a look at some, zoom, invert, export.

import { combined, countOf, emptyBits, has, put, rowsOf } from "./bits.js";
import { button, download, element } from "./dom.js";

const SHOWN = 18;
const FORMATS = [["csv", "CSV", "text/csv"], ["geojson", "GeoJSON", "application/geo+json"], ["parquet", "GeoParquet", "application/vnd.apache.parquet"]];

export class SelectionPanel {
  constructor(explorer) {
    Object.assign(this, { explorer, places: [] });
    this.count = element("b");
    this.gallery = element("div", { class: "se-gallery" });
    this.tools = element("div", { class: "se-actions" },
      button("Zoom to it", () => this.zoom()), button("Invert", () => this.invert()), button("Clear", () => explorer.choose(null)),
      element("span", { class: "se-note" }, "Save as"),
      FORMATS.filter(([name]) => explorer.can(name)).map(([name, text, type]) => button(text, () => this.save(name, type), { "data-format": name })));
    this.hint = element("p", { class: "se-hint" }, "Choose lasso or box at a pane (keys L and B, or Shift and drag) and draw around some points: "
      + "they are selected in every pane. Ctrl adds, Alt takes away.");
    this.root = element("section", { class: "se-panel" }, element("h3", {}, this.count), this.hint, this.tools, this.gallery);
  }
  refresh() {
    const bits = this.explorer.chosen, total = countOf(bits);
    this.count.textContent = total ? `${total.toLocaleString("en")} of ${this.explorer.get("count").toLocaleString("en")} places selected` : "Nothing is selected";
    this.hint.hidden = total > 0;
    this.tools.hidden = total === 0;
    this.look(bits, total);
  }
  async look(bits, total) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.places = [];
    if (!total || this.root.hidden) { this.showGallery(); return; }
    const answer = await this.explorer.questions.ask("places", { rows: rowsOf(bits, SHOWN) });
    if (turn !== this.turn) return;
    this.places = answer.places;
    this.showGallery();
  }
  showGallery() {
    const { explorer } = this, total = countOf(explorer.chosen), more = this.places.length && total > SHOWN;
    const tiles = this.places.map((place) => element("button", { type: "button", class: "se-shot", title: place.name, onclick: () => explorer.select(place.index),
      onmouseenter: () => explorer.hover(place.index), onmouseleave: () => explorer.hover(-1) },
      explorer.placePanel.tile(place, explorer.get("season"), 64), element("span", {}, place.name)));
    this.gallery.replaceChildren(...tiles, ...(more ? [element("span", { class: "se-hint" }, `and ${(total - SHOWN).toLocaleString("en")} more`)] : []));
  }
  zoom() {
    const rows = rowsOf(this.explorer.chosen);
    this.explorer.openPanes().forEach((pane) => pane.fitRows(rows));
  }
  invert() {
    const count = this.explorer.get("count"), all = emptyBits(count);
    for (let i = 0; i < count; i++) if (this.explorer.map.usable(i)) put(all, i);
    this.explorer.choose(combined(all, this.explorer.chosen ?? emptyBits(count), "take"));
  }
  async save(format, type) {
    const answer = await this.explorer.questions.ask("export", { format });
    if (answer.buffers.length) download(answer.name, type, answer.buffers);
  }
  isIn(i) { return Boolean(this.explorer.chosen && has(this.explorer.chosen, i)); }
}
