// The explorer: a map and an embedding plane, linked. Reads and writes a model (get, set, on, save_changes), which
// is the notebook's widget or the report's own; knows nothing else of Python.

const LEAD = "#111", HALO = "#fff";

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function numbers(model, name, Kind) {
  const view = model.get(name);
  if (!view || !view.byteLength) return new Kind(0);
  return new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

const mercatorY = (lat) => 0.5 - Math.asinh(Math.tan((Math.max(-85.0511, Math.min(85.0511, lat)) * Math.PI) / 180)) / (2 * Math.PI);
const mercator = (lon, lat) => [(lon + 180) / 360, mercatorY(lat)];
const latitude = (y) => (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI;
const degrees = (value, [plus, minus]) => `${Math.abs(value).toFixed(2)}° ${value >= 0 ? plus : minus}`;
const whereText = (lon, lat) => (lon === null || lon === undefined ? "position unknown" : `${degrees(lat, "NS")}, ${degrees(lon, "EW")}`);

// ---- the map's paper: sea, land, borders, graticule, city names, scale bar
function landPath(view) {
  const path = new Path2D(), pairs = new Int16Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  for (let i = 0; i < pairs.length; ) {
    const count = pairs[i + 1];
    for (let k = 1; k <= count; k++) {
      const [x, y] = mercator(pairs[i + 2 * k] / 100, pairs[i + 2 * k + 1] / 100);
      if (k === 1) path.moveTo(x, y); else path.lineTo(x, y);
    }
    path.closePath();
    i += 2 * (count + 1);
  }
  return path;
}

function mapPaper(model, again) {
  const land = model.get("land")?.byteLength ? landPath(model.get("land")) : null, tiles = new Map();
  return (c, pane) => {
    c.fillStyle = "#dde7ec";
    c.fillRect(0, 0, pane.width, pane.height);
    const [ox, oy] = pane.toPixel(0, 0);
    c.save();
    c.translate(ox, oy);
    c.scale(pane.scale, pane.scale);
    if (land) {
      c.fillStyle = "#f4f2ec"; c.fill(land);
      c.lineWidth = 0.8 / pane.scale; c.strokeStyle = "#c9c4b6"; c.stroke(land);
    }
    c.restore();
    if (model.get("tiles")) drawTiles(c, pane, model.get("tiles"), tiles, again);
    graticule(c, pane);
    cityNames(c, pane, model.get("cities") ?? []);
    scaleBar(c, pane, model.get("tiles") ? model.get("tiles_credit") : "Natural Earth, GeoNames");
  };
}

function drawTiles(c, pane, address, cache, again) {
  const z = Math.max(0, Math.min(18, Math.round(Math.log2(pane.scale / 256)))), count = 2 ** z, side = pane.scale / count;
  const [x0, y0] = pane.toUnit(0, 0), [x1, y1] = pane.toUnit(pane.width, pane.height);
  for (let x = Math.max(0, Math.floor(x0 * count)); x < Math.min(count, x1 * count); x++)
    for (let y = Math.max(0, Math.floor(y0 * count)); y < Math.min(count, y1 * count); y++) {
      const url = address.replace("{z}", z).replace("{x}", x).replace("{y}", y);
      let image = cache.get(url);
      if (!image) {
        image = new Image();
        image.onload = again;
        image.src = url;
        cache.set(url, image);
        if (cache.size > 400) cache.delete(cache.keys().next().value);
      }
      if (image.complete && image.naturalWidth) c.drawImage(image, ...pane.toPixel(x / count, y / count), side + 0.5, side + 0.5);
    }
}

function graticule(c, pane) {
  const degreesWide = (pane.width / pane.scale) * 360, step = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1].find((s) => degreesWide / s > 4) ?? 0.05;
  const [x0, y0] = pane.toUnit(0, 0), [x1, y1] = pane.toUnit(pane.width, pane.height);
  c.strokeStyle = "rgba(70,90,105,.16)";
  c.lineWidth = 1;
  c.beginPath();
  for (let lon = Math.ceil(((x0 * 360) - 180) / step) * step; lon <= x1 * 360 - 180; lon += step) {
    if (Math.abs(lon) > 180.001) continue;
    const [px] = pane.toPixel((lon + 180) / 360, 0);
    c.moveTo(px, 0); c.lineTo(px, pane.height);
  }
  for (let lat = Math.ceil(latitude(y1) / step) * step; lat <= latitude(y0); lat += step) {
    if (Math.abs(lat) > 85) continue;
    const [, py] = pane.toPixel(0, mercatorY(lat));
    c.moveTo(0, py); c.lineTo(pane.width, py);
  }
  c.stroke();
}

function cityNames(c, pane, cities) {
  c.font = "11px system-ui, sans-serif";
  c.textBaseline = "middle";
  c.lineJoin = "round";
  const taken = [], wanted = Math.min(22, Math.round((pane.width * pane.height) / 14000));
  for (const [name, lon, lat] of cities) {
    if (taken.length >= wanted) break;
    const [x, y] = pane.toPixel(...mercator(lon, lat)), half = name.length * 3 + 8;
    if (x < 4 || y < 10 || x > pane.width - 2 * half || y > pane.height - 26) continue;
    if (taken.some(([tx, ty, th]) => Math.abs(tx - x) < half + th + 12 && Math.abs(ty - y) < 20)) continue;
    taken.push([x, y, half]);
    c.fillStyle = "#7d8790";
    c.fillRect(x - 1.5, y - 1.5, 3, 3);
    c.strokeStyle = "rgba(255,255,255,.85)"; c.lineWidth = 3; c.strokeText(name, x + 5, y);
    c.fillStyle = "#5d6871"; c.fillText(name, x + 5, y);
  }
}

function scaleBar(c, pane, credit) {
  const metres = (40075017 * Math.cos((latitude(pane.centre[1]) * Math.PI) / 180)) / pane.scale;
  const power = 10 ** Math.floor(Math.log10(metres * 110)), length = [5, 2, 1].map((f) => f * power).find((m) => m <= metres * 110) ?? power;
  const px = length / metres, y = pane.height - 12;
  c.strokeStyle = "#4a555e"; c.lineWidth = 2;
  c.beginPath(); c.moveTo(12, y - 5); c.lineTo(12, y); c.lineTo(12 + px, y); c.lineTo(12 + px, y - 5); c.stroke();
  c.font = "11px system-ui, sans-serif"; c.fillStyle = "#4a555e"; c.textBaseline = "alphabetic";
  c.fillText(length >= 1000 ? `${(length / 1000).toLocaleString("en")} km` : `${length} m`, 18, y - 4);
  c.textAlign = "right"; c.fillText(credit ?? "", pane.width - 8, pane.height - 8); c.textAlign = "left";
}

function planePaper(c, pane) {
  c.fillStyle = "#fbfbfa";
  c.fillRect(0, 0, pane.width, pane.height);
  c.strokeStyle = "rgba(70,90,105,.1)";
  c.lineWidth = 1;
  const step = 0.125 * pane.scale * 2 ** -Math.max(0, Math.floor(Math.log2(pane.scale / Math.min(pane.width, pane.height))));
  const [ox, oy] = pane.toPixel(0.5, 0.5);
  c.beginPath();
  for (let x = ox % step; x < pane.width; x += step) { c.moveTo(x, 0); c.lineTo(x, pane.height); }
  for (let y = oy % step; y < pane.height; y += step) { c.moveTo(0, y); c.lineTo(pane.width, y); }
  c.stroke();
}

// ---- marks over the points: the selected place, its neighbours, the hovered one, the path through the year
function ring(c, at, radius, text) {
  if (!at) return;
  for (const [width, colour] of [[5, HALO], [2.2, LEAD]]) {
    c.beginPath(); c.arc(at[0], at[1], radius, 0, 7); c.lineWidth = width; c.strokeStyle = colour; c.stroke();
  }
  if (!text) return;
  c.font = "bold 11px system-ui, sans-serif"; c.textBaseline = "middle";
  c.lineWidth = 3; c.strokeStyle = HALO; c.strokeText(text, at[0] + radius + 3, at[1]);
  c.fillStyle = LEAD; c.fillText(text, at[0] + radius + 3, at[1]);
}

function drawPath(c, pane, path, season) {
  const stops = path.map((at) => at && pane.toPixel(...at));
  for (const [width, colour] of [[4, HALO], [1.6, LEAD]]) {
    c.beginPath(); c.lineWidth = width; c.strokeStyle = colour; c.lineJoin = "round";
    stops.filter(Boolean).forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
    c.stroke();
  }
  stops.forEach((at, i) => {
    if (!at || i === season) return;
    c.beginPath(); c.arc(at[0], at[1], 7, 0, 7); c.fillStyle = HALO; c.fill(); c.lineWidth = 1.2; c.strokeStyle = LEAD; c.stroke();
    c.fillStyle = LEAD; c.font = "10px system-ui, sans-serif"; c.textAlign = "center"; c.textBaseline = "middle";
    c.fillText(i + 1, at[0], at[1] + 0.5); c.textAlign = "left";
  });
}

class Explorer {
  constructor(model, root) {
    Object.assign(this, { model, root, hovered: -1, notes: new Set() });
    root.classList.add("se-root");
    this.build();
    this.watch();
    this.refreshAll();
  }
  get(name) { return this.model.get(name); }
  set(name, value) { this.model.set(name, value); this.model.save_changes(); }
  build() {
    const pane = (label, background, isMap) => new Pane({
      label, background,
      marks: (c, p) => this.drawMarks(c, p, isMap),
      onHover: (i) => this.hover(i),
      onClick: (i) => this.select(i),
      onStep: (by) => this.select((Math.max(this.get("selected"), by > 0 ? -1 : 0) + by + this.get("count")) % this.get("count")),
      onProblem: (text) => { this.notes.add(text); this.showProblems(); },
    });
    this.tip = element("div", { class: "se-tip", hidden: true });
    this.problems = element("ul", { class: "se-problems", role: "status" });
    this.map = pane("Map of the places", mapPaper(this.model, () => this.map.redraw()), true);
    this.plane = pane("Embedding plane", planePaper, false);
    this.panes = [this.map, this.plane];
    this.planeTitle = element("span");
    const titled = (title, p) => element("figure", { class: "se-figure" }, element("figcaption", {}, title), p.box);
    this.legend = element("div", { class: "se-legend" });
    this.detail = element("section", { class: "se-detail", "aria-live": "polite" });
    this.root.append(
      this.toolbar(),
      element("div", { class: "se-panes" }, titled("Where the places are", this.map), titled(this.planeTitle, this.plane)),
      this.legend, this.problems, this.detail, this.tip,
    );
    this.root.style.setProperty("--se-height", `${this.get("height") ?? 380}px`);
  }
  toolbar() {
    const pick = (label, name, options) => {
      const box = element("select", { "aria-label": label, onchange: (e) => this.set(name, e.target.value) });
      box.append(...options.map((o) => element("option", { value: o }, o)));
      this[`${name}Box`] = box;
      return options.length > 1 ? element("label", {}, `${label} `, box) : null;
    };
    const labels = this.get("season_labels");
    this.slider = element("input", { type: "range", min: 0, max: labels.length - 1, step: 1, "aria-label": "Season",
      oninput: (e) => this.set("season", Number(e.target.value)) });
    this.seasonText = element("output", { class: "se-season" });
    this.play = element("button", { type: "button", class: "se-play", "aria-label": "Play the seasons", onclick: () => this.togglePlay() }, "▶");
    const seasons = element("label", { class: "se-seasons" }, "Season ", this.slider, this.seasonText);
    const bar = element("div", { class: "se-bar" }, labels.length > 1 ? seasons : null, labels.length > 1 ? this.play : null,
      pick("Colour", "colour_by", this.get("colour_options")), pick("Space", "space", this.get("spaces")),
      element("button", { type: "button", onclick: () => this.panes.forEach((p) => p.fit()) }, "Show all"));
    return bar;
  }
  togglePlay() {
    if (this.timer) { clearInterval(this.timer); this.timer = 0; }
    else this.timer = setInterval(() => this.set("season", (this.get("season") + 1) % this.get("season_labels").length), 1100);
    this.play.textContent = this.timer ? "❚❚" : "▶";
    this.play.setAttribute("aria-label", this.timer ? "Pause" : "Play the seasons");
  }
  watch() {
    this.watched = {
      mercator: () => this.refreshMap(), plane: () => this.refreshPlane(), colours: () => this.refreshColours(),
      season: () => this.refreshControls(), colour_by: () => this.refreshControls(), space: () => this.refreshControls(),
      legend: () => this.refreshLegend(), problems: () => this.showProblems(),
      selected: () => this.refreshDetail(), detail: () => this.refreshDetail(),
    };
    for (const [name, react] of Object.entries(this.watched)) this.model.on(`change:${name}`, react);
  }
  refreshAll() {
    this.refreshMap(); this.refreshPlane(); this.refreshColours();
    this.refreshControls(); this.refreshLegend(); this.showProblems(); this.refreshDetail();
  }
  refreshMap() { this.map.setPositions(numbers(this.model, "mercator", Float32Array)); }
  refreshPlane() { this.plane.setPositions(numbers(this.model, "plane", Uint16Array)); }
  refreshColours() {
    const tint = numbers(this.model, "colours", Uint8Array);
    if (tint.length === 3 * this.get("count")) this.panes.forEach((p) => p.setColours(tint));
  }
  refreshControls() {
    const season = this.get("season");
    this.slider.value = season;
    this.seasonText.textContent = this.get("season_labels")[season] ?? "";
    this.slider.setAttribute("aria-valuetext", this.seasonText.textContent);
    for (const name of ["colour_by", "space"]) this[`${name}Box`].value = this.get(name);
    this.planeTitle.textContent = `Where the encoder puts them${this.get("spaces").length > 1 ? ` (${this.get("space")})` : ""}`;
    for (const tile of this.detail.querySelectorAll("[data-season]"))
      tile.classList.toggle("se-now", Number(tile.dataset.season) === season);
    this.panes.forEach((p) => p.drawMarks());
  }
  refreshLegend() {
    const legend = this.get("legend") ?? {};
    const swatch = (colour, text) => element("span", { class: "se-chip" }, element("i", { style: `background:${colour}` }), text);
    const short = (v) => (Math.abs(v) >= 1000 || (v !== 0 && Math.abs(v) < 0.01) ? v.toExponential(1) : v.toFixed(2));
    const content = {
      pca: () => ["Colours: the first three principal components of the embeddings as red, green and blue; alike colours are alike to the encoder."],
      none: () => [legend.text ?? ""],
      classes: () => legend.names.map((name, i) => swatch(legend.colours[i % legend.colours.length], name)),
      scale: () => [short(legend.low), element("i", { class: "se-ramp", style: `background:linear-gradient(90deg,${legend.colours.join(",")})` }), short(legend.high)],
    }[legend.kind] ?? (() => []);
    this.legend.replaceChildren(...content());
  }
  showProblems() {
    const all = [...(this.get("problems") ?? []), ...this.notes];
    this.problems.replaceChildren(...all.map((text) => element("li", {}, text)));
  }
  hover(i) {
    if (i === this.hovered) return;
    this.hovered = i;
    this.panes.forEach((p) => p.drawMarks());
    const at = i >= 0 && this.map.position(i), name = (this.get("names") ?? [])[i];
    this.tip.hidden = i < 0;
    if (i < 0) return;
    this.tip.textContent = `${name ?? `place ${i}`} · ${at ? whereText(at[0] * 360 - 180, latitude(at[1])) : "position unknown"}`;
  }
  select(i) {
    this.root.dataset.asked = Date.now();
    this.set("selected", i);
    this.panes.forEach((p) => p.goTo(i));
    clearTimeout(this.patience);
    const silent = "No answer from the kernel: run the notebook to see pictures and neighbours.";
    this.patience = setTimeout(() => { if (this.get("detail")?.index !== i && !this.gone) { this.notes.add(silent); this.showProblems(); } }, 15_000);
  }
  drawMarks(c, pane, isMap) {
    const detail = this.get("detail") ?? {}, selected = this.get("selected");
    const fresh = selected >= 0 && detail.index === selected;
    const from = pane.pixelOf(selected);
    if (fresh && isMap && from) {
      c.lineWidth = 1; c.strokeStyle = "rgba(17,17,17,.45)"; c.setLineDash([4, 4]); c.beginPath();
      for (const n of detail.neighbours) { const to = pane.pixelOf(n.index); if (to) { c.moveTo(...from); c.lineTo(...to); } }
      c.stroke(); c.setLineDash([]);
    }
    if (fresh && !isMap) drawPath(c, pane, detail.path, this.get("season"));
    if (fresh) detail.neighbours.forEach((n, rank) => ring(c, pane.pixelOf(n.index), 6, String(rank + 1)));
    if (this.hovered >= 0) ring(c, pane.pixelOf(this.hovered), 8);
    if (selected >= 0) ring(c, from, 10);
    if (pane.crosshair) {
      const [x, y] = [pane.width / 2, pane.height / 2];
      c.lineWidth = 1; c.strokeStyle = LEAD; c.beginPath(); c.moveTo(x - 9, y); c.lineTo(x + 9, y); c.moveTo(x, y - 9); c.lineTo(x, y + 9); c.stroke();
    }
  }
  refreshDetail() {
    const detail = this.get("detail") ?? {}, selected = this.get("selected");
    this.panes.forEach((p) => p.drawMarks());
    if (selected < 0) {
      this.detail.replaceChildren(element("p", { class: "se-hint" }, "Click a place, on the map or on the plane, to see it through the seasons beside the places that the encoder finds most alike."));
      return;
    }
    const fresh = detail.index === selected;
    this.detail.classList.toggle("se-stale", !fresh);
    if (!fresh) return;
    this.detail.replaceChildren(this.selectedCard(detail), this.neighbourCards(detail));
    this.root.dataset.answered = Date.now();
    this.refreshControls();
  }
  tile(place, season, size) {
    const many = place.dates.length, when = place.dates[season] || `season ${season + 1}`;
    const style = place.strip
      ? `width:${size}px;height:${size}px;background:url(${place.strip}) -${season * size}px 0/${many * size}px ${size}px`
      : `width:${size}px;height:${size}px`;
    return element("i", { class: place.strip ? "se-tile" : "se-tile se-blank", style, role: "img", "aria-label": `${place.name}, ${when}${place.strip ? "" : ", no picture"}` });
  }
  selectedCard(detail) {
    const seasons = detail.dates.map((date, s) => element("button", { type: "button", class: "se-shot", "data-season": s,
      onclick: () => this.set("season", s) }, this.tile(detail, s, 92), element("span", {}, date || `season ${s + 1}`)));
    const facts = detail.facts.slice(0, 6).map(([name, value]) => element("span", { class: "se-fact" }, `${name}: ${value}`));
    return element("div", { class: "se-card" },
      element("h3", {}, detail.name, element("small", {}, whereText(detail.lon, detail.lat))),
      element("div", { class: "se-shots" }, ...seasons), element("p", { class: "se-facts" }, ...facts));
  }
  neighbourCards(detail) {
    const cards = detail.neighbours.map((n, rank) => element("li", {}, element("button", { type: "button", class: "se-near",
      onclick: () => this.select(n.index), onmouseenter: () => this.hover(n.index), onmouseleave: () => this.hover(-1),
      onfocus: () => this.hover(n.index), onblur: () => this.hover(-1) },
      element("span", { class: "se-row" }, ...n.dates.map((_, s) => this.tile(n, s, 44))),
      element("span", { class: "se-text" }, element("b", {}, `${rank + 1}`), ` ${n.name}`, element("small", {},
        `cosine ${n.similarity.toFixed(3)}${n.km === null ? "" : ` · ${Math.round(n.km).toLocaleString("en")} km`}`)))));
    const title = element("h3", {}, "Most alike ", element("small", {}, `in ${this.get("season_labels")[this.get("season")]}`));
    return element("div", { class: "se-card se-neighbours" }, title,
      cards.length ? element("ol", {}, ...cards) : element("p", { class: "se-hint" }, "No other place can be compared with this one."));
  }
  dispose() {
    this.gone = true;
    clearInterval(this.timer);
    clearTimeout(this.patience);
    for (const [name, react] of Object.entries(this.watched)) this.model.off(`change:${name}`, react);
    this.panes.forEach((p) => p.dispose());
  }
}

function render({ model, el }) {
  try {
    const explorer = new Explorer(model, el);
    return () => explorer.dispose();
  } catch (error) {
    el.append(element("p", { class: "se-problems", role: "alert" }, `The explorer could not start: ${error.message}`));
    return () => {};
  }
}

export default { render };
