// Views to come back to: where both panes look, season, space, colour and the selection.

import { button, element } from "./dom.js";

const VIEW_STATE = ["season", "space", "colour_by", "view", "melt", "selected", "compare", "filters"];

const toText = (bits) => { let text = ""; for (const byte of bits) text += String.fromCharCode(byte); return btoa(text); };
const toBits = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export class BookmarkPanel {
  constructor(explorer) {
    this.explorer = explorer;
    this.name = element("input", { type: "text", placeholder: "Name of this view", "aria-label": "Name of the bookmark",
      onkeydown: (e) => { if (e.key === "Enter") this.add(); e.stopPropagation(); } });
    this.list = element("ol", { class: "se-marks" });
    this.root = element("section", { class: "se-panel" }, element("div", { class: "se-actions" }, this.name, button("Keep this view", () => this.add())), this.list);
  }
  get all() { return this.explorer.get("bookmarks") ?? []; }
  add() {
    const { explorer } = this, state = Object.fromEntries(VIEW_STATE.map((name) => [name, explorer.get(name)]));
    const panes = [explorer.map, explorer.plane].map((pane) => (pane.width ? pane.view() : null));
    const chosen = explorer.chosen ? toText(explorer.chosen) : "", name = this.name.value.trim() || `View ${this.all.length + 1}`;
    this.name.value = "";
    explorer.set("bookmarks", [...this.all, { name, state, panes, chosen }]);
  }
  open({ state, panes, chosen }) {
    const { explorer } = this;
    explorer.history.remember();
    for (const [name, value] of Object.entries(state)) explorer.model.set(name, value);
    explorer.choose(chosen ? toBits(chosen) : null, { remembered: true });
    [explorer.map, explorer.plane].forEach((pane, k) => { if (panes[k]) pane.setView(panes[k]); });
  }
  refresh() {
    const { all } = this;
    this.list.replaceChildren(...all.map((mark, k) => element("li", {}, button(mark.name, () => this.open(mark)),
      button("×", () => this.explorer.set("bookmarks", all.filter((_, n) => n !== k)), { class: "se-icon", "aria-label": `Remove the bookmark ${mark.name}` }))));
    if (!all.length) this.list.replaceChildren(element("li", { class: "se-hint" }, "A bookmark keeps where the panes look, season, space, colour, filters and selection."));
  }
}
