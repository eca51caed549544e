// Finds a place by its name, a point by its coordinates, a city by its name, and takes the map there.

import { element } from "./dom.js";
import { mercator, whereText } from "./geo.js";

const CITY_SPAN = 0.004; // width of the map around a city, in units of the Mercator square: 160 km at the equator
const SUGGESTED = 7;

// "52.5, 13.4", "52.5N 13.4E", "13.4E 52.5N" as [lon, lat]; null where it is something else.
export function parseCoordinates(text) {
  const found = [...text.toUpperCase().matchAll(/([NSEW])?\s*([+-]?\d+(?:\.\d+)?)\s*°?\s*([NSEW])?/g)];
  if (found.length !== 2 || text.replace(/[\d\s.,;+\-°NSEWnsew]/g, "")) return null;
  const read = found.map(([, before, number, after]) => ({ side: after ?? before, value: Number(number) }));
  const signed = ({ side, value }) => (side === "S" || side === "W" ? -value : value);
  const isLon = ({ side }) => side === "E" || side === "W";
  const [lat, lon] = isLon(read[0]) || "NS".includes(read[1].side ?? "-") ? [read[1], read[0]] : read;
  const pair = [signed(lon), signed(lat)];
  return Math.abs(pair[0]) <= 180 && Math.abs(pair[1]) <= 90 ? pair : null;
}

export class SearchBox {
  constructor(explorer) {
    this.explorer = explorer;
    this.list = element("ul", { class: "se-found", role: "listbox", hidden: true });
    this.input = element("input", { type: "search", placeholder: "Find a place", title: "A city, coordinates such as 52.5, 13.4, or the name of a place", "aria-label": "Search by city, coordinates or name of a place",
      oninput: () => this.suggest(), onkeydown: (e) => this.key(e), onfocus: () => this.suggest(), onblur: () => setTimeout(() => this.hide(), 200) });
    this.root = element("div", { class: "se-search" }, this.input, this.list);
  }
  local(text) {
    const { explorer } = this, wanted = text.toLowerCase(), at = parseCoordinates(text);
    if (at) return [{ title: whereText(...at), kind: "coordinates", lon: at[0], lat: at[1] }];
    const names = explorer.get("names") ?? [], found = [];
    for (let i = 0; i < names.length && found.length < 3; i++)
      if (names[i].toLowerCase().includes(wanted)) found.push({ title: names[i], kind: "place", index: i });
    for (const [name, lon, lat] of explorer.get("cities") ?? [])
      if (found.length < SUGGESTED && name.toLowerCase().startsWith(wanted)) found.push({ title: name, kind: "city", lon, lat });
    return found;
  }
  async suggest() {
    const text = this.input.value.trim(), turn = this.newTurn();
    if (text.length < 2) { this.hide(); return; }
    this.offer(this.local(text));
    if (!this.explorer.can("find") || this.options.some((o) => o.kind === "coordinates")) return;
    const answer = await this.explorer.questions.ask("find", { text });
    if (turn !== this.turn) return;
    const known = new Set(this.options.filter((o) => o.kind === "place").map((o) => o.title));
    this.offer([...this.options.filter((o) => known.has(o.title)), ...answer.found], answer.text);
    if (this.hurried && this.options.length) this.go(this.options[0]);
  }
  // Answers to what was typed before are too late; Enter before the answer is meant for it.
  newTurn() {
    this.hurried = false;
    return (this.turn = (this.turn ?? 0) + 1);
  }
  offer(options, text) {
    this.options = options.slice(0, SUGGESTED);
    const items = this.options.map((option) => element("li", { role: "option" },
      element("button", { type: "button", onmousedown: (e) => { e.preventDefault(); this.go(option); } }, option.title, element("small", {}, option.note ?? option.kind))));
    this.list.replaceChildren(...items, ...(items.length ? [] : [element("li", { class: "se-hint" }, text || "Nothing of that name. Coordinates: 52.5, 13.4 or 13.4E 52.5N.")]));
    this.list.hidden = false;
  }
  key(event) {
    if (event.key === "Enter" && this.options?.length) this.go(this.options[0]);
    else if (event.key === "Enter") this.hurried = true;
    else if (event.key === "Escape") this.hide();
    event.stopPropagation();
  }
  go(option) {
    this.hide();
    this.input.value = option.title;
    const { map } = this.explorer;
    if (option.index !== undefined) { this.explorer.select(option.index); map.fitRows([option.index]); return; }
    const [x, y] = mercator(option.lon, option.lat), half = CITY_SPAN / 2;
    this.explorer.target = [x, y];
    map.fit({ x0: x - half, x1: x + half, y0: y - half, y1: y + half });
  }
  hide() { this.newTurn(); this.list.hidden = true; }
}
