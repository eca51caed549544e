// The bar above the panes: side by side or melted, season, colour, space, comparison, search.

import { button, element } from "./dom.js";
import { SearchBox } from "./search_box.js";

const SEASON_MS = 1100; // how long playing rests at each season

export class Header {
  constructor(explorer) {
    this.explorer = explorer;
    const { get } = this, labels = get("season_labels");
    this.views = [["panes", "Map and plane"], ["melt", "Melt"]].map(([name, text]) => button(text, () => explorer.set("view", name), { "data-view": name, "aria-pressed": "false" }));
    this.slider = element("input", { type: "range", min: 0, max: labels.length - 1, step: 1, "aria-label": "Season", oninput: (e) => explorer.set("season", Number(e.target.value)) });
    this.seasonText = element("output", { class: "se-season" });
    this.playButton = button("▶", () => this.toggle(), { class: "se-icon", "aria-label": "Play the seasons" });
    this.seasons = element("span", { class: "se-group", hidden: labels.length < 2 }, element("label", { class: "se-seasons" }, "Season ", this.slider, this.seasonText), this.playButton);
    this.boxes = {};
    const many = (text) => Math.min(40, Math.max(2, Number(text) || 8));
    this.clusters = element("input", { type: "number", min: 2, max: 40, "aria-label": "Number of clusters", class: "se-number",
      onchange: (e) => explorer.set("clusters", many(e.target.value)) });
    this.search = new SearchBox(explorer);
    this.contrast = button("◐", () => explorer.set("contrast", !get("contrast")), { class: "se-icon", title: "High contrast", "aria-label": "High contrast", "aria-pressed": "false" });
    this.root = element("div", { class: "se-bar" }, element("span", { class: "se-segments", role: "group", "aria-label": "View" }, this.views), this.seasons,
      this.pick("Colour", "colour_by", get("colour_options")), this.clusters, this.pick("Space", "space", get("spaces")),
      get("spaces").length > 1 ? this.pick("Compare with", "compare", ["", ...get("spaces")]) : null);
  }
  get = (name) => this.explorer.get(name);
  pick(label, name, options) {
    const box = element("select", { "aria-label": label, onchange: (e) => this.explorer.set(name, e.target.value) });
    this.boxes[name] = box;
    this.fill(name, options);
    return element("label", { hidden: options.length < 2 }, `${label} `, box);
  }
  fill(name, options) {
    this.boxes[name].replaceChildren(...options.map((o) => element("option", { value: o }, o || "nothing")));
    this.boxes[name].value = this.get(name);
  }
  toggle() {
    if (this.timer) { clearInterval(this.timer); this.timer = 0; }
    else this.timer = setInterval(() => this.explorer.set("season", (this.get("season") + 1) % this.get("season_labels").length), SEASON_MS);
    this.playButton.textContent = this.timer ? "❚❚" : "▶";
    this.playButton.setAttribute("aria-label", this.timer ? "Pause" : "Play the seasons");
  }
  refresh() {
    const season = this.get("season"), melted = this.get("view") === "melt";
    this.slider.value = season;
    this.seasonText.textContent = this.get("season_labels")[season] ?? "";
    this.slider.setAttribute("aria-valuetext", this.seasonText.textContent);
    for (const [name, box] of Object.entries(this.boxes)) box.value = this.get(name);
    for (const view of this.views) view.setAttribute("aria-pressed", String(view.dataset.view === this.get("view")));
    this.seasons.hidden = melted || this.get("season_labels").length < 2;
    this.clusters.value = this.get("clusters");
    this.clusters.hidden = this.get("colour_by") !== "clusters";
    this.contrast.setAttribute("aria-pressed", String(this.get("contrast")));
    if (melted && this.timer) this.toggle();
  }
  dispose() { clearInterval(this.timer); }
}
