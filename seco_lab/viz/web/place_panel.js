// The chosen place through the year, what it is like, and the places that the encoder finds most alike.

import { button, element, refill } from "./dom.js";
import { kmText, whereText } from "./geo.js";

const HINT = "Click a place, on the map or on the plane, to see it through the seasons beside the places that the encoder finds most alike.";
const LOOKS = { strip: "True colour", false_strip: "False colour" };

export class PlacePanel {
  constructor(explorer) {
    Object.assign(this, { explorer, look: "strip" });
    this.root = element("section", { class: "se-detail", "aria-live": "polite" });
  }
  get(name) { return this.explorer.get(name); }
  refresh() {
    const detail = this.get("detail") ?? {}, selected = this.get("selected");
    if (selected < 0) { this.root.replaceChildren(element("p", { class: "se-hint" }, HINT)); return; }
    if (!this.explorer.isFresh(detail)) { this.markSeason(); return; }
    refill(this.root, this.placeCard(detail), this.neighbourCards(detail));
    this.markSeason();
  }
  // A card of what was asked before is pale, and takes no clicks: they are meant for what is on its way.
  markSeason() {
    this.root.classList.toggle("se-stale", this.get("selected") >= 0 && !this.explorer.isFresh(this.get("detail")));
    for (const tile of this.root.querySelectorAll("[data-season]"))
      tile.classList.toggle("se-now", Number(tile.dataset.season) === this.get("season"));
  }
  tile(place, season, size, look = "strip") {
    const many = place.dates.length, when = place.dates[season] || `season ${season + 1}`, strip = place[look];
    const picture = strip ? `;background:url(${strip}) -${season * size}px 0/${many * size}px ${size}px` : "";
    return element("i", { class: strip ? "se-tile" : "se-tile se-blank", style: `width:${size}px;height:${size}px${picture}`, role: "img",
      "aria-label": `${place.name}, ${when}${strip ? "" : ", no picture"}` });
  }
  placeCard(detail) {
    const look = detail[this.look] ? this.look : "strip";
    const shots = detail.dates.map((date, s) => element("button", { type: "button", class: "se-shot", "data-season": s, onclick: () => this.explorer.set("season", s) },
      this.tile(detail, s, 92, look), element("span", {}, date || `season ${s + 1}`)));
    const facts = detail.facts.slice(0, 8).map(([name, value]) => element("span", { class: "se-fact" }, `${name}: ${value}`));
    return element("div", { class: "se-card" }, element("h3", {}, detail.name, element("small", {}, whereText(detail.lon, detail.lat))),
      this.actions(detail), element("div", { class: "se-shots" }, shots), curve(detail), element("p", { class: "se-facts" }, facts));
  }
  actions(detail) {
    const { explorer } = this, i = detail.index, on = (name) => (this.get(name) ?? []).includes(i);
    const toggle = (text, name, title) => button(text, () => explorer.toggleRow(name, i), { "aria-pressed": String(on(name)), title });
    const look = ([name, text]) => button(text, () => { this.look = name; this.refresh(); }, { "aria-pressed": String(this.look === name) });
    const looks = detail.false_strip ? Object.entries(LOOKS).map(look) : [];
    return element("div", { class: "se-actions" },
      explorer.can("examples") && toggle("+ More like this", "liked", "An example of what you look for"),
      explorer.can("examples") && toggle("− Less like this", "disliked", "An example of what you do not look for"),
      toggle("Pin", "pins", "Keep its way through the seasons in the plane"),
      explorer.can("label") && explorer.labels.chips(i),
      looks.length ? element("span", { class: "se-segments" }, looks) : null);
  }
  neighbourCards(detail) {
    const shared = detail.rivals ? new Set(detail.neighbours.map((n) => n.index)) : null;
    const title = `in ${this.get("season_labels")[this.get("season")]}`;
    const own = this.list(detail.neighbours, "Most alike ", shared ? `${this.get("space")}, ${title}` : title);
    if (!shared) return own;
    const both = detail.rivals.filter((n) => shared.has(n.index)).length;
    const rival = this.list(detail.rivals, "Most alike ", `${this.get("compare")}: ${both} of ${detail.rivals.length} are the same`);
    return element("div", { class: "se-two" }, own, rival);
  }
  list(neighbours, head, note) {
    const cards = neighbours.map((n, rank) => element("li", {}, element("button", { type: "button", class: "se-near",
      onclick: () => this.explorer.select(n.index), onmouseenter: () => this.explorer.hover(n.index), onmouseleave: () => this.explorer.hover(-1),
      onfocus: () => this.explorer.hover(n.index), onblur: () => this.explorer.hover(-1) },
      element("span", { class: "se-row" }, n.dates.map((_, s) => this.tile(n, s, 44))),
      element("span", { class: "se-text" }, element("b", {}, `${rank + 1}`), ` ${n.name}`),
      element("small", {}, [`cos ${n.similarity.toFixed(3)}`, n.km === null ? null : `${kmText(n.km)} km`, n.dates[this.get("season")]].filter(Boolean).map((text) => element("span", {}, text))))));
    const body = cards.length ? element("ol", {}, cards) : element("p", { class: "se-hint" }, "No other place can be compared with this one.");
    return element("div", { class: "se-card se-neighbours" }, element("h3", {}, head, element("small", {}, note)), body);
  }
}

// NDVI over the seasons as a small curve, with the values at its points.
function curve(detail) {
  const values = detail.ndvi;
  if (!values?.some((v) => v !== null)) return null;
  const wide = 98 * values.length, high = 58, x = (s) => 98 * s + 49, y = (v) => high - 10 - (high - 26) * Math.min(1, Math.max(-0.2, v) + 0.2) / 1.2;
  const known = values.map((v, s) => [s, v]).filter(([, v]) => v !== null);
  const line = known.map(([s, v]) => `${x(s)},${y(v).toFixed(1)}`).join(" ");
  const dots = known.map(([s, v]) => `<circle cx="${x(s)}" cy="${y(v).toFixed(1)}" r="3.5"/><text x="${x(s)}" y="${(y(v) - 8).toFixed(1)}">${v.toFixed(2)}</text>`).join("");
  const box = element("div", { class: "se-curve", role: "img", "aria-label": `NDVI through the seasons: ${values.map((v) => (v === null ? "unknown" : v.toFixed(2))).join(", ")}` });
  box.innerHTML = `<svg width="${wide}" height="${high}" viewBox="0 0 ${wide} ${high}"><text class="se-axis" x="0" y="12">NDVI</text><polyline points="${line}"/>${dots}</svg>`;
  return box;
}
