// Stands in for the kernel where there is none: answers the explorer from the data that lie in the page.

import { bitsOf, emptyBits, put, rowsOf } from "./bits.js";
import { DAY_MS } from "./dom.js";
import { kilometres } from "./geo.js";
import { StaticSpace, paintScale, unpack } from "./static_space.js";

const NO_DAY = -2147483648;
const PLANE_OF = new Set(["season", "space"]), RIVAL_OF = new Set(["season", "compare"]);
const COLOURED_BY = new Set(["colour_by", "selected", "liked", "disliked", "season", "space", "compare"]);
const DETAILED_BY = new Set(["selected", "season", "space", "compare"]);
const view = (array) => new DataView(array.slice().buffer);

export class StaticModel {
  constructor(data) {
    Object.assign(this, { data, listeners: new Map(), days: unpack(data.days, Int32Array), ramp: unpack(data.ramp, Uint8Array) });
    this.spaces = Object.fromEntries(Object.entries(data.spaces).map(([name, packed]) => [name, new StaticSpace(packed, data)]));
    this.shared = Object.fromEntries(Object.entries(data.tints).map(([name, text]) => [name, unpack(text, Uint8Array)]));
    this.columns = data.column_info.map((about) => ({ ...about, values: unpack(about.values, about.names ? Uint8Array : Float32Array) }));
    const bytes = (text) => new DataView(unpack(text, Uint8Array).buffer), names = Object.keys(data.spaces);
    this.state = {
      count: data.count, names: data.names, season_labels: data.season_labels, colour_options: data.colour_options, palette: data.palette,
      spaces: names, space: data.space, problems: data.problems, cities: data.cities, height: data.height, abilities: ["examples", "csv", "geojson"],
      mercator: bytes(data.mercator), land: bytes(data.land), tiles: "", season: 0, selected: -1, detail: {}, colour_by: data.colour_options[0],
      view: "panes", melt: 0, compare: "", contrast: false, clusters: 8, pins: [], trails: [], liked: [], disliked: [], classes: [], marks: [], learned: {},
      filters: {}, column_info: this.columns, chosen: null, shown: null, bookmarks: [], rival_plane: null, space_note: data.spaces[data.space].note,
    };
    this.frame();
    this.paint();
  }
  get(name) { return this.state[name]; }
  on(event, react) { this.listeners.set(event, [...(this.listeners.get(event) ?? []), react]); }
  off(event, react) { this.listeners.set(event, (this.listeners.get(event) ?? []).filter((r) => r !== react)); }
  save_changes() {}
  set(name, value) {
    if (this.state[name] === value) return;
    const first = name === "liked" && !this.state.liked.length && value.length;
    this.tell(name, value);
    if (PLANE_OF.has(name)) this.frame();
    if (RIVAL_OF.has(name) && this.state.compare) this.tell("rival_plane", view(this.spaces[this.state.compare].plane(this.state.season)));
    if (name === "space") this.tell("space_note", this.data.spaces[value].note);
    if (name === "filters") this.filter();
    if (name === "pins" || name === "space") this.tell("trails", this.state.pins.map((index) => ({ index, path: this.here.path(index) })));
    if (first) this.set("colour_by", this.data.like);
    else if (COLOURED_BY.has(name)) this.paint();
    if (DETAILED_BY.has(name)) this.tell("detail", this.state.selected < 0 ? {} : this.detail());
  }
  tell(name, value) {
    this.state[name] = value;
    for (const react of this.listeners.get(`change:${name}`) ?? []) react();
  }
  get here() { return this.spaces[this.state.space]; }
  frame() { this.tell("plane", view(this.here.plane(this.state.season))); }

  // ---- questions
  send(question) {
    const ways = { frame: () => [{}, [view(this.spaces[question.space].plane(question.season))]], places: () => [{ places: question.rows.map((i) => this.place(i)) }, []],
      export: () => [{ name: `selection.${question.format}` }, [this.selectionAs(question.format)]] };
    const [answer, buffers] = ways[question.ask]();
    const react = () => (this.listeners.get("msg:custom") ?? []).forEach((hear) => hear({ answers: question.number, ...answer }, buffers));
    setTimeout(react, 0);
  }
  selectionAs(format) {
    const places = rowsOf(bitsOf(this.state.chosen)).map((i) => this.place(i)), facts = this.data.facts.map(([name]) => name);
    const properties = (p) => ({ patch: p.name, lon: p.lon, lat: p.lat, ...Object.fromEntries(p.facts) });
    if (format === "geojson") return JSON.stringify({ type: "FeatureCollection", features: places.map((p) => ({ type: "Feature", properties: properties(p),
      geometry: p.lon === null ? null : { type: "Point", coordinates: [p.lon, p.lat] } })) });
    const cell = (value) => (/[",\n]/.test(String(value ?? "")) ? `"${String(value).replaceAll('"', '""')}"` : (value ?? ""));
    return [["patch", "lon", "lat", ...facts], ...places.map((p) => Object.values(properties(p)))].map((row) => row.map(cell).join(",")).join("\n") + "\n";
  }

  // ---- answers to what changed
  filter() {
    const { filters } = this.state, wanted = Object.entries(filters).map(([name, rule]) => [this.columns.find((c) => c.name === name), rule]);
    if (!wanted.length) { this.tell("shown", null); return; }
    const bits = emptyBits(this.data.count);
    const passes = wanted.map(([column, rule]) => {
      const kept = rule.names && new Set(rule.names.map((name) => column.names.indexOf(name)));
      return kept ? (i) => kept.has(column.values[i]) : (i) => column.values[i] >= rule.range[0] && column.values[i] <= rule.range[1];
    });
    for (let i = 0; i < this.data.count; i++) if (passes.every((pass) => pass(i))) put(bits, i);
    this.tell("shown", view(bits));
  }
  paint() {
    const { colour_by: by, season } = this.state, { similarity, like, legends } = this.data;
    let tint = this.here.tints[by] ?? this.shared[by], legend = this.data.spaces[this.state.space].legends[by] ?? legends[by];
    if (by === similarity) [tint, legend] = this.byCosine(this.state.selected < 0 ? null : this.here.query([this.state.selected], [], season), "select a place to see what is similar to it");
    else if (by === like) [tint, legend] = this.byCosine(this.here.query(this.state.liked, this.state.disliked, season), "mark a place with 'More like this' to see what is like it");
    else if (tint.length > 3 * this.data.count) tint = tint.slice(3 * this.data.count * season, 3 * this.data.count * (season + 1));
    this.tell("colours", view(tint));
    this.tell("legend", legend);
  }
  byCosine(query, otherwise) {
    if (!query) return [new Uint8Array(3 * this.data.count).fill(170), { kind: "none", text: otherwise }];
    return paintScale(this.here.cosines(query, this.state.season), this.ramp, this.data.ramp_colours);
  }
  place(i) {
    const { data } = this, seasons = data.season_labels.length;
    const dates = Array.from({ length: seasons }, (_, s) => {
      const day = this.days[i * seasons + s];
      return day === NO_DAY ? "" : new Date(day * DAY_MS).toISOString().slice(0, 10);
    });
    return { index: i, name: data.names[i], lon: data.lon[i], lat: data.lat[i], dates, strip: data.strips[i] ?? "", facts: data.facts.map(([name, values]) => [name, values[i]]) };
  }
  detail() {
    const i = this.state.selected, { compare } = this.state;
    const own = { ...this.place(i), ndvi: this.data.ndvi[i] ?? [], path: this.here.path(i), neighbours: this.near(this.here, i), tile_px: this.data.tile_px };
    return compare ? { ...own, rivals: this.near(this.spaces[compare], i) } : own;
  }
  near(space, i) {
    const { season } = this.state, query = space.query([i], [], season);
    if (!query) return [];
    const cosine = space.cosines(query, season), here = this.place(i);
    const best = [...cosine.keys()].filter((k) => k !== i && Number.isFinite(cosine[k])).sort((a, b) => cosine[b] - cosine[a]).slice(0, this.data.neighbours);
    return best.map((k) => {
      const there = this.place(k), known = here.lon !== null && there.lon !== null;
      return { ...there, similarity: cosine[k], km: known ? kilometres(here.lon, here.lat, there.lon, there.lat) : null };
    });
  }
}
