// Stands in for the kernel where there is none: answers the explorer from the data that lie in the page.

import { bitsOf, emptyBits, put, rowsOf } from "./bits.js";
import { DAY_MS } from "./dom.js";
import { kilometres } from "./geo.js";
import { Directions, clustersOf, learnedFrom } from "./static_learning.js";
import { StaticSpace, paintScale, unpack } from "./static_space.js";

const NO_DAY = -2147483648;
const PLANE_OF = new Set(["season", "space"]), RIVAL_OF = new Set(["season", "compare"]);
const COLOURED_BY = new Set(["colour_by", "clusters", "selected", "liked", "disliked", "season", "space", "compare"]);
const DETAILED_BY = new Set(["selected", "season", "space", "compare"]);
const COLOURS_OF = ["colour_by", "clusters", "season", "space", "compare"]; // what an answer says that it is an answer to
const LEARNED_BY = new Set(["classes", "marks", "season", "space"]);
const SHADES = { pale: [225, 228, 230], most: 0.85 }; // how far doubt takes a class's colour away
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
      spaces: names, space: data.space, problems: data.problems, cities: data.cities, height: data.height, abilities: ["label", "examples", "csv", "geojson"],
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
    if (LEARNED_BY.has(name)) this.learn();
    if (first) this.set("colour_by", this.data.like);
    else if (COLOURED_BY.has(name)) this.paint();
    if (DETAILED_BY.has(name)) this.tell("detail", this.state.selected < 0 ? {} : this.detail());
  }
  tell(name, value) {
    this.state[name] = value;
    for (const react of this.listeners.get(`change:${name}`) ?? []) react();
  }
  stateOf(...names) { return Object.fromEntries(names.map((name) => [name, this.state[name]])); }
  get here() { return this.spaces[this.state.space]; }
  frame() { this.tell("plane", view(this.here.plane(this.state.season))); }

  // ---- questions
  send(question) {
    const ways = { frame: () => [{}, [view(this.spaces[question.space].plane(question.season))]], places: () => [{ places: question.rows.map((i) => this.place(i)) }, []],
      export: () => [{ name: `selection.${question.format}` }, [this.selectionAs(question.format)]],
      save_labels: () => [{ name: "labels.json" }, [this.labelsAsText()]], load_labels: () => [{ text: this.takeLabels(question.text, question.name) }, []] };
    const [answer, buffers] = ways[question.ask]();
    const react = () => (this.listeners.get("msg:custom") ?? []).forEach((hear) => hear({ answers: question.number, asker: question.asker, ...answer }, buffers));
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
    const { colour_by: by, season } = this.state, { similarity, like, legends, made } = this.data;
    let tint = this.here.tints[by] ?? this.shared[by], legend = this.data.spaces[this.state.space].legends[by] ?? legends[by];
    if (by === similarity) [tint, legend] = this.byCosine(this.state.selected < 0 ? null : this.here.query([this.state.selected], [], season), "select a place to see what is similar to it");
    else if (by === like) [tint, legend] = this.byCosine(this.here.query(this.state.liked, this.state.disliked, season), "mark a place with 'More like this' to see what is like it");
    else if (by === made.clusters) [tint, legend] = this.byCluster();
    else if (by === made.learned) [tint, legend] = this.byClass();
    else if (by === made.uncertainty) [tint, legend] = this.byDoubt();
    else if (tint.length > 3 * this.data.count) tint = tint.slice(3 * this.data.count * season, 3 * this.data.count * (season + 1));
    this.tell("colours", view(tint));
    this.tell("legend", { ...legend, of: this.stateOf(...COLOURS_OF) });
  }
  byCosine(query, otherwise) {
    if (!query) return this.grey(otherwise);
    return paintScale(this.here.cosines(query, this.state.season), this.ramp, this.data.ramp_colours);
  }
  // The vectors shown now; what is derived from them is kept until another space or season is chosen.
  directions() {
    const key = `${this.state.space}/${this.state.season}`;
    if (this.held?.key !== key) this.held = { key, places: new Directions(this.here, this.state.season) };
    return this.held.places;
  }
  byCluster() {
    const places = this.directions(), count = Math.min(this.state.clusters, Math.floor(places.usable.length / 2));
    if (count < 2) return this.grey("clusters need four places or more that have a vector");
    if (this.held.clusters?.sizes.length !== count) this.held.clusters = clustersOf(places, count);
    const { labels, sizes } = this.held.clusters, { palette, many_colours: many } = this.data, hexes = sizes.map((_, k) => (count > palette.length ? many : palette)[k % many.length]);
    return [painted(labels, hexes.map(rgbOf)), { kind: "classes", colours: hexes, names: sizes.map((size, k) => `${k + 1}: ${size.toLocaleString("en")}`) }];
  }
  learn() {
    const { classes, marks, colour_by: by } = this.state, { made } = this.data, before = this.learned;
    const labels = marks.filter(([, k]) => classes[k]).map(([i, k]) => [i, classes[k].name]);
    this.learned = labels.length ? learnedFrom(this.directions(), labels) : null;
    const doubtful = this.learned?.doubt.filter((d) => d > 0.5).length ?? 0, alone = new Set(labels.map(([, name]) => name)).size === 1 ? " against places drawn at random" : "";
    const text = `Learned from ${labels.length} labels${alone}. ${doubtful.toLocaleString("en")} places are doubtful; the star marks the one whose label would help most (key N).`;
    this.tell("learned", this.learned ? { next: this.learned.next, ready: true, text } : { next: -1, ready: false });
    if (this.learned && !before) this.set("colour_by", made.learned);
    else if (by === made.learned || by === made.uncertainty) this.paint();
  }
  byClass() {
    if (!this.learned) return this.grey("name classes and label a few places under 'Label and learn'");
    const { classes, best, doubt } = this.learned, tints = { rest: "#c9ced2", ...Object.fromEntries(this.state.classes.map((one) => [one.name, one.colour])) };
    const counts = classes.map((_, k) => best.reduce((sum, b) => sum + (b === k), 0)), hexes = classes.map((name) => tints[name]);
    return [painted(best, hexes.map(rgbOf), doubt), { kind: "classes", colours: hexes, names: classes.map((name, k) => `${name}: ${counts[k].toLocaleString("en")}`), note: "the paler, the less certain" }];
  }
  byDoubt() {
    if (!this.learned) return this.grey("name classes and label a few places under 'Label and learn'");
    const [tint, legend] = paintScale(this.learned.doubt, this.ramp, this.data.ramp_colours, [0, 1]);
    return [tint, { ...legend, low_text: "certain", high_text: "a tie" }];
  }
  grey(text) { return [new Uint8Array(3 * this.data.count).fill(170), { kind: "none", text }]; }
  // The same file as from Python: class names by patch name.
  labelsAsText() {
    const { classes, marks } = this.state, named = marks.filter(([, k]) => classes[k]).map(([i, k]) => [this.data.names[i], classes[k].name]);
    const tints = Object.fromEntries(classes.map((one) => [one.name, one.colour]));
    return JSON.stringify({ format: this.data.labels_mark, classes: tints, labels: { ...this.absent, ...Object.fromEntries(named) } }, null, 1);
  }
  takeLabels(text, name) {
    let held = null;
    try { held = JSON.parse(text); } catch { held = null; }
    if (held?.format !== this.data.labels_mark || !held.labels) return `${name} is not a file of labels.`;
    const row = new Map(this.data.names.map((patch, i) => [patch, i])), all = Object.entries(held.labels), here = all.filter(([patch]) => row.has(patch));
    this.absent = Object.fromEntries(all.filter(([patch]) => !row.has(patch)));
    const { palette } = this.data, tints = { ...held.classes, ...Object.fromEntries(this.state.classes.map((one) => [one.name, one.colour])) };
    const names = [...new Set([...this.state.classes.map((one) => one.name), ...Object.keys(tints), ...here.map(([, label]) => label).sort()])];
    const classes = names.map((name, k) => ({ name, colour: tints[name] ?? palette[k % palette.length] }));
    this.set("marks", []);
    this.set("classes", classes);
    this.set("marks", here.map(([patch, label]) => [row.get(patch), names.indexOf(label)]));
    const lost = all.length - here.length;
    return `${here.length} labels of ${names.length} classes loaded.${lost ? ` ${lost} are of patches that are not here: they stay in the file.` : ""}`;
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
    const own = { ...this.place(i), ndvi: this.data.ndvi[i] ?? [], path: this.here.path(i), neighbours: this.near(this.here, i), tile_px: this.data.tile_px, of: this.stateOf(...DETAILED_BY) };
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

const rgbOf = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));

// Each place in the colour of its class, paler with doubt; grey where it has none.
function painted(labels, colours, doubt = null) {
  const tint = new Uint8Array(3 * labels.length).fill(170);
  labels.forEach((label, i) => {
    if (label < 0) return;
    const fade = doubt ? SHADES.most * doubt[i] : 0;
    for (let c = 0; c < 3; c++) tint[3 * i + c] = colours[label][c] * (1 - fade) + SHADES.pale[c] * fade;
  });
  return tint;
}
