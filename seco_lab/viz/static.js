// Stands in for the kernel where there is none: answers the explorer from the data that lie in the page.

const DAY_MS = 86_400_000, EARTH_KM = 6371.0088;

function unpack(text, Kind) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Kind(bytes.buffer);
}

function kilometres(lon1, lat1, lon2, lat2) {
  const r = Math.PI / 180, half = (a, b) => Math.sin(((b - a) * r) / 2) ** 2;
  const h = half(lat1, lat2) + Math.cos(lat1 * r) * Math.cos(lat2 * r) * half(lon1, lon2);
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

class StaticModel {
  constructor(data) {
    this.data = data;
    this.listeners = new Map();
    this.planes = unpack(data.planes, Uint16Array);
    this.vectors = unpack(data.vectors, Int8Array);
    this.days = unpack(data.days, Int32Array);
    this.ramp = unpack(data.ramp, Uint8Array);
    this.tints = Object.fromEntries(Object.entries(data.tints).map(([name, text]) => [name, unpack(text, Uint8Array)]));
    this.norms = this.lengths();
    const bytes = (text) => new DataView(unpack(text, Uint8Array).buffer);
    this.state = {
      count: data.count, names: data.names, season_labels: data.season_labels, colour_options: data.colour_options,
      spaces: [data.space], space: data.space, problems: data.problems, cities: data.cities, height: data.height,
      mercator: bytes(data.mercator), land: bytes(data.land), tiles: "", season: 0, selected: -1, detail: {},
      colour_by: data.colour_options[0],
    };
    this.frame();
  }
  get(name) { return this.state[name]; }
  on(event, react) { this.listeners.set(event, [...(this.listeners.get(event) ?? []), react]); }
  off(event, react) { this.listeners.set(event, (this.listeners.get(event) ?? []).filter((r) => r !== react)); }
  save_changes() {}
  set(name, value) {
    if (this.state[name] === value) return;
    this.put(name, value);
    if (name === "season") this.frame();
    if (name === "colour_by" || (name === "selected" && this.state.colour_by === this.data.similarity)) this.paint();
    if (name === "season" || name === "selected") this.put("detail", value < 0 && name === "selected" ? {} : this.detail());
  }
  put(name, value) {
    this.state[name] = value;
    for (const react of this.listeners.get(`change:${name}`) ?? []) react();
  }
  frame() {
    const n = this.data.count, s = this.state.season;
    this.put("plane", new DataView(this.planes.slice(2 * n * s, 2 * n * (s + 1)).buffer));
    this.paint();
  }
  paint() {
    const { count: n, similarity, legends, seasonal } = this.data, { season: s, colour_by: by, selected } = this.state;
    let tint = this.tints[by], legend = legends[by];
    if (by === similarity) [tint, legend] = this.similar(selected);
    else if (by === seasonal) tint = tint.slice(3 * n * s, 3 * n * (s + 1));
    this.put("colours", new DataView(tint.slice().buffer));
    this.put("legend", legend);
  }
  lengths() {
    const { count, dims } = this.data, rows = count * this.data.season_labels.length, norms = new Float32Array(rows);
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      for (let d = r * dims; d < (r + 1) * dims; d++) sum += this.vectors[d] ** 2;
      norms[r] = Math.sqrt(sum);
    }
    return norms;
  }
  // cosine to every place of the season; NaN where one of the two has no embedding
  cosines(place) {
    const { count: n, dims } = this.data, first = this.state.season * n, query = (first + place) * dims;
    const cosine = new Float32Array(n).fill(NaN);
    if (place < 0 || !this.norms[first + place]) return cosine;
    for (let i = 0; i < n; i++) {
      if (!this.norms[first + i]) continue;
      let sum = 0;
      for (let d = 0, row = (first + i) * dims; d < dims; d++) sum += this.vectors[row + d] * this.vectors[query + d];
      cosine[i] = sum / this.norms[first + i] / this.norms[first + place];
    }
    return cosine;
  }
  similar(place) {
    const n = this.data.count, tint = new Uint8Array(3 * n).fill(170);
    if (place < 0) return [tint, { kind: "none", text: "select a place to see what is similar to it" }];
    const cosine = this.cosines(place), sorted = cosine.filter(Number.isFinite).sort();
    const low = sorted[Math.floor(0.02 * (sorted.length - 1))] ?? 0, high = sorted[Math.ceil(0.98 * (sorted.length - 1))] ?? 1;
    for (let i = 0; i < n; i++) {
      if (!Number.isFinite(cosine[i])) continue;
      const step = Math.round(255 * Math.min(1, Math.max(0, (cosine[i] - low) / Math.max(high - low, 1e-9))));
      tint.set(this.ramp.subarray(3 * step, 3 * step + 3), 3 * i);
    }
    return [tint, { kind: "scale", low, high, colours: this.data.ramp_colours }];
  }
  place(i) {
    const { data } = this, seasons = data.season_labels.length;
    const dates = Array.from({ length: seasons }, (_, s) => {
      const day = this.days[i * seasons + s];
      return day === -2147483648 ? "" : new Date(day * DAY_MS).toISOString().slice(0, 10);
    });
    return { index: i, name: data.names[i], lon: data.lon[i], lat: data.lat[i], dates, strip: data.strips[i] ?? "",
      facts: data.facts.map(([name, values]) => [name, values[i]]) };
  }
  detail() {
    const i = this.state.selected, n = this.data.count;
    if (i < 0) return {};
    const cosine = this.cosines(i), here = this.place(i);
    const best = [...cosine.keys()].filter((k) => k !== i && Number.isFinite(cosine[k])).sort((a, b) => cosine[b] - cosine[a]).slice(0, this.data.neighbours);
    const path = this.data.season_labels.map((_, s) => {
      const x = this.planes[2 * (s * n + i)];
      return x === 65535 ? null : [x / 65535, this.planes[2 * (s * n + i) + 1] / 65535];
    });
    const neighbours = best.map((k) => {
      const there = this.place(k), known = here.lon !== null && there.lon !== null;
      return { ...there, similarity: cosine[k], km: known ? kilometres(here.lon, here.lat, there.lon, there.lat) : null };
    });
    return { ...here, path, neighbours, tile_px: this.data.tile_px };
  }
}

function openStaticExplorer() {
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  window.explorerModel = new StaticModel(data);
  const explorer = new Explorer(window.explorerModel, document.getElementById("explorer"));
  // For whoever scripts the page: where a place is drawn, in pixels of the map (0) or the plane (1).
  window.explorerPixel = (pane, index) => explorer.panes[pane].pixelOf(index);
}

openStaticExplorer();
